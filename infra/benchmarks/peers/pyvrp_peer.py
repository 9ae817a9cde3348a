"""PyVRP on the variant without breaks and bound orders, which it does not know.

Every order is an optional client with a prize. Each set of skills is a routing profile of its own, in which the edges into
orders that need other skills cost more than any prize.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyvrp
from numpy.typing import NDArray
from pyvrp.stop import MaxRuntime

from infra.benchmarks.peers.calling import Call, Routes, answer
from infra.benchmarks.world import PRICE_OF_WEIGHT, World


def solve(call: Call) -> Routes:
    """The routes PyVRP finds."""
    if not call.no_breaks:
        raise SystemExit("PyVRP knows neither breaks nor bound orders: ask with --no-breaks.")
    world = World.read(call.file)
    data = _data(world)
    best = pyvrp.solve(data, MaxRuntime(call.left), seed=call.seed, collect_stats=False, display=False).best
    routes: dict[str, list[int]] = {str(vehicle["id"]): [] for vehicle in world.vehicles}
    if not best.is_feasible():
        return routes
    for route in best.routes():
        ids = [world.orders[activity.idx]["id"] for activity in route if activity.is_client()]
        routes[str(world.vehicles[route.vehicle_type()]["id"])] = ids
    return routes


def _data(world: World) -> Any:
    count = len(world.orders)
    depots = list(range(count, len(world.places)))
    profiles = list(dict.fromkeys(frozenset(vehicle["skills"]) for vehicle in world.vehicles))
    duration = world.seconds.astype(np.int64)
    return pyvrp.ProblemData(
        locations=[pyvrp.Location(lon, lat) for lat, lon in world.places],
        clients=[
            pyvrp.Client(
                location=at,
                service_duration=order["dur"],
                tw_early=order["tw"][0],
                tw_late=order["tw"][1],
                prize=PRICE_OF_WEIGHT * order["weight"],
                required=False,
            )
            for at, order in enumerate(world.orders)
        ],
        depots=[pyvrp.Depot(location=at) for at in depots],
        vehicle_types=[
            pyvrp.VehicleType(
                num_available=1,
                start_depot=world.start(vehicle) - count,
                end_depot=world.end(vehicle) - count,
                tw_early=vehicle["tw"][0],
                tw_late=vehicle["tw"][1],
                profile=profiles.index(frozenset(vehicle["skills"])),
            )
            for vehicle in world.vehicles
        ],
        distance_matrices=[_priced(world, duration, skills) for skills in profiles],
        duration_matrices=[duration] * len(profiles),
    )


def _priced(world: World, duration: NDArray[np.int64], skills: frozenset[int]) -> NDArray[np.int64]:
    """Travel as cost, with a price on the edges into orders that need other skills."""
    forbidden = 2 * PRICE_OF_WEIGHT * max(order["weight"] for order in world.orders)
    table = duration.copy()
    table[:, [at for at, order in enumerate(world.orders) if not set(order["skills"]) <= skills]] = forbidden
    np.fill_diagonal(table, 0)
    return table


if __name__ == "__main__":
    answer(solve)
