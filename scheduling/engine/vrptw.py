"""Solomon's and Homberger's vehicle routing problems with time windows, solved by the same compiled search.

All vehicles are alike and every customer must be served; the purpose is distance alone, as in the DIMACS challenge.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scheduling.engine.files.solomon import Vrptw, distances
from scheduling.engine.improve import improve, most_stops, tuning_for
from scheduling.engine.kernel.memory import Settings
from scheduling.engine.kernel.tables import Ints, Tables
from scheduling.engine.portfolio import Portfolio, Tuning
from scheduling.engine.stopping import Stop
from scheduling.engine.tabulate import MUST_SECONDS, NEIGHBOURS, neighbours

KEY_ODDS = (0.30, 0.25, 0.15, 0.10, 0.10, 0.10)
"""How often customers are put back at random, by demand, far first, near first, narrow windows first, early first."""
FEW_USED = 8
"""With fewer vehicles in use than this, remembering the best place on each costs more than it saves."""
MANY_STOPS = 12
"""From so many customers on a vehicle on, the search begins new routes often and ends warmer: a plan of few long routes is seldom left
by one customer at a time, and more routes than it has are often shorter."""


def solve_vrptw(
    instance: Vrptw, stop: Stop, seed: int, progress: Callable[[float, float], None] | None = None
) -> list[list[int]]:
    """The routes as lists of customer numbers, empty ones left out; every customer is in one, if one was found.

    `progress` hears the seconds gone and the distance of each better plan. Raises `ValueError` when some customer can be
    reached by no vehicle in time.
    """
    if not instance.customers:
        return []
    # No plan uses more vehicles than there are customers; a file may name millions.
    instance = replace(instance, vehicles=min(instance.vehicles, instance.customers))
    tables = tables_of_vrptw(instance)

    def tell(seconds: float, portfolio: Portfolio) -> None:
        missed, _, cost = portfolio.rating()
        if progress is not None and not missed:
            progress(seconds, cost / 10)

    xy = np.stack([instance.x, instance.y], axis=1)
    xy = np.concatenate([xy[1:], np.repeat(xy[:1], instance.vehicles, axis=0)])
    portfolio = improve(tables, xy, [], stop, seed, tell, _tuning(tables, stop, xy))
    if portfolio.rating()[0]:
        served = {task for route in portfolio.sequences() for task in route}
        missing = [task + 1 for task in range(instance.customers) if task not in served]
        raise ValueError(
            f"{instance.name}: no vehicle was found for customers {missing[:10]}. Give more vehicles or time."
        )
    return [[task + 1 for task in route] for route in portfolio.sequences() if route]


def tables_of_vrptw(instance: Vrptw) -> Tables:
    """The arrays of the compiled search; customer i is task i - 1, the depot the last node."""
    count, vehicles = instance.customers, instance.vehicles
    order = [*range(1, count + 1), 0]
    drive = np.ascontiguousarray(distances(instance)[np.ix_(order, order)])
    opens, closes = instance.opens[1:].astype(np.int32), instance.closes[1:].astype(np.int32)
    service, demand = instance.service[1:].astype(np.int32), instance.demand[1:].astype(np.int32)
    far = drive[count, :count].astype(np.float64)
    none = np.zeros(0, np.int32)
    return Tables(
        drive=drive,
        drive_to=drive,
        service=service,
        window_at=np.arange(count + 1, dtype=np.int32),
        window_from=opens,
        window_till=closes,
        worth=np.full(count, MUST_SECONDS, np.int64),
        weight=np.ones(count, np.int64),
        must=np.ones(count, np.int64),
        parts=demand[:, None].copy(),
        before_at=np.zeros(count + 1, np.int32),
        before=none,
        before_gap=none,
        after_at=np.zeros(count + 1, np.int32),
        after=none,
        after_gap=none,
        near=neighbours(drive, opens, closes, min(NEIGHBOURS, count - 1)),
        keys=np.stack([-demand.astype(np.float64), -far, far, (closes - opens).astype(np.float64), closes * 1.0]),
        key_odds=np.cumsum(KEY_ODDS),
        kind=np.zeros(vehicles, np.int32),
        price=np.zeros((count, vehicles), np.int32),
        suited_at=(np.arange(count + 1) * vehicles).astype(np.int32),
        suited=np.tile(np.arange(vehicles, dtype=np.int32), count),
        suited_all=np.ones(count, np.uint8),
        **_fleet(instance, count),
    )


def _fleet(instance: Vrptw, depot: int) -> dict[str, Any]:
    """What is the same for every vehicle."""

    def each(value: int) -> Ints:
        return np.full(instance.vehicles, value, np.int32)

    nothing = np.zeros((instance.vehicles, 0), np.int32)
    home = int(instance.closes[0])
    return {
        "start": each(depot),
        "end": each(depot),
        "opens": each(int(instance.opens[0])),
        "shift_end": each(home),
        "overtime_price": each(0).astype(np.int64),
        "pause_count": each(0),
        "pause_from": nothing,
        "pause_till": nothing,
        "pause_long": nothing,
        "latest_home": each(home)[:, None].copy(),
        "max_travel": each(1 << 30),
        "use_price": each(0).astype(np.int64),
        "van": each(instance.capacity)[:, None].copy(),
    }


def _tuning(tables: Tables, stop: Stop, xy: NDArray[np.float64]) -> Tuning:
    """By the number of vehicles that a greedy plan uses: few long routes or many short ones."""
    base = replace(
        tuning_for(tables, counted=stop.solutions is not None),
        hot=3000.0,
        cold=2.0,
        parts=False,
        most_stops=most_stops(tables),
    )
    trial = Portfolio(tables, replace(base, workers=1, pool=0), 0, xy)
    trial.fill(np.argsort(tables.drive[-1, :-1])[::-1].tolist(), limited=False)
    used = sum(1 for route in trial.sequences() if route)
    many_stops = len(tables.service) >= MANY_STOPS * used
    settings = Settings(
        removals=10.0,
        longest=10,
        blink=0.01,
        idle=0.5 if many_stops else 0.03,
        offered=100,
        remember=used >= FEW_USED,
    )
    return replace(base, settings=settings, cold=6.0 if many_stops else base.cold)
