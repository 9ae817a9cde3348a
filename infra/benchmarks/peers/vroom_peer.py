"""VROOM at its highest exploration level, by pyvroom, on both cores.

Weights are its priorities (both are 1 to 100): the sum of the priorities served comes before travel, as we have it. An order
bound to a technician asks for a skill that only this technician has.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import vroom

from infra.benchmarks.peers.calling import Call, Routes, answer
from infra.benchmarks.world import World

_LEVEL = 5
_THREADS = 2
_PERSONAL = 1_000_000
_MOST_PRIORITY = 100


def solve(call: Call) -> Routes:
    """The routes VROOM finds."""
    world = World.read(call.file)
    if max((order["weight"] for order in world.orders), default=0) > _MOST_PRIORITY:
        raise SystemExit(f"VROOM knows priorities up to {_MOST_PRIORITY} only.")
    problem = vroom.Input()
    problem.set_durations_matrix("car", world.seconds.astype("uint32"))
    problem.add_vehicle([_vehicle(world, at, vehicle, call) for at, vehicle in enumerate(world.vehicles)])
    problem.add_job([_job(at, order, call) for at, order in enumerate(world.orders)])
    found = problem.solve(_LEVEL, nb_threads=_THREADS, timeout=timedelta(seconds=call.left))
    routes: dict[str, list[int]] = {str(vehicle["id"]): [] for vehicle in world.vehicles}
    for route in found.to_dict()["routes"]:
        ids = [world.orders[step["id"]]["id"] for step in route["steps"] if step["type"] == "job"]
        routes[str(world.vehicles[route["vehicle"]]["id"])] = ids
    return routes


def _vehicle(world: World, at: int, vehicle: dict[str, Any], call: Call) -> Any:
    pause = None if call.no_breaks else vehicle["brk"]
    breaks = [vroom.Break(at, [vroom.TimeWindow(*pause["tw"])], service=pause["dur"])] if pause else []
    return vroom.Vehicle(
        at,
        start=world.start(vehicle),
        end=world.end(vehicle),
        skills={*vehicle["skills"], _PERSONAL + vehicle["tech"]},
        time_window=vroom.TimeWindow(*vehicle["tw"]),
        breaks=breaks,
    )


def _job(at: int, order: dict[str, Any], call: Call) -> Any:
    bound = None if call.no_breaks else order["tech"]
    return vroom.Job(
        at,
        location=at,
        default_service=order["dur"],
        skills={*order["skills"]} | ({_PERSONAL + bound} if bound is not None else set()),
        priority=order["weight"],
        time_windows=[vroom.TimeWindow(*order["tw"])],
    )


if __name__ == "__main__":
    answer(solve)
