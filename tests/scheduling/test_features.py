"""Every rule a problem can state: the simulation and the oracle against trying everything, the checker against wrong plans."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.domain.places import Place
from scheduling.engine.plan import Objective, Plan, RoutePlan
from scheduling.engine.problem import DAY_SECONDS, After, Current, Pin, Problem, Route, Task
from scheduling.engine.spans import Span
from scheduling.engine.timeline import Infeasible, Timeline, route_legs, simulate
from tests.scheduling.checker import faults, route_faults
from tests.scheduling.oracle import Oracle
from tests.scheduling.reference import earliest_home
from tests.scheduling.small_worlds import routes, tasks
from tests.scheduling.worlds import ORIGIN, Grid, steps, technician, visit

GRID = Grid()


@settings(max_examples=150, deadline=None)
@given(routes(), st.lists(tasks(), min_size=1, max_size=4))
def test_simulation_finds_the_way_home_that_trying_everything_finds(route: Route, stops: list[Task]) -> None:
    drives = route_legs(route, stops, GRID)
    outcome = simulate(route, stops, drives)
    expected = earliest_home(route, stops, drives)
    if isinstance(outcome, Infeasible):
        assert expected is None
    else:
        assert outcome.home == expected
        assert route_faults(route, outcome, steps) == []


@st.composite
def crowded_routes(draw: st.DrawFn) -> Route:
    """Breaks and absences anywhere: over each other, over the ends of the shift, within one another."""
    route = draw(routes())
    last = route.shift.end - 1
    breaks = st.builds(
        lambda begin, width, seconds: (Span(begin, begin + width), seconds),
        st.integers(0, last), st.integers(1, 30), st.integers(1, 8),
    )  # fmt: skip
    absences = st.builds(lambda begin, seconds: Span(begin, begin + seconds), st.integers(-9, 90), st.integers(1, 25))
    return replace(
        route,
        breaks=tuple(draw(st.lists(breaks, max_size=3))),
        absences=tuple(draw(st.lists(absences, max_size=3))),
        max_travel_seconds=None,
    )


@settings(max_examples=200, deadline=None)
@given(crowded_routes(), st.lists(tasks(), min_size=1, max_size=3))
def test_whatever_is_simulated_is_right_however_breaks_and_absences_collide(route: Route, stops: list[Task]) -> None:
    """Where they collide the engine may give up a way that exists, but never takes one that does not."""
    outcome = simulate(route, stops, route_legs(route, stops, GRID))
    if isinstance(outcome, Timeline):
        assert route_faults(route, outcome, steps) == []


@settings(max_examples=150, deadline=None)
@given(routes(), st.lists(tasks(), min_size=1, max_size=3))
def test_the_oracle_keeps_what_trying_everything_keeps(route: Route, stops: list[Task]) -> None:
    """Skills and persons aside: those the oracle knows from the checker."""
    anyone = replace(route, territories=frozenset(), skills=frozenset({"gas", "meter"}), levels=(("gas", 2),))
    named = tuple(replace(task, id=f"o{n}") for n, task in enumerate(stops))
    kept = Oracle(Problem(ORIGIN, (anyone,), named, GRID), steps).rate([range(len(named))])
    assert (kept is not None) == (earliest_home(anyone, named, route_legs(anyone, named, GRID)) is not None)


def two_visits(route: dict[str, object], first: dict[str, object], second: dict[str, object]) -> list[str]:
    """What the checker says when a day that was planned without these rules is held against them."""
    free = technician(0, start=Place(0, 0), end=Place(0, 0), shift=Span(100, 400), breaks=())
    plain = [
        visit(name, place=Place(0, at), service_seconds=50, windows=(Span(0, 900),))
        for name, at in (("a", 10), ("b", 20))
    ]
    day = simulate(free, plain, route_legs(free, plain, GRID))
    assert isinstance(day, Timeline)
    assert [(stop.start, stop.end) for stop in day.stops] == [(110, 160), (170, 220)]
    assert day.home == 240
    bound = replace(free, **route)  # type: ignore[arg-type]
    tasks = (replace(plain[0], **first), replace(plain[1], **second))  # type: ignore[arg-type]
    held = replace(day, stops=tuple(replace(stop, task=task) for stop, task in zip(day.stops, tasks, strict=True)))
    plan = Plan((RoutePlan(bound, held),), (), Objective(0, 0, 40), "grid")
    return faults(Problem(ORIGIN, (bound,), tasks, GRID), plan, steps)


@pytest.mark.parametrize(
    ("route", "first", "second", "text"),
    [
        ({"levels": (("gas", 2),)}, {"levels": (("gas", 3),)}, {}, "a on r0: gas is at level 2 only"),
        ({}, {"levels": (("gas", 2),)}, {}, "gas is at level 1 only"),
        ({"skills": frozenset()}, {"levels": (("gas", 1),)}, {}, "gas is at level 0 only"),
        ({"territories": frozenset({"east"})}, {"territory": "west"}, {}, "another territory"),
        ({"max_travel_seconds": 39}, {}, {}, "drives 40 s, more than allowed"),
        ({"van": (("meter", 2),)}, {"parts": (("meter", 2),)}, {"parts": (("meter", 1),)}, "needs 3 of meter"),
        ({"van": ()}, {"parts": (("cable", 1),)}, {}, "needs 1 of cable"),
        ({"shift": Span(100, 230), "overtime_seconds": 9}, {}, {}, "is home at 240, after the shift"),
        ({"overtime_seconds": 500, "absences": (Span(235, 600),)}, {}, {}, "is home at 240"),
        ({"absences": (Span(150, 155),)}, {}, {}, "works in a pause between 110 and 160"),
        ({"breaks": ((Span(120, 130), 5),)}, {}, {}, "the break of 5 s from 120 is not had"),
        ({}, {"release": 111}, {}, "a begins at 110, outside its windows, too early"),
        ({}, {"windows": (Span(0, 110), Span(111, 900))}, {}, "a begins at 110"),
        ({}, {}, {"pin": Pin("r0", 171)}, "b begins at 170"),
        ({}, {"after": (After("b"),)}, {}, "a starts too soon after b"),
        ({}, {}, {"after": (After("a", 11),)}, "b starts too soon after a"),
        ({"use_price_seconds": 7}, {}, {}, "the objective is (0, 0, 47), not (0, 0, 40)"),
        (
            {"shift": Span(100, 239), "overtime_seconds": 9, "overtime_price_seconds": 3601},
            {}, {}, "the objective is (0, 0, 42)",
        ),
        ({}, {"due": 99, "late_price_seconds": 5}, {}, "the objective is (0, 0, 45)"),
        ({}, {"due": 100 - DAY_SECONDS, "late_price_seconds": 5}, {}, "the objective is (0, 0, 45)"),
        ({}, {"due": 99 - DAY_SECONDS, "late_price_seconds": 5}, {}, "the objective is (0, 0, 50)"),
        (
            {}, {"preferred_technicians": frozenset({"t9"}), "preference_price_seconds": 3}, {},
            "the objective is (0, 0, 43)",
        ),
        ({}, {"current": Current("r9", 0), "move_price_seconds": 4}, {}, "the objective is (0, 0, 44)"),
    ],
)  # fmt: skip
def test_the_checker_sees_each_rule_that_is_broken(
    route: dict[str, object], first: dict[str, object], second: dict[str, object], text: str
) -> None:
    assert any(text in fault for fault in two_visits(route, first, second))


@pytest.mark.parametrize(
    ("route", "first", "second"),
    [
        ({}, {}, {}),
        ({"levels": (("gas", 3),)}, {"levels": (("gas", 3),)}, {}),
        ({"max_travel_seconds": 40, "van": (("meter", 3),)}, {"parts": (("meter", 2),)}, {"parts": (("meter", 1),)}),
        ({"shift": Span(100, 230), "overtime_seconds": 10}, {"release": 110}, {"after": (After("a", 10),)}),
        ({}, {"due": 100, "late_price_seconds": 5}, {"preferred_technicians": frozenset({"t0"}), "preference_price_seconds": 3}),
        ({"breaks": ((Span(230, 241), 5), (Span(300, 310), 20)), "absences": (Span(305, 330),)}, {}, {}),
    ],
)  # fmt: skip
def test_the_checker_has_no_quarrel_with_rules_that_are_just_kept(
    route: dict[str, object], first: dict[str, object], second: dict[str, object]
) -> None:
    assert two_visits(route, first, second) == []
