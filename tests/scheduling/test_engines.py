"""The engines one can choose from: none breaks a rule, none is worse than the plan in force, and which may be asked what."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import pytest

from scheduling.engine.improve import improve
from scheduling.engine.kernel.tables import SUM_WEIGHT
from scheduling.engine.plan import Objective
from scheduling.engine.portfolio import Portfolio
from scheduling.engine.problem import After, Current, Problem
from scheduling.engine.routing_turn import MOST_TASKS, SMALL_TASKS, RoutingTurn, TooLargeForRouting, is_small
from scheduling.engine.solver import Engine, Progress, Stop, positions, solve
from scheduling.engine.spans import Span
from scheduling.engine.tabulate import tables_of
from tests.scheduling.checker import faults, great_circle
from tests.scheduling.worlds import HOUR, ORIGIN, every_feature, random_problem, technician, visit

DRIVE = great_circle(1.3, 12.5)


def begun(world: Problem, steps: int = 0) -> Portfolio:
    """The greedy plan, or one after a few steps."""
    return improve(tables_of(world), positions(world), [], Stop(seconds=None, solutions=steps), 1)


@pytest.mark.parametrize("engine", Engine)
@pytest.mark.parametrize("seed", range(4))
def test_a_plan_with_every_feature_passes_the_checker(engine: Engine, seed: int) -> None:
    world = every_feature(seed, tasks=25, technicians=3)
    told: list[Progress] = []
    plan = solve(world, Stop(seconds=1.2, patience=1.2), seed, told.append, engine)
    assert faults(world, plan, DRIVE) == []
    assert told[-1].objective >= plan.objective
    assert [one.seconds for one in told] == sorted(one.seconds for one in told)


@pytest.mark.parametrize("engine", Engine)
@pytest.mark.parametrize("seed", range(3))
def test_planning_again_is_never_worse_and_keeps_promises(engine: Engine, seed: int) -> None:
    world = random_problem(seed, tasks=30, routes=4)
    world = replace(world, tasks=tuple(replace(task, current=None, move_price_seconds=0) for task in world.tasks))
    first = solve(world, Stop(seconds=None, solutions=20), seed)
    at = {stop.task.id: Current(item.route.id, stop.start) for item in first.routes for stop in item.timeline.stops}
    again = replace(world, tasks=tuple(replace(task, current=at.get(task.id)) for task in world.tasks))
    second = solve(again, Stop(seconds=0.6, patience=0.6), seed, None, engine)
    assert second.objective <= first.objective
    served = {stop.task.id for item in second.routes for stop in item.timeline.stops}
    assert {task.id for task in world.tasks if task.must and task.id in at} <= served


@pytest.mark.parametrize("engine", Engine)
def test_counted_it_is_the_same_every_time(engine: Engine) -> None:
    world = random_problem(7, tasks=30, routes=5)
    plans = [solve(world, Stop(seconds=None, solutions=12), 5, None, engine) for _ in range(2)]
    assert plans[0] == plans[1]


def test_what_is_counted_are_steps_of_the_compiled_search() -> None:
    world = random_problem(7, tasks=30, routes=5)
    counted = Stop(seconds=None, solutions=12)
    assert is_small(world)
    assert solve(world, counted, 5, None, Engine.PORTFOLIO) == solve(world, counted, 5, None, Engine.KERNEL)


@pytest.mark.parametrize("engine", Engine)
def test_nothing_to_do_and_nobody_to_do_it(engine: Engine) -> None:
    for world in (Problem(ORIGIN, (), ()), Problem(ORIGIN, (technician(),), ()), Problem(ORIGIN, (), (visit("a"),))):
        assert solve(world, Stop(seconds=0.3), 1, None, engine).objective == Objective(0, len(world.tasks), 0)


@pytest.mark.parametrize("engine", Engine)
def test_no_time_at_all_still_gives_a_plan(engine: Engine) -> None:
    world = random_problem(3, tasks=20, routes=4)
    assert faults(world, solve(world, Stop(seconds=0.0), 1, None, engine), DRIVE) == []


@pytest.mark.parametrize("seed", range(3))
def test_a_turn_improves_a_greedy_plan_and_says_so(seed: int) -> None:
    world = every_feature(seed, tasks=40, technicians=4)
    portfolio = begun(world)
    before, told = portfolio.rating(), []
    RoutingTurn(world, 1).take(portfolio, lambda: told.append(portfolio.rating()), seconds=20.0, solutions=15)
    assert portfolio.rating() < before
    assert told == sorted(set(told), reverse=True)
    assert told[-1] == portfolio.rating()


def test_a_turn_takes_nothing_that_is_no_better() -> None:
    world = random_problem(1, tasks=20, routes=4)
    portfolio = begun(world, steps=50)
    best = portfolio.sequences(), portfolio.rating()
    assert not portfolio.offer(portfolio.sequences())
    assert not portfolio.offer([[] for _ in world.routes])
    assert not portfolio.offer([list(reversed(tasks)) for tasks in portfolio.sequences()])
    assert (portfolio.sequences(), portfolio.rating()) == best


def test_a_plan_is_taken_whose_order_of_routes_is_not_that_of_its_sequences() -> None:
    """What comes first is on the later route: both are laid all the same."""
    first = visit("first", windows=(Span(8 * HOUR, 9 * HOUR),), excluded_technicians=frozenset({"t0"}))
    then = visit("then", after=(After("first"),), excluded_technicians=frozenset({"t1"}))
    world = Problem(ORIGIN, (technician(0), technician(1)), (first, then))
    portfolio = begun(world)
    portfolio.clear()
    assert portfolio.offer([[1], [0]])
    assert portfolio.best.sums[SUM_WEIGHT] == 0
    assert portfolio.sequences() == [[1], [0]]


def test_what_a_listener_raises_is_heard() -> None:
    world = every_feature(0, tasks=40, technicians=4)

    def give_up() -> None:
        raise KeyError("enough")

    with pytest.raises(KeyError, match="enough"):
        RoutingTurn(world, 1).take(begun(world), give_up, seconds=20.0, solutions=15)


def test_only_small_problems_get_a_turn() -> None:
    assert is_small(random_problem(0, tasks=SMALL_TASKS, routes=8))
    assert not is_small(random_problem(0, tasks=SMALL_TASKS + 1, routes=8))
    assert not is_small(random_problem(0, tasks=20, routes=16))
    assert not is_small(Problem(ORIGIN, (technician(),), ()))


def test_too_many_orders_for_one_engine_are_refused_in_a_sentence() -> None:
    world = random_problem(0, tasks=MOST_TASKS + 1, routes=2)
    with pytest.raises(TooLargeForRouting, match=r"^501 orders are too many for the engine routing.*portfolio\.$"):
        solve(world, Stop(seconds=0.1), 1, None, Engine.ROUTING)


def test_ortools_is_loaded_only_by_who_searches_with_it() -> None:
    script = (
        "import sys\n"
        "from scheduling.engine.solver import Engine, Stop, solve\n"
        "from tests.scheduling.worlds import random_problem\n"
        "world = random_problem(1, tasks=6, routes=2)\n"
        "solve(world, Stop(seconds=None, solutions=1), 1, None, Engine.KERNEL)\n"
        "before = 'ortools' in sys.modules\n"
        "solve(world, Stop(seconds=None, solutions=1), 1, None, Engine.ROUTING)\n"
        "print(before, 'ortools' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120, check=False)
    assert done.stdout.split() == ["False", "True"], done.stderr
