"""OR-Tools' routing library: time dimension with breaks, optional visits, vehicles allowed by skill, iterated local search.

`SetAllowedVehiclesForIndex` cannot be called from Python in 9.15; the domain of the vehicle variable says the same.
"""

from __future__ import annotations

from typing import Any

from ortools.constraint_solver import pywrapcp, routing_enums_pb2

from infra.benchmarks.peers.calling import Call, Routes, answer
from infra.benchmarks.world import PRICE_OF_WEIGHT, World


def solve(call: Call) -> Routes:
    """The routes OR-Tools finds; none when it has no solution in time."""
    world = World.read(call.file)
    starts, ends = [world.start(v) for v in world.vehicles], [world.end(v) for v in world.vehicles]
    manager = pywrapcp.RoutingIndexManager(len(world.places), len(world.vehicles), starts, ends)
    routing: Any = pywrapcp.RoutingModel(manager)
    routing.SetArcCostEvaluatorOfAllVehicles(routing.RegisterTransitMatrix(world.seconds.tolist()))
    clock = _clock(world, routing)
    for at, vehicle in enumerate(world.vehicles):
        _bound_vehicle(world, routing, manager, clock, at, vehicle, call)
    for at, order in enumerate(world.orders):
        _bound_order(world, routing, manager, clock, at, order, call)
    routing.solver().ReSeed(call.seed)
    found = routing.SolveWithIteratedLocalSearch(_parameters(call))
    routes: dict[str, list[int]] = {str(vehicle["id"]): [] for vehicle in world.vehicles}
    for at, vehicle in enumerate(world.vehicles if found is not None else []):
        index = found.Value(routing.NextVar(routing.Start(at)))
        while not routing.IsEnd(index):
            routes[str(vehicle["id"])].append(world.orders[manager.IndexToNode(index)]["id"])
            index = found.Value(routing.NextVar(index))
    return routes


def _clock(world: World, routing: Any) -> Any:
    """The dimension of time: its value is the start of service; a drive follows the service it leaves."""
    table = world.seconds.astype("int64")
    table[: len(world.orders)] += [[order["dur"]] for order in world.orders]
    horizon = max(vehicle["tw"][1] for vehicle in world.vehicles)
    routing.AddDimension(routing.RegisterTransitMatrix(table.tolist()), horizon, horizon, False, "clock")
    return routing.GetDimensionOrDie("clock")


def _bound_vehicle(
    world: World, routing: Any, manager: Any, clock: Any, at: int, vehicle: dict[str, Any], call: Call
) -> None:
    """Working hours, and the break, which may interrupt a drive."""
    for index in (routing.Start(at), routing.End(at)):
        clock.CumulVar(index).SetRange(*vehicle["tw"])
    pause = None if call.no_breaks else vehicle["brk"]
    if pause is None:
        return
    service = [order["dur"] for order in world.orders]
    nodes = [manager.IndexToNode(index) for index in range(routing.Size())]
    interval = routing.solver().FixedDurationIntervalVar(*pause["tw"], pause["dur"], False, f"break {at}")
    clock.SetBreakIntervalsOfVehicle([interval], at, [service[n] if n < len(service) else 0 for n in nodes])


def _bound_order(
    world: World, routing: Any, manager: Any, clock: Any, at: int, order: dict[str, Any], call: Call
) -> None:
    """Window, allowed vehicles, and the price of leaving the order out."""
    index = manager.NodeToIndex(at)
    clock.CumulVar(index).SetRange(*order["tw"])
    allowed = [
        number
        for number, vehicle in enumerate(world.vehicles)
        if world.may_serve(vehicle, order, no_breaks=call.no_breaks) and _hours_meet(vehicle, order)
    ]
    routing.VehicleVar(index).SetValues([-1, *allowed])
    routing.AddDisjunction([index], PRICE_OF_WEIGHT * order["weight"])


def _hours_meet(vehicle: dict[str, Any], order: dict[str, Any]) -> bool:
    return all(a["tw"][0] <= b["tw"][1] for a, b in ((vehicle, order), (order, vehicle)))


def _parameters(call: Call) -> Any:
    """Iterated local search that takes strings of neighbouring visits out and puts them back.

    The best of what was tried on 200 orders: guided local search and annealing, and other first solutions, leave a tenth to
    a fifth more weight unserved.
    """
    parameters = pywrapcp.DefaultRoutingSearchParameters()
    parameters.first_solution_strategy = routing_enums_pb2.FirstSolutionStrategy.PARALLEL_CHEAPEST_INSERTION
    parameters.use_iterated_local_search = True
    iterated = parameters.iterated_local_search_parameters
    strings = iterated.ruin_recreate_parameters.ruin_strategies.add().sisr
    strings.max_removed_sequence_size, strings.avg_num_removed_visits, strings.bypass_factor = 10, 10, 0.01
    annealing = iterated.reference_solution_acceptance_strategy.simulated_annealing
    annealing.initial_temperature, annealing.final_temperature = 10_000.0, 5.0
    parameters.time_limit.FromMilliseconds(round(call.left * 1000))
    return parameters


if __name__ == "__main__":
    answer(solve)
