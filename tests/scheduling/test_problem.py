"""What a problem refuses, and by which words; local shifts on the days when the clocks change."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from hub.domain.places import Place
from scheduling.engine.problem import After, Current, Pin, Problem, Route, Task, instant_at, seconds_from
from scheduling.engine.rules import InvalidProblem
from scheduling.engine.solver import Stop, solve
from scheduling.engine.spans import Span
from scheduling.travel.great_circle import GreatCircle
from scheduling.travel.model import UNREACHABLE, Seconds
from tests.scheduling.checker import faults, great_circle
from tests.scheduling.worlds import HOUR, ORIGIN, technician, visit

BRUSSELS = ZoneInfo("Europe/Brussels")


def later(who: str, hour: int) -> Route:
    """A short evening shift that begins at that hour."""
    return technician(hour, technician=who, shift=Span(hour * HOUR, (hour + 2) * HOUR), breaks=())


def ring(count: int) -> tuple[Task, ...]:
    """Visits of which each comes after the one before it, and the first after the last."""
    return tuple(visit(f"o{n}", after=(After(f"o{(n - 1) % count}"),)) for n in range(count))


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
        (lambda: visit(""), "Order ", "id"),
        (lambda: visit(7), "Order 7", "id"),  # type: ignore[arg-type]
        (lambda: visit("7", service_seconds=True), "Order 7", "service_seconds"),
        (lambda: visit("7", service_seconds=1 << 30), "Order 7", "service_seconds"),
        (lambda: visit("7", weight=0), "Order 7", "weight"),
        (lambda: visit("7", technicians=2), "Order 7", "technicians"),
        (lambda: visit("7", technicians=0), "Order 7", "technicians"),
        (lambda: visit("7", windows=(Span(-1 << 31, 0),)), "Order 7", "windows"),
        (lambda: visit("7", windows=(Span(9, 12), Span(0, 8))), "Order 7", "windows"),
        (lambda: visit("7", pin=Pin("r0", False)), "Order 7", "pin"),
        (lambda: visit("7", current=Current("r0", math.nan)), "Order 7", "current"),  # type: ignore[arg-type]
        (lambda: visit("7", release=math.inf), "Order 7", "release"),
        (lambda: visit("7", release=17 * HOUR), "Order 7", "release"),
        (lambda: visit("7", due="tomorrow"), "Order 7", "due"),
        (lambda: visit("7", late_price_seconds=-1), "Order 7", "late_price_seconds"),
        (lambda: visit("7", preference_price_seconds=0.5), "Order 7", "preference_price_seconds"),
        (lambda: visit("7", levels=(("gas", 0),)), "Order 7", "levels"),
        (lambda: visit("7", levels=(("gas", 1), ("gas", 2))), "Order 7", "levels"),
        (lambda: visit("7", parts=(("meter", -1),)), "Order 7", "parts"),
        (lambda: visit("7", parts=(("meter", math.nan),)), "Order 7", "parts"),
        (lambda: visit("7", parts=(("meter", 1_000_001),)), "Order 7", "parts"),
        (lambda: visit("7", parts=((3, 1),)), "Order 7", "parts"),
        (lambda: visit("7", after=(After("6", -1),)), "Order 7", "after"),
        (lambda: technician(technician=""), "Technician , route r0", "technician"),
        (lambda: technician(shift=Span(0, math.inf)), "Technician t0, route r0", "shift"),  # type: ignore[arg-type]
        (lambda: technician(shift=Span(0, 1 << 28), breaks=()), "Technician t0, route r0", "shift"),
        (lambda: technician(breaks=((Span(12 * HOUR, 13 * HOUR), True),)), "Technician t0, route r0", "break"),
        (lambda: technician(absences=(Span(math.nan, 9),)), "Technician t0, route r0", "absence"),  # type: ignore[arg-type]
        (lambda: technician(levels=(("gas", 1.5),)), "Technician t0, route r0", "levels"),
        (lambda: technician(levels=(("diving", 2),)), "Technician t0, route r0", "levels"),
        (lambda: technician(van=(("meter", -1),)), "Technician t0, route r0", "van"),
        (lambda: technician(van=(("meter", 1), ("meter", 1))), "Technician t0, route r0", "van"),
        (lambda: technician(max_travel_seconds=-1), "Technician t0, route r0", "max_travel_seconds"),
        (lambda: technician(use_price_seconds=math.nan), "Technician t0, route r0", "use_price_seconds"),
        (lambda: technician(overtime_seconds=-1), "Technician t0, route r0", "overtime_seconds"),
        (lambda: technician(overtime_seconds=(1 << 30) - 1), "Technician t0, route r0", "overtime_seconds"),
        (lambda: technician(overtime_price_seconds=1 << 30), "Technician t0, route r0", "overtime_price_seconds"),
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
        (
            lambda: Problem(ORIGIN, (technician(0, overtime_seconds=2 * HOUR), later("t0", 18)), ()),
            "Technician t0: the overtime of route r0 reaches into the shift of r18",
        ),
        (
            lambda: Problem(ORIGIN, (), (visit("a", after=(After("ghost"),)),)),
            "Order a: it comes after the unknown order ghost",
        ),
        (
            lambda: Problem(ORIGIN, (), (visit("a", after=(After("a"),)),)),
            "Order a: these orders wait for each other: a",
        ),
        (lambda: Problem(ORIGIN, (), ring(3)), "Order o0: these orders wait for each other: o0, o1, o2"),
        (lambda: Problem(ORIGIN, (), ring(14)), "wait for each other: .* and 4 more"),
    ],
)
def test_contradictions_between_parts_are_refused(build: Callable[[], object], text: str) -> None:
    with pytest.raises(InvalidProblem, match=text):
        build()


def test_an_empty_problem_and_a_plan_in_force_that_names_a_gone_route_are_fine() -> None:
    assert Problem(ORIGIN, (), ()).seconds.shape == (0, 0)
    assert Problem(ORIGIN, (), (visit("a", current=Current("gone", 0)),)).unreachable == ()


def test_ten_thousand_orders_in_one_sequence_are_checked() -> None:
    """A check that walked the orders once per order would take minutes, and one that recursed would not end at all."""
    tasks = [visit("o0"), *(visit(f"o{n}", after=(After(f"o{n - 1}"),)) for n in range(1, 10_000))]
    crew = tuple(technician(n) for n in range(500))
    assert len(Problem(ORIGIN, crew, tuple(tasks)).tasks) == 10_000
    with pytest.raises(InvalidProblem, match=r"o10, .* and 9990 more"):
        Problem(ORIGIN, crew, (replace(tasks[0], after=(After("o9999"),)), *tasks[1:]))


class Table:
    """A travel model that answers with a table that it was given."""

    name = "table"

    def __init__(self, table: object) -> None:
        self._table = table

    def matrix(self, origins: Sequence[Place], destinations: Sequence[Place]) -> Seconds:
        return self._table  # type: ignore[return-value]


def beside_a_visit(table: object) -> Problem:
    """One technician and one visit elsewhere: two distinct places, the visit's first."""
    return Problem(ORIGIN, (technician(),), (visit("a"),), Table(table))


@pytest.mark.parametrize(
    ("table", "text"),
    [
        (np.zeros((2, 3), np.int32), r"The travel model table: its table has the shape \(2, 3\), not \(2, 2\)"),
        (np.zeros(4, np.int32), "has the shape"),
        (np.zeros((2, 2)), "whole seconds, not float64"),
        (np.array([[0, math.nan], [0, 0]]), "whole seconds"),
        (np.zeros((2, 2), bool), "whole seconds, not bool"),
        (np.array([[0, -1], [0, 0]]), "from order a to the start of route r0 takes -1 seconds"),
        (np.array([[0, 0], [UNREACHABLE + 1, 0]]), "from the start of route r0 to order a takes 268435457 seconds"),
        (np.array([[0, 0], [1 << 40, 0]]), "from the start of route r0 to order a"),
    ],
)
def test_a_travel_table_that_cannot_be_is_refused(table: object, text: str) -> None:
    with pytest.raises(InvalidProblem, match=text):
        _ = beside_a_visit(table).seconds


def test_a_good_table_of_wide_numbers_becomes_one_of_32_bits() -> None:
    seconds = beside_a_visit(np.array([[0, 7], [9, 0]])).seconds
    assert seconds.dtype == np.int32
    assert seconds.tolist() == [[0, 7], [9, 0]]


@pytest.mark.parametrize(("there", "back", "named"), [(9, 7, ()), (UNREACHABLE, 7, ("a",)), (9, UNREACHABLE, ("a",))])
def test_orders_without_a_road_are_named(there: int, back: int, named: tuple[str, ...]) -> None:
    assert beside_a_visit(np.array([[0, back], [there, 0]])).unreachable == named


def test_orders_at_one_address_are_no_way_apart() -> None:
    world = Problem(ORIGIN, (technician(),), tuple(visit(f"o{n}") for n in range(50)))
    assert not world.seconds[:50, :50].any()
    assert (world.seconds[:50, world.start_node(0)] > 0).all()


def test_a_wrong_drive_to_the_end_of_a_route_is_named_by_the_route() -> None:
    world = Problem(ORIGIN, (technician(end=Place(51, 4)),), (visit("a"),), Table(np.eye(3, dtype=np.int64) - 1))
    with pytest.raises(InvalidProblem, match="from order a to the start of route r0 takes -1"):
        _ = world.seconds
    table = np.zeros((3, 3), np.int64)
    table[0, world.end_node(0)] = -5
    with pytest.raises(InvalidProblem, match="from order a to the end of route r0 takes -5 seconds"):
        _ = replace(world, travel=Table(table)).seconds


@pytest.mark.parametrize(
    ("absences", "home_by"),
    [
        ((), 19),
        ((Span(15 * HOUR, 18 * HOUR),), 15),
        ((Span(18 * HOUR, 20 * HOUR),), 18),
        ((Span(17 * HOUR, 20 * HOUR),), 17),
        ((Span(9 * HOUR, 10 * HOUR),), 19),
        ((Span(14 * HOUR, 16 * HOUR), Span(16 * HOUR, 17 * HOUR)), 14),
    ],
)
def test_overtime_ends_where_an_absence_begins(absences: tuple[Span, ...], home_by: int) -> None:
    assert technician(overtime_seconds=2 * HOUR, absences=absences).home_by == home_by * HOUR


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
