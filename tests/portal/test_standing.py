"""Where a visit stands: every stage, what is said of the arrival, and what is not said."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from hub.domain.appointments import Appointment, Visit
from hub.domain.citizen_records import TechnicianPlace
from hub.domain.ids import AppointmentId, RouteId, TechnicianId, VisitId
from hub.domain.lifecycle import AppointmentStatus, VisitStatus, WorkOrderStatus
from hub.domain.technicians import Technician
from portal.day.showing import show_standing
from portal.day.standing import Estimate, Known, Stage, Standing, stand
from portal.day.words import day_words
from tests.samples import a_work_order

STARTS = datetime(2026, 5, 5, 8, 30, tzinfo=UTC)
"""10:30 in Brussels on a Tuesday."""


def known(status: VisitStatus = VisitStatus.DISPATCHED, place: TechnicianPlace | None = None, **visit: Any) -> Known:
    order = a_work_order(status=WorkOrderStatus.PLANNED)
    appointment = Appointment(
        id=AppointmentId(uuid4()),
        work_order_id=order.id,
        sequence=1,
        status=AppointmentStatus.CONFIRMED,
        starts_at=STARTS - timedelta(minutes=30),
        ends_at=STARTS + timedelta(minutes=90),
        lease_until=None,
        created_at=STARTS - timedelta(days=3),
        confirmed_at=STARTS - timedelta(days=3),
    )
    made = Visit(
        id=VisitId(uuid4()),
        work_order_id=order.id,
        appointment_id=appointment.id,
        route_id=RouteId(uuid4()),
        technician_id=TechnicianId(uuid4()),
        status=status,
        starts_at=STARTS,
        ends_at=STARTS + timedelta(minutes=45),
        travel_seconds=1100,
        travel_model="roads",
    )
    technician = Technician(
        made.technician_id, "Jan Janssens", "oost-vlaanderen", (), 51.05, 3.72, 51.05, 3.72, "Europe/Brussels"
    )
    return Known(order, appointment, replace(made, **visit), technician, place)


def at(hours: float, fact: Known) -> Standing:
    """The standing so many hours after the planned start."""
    found = stand(fact, STARTS + timedelta(hours=hours))
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("status", "stage", "is_working"),
    [
        (VisitStatus.DISPATCHED, Stage.PLANNED, False),
        (VisitStatus.EN_ROUTE, Stage.ON_THE_WAY, False),
        (VisitStatus.ON_SITE, Stage.AT_THE_DOOR, False),
        (VisitStatus.WORKING, Stage.AT_THE_DOOR, True),
        (VisitStatus.COMPLETED, Stage.DONE, False),
    ],
)
def test_every_status_of_a_visit_has_its_stage(status: VisitStatus, stage: Stage, is_working: bool) -> None:
    standing = at(-1, known(status))
    assert (standing.stage, standing.is_working) == (stage, is_working)
    assert standing.is_live is (stage is not Stage.DONE)


def test_a_planned_visit_is_agreed_until_its_order_is_planned() -> None:
    fact = known(VisitStatus.PLANNED)
    assert at(-1, fact).stage is Stage.PLANNED
    assert at(-1, replace(fact, order=a_work_order(status=WorkOrderStatus.BOOKED))).stage is Stage.AGREED


def test_a_visit_that_failed_or_an_appointment_that_ended_stands_nowhere() -> None:
    assert stand(known(VisitStatus.ABORTED), STARTS) is None
    fact = known()
    assert fact.appointment is not None
    for status in (AppointmentStatus.CANCELLED, AppointmentStatus.FAILED, AppointmentStatus.EXPIRED):
        assert stand(replace(fact, appointment=replace(fact.appointment, status=status)), STARTS) is None
    assert stand(replace(fact, appointment=None), STARTS) is None


def test_the_name_and_the_estimate_are_of_the_day_alone() -> None:
    # 00:15 and 23:45 in Brussels are still Monday and already Tuesday by the world's clock.
    before, on_day = at(-10.75, known()), at(-10.25, known())
    assert (before.technician, before.estimate, before.is_live) == ("", Estimate.NONE, False)
    assert (on_day.technician, on_day.estimate, on_day.is_live) == ("Jan", Estimate.ABOUT, True)
    assert at(14, known(VisitStatus.COMPLETED)).technician == ""


def test_before_setting_off_the_plan_says_when_and_later_only_that_it_is_later() -> None:
    planned = at(-1, known(starts_at=STARTS + timedelta(minutes=3)))
    assert (planned.estimate, planned.arrival) == (Estimate.ABOUT, STARTS + timedelta(minutes=5))
    assert planned.changes_at == STARTS + timedelta(minutes=3)
    late = at(0.1, known())
    assert (late.estimate, late.arrival, late.changes_at) == (Estimate.LATER, None, None)


def test_on_the_way_the_time_of_setting_off_and_the_travel_say_when() -> None:
    set_off = STARTS - timedelta(minutes=40)
    standing = at(-0.6, known(VisitStatus.EN_ROUTE, set_off_at=set_off))
    assert standing.arrival == STARTS - timedelta(minutes=20), "18 minutes and 20 seconds later, to five minutes"
    forecast = at(
        -0.6, known(VisitStatus.EN_ROUTE, set_off_at=set_off, promised_arrival=STARTS - timedelta(minutes=10))
    )
    assert forecast.arrival == STARTS - timedelta(minutes=10)
    arriving = at(0.1, known(VisitStatus.EN_ROUTE, set_off_at=set_off))
    assert (arriving.estimate, arriving.arrival) == (Estimate.ANY_MOMENT, None)


def test_a_place_is_shown_on_the_way_only_and_while_it_is_fresh() -> None:
    fact = known(VisitStatus.EN_ROUTE, set_off_at=STARTS)
    place = TechnicianPlace(VisitId(uuid4()), 51.0520 + 0.018, 3.7230, STARTS)
    seen = at(0.1, replace(fact, place=place)).approach
    assert seen is not None
    assert (round(seen.north_metres, -1), round(seen.east_metres)) == (2000, 0)
    assert at(0.2, replace(fact, place=place)).approach is None
    assert at(0.1, replace(known(VisitStatus.ON_SITE), place=place)).approach is None
    assert at(0.1, replace(known(), place=place)).approach is None


@pytest.mark.parametrize(
    ("language", "said", "distance"),
    [
        ("nl", "Jan is onderweg naar u.", "2,5 km"),
        ("fr", "Jan est en route vers chez vous.", "2,5 km"),
        ("de", "Jan ist unterwegs zu Ihnen.", "2,5 km"),
        ("en", "Jan is on the way to you.", "2.5 km"),
    ],
)
def test_it_is_said_in_the_citizens_language(language: str, said: str, distance: str) -> None:
    place = TechnicianPlace(VisitId(uuid4()), 51.0520, 3.7230 + 0.036, STARTS)
    fact = known(VisitStatus.EN_ROUTE, place, set_off_at=STARTS)
    shown = show_standing(at(0.1, fact), fact.order, day_words(language))
    assert shown.headline == said
    assert "10:50" in shown.estimate
    assert shown.sketch is not None
    assert distance in shown.sketch.words
    assert (shown.sketch.x > 0, shown.sketch.y) == (True, 0)
    assert [one.is_present for one in shown.stages] == [False, False, True, False, False]


@pytest.mark.parametrize("language", ["nl", "fr", "de", "en"])
def test_every_state_has_words(language: str) -> None:
    words = day_words(language)
    for status in set(VisitStatus) - {VisitStatus.ABORTED, VisitStatus.CANCELLED}:
        for hours in (-30, -1, 1):
            fact = known(status)
            assert show_standing(at(hours, fact), fact.order, words).headline


@pytest.mark.parametrize("east", [0.0, 0.00001, 5.0, -170.0])
def test_the_sketch_never_leaves_its_frame(east: float) -> None:
    place = TechnicianPlace(VisitId(uuid4()), 51.0520, 3.7230 + east, STARTS)
    fact = known(VisitStatus.EN_ROUTE, place, set_off_at=STARTS)
    sketch = show_standing(at(0.1, fact), fact.order, day_words("en")).sketch
    assert sketch is not None
    assert max(abs(sketch.x), abs(sketch.y), sketch.ring) <= sketch.half - 8
