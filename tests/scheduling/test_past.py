"""Which breaks are still due when a part of the day is over."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from hub.bootstrap import Hub
from hub.clock import FixedClock
from hub.domain.events import SYSTEM
from hub.domain.lifecycle import Action
from hub.domain.places import Place
from scheduling.days import load_days, origin_of
from scheduling.engine.problem import Route
from scheduling.engine.spans import Span
from scheduling.past import Begun, breaks_due
from scheduling.service import plan_days, publish_plan
from scheduling.travel.great_circle import GreatCircle
from tests.scheduling.citizens import TUESDAY, at, book, employ, invite
from tests.scheduling.promises import route_faults, visit_of

HOME = Place(51.05, 3.72)
FAR = Place(51.05, 3.90)
DRIVE = int(GreatCircle().matrix([HOME], [FAR])[0, 0])
HOUR = 3600
PAUSE = (Span(11 * HOUR, 13 * HOUR), 1800)
ROUTE = Route(id="r", technician="t", start=HOME, end=HOME, shift=Span(8 * HOUR, 17 * HOUR), breaks=(PAUSE,))


def lengths(route: Route, *begun: tuple[int, int, Place], now: int) -> list[tuple[int, int]]:
    """When each break still due begins at the earliest, and how long it takes."""
    over = [Begun(Span(start, end), place) for start, end, place in begun]
    return [(window.start, lasts) for window, lasts in breaks_due(route, over, now, now, GreatCircle())]


def due(route: Route, *begun: tuple[int, int, Place], now: int) -> list[tuple[int, int]]:
    reached = max([now, *(end for _, end, _ in begun)])
    over = [Begun(Span(start, end), place) for start, end, place in begun]
    return [(window.start, window.end) for window, _ in breaks_due(route, over, now, reached, GreatCircle())]


def test_a_break_whose_window_has_not_opened_is_due() -> None:
    assert due(ROUTE, (9 * HOUR, 10 * HOUR, HOME), now=10 * HOUR) == [(11 * HOUR, 13 * HOUR)]


def test_whoever_worked_through_the_window_so_far_still_has_the_break_to_come() -> None:
    assert due(ROUTE, (10 * HOUR, 12 * HOUR, HOME), now=11 * HOUR) == [(12 * HOUR, 13 * HOUR)]


def test_an_idle_half_hour_in_the_window_was_the_break() -> None:
    assert due(ROUTE, (9 * HOUR, 10 * HOUR, HOME), now=11 * HOUR + 1800) == []


def test_whoever_is_at_their_break_now_goes_on_with_it_and_no_longer() -> None:
    done = (9 * HOUR, 10 * HOUR, HOME)
    assert lengths(ROUTE, done, now=11 * HOUR + 1799) == [(11 * HOUR + 1799, 1)]
    assert lengths(ROUTE, done, now=11 * HOUR + 600) == [(11 * HOUR + 600, 1200)]
    assert lengths(ROUTE, done, now=10 * HOUR + 600) == [(11 * HOUR, 1800)]
    late = (9 * HOUR, 12 * HOUR + 3000, HOME)
    assert lengths(ROUTE, late, now=13 * HOUR + 60) == [(13 * HOUR + 60, 1800 - 660)]


def test_time_needed_for_driving_was_no_break() -> None:
    first = (10 * HOUR, 11 * HOUR, HOME)
    enough = 11 * HOUR + DRIVE + 1800
    assert due(ROUTE, first, (enough, enough + 60, FAR), now=enough) == []
    assert due(ROUTE, first, (enough - 1, enough + 60, FAR), now=enough) == [(enough + 60, 13 * HOUR)]


def test_an_absence_in_the_window_was_the_break() -> None:
    away = replace(ROUTE, absences=(Span(11 * HOUR, 12 * HOUR),))
    assert due(away, (8 * HOUR, 11 * HOUR, HOME), (12 * HOUR, 13 * HOUR, HOME), now=12 * HOUR) == []


def test_time_beside_an_absence_must_be_long_enough_in_one_piece() -> None:
    away = replace(ROUTE, absences=(Span(11 * HOUR + 1200, 11 * HOUR + 2400),))
    assert due(away, (8 * HOUR, 11 * HOUR, HOME), (12 * HOUR, 12 * HOUR + 60, HOME), now=12 * HOUR) == [
        (12 * HOUR + 60, 13 * HOUR)
    ]


def test_a_break_whose_window_is_over_is_given_up() -> None:
    assert due(ROUTE, (10 * HOUR, 14 * HOUR, HOME), now=11 * HOUR) == []


@pytest.mark.parametrize("minutes", [0, 40])
def test_planning_again_at_noon_does_not_take_the_break_away(hub: Hub, clock: FixedClock, minutes: int) -> None:
    """The technician worked from 11 on; the afternoon is full, so the break fits only before it."""
    employ(hub, [TUESDAY], "Jan Janssens")
    noon, *later = invite(hub, 1, work_type="fibre_connection") + invite(hub, 2, work_type="fibre_connection")
    book(hub, noon, TUESDAY, 10)
    for order in later:
        book(hub, order, TUESDAY, 13)
    publish_plan(hub, plan_days(hub, "oost-vlaanderen", TUESDAY, TUESDAY, seconds=0.2), by=SYSTEM)
    with hub.unit_of_work() as work:
        # Begins as late as the window allows, so that it covers the start of the break's window.
        visit = work.visits.get(visit_of(hub, noon).id)
        begins = at(TUESDAY, 11, 20)
        moved = work.visits.swap(visit, replace(visit, starts_at=begins, ends_at=begins + timedelta(minutes=90)))
        work.advance_visit(moved, Action.SET_OFF, by=SYSTEM, set_off_at=begins, promised_arrival=begins)
        work.commit()
    clock.set(at(TUESDAY, 12, minutes))
    publish_plan(hub, plan_days(hub, "oost-vlaanderen", TUESDAY, TUESDAY, seconds=0.2), by=SYSTEM)
    assert route_faults(hub) == []


@pytest.mark.database
def test_a_visit_put_later_since_it_was_sent_out_takes_no_break_away(hub: Hub, clock: FixedClock) -> None:
    """The citizen was told ten, the visit now begins at ten past eleven: till it ends the technician is not free, and had no break."""
    ((_, (route,)),) = employ(hub, [TUESDAY], "Jan Janssens").values()
    first, second = invite(hub, 2)
    book(hub, first, TUESDAY, 10)
    book(hub, second, TUESDAY, 13)
    publish_plan(hub, plan_days(hub, "oost-vlaanderen", TUESDAY, TUESDAY, seconds=0.05), by=SYSTEM)
    visit, later = visit_of(hub, first), timedelta(minutes=70)
    with hub.unit_of_work() as work:
        moved = work.visits.swap(visit, replace(visit, starts_at=at(TUESDAY, 11, 10), ends_at=at(TUESDAY, 11, 55)))
        assert moved.promised_arrival is not None
        assert moved.promised_arrival + later <= moved.starts_at
        work.advance_visit(moved, Action.SET_OFF, by=SYSTEM, set_off_at=at(TUESDAY, 11))
        work.commit()
    clock.set(at(TUESDAY, 11, 50))
    with hub.snapshot() as work:
        (standing,) = load_days(work, [work.routes.get(route.id)], origin=origin_of(TUESDAY)).routes
    ((window, lasts),) = standing.open.route.breaks
    assert lasts == route.break_seconds
    assert window.start == int((at(TUESDAY, 11, 55) - origin_of(TUESDAY)).total_seconds())
