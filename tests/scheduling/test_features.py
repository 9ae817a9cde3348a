"""Every rule a problem can state: the simulation and the oracle against trying everything, the checker against wrong plans."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from scheduling.engine.problem import Problem, Route, Task
from scheduling.engine.timeline import Infeasible, route_legs, simulate
from tests.scheduling.checker import route_faults
from tests.scheduling.oracle import Oracle
from tests.scheduling.reference import earliest_home
from tests.scheduling.small_worlds import routes, tasks
from tests.scheduling.worlds import ORIGIN, Grid, steps

GRID = Grid()


@settings(max_examples=500, deadline=None)
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


@settings(max_examples=150, deadline=None)
@given(routes(), st.lists(tasks(), min_size=1, max_size=3))
def test_the_oracle_keeps_what_trying_everything_keeps(route: Route, stops: list[Task]) -> None:
    """Skills and persons aside: those the oracle knows from the checker."""
    anyone = replace(route, territories=frozenset(), skills=frozenset({"gas", "meter"}), levels=(("gas", 2),))
    named = tuple(replace(task, id=f"o{n}") for n, task in enumerate(stops))
    kept = Oracle(Problem(ORIGIN, (anyone,), named, GRID), steps).rate([range(len(named))])
    assert (kept is not None) == (earliest_home(anyone, named, route_legs(anyone, named, GRID)) is not None)
