"""Judges of plans that share nothing with any engine: what is broken, and what the plan is worth.

Field-service plans are judged as the benchmark's own scorer does. A window bounds the start of service, both ends allowed. A
break starts inside its window, may interrupt a drive and never a service, and may wait until the technician is home if that
is in time. For the variant, breaks and orders bound to a technician do not count.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from infra.benchmarks.world import PRICE_OF_WEIGHT, Customers, World

_ERRORS_KEPT = 5


@dataclass(frozen=True)
class FieldScore:
    """What a field-service plan is worth; worth nothing with `errors`. `travel` is in seconds."""

    errors: tuple[str, ...]
    unserved_weight: int
    served: int
    travel: int
    technicians: int

    @property
    def cost(self) -> int:
        """One sum for all: each unit of weight as 10,000 s of travel."""
        return PRICE_OF_WEIGHT * self.unserved_weight + self.travel


@dataclass(frozen=True)
class VrptwScore:
    """What a plan of a Solomon file is worth; worth nothing with `errors`."""

    errors: tuple[str, ...]
    distance: float
    routes: int


def judge_plan(world: World, routes: Mapping[str, Sequence[Any]], *, no_breaks: bool) -> FieldScore:
    """Judge routes by vehicle id, as lists of order ids."""
    orders = {order["id"]: order for order in world.orders}
    vehicles = {str(vehicle["id"]): vehicle for vehicle in world.vehicles}
    errors: list[str] = []
    served: set[Any] = set()
    travel, used = 0, set()
    for name, ids in routes.items():
        unknown = [one for one in ids if one not in orders]
        if name not in vehicles or unknown:
            errors.append(f"vehicle {name} or an order of it is unknown: {unknown[:3]}")
            continue
        if not ids:
            continue
        vehicle = vehicles[name]
        used.add(vehicle["tech"])
        errors += [f"order {one} is served twice" for at, one in enumerate(ids) if one in served or one in ids[:at]]
        served.update(ids)
        stops = [orders[one] for one in ids]
        errors += [
            f"order {stop['id']} is not for vehicle {name}"
            for stop in stops
            if not world.may_serve(vehicle, stop, no_breaks=no_breaks)
        ]
        drives = [drive_seconds(world, *leg) for leg in _legs(vehicle, stops)]
        travel += sum(drives)
        late = _first_failure(vehicle, stops, drives, no_breaks=no_breaks)
        errors += [f"vehicle {name}: {late}"] if late else []
    unserved = sum(order["weight"] for order in world.orders if order["id"] not in served)
    return FieldScore(tuple(errors[:_ERRORS_KEPT]), unserved, len(served), travel, len(used))


def drive_seconds(world: World, here: Sequence[float], there: Sequence[float]) -> int:
    """One drive by the file's formula, in the plain arithmetic of the standard library."""
    lat1, lon1, lat2, lon2 = (math.radians(x) for x in (*here, *there))
    half = math.sin((lat2 - lat1) / 2) ** 2 + math.cos(lat1) * math.cos(lat2) * math.sin((lon2 - lon1) / 2) ** 2
    metres = 2 * world.model["radius"] * math.asin(math.sqrt(half)) * world.model["detour"]
    return round(metres / world.model["speed_mps"])


def judge_vrptw(world: Customers, routes: Sequence[Sequence[int]]) -> VrptwScore:
    """Judge routes of customer numbers: everyone once, windows, capacity, number of vehicles."""
    errors: list[str] = []
    customers = range(1, len(world.demand))
    visits = [customer for route in routes for customer in route]
    if sorted(visits) != list(customers):
        errors.append(f"{len(set(customers) - set(visits))} customers are not served, or some twice, or unknown")
        return VrptwScore(tuple(errors), math.inf, len(routes))
    used = [route for route in routes if route]
    if len(used) > world.vehicles:
        errors.append(f"{len(used)} routes, but {world.vehicles} vehicles")
    total = 0
    for number, route in enumerate(used):
        if sum(world.demand[customer] for customer in route) > world.capacity:
            errors.append(f"route {number} is overloaded")
        now = world.opens[0]
        for before, after in pairwise([0, *route, 0]):
            drive = int(world.tenths[before, after])
            total += drive
            now = max(now + (world.service[before] if before else 0) + drive, world.opens[after])
            if now > world.closes[after]:
                errors.append(f"route {number} is late at customer {after}")
                break
    return VrptwScore(tuple(errors[:_ERRORS_KEPT]), total / 10, len(used))


def _legs(vehicle: dict[str, Any], stops: Sequence[dict[str, Any]]) -> list[tuple[Sequence[float], Sequence[float]]]:
    return list(pairwise([vehicle["start"], *(stop["loc"] for stop in stops), vehicle["end"]]))


def _first_failure(
    vehicle: dict[str, Any], stops: Sequence[dict[str, Any]], drives: Sequence[int], *, no_breaks: bool
) -> str | None:
    """What goes wrong first, following the two earliest times: with the break still due, and with it done."""
    pause = None if no_breaks else vehicle["brk"]
    begin = vehicle["tw"][0]
    due, done = (begin, math.inf) if pause else (math.inf, begin)
    for stop, drive in zip(stops, drives, strict=False):
        due, done = _after_drive(due, done, drive, pause)
        first, last = stop["tw"]
        due, done = (max(at, first) + stop["dur"] if max(at, first) <= last else math.inf for at in (due, done))
        if min(due, done) == math.inf:
            return f"late at order {stop['id']}"
    due, done = _after_drive(due, done, drives[-1], pause)
    if min(due, done) > vehicle["tw"][1]:
        return "late at home"
    if done <= vehicle["tw"][1] or (pause and due <= min(pause["tw"][1], vehicle["tw"][1])):
        return None
    return "no room for the break"


def _after_drive(due: float, done: float, drive: int, pause: dict[str, Any] | None) -> tuple[float, float]:
    """The two earliest arrivals; a break begun by its last second may be taken before, within or after the drive."""
    with_break = math.inf
    if pause and due <= pause["tw"][1]:
        with_break = max(due + drive, pause["tw"][0]) + pause["dur"]
    return due + drive, min(done + drive, with_break)
