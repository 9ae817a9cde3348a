"""`solve`: from a problem to a plan.

The plan in force is kept as far as it can be and improved by the compiled search; OR-Tools picks the best combination of
the routes met, and its routing solver has a turn in small problems. Whatever comes out is simulated once more by the timeline, so a plan is never only believed.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from scheduling.engine.engines import Engine
from scheduling.engine.improve import improve
from scheduling.engine.plan import Objective, Plan, assembled
from scheduling.engine.portfolio import Portfolio
from scheduling.engine.problem import Problem
from scheduling.engine.reasons.unplanned import unplanned
from scheduling.engine.routing_turn import RoutingTurn, TooLargeForRouting, is_small, refuse_large
from scheduling.engine.stopping import Progress, Stop
from scheduling.engine.tabulate import standing, tables_of

__all__ = ["Engine", "Progress", "Stop", "TooLargeForRouting", "solve"]

MOST_SEED = 2**32 - 1


def solve(
    problem: Problem,
    stop: Stop,
    seed: int,
    progress: Callable[[Progress], None] | None = None,
    engine: Engine = Engine.PORTFOLIO,
    begin: Plan | None = None,
) -> Plan:
    """The best plan found before the stop.

    The search begins at the plan in force (`Task.current`), or at `begin`, another plan of this problem. Never worse than that,
    as far as it can still be kept, and never without a promised or pinned task that it serves on a route that can be kept as it was. Equal inputs, seed and `Stop(seconds=None, solutions=n)`
    give equal plans. `progress` hears of every better plan, from the thread that called. Raises `ValueError` for a seed
    that is below 0 or too large, and `TooLargeForRouting`.
    """
    if engine is Engine.ROUTING:
        refuse_large(problem)
    if not 0 <= seed <= MOST_SEED:
        raise ValueError(f"The seed must be from 0 to {MOST_SEED}, not {seed}.")

    def tell(seconds: float, portfolio: Portfolio) -> None:
        if progress is not None:
            progress(Progress(seconds, objective_so_far(problem, portfolio)))

    began = time.monotonic()
    tables = tables_of(problem)
    alone = engine is Engine.ROUTING
    turn = RoutingTurn(problem, seed, alone) if alone or (engine is Engine.PORTFOLIO and is_small(problem)) else None
    if alone and stop.patience is None:
        # That small problems end early is measured on the compiled search.
        stop = replace(stop, patience=stop.seconds)
    first = standing(problem) if begin is None else _sequences(problem, begin)
    portfolio = improve(tables, positions(problem), first, stop, seed, tell, began=began, turn=turn)
    best = portfolio.best
    routes, objective = assembled(problem, portfolio.sequences(), best.low.tolist(), best.high.tolist())
    missed = unplanned(problem, tables, portfolio.workers[0].state)
    return Plan(routes, missed, objective, problem.travel.name)


def _sequences(problem: Problem, plan: Plan) -> list[list[int]]:
    """The tasks of each of the problem's routes in the order in which `plan` serves them."""
    at = {item.route.id: [problem.task_at[stop.task.id] for stop in item.timeline.stops] for item in plan.routes}
    return [at.get(route.id, []) for route in problem.routes]


def objective_so_far(problem: Problem, portfolio: Portfolio) -> Objective:
    """The best plan's objective; how many musts it misses is counted, since while searching some weigh more than others."""
    served = {task for sequence in portfolio.sequences() for task in sequence}
    missed = sum(task.must for at, task in enumerate(problem.tasks) if at not in served)
    _, weight, cost = portfolio.rating()
    return Objective(missed, weight, cost)


def positions(problem: Problem) -> NDArray[np.float64]:
    """Where tasks, then routes start, as east and north in a plane that is true enough to cut in halves."""
    places = [task.place for task in problem.tasks] + [route.start for route in problem.routes]
    if not places:
        return np.zeros((0, 2))
    degrees = np.array([(place.lon, place.lat) for place in places], np.float64)
    degrees[:, 0] *= np.cos(np.radians(degrees[:, 1].mean()))
    return degrees
