"""The search as a whole: parts on all cores, the master problem, what can be repeated, and memory that stays."""

from __future__ import annotations

import gc
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from scheduling.engine.improve import improve, tuning_for
from scheduling.engine.kernel.tables import SUM_COST
from scheduling.engine.master import Column, columns_of, pick
from scheduling.engine.plan import Plan
from scheduling.engine.problem import Problem
from scheduling.engine.solver import positions, solve
from scheduling.engine.stopping import Stop
from scheduling.engine.tabulate import standing, tables_of
from tests.scheduling.checker import faults, great_circle
from tests.scheduling.worlds import random_problem

DRIVE = great_circle(1.3, 12.5)


def large() -> Problem:
    """Large enough that every core searches its own part."""
    return random_problem(3, tasks=640, routes=40)


def places_of(plan: Plan) -> list[tuple[str, ...]]:
    return [tuple(stop.task.id for stop in item.timeline.stops) for item in plan.routes]


def test_a_large_problem_is_searched_in_parts_and_the_parts_make_one_plan() -> None:
    world = large()
    assert tuning_for(tables_of(world), counted=True).parts
    plan = solve(world, Stop(seconds=None, solutions=10), 1)
    assert faults(world, plan, DRIVE) == []
    greedy = solve(world, Stop(seconds=None, solutions=0), 1)
    assert plan.objective < greedy.objective


def test_parts_on_several_threads_give_the_same_plan_for_the_same_seed() -> None:
    world = large()
    first, second = (solve(world, Stop(seconds=None, solutions=4), 7) for _ in range(2))
    assert places_of(first) == places_of(second)
    assert places_of(first) != places_of(solve(world, Stop(seconds=None, solutions=4), 8))


def test_two_searches_in_one_process_leave_each_other_alone() -> None:
    world = random_problem(11, tasks=60, routes=10)
    alone = places_of(solve(world, Stop(seconds=None, solutions=10), 2))
    with ThreadPoolExecutor(2) as threads:
        both = list(threads.map(lambda seed: places_of(solve(world, Stop(seconds=None, solutions=10), seed)), (2, 2)))
    assert both == [alone, alone]


def test_the_sums_that_the_search_keeps_are_those_of_the_plan() -> None:
    world = random_problem(5, tasks=120, routes=20)
    portfolio = improve(tables_of(world), positions(world), standing(world), Stop(seconds=None, solutions=20), 1)
    plan = solve(world, Stop(seconds=None, solutions=20), 1)
    assert portfolio.best.sums[SUM_COST] == plan.objective.cost_seconds


def test_the_master_combines_routes_that_no_plan_had_together() -> None:
    world = random_problem(2, tasks=8, routes=2)
    tables = tables_of(world)._replace(
        weight=np.ones(8, np.int64), must=np.zeros(8, np.int64), kind=np.arange(2, dtype=np.int32)
    )
    columns = [
        Column(0, (0, 1), 500),
        Column(0, (0, 1, 2, 3), 900),
        Column(1, (2, 3), 400),
        Column(1, (3, 4, 5), 500),
        Column(1, (4, 5, 6, 7), 800),
    ]
    assert pick(tables, columns, [[0, 1], [2, 3]], 5.0) == [[0, 1, 2, 3], [4, 5, 6, 7]]


def test_columns_hold_the_best_plan_and_each_set_of_tasks_once_at_its_cheapest() -> None:
    world = random_problem(4, tasks=60, routes=12)
    tables = tables_of(world)
    tuning = tuning_for(tables, counted=True)
    portfolio = improve(tables, positions(world), standing(world), Stop(seconds=None, solutions=20), 1, tuning=tuning)
    best = portfolio.sequences()
    portfolio.restart()
    costs = portfolio.workers[0].state.cost.tolist()
    columns = columns_of([worker.pool for worker in portfolio.workers], best, costs)
    keys = [(column.route, frozenset(column.tasks)) for column in columns]
    assert len(keys) == len(set(keys))
    assert {(at, frozenset(tasks)) for at, tasks in enumerate(best) if tasks} <= set(keys)
    assert len(columns) > sum(1 for tasks in best if tasks)


@pytest.mark.parametrize("seed", range(3))
def test_with_the_master_a_plan_passes_the_checker(seed: int) -> None:
    world = random_problem(seed, tasks=50, routes=8)
    plan = solve(world, Stop(seconds=1.0, patience=1.0), seed)
    assert faults(world, plan, DRIVE) == []


def test_searching_again_and_again_keeps_no_memory() -> None:
    world = random_problem(6, tasks=30, routes=6)
    solve(world, Stop(seconds=None, solutions=1), 1)
    gc.collect()
    before = len(gc.get_objects())
    for seed in range(10):
        solve(world, Stop(seconds=None, solutions=1), seed)
    gc.collect()
    assert len(gc.get_objects()) - before < 1_000
