"""PyVRP on Solomon and Homberger files: all customers required, least distance, in tenths."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyvrp
from pyvrp.stop import MaxRuntime

from infra.benchmarks.peers.calling import Call, Routes, answer
from infra.benchmarks.world import Customers


def solve(call: Call) -> Routes:
    """The routes PyVRP finds; none when no plan serves everyone."""
    data = _data(Customers.read(call.file))
    best = pyvrp.solve(data, MaxRuntime(call.left), seed=call.seed, collect_stats=False, display=False).best
    if not best.is_feasible():
        return []
    return [[activity.idx + 1 for activity in route if activity.is_client()] for route in best.routes()]


def _data(world: Customers) -> Any:
    table = world.tenths.astype(np.int64)
    return pyvrp.ProblemData(
        locations=[pyvrp.Location(*point) for point in world.points],
        clients=[
            pyvrp.Client(
                location=at,
                delivery=[world.demand[at]],
                service_duration=world.service[at],
                tw_early=world.opens[at],
                tw_late=world.closes[at],
            )
            for at in range(1, len(world.points))
        ],
        depots=[pyvrp.Depot(location=0)],
        vehicle_types=[
            pyvrp.VehicleType(
                num_available=world.vehicles,
                capacity=[world.capacity],
                tw_early=world.opens[0],
                tw_late=world.closes[0],
            )
        ],
        distance_matrices=[table],
        duration_matrices=[table],
    )


if __name__ == "__main__":
    answer(solve)
