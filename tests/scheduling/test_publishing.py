"""A draft is planned, and published beside everything that was booked, moved, cancelled or begun meanwhile."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from hub.bootstrap import Hub
from hub.clock import FixedClock
from hub.domain.appointments import Appointment, Visit
from hub.domain.errors import TransitionRefusedError
from hub.domain.events import CITIZEN, SYSTEM
from hub.domain.ids import AbsenceId, PlanId, TechnicianId, WorkOrderId
from hub.domain.lifecycle import Action, AppointmentStatus, VisitStatus, WorkOrderStatus
from hub.domain.plans import PlanAssignment, PlanRecord, PlanStatus, PlanUnplanned
from hub.domain.technicians import Absence
from scheduling.service import (
    PlanNotPublishableError,
    PublishReport,
    cancel_appointment,
    confirm_appointment,
    offer_slots,
    plan_days,
    publish_plan,
)
from tests.scheduling.citizens import TUESDAY, WEDNESDAY, at, book, employ, hold, invite, make_ready, order_status
from tests.scheduling.promises import Books, promise_faults, route_faults, visit_of

TERRITORY = "oost-vlaanderen"


def plan(hub: Hub, first: date = TUESDAY, last: date = TUESDAY) -> PlanId:
    return plan_days(hub, TERRITORY, first, last, seconds=0.3, seed=1)


def publish(hub: Hub, plan_id: PlanId) -> PublishReport:
    return publish_plan(hub, plan_id, by=SYSTEM)


def record_of(hub: Hub, plan_id: PlanId) -> PlanRecord:
    with hub.unit_of_work() as work:
        return work.plans.get(plan_id)


def assignments_of(hub: Hub, plan_id: PlanId) -> list[PlanAssignment]:
    with hub.unit_of_work() as work:
        return work.plan_assignments.list_where(work.plan_assignments.table.c.plan_id == plan_id)


def left_out_of(hub: Hub, plan_id: PlanId) -> dict[WorkOrderId, PlanUnplanned]:
    with hub.unit_of_work() as work:
        found = work.plan_unplanned.list_where(work.plan_unplanned.table.c.plan_id == plan_id)
    return {one.work_order_id: one for one in found}


def send_away(hub: Hub, technician: TechnicianId, starts_at: datetime, ends_at: datetime) -> None:
    with hub.unit_of_work() as work:
        work.absences.add(Absence(AbsenceId(uuid4()), technician, starts_at, ends_at, "ill"))
        work.commit()


def take_steps(hub: Hub, visit: Visit, *actions: Action) -> Visit:
    """What the technician's phone does; `set_off_at` and the like are the hub's now."""
    instant_of = {Action.SET_OFF: "set_off_at", Action.ARRIVE: "arrived_at", Action.START: "started_at"}
    with hub.unit_of_work() as work:
        after = visit
        for action in actions:
            changes: dict[str, Any] = {instant_of[action]: work.now}
            after = work.advance_visit(after, action, by=SYSTEM, **changes)
        work.commit()
    return after


def test_planning_and_publishing_dispatch_booked_and_ready_work(hub: Hub) -> None:
    employ(hub, [TUESDAY], "Jan Janssens")
    (booked,), (ready,) = invite(hub, 1), make_ready(hub, 1)
    book(hub, booked, TUESDAY, 10)
    draft = plan(hub)
    assert (record_of(hub, draft).planned_count, record_of(hub, draft).unplanned_count) == (2, 0)
    assert visit_of(hub, booked).status is VisitStatus.PLANNED, "a draft changes nothing yet"
    assert publish(hub, draft) == PublishReport(2, ())
    for order in (booked, ready):
        visit = visit_of(hub, order)
        assert (visit.status, visit.promised_arrival) == (VisitStatus.DISPATCHED, visit.starts_at)
        assert order_status(hub, order) is WorkOrderStatus.PLANNED
    assert record_of(hub, draft).status is PlanStatus.PUBLISHED
    assert promise_faults(hub) + route_faults(hub) == []


def test_a_plan_is_published_once_and_only_while_it_is_the_newest(hub: Hub) -> None:
    employ(hub, [TUESDAY], "Jan Janssens")
    older, newer = plan(hub), plan(hub)
    with pytest.raises(PlanNotPublishableError, match="superseded"):
        publish(hub, older)
    publish(hub, newer)
    with pytest.raises(PlanNotPublishableError, match="published"):
        publish(hub, newer)


def test_with_nothing_to_do_and_with_no_routes_planning_still_answers(hub: Hub) -> None:
    nobody = plan(hub)
    assert (record_of(hub, nobody).planned_count, publish(hub, nobody)) == (0, PublishReport(0, ()))
    (ready,) = make_ready(hub, 1)
    assert left_out_of(hub, plan(hub))[ready].reason == "no_routes"
    employ(hub, [WEDNESDAY], "Jan Janssens")
    assert publish(hub, plan(hub, WEDNESDAY, WEDNESDAY)) == PublishReport(1, ())


def test_what_was_booked_moved_and_cancelled_after_the_draft_is_merged(hub: Hub) -> None:
    employ(hub, [TUESDAY, WEDNESDAY], "Jan Janssens", "Els Maes")
    kept, moved, cancelled, late = invite(hub, 4)
    for order, hour in ((kept, 8), (moved, 10), (cancelled, 13)):
        book(hub, order, TUESDAY, hour)
    ready = make_ready(hub, 6)
    draft = plan(hub)
    named = {one.work_order_id for one in assignments_of(hub, draft)}
    assert named == {kept, moved, cancelled, *ready}
    book(hub, late, TUESDAY, 8)
    book(hub, moved, WEDNESDAY, 13)
    cancel_appointment(hub, cancelled, by=CITIZEN, reason="not at home")
    report = publish(hub, draft)
    skipped = {one.work_order_id: one.reason for one in report.skipped}
    assert skipped.pop(moved) == skipped.pop(cancelled) == "Its visit was moved or cancelled meanwhile."
    # The new booking may stand where the draft had ready work; that waits for the next plan.
    assert set(skipped) <= set(ready)
    assert report.applied == len({kept, late, *ready} - skipped.keys()), "each is applied or named"
    assert visit_of(hub, kept).status is VisitStatus.DISPATCHED
    assert visit_of(hub, late).status is VisitStatus.DISPATCHED
    assert visit_of(hub, moved).status is VisitStatus.PLANNED, "Wednesday is not published"
    assert order_status(hub, cancelled) is WorkOrderStatus.CONTACTING
    assert promise_faults(hub) + route_faults(hub) == []


def test_bookings_that_fill_the_day_after_the_draft_push_its_ready_work_out_with_a_sentence(hub: Hub) -> None:
    employ(hub, [TUESDAY], "Jan Janssens")
    ready = make_ready(hub, 12)
    draft = plan(hub)
    orders = invite(hub, 9)
    for order, hour in zip(orders, (8, 8, 8, 10, 10, 13, 13, 15, 15), strict=True):
        book(hub, order, TUESDAY, hour)
    report = publish(hub, draft)
    proposed = {one.work_order_id for one in assignments_of(hub, draft)}
    skipped = {one.work_order_id for one in report.skipped}
    assert skipped
    assert skipped <= set(ready)
    assert all(one.reason == "Its route was booked otherwise meanwhile; it stays as it was." for one in report.skipped)
    assert report.applied == len(orders) + len(proposed - skipped), "each assignment is applied or named"
    for order in ready:
        waits = order in skipped or order not in proposed
        assert order_status(hub, order) is (WorkOrderStatus.READY if waits else WorkOrderStatus.PLANNED)
    assert promise_faults(hub) + route_faults(hub) == []


def test_an_order_that_was_cancelled_or_planned_elsewhere_meanwhile_is_skipped(hub: Hub) -> None:
    employ(hub, [TUESDAY, WEDNESDAY], "Jan Janssens")
    gone, taken = make_ready(hub, 2)
    draft, other = plan(hub), plan(hub, WEDNESDAY, WEDNESDAY)
    with hub.unit_of_work() as work:
        work.advance_work_order(work.work_orders.get(gone), Action.CANCEL, by=SYSTEM)
        work.commit()
    publish(hub, other)
    report = publish(hub, draft)
    assert {one.work_order_id: one.reason for one in report.skipped} == {
        gone: "The order is cancelled by now.",
        taken: "The order is planned by now.",
    }
    assert visit_of(hub, taken).starts_at >= at(WEDNESDAY, 8)


def test_a_held_slot_stays_where_it_is_and_is_dispatched_when_it_is_confirmed(hub: Hub) -> None:
    employ(hub, [TUESDAY], "Jan Janssens")
    (order,) = invite(hub, 1)
    make_ready(hub, 2)
    held = hold(hub, order, TUESDAY, 10)
    draft = plan(hub)
    assert order not in {one.work_order_id for one in assignments_of(hub, draft)}
    assert publish(hub, draft).applied == 2
    assert (visit_of(hub, order).status, order_status(hub, order)) == (VisitStatus.PLANNED, WorkOrderStatus.CONTACTING)
    confirm_appointment(hub, order, held.id, by=CITIZEN)
    visit = visit_of(hub, order)
    assert (visit.status, visit.promised_arrival) == (VisitStatus.DISPATCHED, visit.starts_at)
    assert order_status(hub, order) is WorkOrderStatus.PLANNED
    assert promise_faults(hub) + route_faults(hub) == []


def test_an_absence_after_the_booking_moves_its_promise_to_a_colleague_and_to_the_colleagues_phone(hub: Hub) -> None:
    crew = employ(hub, [TUESDAY], "Jan Janssens", "Els Maes")
    (order,) = invite(hub, 1)
    book(hub, order, TUESDAY, 10)
    publish(hub, plan(hub))
    before = visit_of(hub, order)
    send_away(hub, before.technician_id, at(TUESDAY, 0), at(TUESDAY, 23))
    report = publish(hub, plan(hub))
    after = visit_of(hub, order)
    assert report == PublishReport(1, ())
    assert {before.technician_id, after.technician_id} == {technician.id for technician, _ in crew.values()}
    assert (after.id, after.status, after.appointment_id) == (before.id, VisitStatus.DISPATCHED, before.appointment_id)
    with hub.reading() as connection:
        steps = connection.exec_driver_sql("SELECT count(*) FROM status_event WHERE name = 'visit.dispatched'").scalar()
    assert steps == 2, "the colleague's phone hears of it although the time is the same"
    assert promise_faults(hub) + route_faults(hub) == []


def test_a_promise_nobody_can_keep_is_named_and_stands_while_the_others_go_on(hub: Hub) -> None:
    crew = employ(hub, [TUESDAY], "Jan Janssens")
    morning, afternoon, last = invite(hub, 3)
    for order, hour in ((morning, 8), (afternoon, 13), (last, 15)):
        book(hub, order, TUESDAY, hour)
    (ready,) = make_ready(hub, 1)
    send_away(hub, crew["Jan Janssens"][0].id, at(TUESDAY, 12), at(TUESDAY, 18))
    stood = visit_of(hub, afternoon)
    draft = plan(hub)
    assert set(left_out_of(hub, draft)) == {afternoon, last}
    assert left_out_of(hub, draft)[afternoon].reason == "outside_shift"
    report = publish(hub, draft)
    assert report.applied == 2
    assert {one.work_order_id for one in report.skipped} == {afternoon, last}
    assert all("cannot keep it any more" in one.reason for one in report.skipped)
    assert visit_of(hub, afternoon) == stood
    assert order_status(hub, afternoon) is WorkOrderStatus.BOOKED
    for order in (morning, ready):
        assert visit_of(hub, order).status is VisitStatus.DISPATCHED
    assert promise_faults(hub) + route_faults(hub, without=[afternoon, last]) == []
    assert all(r.starts_at.date() != TUESDAY for r in offer_slots(hub, *invite(hub, 1)).offers)


def test_an_absence_after_the_draft_stops_only_what_it_makes_impossible(hub: Hub) -> None:
    crew = employ(hub, [TUESDAY], "Jan Janssens")
    morning, afternoon = invite(hub, 2)
    book(hub, morning, TUESDAY, 8)
    book(hub, afternoon, TUESDAY, 13)
    draft = plan(hub)
    send_away(hub, crew["Jan Janssens"][0].id, at(TUESDAY, 12), at(TUESDAY, 18))
    report = publish(hub, draft)
    assert (report.applied, [one.work_order_id for one in report.skipped]) == (1, [afternoon])
    assert visit_of(hub, morning).status is VisitStatus.DISPATCHED
    assert visit_of(hub, afternoon).status is VisitStatus.PLANNED
    assert promise_faults(hub) == []


def test_work_without_a_citizen_goes_back_to_ready_when_its_technician_is_away(hub: Hub) -> None:
    crew = employ(hub, [TUESDAY, WEDNESDAY], "Jan Janssens")
    (ready,) = make_ready(hub, 1)
    publish(hub, plan(hub))
    send_away(hub, crew["Jan Janssens"][0].id, at(TUESDAY, 0), at(TUESDAY, 23))
    draft = plan(hub)
    assert set(left_out_of(hub, draft)) == {ready}
    publish(hub, draft)
    assert order_status(hub, ready) is WorkOrderStatus.READY
    assert [one.status for one in Books.read(hub).visits] == [VisitStatus.CANCELLED]
    publish(hub, plan(hub, WEDNESDAY, WEDNESDAY))
    assert visit_of(hub, ready).starts_at >= at(WEDNESDAY, 8)


def test_work_without_a_citizen_may_go_to_another_day_but_not_before_the_utility_allows(hub: Hub) -> None:
    crew = employ(hub, [TUESDAY, WEDNESDAY], "Jan Janssens")
    (ready,) = make_ready(hub, 1, not_before=at(TUESDAY, 14))
    publish(hub, plan(hub, TUESDAY, WEDNESDAY))
    before = visit_of(hub, ready)
    assert before.starts_at >= at(TUESDAY, 14)
    day = before.starts_at.date()
    send_away(hub, crew["Jan Janssens"][0].id, at(day, 0), at(day, 23))
    assert publish(hub, plan(hub, TUESDAY, WEDNESDAY)) == PublishReport(1, ())
    assert visit_of(hub, ready).starts_at.date() != day
    assert promise_faults(hub) + route_faults(hub) == []


def test_visits_under_way_stay_and_what_is_past_is_not_planned_again(hub: Hub, clock: FixedClock) -> None:
    employ(hub, [TUESDAY], "Jan Janssens")
    first, second, third = invite(hub, 3)
    for order, hour in ((first, 8), (second, 10), (third, 13)):
        book(hub, order, TUESDAY, hour)
    publish(hub, plan(hub))
    begun = take_steps(hub, visit_of(hub, first), Action.SET_OFF, Action.ARRIVE, Action.START)
    clock.set(at(TUESDAY, 9, 20))
    ready = make_ready(hub, 3)
    report = publish(hub, plan(hub))
    assert visit_of(hub, first) == begun
    assert report.applied == 2 + len(ready)
    for order in (second, third, *ready):
        assert visit_of(hub, order).starts_at >= clock.now()
    assert promise_faults(hub) + route_faults(hub) == []


def test_a_technician_who_is_late_or_early_gets_no_work_into_the_time_that_is_taken(
    hub: Hub, clock: FixedClock
) -> None:
    employ(hub, [TUESDAY], "Jan Janssens")
    late, done = invite(hub, 2)
    book(hub, done, TUESDAY, 8)
    book(hub, late, TUESDAY, 10)
    publish(hub, plan(hub))
    clock.set(at(TUESDAY, 7, 40))
    working = take_steps(hub, visit_of(hub, done), Action.SET_OFF, Action.ARRIVE, Action.START)
    with hub.unit_of_work() as work:
        work.advance_visit(working, Action.COMPLETE, by=SYSTEM, ended_at=at(TUESDAY, 8, 5))
        appointment = work.appointments.list_where(work.appointments.table.c.id == working.appointment_id)[0]
        work.advance_appointment(appointment, Action.COMPLETE, by=SYSTEM)
        order = work.advance_work_order(work.work_orders.get(done), Action.BEGIN, by=SYSTEM)
        work.advance_work_order(order, Action.COMPLETE, by=SYSTEM)
        work.commit()
    clock.set(at(TUESDAY, 10, 40))
    take_steps(hub, visit_of(hub, late), Action.SET_OFF, Action.ARRIVE, Action.START)
    (ready,) = make_ready(hub, 1)
    assert publish(hub, plan(hub)) == PublishReport(1, ())
    assert visit_of(hub, ready).starts_at >= at(TUESDAY, 11, 25), "the service that began at 10:40 takes 45 minutes"
    assert promise_faults(hub) == []


def test_planning_a_day_that_is_over_moves_nothing(hub: Hub, clock: FixedClock) -> None:
    employ(hub, [TUESDAY], "Jan Janssens")
    (order,), (ready,) = invite(hub, 1), make_ready(hub, 1)
    book(hub, order, TUESDAY, 10)
    before = visit_of(hub, order)
    clock.set(at(TUESDAY, 19))
    draft = plan(hub)
    assert set(left_out_of(hub, draft)) == {order, ready}
    report = publish(hub, draft)
    assert (report.applied, visit_of(hub, order)) == (0, before)
    assert order_status(hub, ready) is WorkOrderStatus.READY


def test_an_order_under_way_can_neither_be_moved_nor_cancelled_and_says_so(hub: Hub, clock: FixedClock) -> None:
    employ(hub, [TUESDAY, WEDNESDAY], "Jan Janssens")
    (order,) = invite(hub, 1)
    book(hub, order, TUESDAY, 10)
    held = hold(hub, order, WEDNESDAY, 10)
    publish(hub, plan(hub))
    take_steps(hub, next(v for v in Books.read(hub).live if v.status is VisitStatus.DISPATCHED), Action.SET_OFF)
    assert offer_slots(hub, order).offers == ()
    with pytest.raises(TransitionRefusedError, match="en route"):
        hold(hub, order, WEDNESDAY, 13)
    with pytest.raises(TransitionRefusedError, match="en route"):
        confirm_appointment(hub, order, held.id, by=CITIZEN)
    with pytest.raises(TransitionRefusedError, match="en route"):
        cancel_appointment(hub, order, by=CITIZEN)
    assert promise_faults(hub) == []


def test_an_order_that_is_cancelled_gives_its_time_back(hub: Hub) -> None:
    employ(hub, [TUESDAY, WEDNESDAY], "Jan Janssens")
    (order,) = invite(hub, 1)
    book(hub, order, TUESDAY, 10)
    hold(hub, order, WEDNESDAY, 10)
    with hub.unit_of_work() as work:
        work.advance_work_order(work.work_orders.get(order, lock=True), Action.CANCEL, by=SYSTEM, reason="not needed")
        work.commit()
    books = Books.read(hub)
    assert books.live == []
    assert {one.status for one in books.appointments} == {AppointmentStatus.CANCELLED}


def test_a_visit_pinned_by_a_dispatcher_keeps_its_technician_and_its_second(hub: Hub) -> None:
    employ(hub, [TUESDAY], "Jan Janssens", "Els Maes")
    (ready,) = make_ready(hub, 1)
    publish(hub, plan(hub))
    with hub.unit_of_work() as work:
        visit = visit_of(hub, ready)
        shift = timedelta(hours=5)
        pinned = work.visits.swap(
            visit,
            Visit(
                **{
                    **visit.__dict__,
                    "pinned": True,
                    "starts_at": visit.starts_at + shift,
                    "ends_at": visit.ends_at + shift,
                }
            ),
        )
        work.commit()
    make_ready(hub, 4)
    publish(hub, plan(hub))
    after = visit_of(hub, ready)
    assert (after.route_id, after.starts_at) == (pinned.route_id, pinned.starts_at)
    assert promise_faults(hub) + route_faults(hub) == []


def test_a_technician_who_left_gets_nothing_and_the_promises_go_to_others(hub: Hub) -> None:
    crew = employ(hub, [TUESDAY], "Jan Janssens", "Els Maes")
    orders = invite(hub, 4)
    made: list[Appointment] = [
        book(hub, order, TUESDAY, hour) for order, hour in zip(orders, (8, 8, 10, 13), strict=True)
    ]
    leaver = visit_of(hub, orders[0]).technician_id
    with hub.unit_of_work() as work:
        before = work.technicians.get(leaver)
        work.technicians.swap(before, type(before)(**{**before.__dict__, "active": False}))
        work.commit()
    report = publish(hub, plan(hub))
    assert (report.applied, report.skipped) == (len(made), ())
    assert {visit_of(hub, order).technician_id for order in orders} == {t.id for t, _ in crew.values()} - {leaver}
    assert promise_faults(hub) + route_faults(hub) == []
