"""Plans with every feature at once: the checker on each, the best plan there is where it can be known, OR-Tools' opinion."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings

from scheduling.engine.plan import Plan
from scheduling.engine.problem import Current, Problem
from scheduling.engine.routing_model import accepts
from scheduling.engine.solver import Stop, solve
from tests.scheduling.checker import faults, great_circle
from tests.scheduling.oracle import Figures, Oracle
from tests.scheduling.small_worlds import problems
from tests.scheduling.worlds import every_feature, steps

DRIVE = great_circle(1.3, 12.5)
COUNTED = Stop(seconds=None, solutions=20)


def figures(plan: Plan) -> Figures:
    return plan.objective.missed_promises, plan.objective.missed_weight, plan.objective.cost_seconds


def unsettled(world: Problem) -> Problem:
    """Without a plan in force: promises that stand are kept even when giving one up would let two others in."""
    return replace(world, tasks=tuple(replace(task, current=None) for task in world.tasks))


@settings(max_examples=60, deadline=None)
@given(problems(most_tasks=6))
def test_the_plan_of_a_tiny_world_is_right_and_as_good_as_any(world: Problem) -> None:
    plan = solve(world, COUNTED, 1)
    assert faults(world, plan, steps) == []
    best = Oracle(world, steps).best()
    assert figures(plan) >= best
    if not any(task.current and (task.promised or task.pin) for task in world.tasks):
        assert figures(plan) == best


@pytest.mark.parametrize("seed", range(20))
def test_the_plan_of_a_small_day_with_every_feature_is_the_best_there_is(seed: int) -> None:
    world = unsettled(every_feature(seed, tasks=7, technicians=2, days=1 + seed % 2))
    plan = solve(world, COUNTED, seed)
    assert faults(world, plan, DRIVE) == []
    assert figures(plan) == Oracle(world, DRIVE).best()


@pytest.mark.parametrize("seed", range(12))
def test_larger_plans_with_every_feature_pass_the_checker_and_ortools_accepts_them(seed: int) -> None:
    world = every_feature(seed, tasks=15 + 5 * seed, technicians=2 + seed // 3)
    plan = solve(world, Stop(seconds=0.5), seed)
    assert faults(world, plan, DRIVE) == []
    stops = [item.timeline.stops for item in plan.routes]
    sequences = [[world.task_at[stop.task.id] for stop in one] for one in stops]
    assert accepts(world, sequences)
    assert accepts(world, sequences, [[stop.start for stop in one] for one in stops])


@pytest.mark.parametrize("seed", range(6))
def test_planning_again_with_every_feature_drops_no_promise_and_is_no_worse(seed: int) -> None:
    world = every_feature(50 + seed, tasks=30, technicians=3)
    first = solve(world, Stop(seconds=0.4), seed)
    at = {stop.task.id: Current(item.route.id, stop.start) for item in first.routes for stop in item.timeline.stops}
    tasks = tuple(replace(t, current=at.get(t.id), move_price_seconds=0) for t in world.tasks)
    again = replace(world, tasks=tasks)
    second = solve(again, Stop(seconds=0.4), seed + 1)
    assert faults(again, second, DRIVE) == []
    kept = {task.id for task in world.tasks if task.must and task.id in at}
    assert kept <= {stop.task.id for item in second.routes for stop in item.timeline.stops}
    assert figures(second)[:2] <= figures(first)[:2]
