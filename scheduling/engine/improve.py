"""The course of a search: fill greedily, improve on all cores, let the master pick, improve once more, fill what is left."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from scheduling.engine.kernel.memory import Settings
from scheduling.engine.kernel.tables import Tables
from scheduling.engine.master import columns_of, load, pick
from scheduling.engine.portfolio import Portfolio, Sequences, Tuning, needed
from scheduling.engine.routing_turn import LEAST_SECONDS, RoutingTurn
from scheduling.engine.routing_turn import load as load_routing
from scheduling.engine.stopping import STEPS_PER_SOLUTION, Schedule, Stop
from scheduling.engine.tabulate import by_worth

COUNTED_WORKERS = 2
"""A search that is bounded by counting uses so many workers whatever the machine, so that it can be repeated."""
PARTS_FROM = 600
"""From so many tasks on every core searches a part of the routes instead of the whole."""
REMEMBER_FROM = 10
"""From so many routes on the best place of a task on a route is worth remembering."""
MASTER_MOST = 700
"""Above so many tasks the pool says little about the whole; the time is better spent on searching."""
MASTER_SHARE = 0.15
TURN_SHARE = 0.1
"""What the master, and OR-Tools' routing, may take of a search's time."""
TURN_PATIENCE = 0.3
"""Routing gives the rest of its turn back when it has met nothing better for this share of it; it finds at once or not at all."""
MOST_STOPS = 400
"""No route is planned with more stops than this."""


def improve(
    tables: Tables,
    xy: NDArray[np.float64],
    standing: Sequence[Sequence[int]],
    stop: Stop,
    seed: int,
    on_better: Callable[[float, Portfolio], None] | None = None,
    tuning: Tuning | None = None,
    began: float | None = None,
    turn: RoutingTurn | None = None,
) -> Portfolio:
    """The portfolio at the end of its search, with the best plan found. `standing` is the plan to start from,
    `began` the moment (`time.monotonic`) from which the stop's seconds count, now if none is given. OR-Tools' routing gets
    a `turn` in a search that is bounded by time; where it is `alone` it is the whole search. A search that is bounded by counting goes
    without it, since what is counted are steps of the compiled search.

    Equal inputs, seed and `Stop(seconds=None, solutions=n)` give equal plans.
    """
    schedule = Schedule(stop, len(tables.service), len(tables.start), began)
    portfolio = Portfolio(tables, tuning or tuning_for(tables, counted=stop.solutions is not None), seed, xy)

    def better() -> None:
        schedule.improved()
        if on_better is not None:
            on_better(schedule.gone, portfolio)

    best_first = by_worth(tables)
    if any(standing):
        _lay(portfolio, tables, standing)
    portfolio.fill(best_first, limited=True)
    better()
    if len(tables.service) and len(tables.start):
        if turn is not None and turn.alone:
            turn.take(portfolio, better, seconds=schedule.left, solutions=stop.solutions, patience=stop.patience)
        elif stop.solutions is not None:
            portfolio.run_steps(stop.solutions * STEPS_PER_SOLUTION, better, lambda: schedule.left <= 0)
        else:
            _by_clock(portfolio, schedule, better, turn)
    portfolio.fill(best_first, limited=False)
    return portfolio


def tuning_for(tables: Tables, *, counted: bool) -> Tuning:
    """What has proved good for problems of this size; see the room's README for the measurements."""
    tasks, routes = len(tables.service), len(tables.start)
    linked = len(tables.before) > 0
    workers = COUNTED_WORKERS if counted else cores()
    return Tuning(
        settings=Settings(removals=15.0, longest=6, blink=0.01, idle=0.0, offered=40, remember=routes >= REMEMBER_FROM),
        hot=30_000.0,
        cold=30.0,
        workers=workers,
        parts=tasks >= PARTS_FROM and routes >= 4 * workers and not linked,
        epochs=40,
        pool=0 if linked or tasks > MASTER_MOST else 12_000,
        most_stops=most_stops(tables),
    )


def cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def most_stops(tables: Tables) -> int:
    """More stops than any route could have, by the length of the days and of the visits; at most `MOST_STOPS`."""
    if not len(tables.service) or not len(tables.start):
        return 1
    longest = int((tables.latest_home.max(axis=1) - tables.opens).max())
    return int(min(len(tables.service), MOST_STOPS, max(1, longest // max(1, int(tables.service.min())) + 1)))


def _by_clock(portfolio: Portfolio, schedule: Schedule, better: Callable[[], None], turn: RoutingTurn | None) -> None:
    """Most of the time goes to the search, a piece near the end to the others, the rest to searching on from there."""
    begin, length = schedule.gone, schedule.left
    master = portfolio.tuning.pool > 0 and length > 0.5
    turn = turn if length * TURN_SHARE >= LEAST_SECONDS else None
    loads = [load] * master + [load_routing] * (turn is not None)
    for one in loads:
        threading.Thread(target=one, daemon=True).start()
    share = 1.0 - (MASTER_SHARE + 0.05 if master else 0.0) - (TURN_SHARE if turn else 0.0)
    portfolio.run(lambda: schedule.share(begin, begin + share * length), better)
    if master and combine(portfolio, min(0.7 * schedule.left, MASTER_SHARE * length)):
        better()
    if turn is not None:
        seconds = min(0.7 * schedule.left, TURN_SHARE * length)
        turn.take(portfolio, better, seconds=seconds, patience=max(LEAST_SECONDS, TURN_PATIENCE * seconds))
    now = schedule.gone
    if loads and schedule.left > 0.02:
        cool = portfolio.tuning.cold
        portfolio.run(lambda: schedule.share(now, begin + length), better, heat=(4 * cool, cool))


def combine(portfolio: Portfolio, seconds: float) -> bool:
    """Let OR-Tools combine the routes met; True when that is better than the best plan."""
    if seconds <= 0.05:
        return False
    best = portfolio.sequences()
    portfolio.restart()
    costs = portfolio.workers[0].state.cost.tolist()
    columns = columns_of([worker.pool for worker in portfolio.workers], best, costs)
    return portfolio.offer(pick(portfolio.tables, columns, best, seconds))


def _lay(portfolio: Portfolio, tables: Tables, standing: Sequences | Sequence[Sequence[int]]) -> None:
    """Start from the plan in force. Where not all of it can be kept, the musts come first, then the rest as it fits."""
    if portfolio.lay(standing) == 0:
        return
    first = needed(tables)
    portfolio.clear()
    portfolio.lay([[task for task in tasks if first[task]] for tasks in standing])
    for route, tasks in enumerate(standing):
        portfolio.fill_route(route, sorted(tasks, key=lambda task: (-first[task], -tables.weight[task])))
