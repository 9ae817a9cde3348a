"""What a problem refuses, and by which words; local shifts on the days when the clocks change."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

import pytest

from hub.domain.places import Place
from scheduling.engine.problem import Pin, Problem, instant_at, seconds_from
from scheduling.engine.rules import InvalidProblem
from scheduling.engine.solver import Stop, solve
from scheduling.engine.spans import Span
from scheduling.travel.great_circle import GreatCircle
from tests.scheduling.checker import faults, great_circle
from tests.scheduling.worlds import HOUR, ORIGIN, technician, visit

BRUSSELS = ZoneInfo("Europe/Brussels")


@pytest.mark.parametrize(
    ("build", "subject", "rule"),
    [
        (lambda: visit("7", service_seconds=-1), "Order 7", "service_seconds"),
        (lambda: visit("7", service_seconds=float("nan")), "Order 7", "service_seconds"),
        (lambda: visit("7", service_seconds=1800.0), "Order 7", "service_seconds"),
        (lambda: visit("7", weight=-3), "Order 7", "weight"),
        (lambda: visit("7", weight=True), "Order 7", "weight"),
        (lambda: visit("7", move_price_seconds=-1), "Order 7", "move_price_seconds"),
        (lambda: visit("7", windows=()), "Order 7", "windows"),
        (lambda: visit("7", windows=(Span(5, 5),)), "Order 7", "windows"),
        (lambda: visit("7", windows=(Span(0, 9), Span(8, 12))), "Order 7", "windows"),
        (lambda: visit("7", windows=(Span(0, float("nan")),)), "Order 7", "windows"),  # type: ignore[arg-type]
        (lambda: visit("7", pin=Pin("r0", 1.5)), "Order 7", "pin"),  # type: ignore[arg-type]
        (
            lambda: visit("7", allowed_technicians=frozenset({"a"}), excluded_technicians=frozenset({"a"})),
            "Order 7",
            "technicians",
        ),
        (lambda: technician(shift=Span(9, 8)), "Technician t0, route r0", "shift"),
        (lambda: technician(absences=(Span(9, 9),)), "Technician t0, route r0", "absence"),
        (lambda: technician(breaks=((Span(0, 60), 1800),)), "Technician t0, route r0", "break"),
        (lambda: technician(breaks=((Span(12 * HOUR, 13 * HOUR), 0),)), "Technician t0, route r0", "break"),
    ],
)  # fmt: skip
def test_nonsense_is_refused_by_name_and_rule(build: Callable[[], object], subject: str, rule: str) -> None:
    with pytest.raises(InvalidProblem) as refused:
        build()
    assert (refused.value.subject, refused.value.rule) == (subject, rule)
    assert str(refused.value).startswith(f"{subject}: ")


@pytest.mark.parametrize(
    ("build", "text"),
    [
        (lambda: Problem(ORIGIN, (technician(), technician()), ()), "Route r0: it is given 2 times"),
        (lambda: Problem(ORIGIN, (technician(),), (visit("a"), visit("a"))), "Order a: it is given 2 times"),
        (lambda: Problem(ORIGIN, (technician(),), (visit("a", pin=Pin("r9")),)), "unknown route r9"),
        (lambda: Problem(datetime(2026, 5, 4), (), ()), "its origin has no zone"),  # noqa: DTZ001
        (
            lambda: Problem(ORIGIN, (technician(0), technician(1, technician="t0")), ()),
            "Technician t0: the shifts of routes r0 and r1 overlap",
        ),
    ],
)
def test_contradictions_between_parts_are_refused(build: Callable[[], object], text: str) -> None:
    with pytest.raises(InvalidProblem, match=text):
        build()


@pytest.mark.parametrize("lat", [float("nan"), float("inf"), 91.0])
def test_a_place_that_is_not_on_earth_is_refused(lat: float) -> None:
    with pytest.raises(ValueError):
        visit("7", place=Place(lat, 3.7))


def test_a_naive_time_is_refused() -> None:
    with pytest.raises(ValueError, match="has no zone"):
        seconds_from(ORIGIN, datetime(2026, 5, 4, 8))  # noqa: DTZ001


def local(day: date, hour: int) -> int:
    """A wall-clock hour in Brussels as seconds from midnight UTC of that day."""
    return seconds_from(datetime.combine(day, time(), UTC), datetime.combine(day, time(hour), BRUSSELS))


@pytest.mark.parametrize(
    ("day", "night_hours", "morning_utc"),
    [(date(2026, 3, 29), 6, 6), (date(2026, 10, 25), 8, 7), (date(2026, 5, 4), 7, 6)],
)
def test_shifts_of_the_local_clock_are_right_on_the_days_it_changes(
    day: date, night_hours: int, morning_utc: int
) -> None:
    origin = datetime.combine(day, time(), UTC)
    shift = Span(local(day, 0), local(day, 7))
    assert shift.end - shift.start == night_hours * HOUR
    night = technician(0, shift=shift, breaks=())
    later = technician(
        1, shift=Span(local(day, 8), local(day, 17)), breaks=((Span(local(day, 12), local(day, 13)), 1800),)
    )
    tasks = [visit(f"n{n}", windows=(Span(local(day, 1), local(day, 6)),)) for n in range(3)]
    tasks += [visit(f"d{n}", windows=(Span(local(day, 8), local(day, 10)),), promised=True) for n in range(2)]
    world = Problem(origin, (night, later), tuple(tasks), GreatCircle())
    plan = solve(world, Stop(seconds=0.3), 1)
    assert faults(world, plan, great_circle(1.3, 12.5)) == []
    assert plan.unplanned == ()
    starts = [instant_at(origin, stop.start) for stop in plan.routes[1].timeline.stops]
    assert all(morning_utc <= start.hour < morning_utc + 2 for start in starts)
    assert all(8 <= start.astimezone(BRUSSELS).hour < 10 for start in starts)
