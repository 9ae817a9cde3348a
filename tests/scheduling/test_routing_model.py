"""OR-Tools' routing solver as a second opinion and as an engine, against trying everything and against the best plan."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.domain.places import Place
from scheduling.engine.plan import Plan
from scheduling.engine.problem import Current, Problem, Route, Task
from scheduling.engine.routing_model import Budget, RoutingModel, Sequences, accepts
from scheduling.engine.solver import Stop, solve
from scheduling.engine.spans import Span
from scheduling.engine.timeline import route_legs
from tests.scheduling.checker import Drive, great_circle
from tests.scheduling.oracle import Figures, Oracle
from tests.scheduling.reference import earliest_home
from tests.scheduling.small_worlds import plans, problems, routes, tasks
from tests.scheduling.worlds import HOUR, ORIGIN, Grid, every_feature, random_problem, steps, technician, visit

GRID = Grid()
DRIVE = great_circle(1.3, 12.5)


@settings(max_examples=120, deadline=None)
@given(routes(), st.lists(tasks(), min_size=1, max_size=4))
def test_it_accepts_what_trying_everything_keeps(route: Route, stops: list[Task]) -> None:
    """Pauses at home, in a wait and during a drive; windows, overtime, driving and parts: no difference in meaning."""
    anyone = replace(route, territories=frozenset(), skills=frozenset({"gas", "meter"}), levels=(("gas", 2),))
    named = tuple(replace(task, id=f"o{n}") for n, task in enumerate(stops))
    kept = earliest_home(anyone, named, route_legs(anyone, named, GRID)) is not None
    assert accepts(Problem(ORIGIN, (anyone,), named, GRID), [range(len(named))]) == kept


@settings(max_examples=120, deadline=None)
@given(plans())
def test_it_accepts_what_the_oracle_keeps_with_sequences_across_routes_and_days(
    plan: tuple[Problem, list[list[int]]],
) -> None:
    world, sequences = plan
    assert accepts(world, sequences) == (Oracle(world, steps).rate(sequences) is not None)


def searched(world: Problem, drive: Drive, solutions: int) -> Figures:
    """The best of what the solver meets from an empty plan, rated by the oracle, which must be able to keep all of it."""
    met: list[Sequences] = [[[] for _ in world.routes]]
    RoutingModel(world, frozenset(), 1).improve(met[0], Budget(5.0, solutions), met.append)
    rated = [Oracle(world, drive).rate(sequences) for sequences in met]
    kept = [figures for figures in rated if figures is not None]
    assert len(kept) == len(rated)
    return min(kept)


@settings(max_examples=40, deadline=None)
@given(problems())
def test_whatever_it_meets_can_be_kept_and_is_no_better_than_the_best(world: Problem) -> None:
    best = Oracle(world, steps).best()
    assert searched(world, steps, solutions=10) >= best


@pytest.mark.parametrize("seed", [0, 3, 6, 9, 10, 11])
def test_it_finds_the_best_plan_of_a_small_world_with_every_feature(seed: int) -> None:
    world = every_feature(seed, tasks=7, technicians=2)
    assert searched(world, DRIVE, solutions=15) == Oracle(world, DRIVE).best()


def of_plan(world: Problem, plan: Plan) -> tuple[Sequences, Sequences]:
    """Which tasks stand on each route, and when they start."""
    stops = [item.timeline.stops for item in plan.routes]
    return [[world.task_at[s.task.id] for s in one] for one in stops], [[s.start for s in one] for one in stops]


@pytest.mark.parametrize("seed", range(6))
def test_it_accepts_our_plans_at_their_own_times(seed: int) -> None:
    world = random_problem(seed, tasks=30, routes=5)
    sequences, starts = of_plan(world, solve(world, Stop(seconds=None, solutions=5), seed))
    assert accepts(world, sequences)
    assert accepts(world, sequences, starts)
    at = next(at for at, times in enumerate(starts) if times)
    starts[at][-1] += 12 * HOUR
    assert not accepts(world, sequences, starts)


def test_it_refuses_a_technician_who_may_not() -> None:
    world = Problem(ORIGIN, (technician(skills=frozenset()),), (visit("a", skills=frozenset({"gas"})),))
    assert accepts(world, [[]])
    assert not accepts(world, [[0]])


def test_routes_that_nobody_can_drive_stay_empty_and_hinder_nobody() -> None:
    """One whose breaks cannot follow each other, one away all day, one whose home lies a day's drive away."""
    noon = Span(12 * HOUR, 12 * HOUR + 60)
    crew = (
        technician(0, breaks=((noon, HOUR), (noon, HOUR))),
        technician(1, absences=(Span(0, 24 * HOUR),)),
        technician(2, end=Place(38.7, -9.1)),
        technician(3),
    )
    world = Problem(ORIGIN, crew, (visit("a"), visit("b")))
    met: list[Sequences] = []
    RoutingModel(world, frozenset(), 1).improve([[], [], [], []], Budget(2.0, 5), met.append)
    assert sorted(met[-1][3]) == [0, 1]
    assert [accepts(world, [[0] if at == route else [] for at in range(4)]) for route in range(4)] == [False] * 3 + [
        True
    ]


def test_the_largest_weights_and_prices_do_not_overflow() -> None:
    most = (1 << 30) - 1
    crew = (technician(0, use_price_seconds=most, overtime_seconds=HOUR, overtime_price_seconds=most), technician(1))
    dear = {
        "weight": most,
        "move_price_seconds": most,
        "late_price_seconds": most,
        "due": -most,
        "current": Current("r0", 0),
    }
    tasks = tuple(visit(f"o{n}", promised=n % 2 == 0, **dear) for n in range(6))
    world = Problem(ORIGIN, crew, tasks)
    met: list[Sequences] = []
    RoutingModel(world, frozenset(), 1).improve([[], []], Budget(2.0, 20), met.append)
    assert sum(map(len, met[-1])) == 6
