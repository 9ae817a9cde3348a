"""How the search for vehicle routes is set up by what the file is like."""

from __future__ import annotations

import numpy as np
import pytest

from scheduling.engine.files.solomon import Vrptw
from scheduling.engine.portfolio import Tuning
from scheduling.engine.stopping import Stop
from scheduling.engine.vrptw import _tuning, solve_vrptw, tables_of_vrptw

CUSTOMERS = 60


def a_file(capacity: int) -> Vrptw:
    """Customers on a circle around the depot, who take any time of the day."""
    angles = np.linspace(0, 2 * np.pi, CUSTOMERS, endpoint=False)
    each = np.ones(CUSTOMERS, np.int64)
    return Vrptw(
        name="circle",
        vehicles=CUSTOMERS,
        capacity=capacity,
        x=np.concatenate([[0.0], 30 * np.cos(angles)]),
        y=np.concatenate([[0.0], 30 * np.sin(angles)]),
        demand=np.concatenate([[0], each]),
        opens=np.zeros(CUSTOMERS + 1, np.int64),
        closes=np.full(CUSTOMERS + 1, 20_000, np.int64),
        service=np.concatenate([[0], 10 * each]),
    )


def tuning_of(instance: Vrptw) -> Tuning:
    xy = np.stack([instance.x, instance.y], axis=1)
    xy = np.concatenate([xy[1:], np.repeat(xy[:1], instance.vehicles, axis=0)])
    return _tuning(tables_of_vrptw(instance), Stop(seconds=1), xy)


def test_where_few_long_routes_serve_all_new_ones_are_begun_often() -> None:
    short, long = tuning_of(a_file(capacity=5)), tuning_of(a_file(capacity=30))
    assert long.settings.idle > 10 * short.settings.idle
    assert long.cold > short.cold


@pytest.mark.parametrize("capacity", [5, 30])
def test_every_customer_is_served_once(capacity: int) -> None:
    routes = solve_vrptw(a_file(capacity), Stop(seconds=None, solutions=2), seed=1)
    assert sorted(one for route in routes for one in route) == list(range(1, CUSTOMERS + 1))
    assert max(len(route) for route in routes) <= capacity
