"""Benchmark instances as plain dictionaries and tables, for the peers and the checkers.

Nothing here uses the engine's own reader or travel model: who checks an engine must not share its mistakes. Only numpy is
needed, because the peers run in an environment without the rest of Doorstep.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

PRICE_OF_WEIGHT = 10_000
"""Seconds of travel that one unit of unserved weight costs, for the engines that know one sum only."""


@dataclass(frozen=True)
class World:
    """A field-service instance: orders, vehicles (a technician on a day), and travel in seconds between all places."""

    orders: list[dict[str, Any]]
    vehicles: list[dict[str, Any]]
    model: dict[str, float]

    @staticmethod
    def read(path: Path) -> World:
        """Read an instance that is trusted to be well formed."""
        content = json.loads(path.read_text(encoding="utf-8"))
        return World(content["orders"], content["vehicles"], content["model"])

    @cached_property
    def places(self) -> list[tuple[float, float]]:
        """Latitude and longitude of every order, then of each further place where vehicles start or end, once."""
        ends = dict.fromkeys(tuple(vehicle[end]) for vehicle in self.vehicles for end in ("start", "end"))
        return [tuple(order["loc"]) for order in self.orders] + list(ends)

    @cached_property
    def place_of(self) -> dict[tuple[float, float], int]:
        """Index in `places` of each place where a vehicle starts or ends."""
        return {place: at for at, place in enumerate(self.places) if at >= len(self.orders)}

    def start(self, vehicle: dict[str, Any]) -> int:
        """Index of the place where the vehicle starts."""
        return self.place_of[tuple(vehicle["start"])]

    def end(self, vehicle: dict[str, Any]) -> int:
        """Index of the place where the vehicle ends."""
        return self.place_of[tuple(vehicle["end"])]

    @cached_property
    def seconds(self) -> NDArray[np.int32]:
        """Travel between all places: haversine x detour ÷ speed, rounded. Made in blocks of rows to spare memory."""
        points = np.radians(np.array(self.places, dtype=np.float64))
        lat, lon = points[:, 0], points[:, 1]
        pace = self.model["detour"] / self.model["speed_mps"]
        table = np.empty((len(points), len(points)), dtype=np.int32)
        for first in range(0, len(points), 512):
            rows = slice(first, first + 512)
            half = np.sin((lat[None, :] - lat[rows, None]) / 2) ** 2
            half += np.cos(lat[rows, None]) * np.cos(lat[None, :]) * np.sin((lon[None, :] - lon[rows, None]) / 2) ** 2
            table[rows] = np.rint(2 * self.model["radius"] * np.arcsin(np.sqrt(half)) * pace)
        return table

    def may_serve(self, vehicle: dict[str, Any], order: dict[str, Any], *, no_breaks: bool) -> bool:
        """Whether the vehicle's technician has the skills and is, if the order is bound to one, the right one."""
        bound = None if no_breaks else order["tech"]
        return set(order["skills"]) <= set(vehicle["skills"]) and bound in {None, vehicle["tech"]}


@dataclass(frozen=True)
class Customers:
    """A VRPTW instance: tables with the depot at 0, times and distances in tenths."""

    vehicles: int
    capacity: int
    demand: list[int]
    opens: list[int]
    closes: list[int]
    service: list[int]
    points: list[tuple[int, int]]

    @staticmethod
    def read(path: Path) -> Customers:
        """Read a Solomon or Homberger file that is trusted to be well formed: whole numbers only."""
        rows = [
            [int(word) for word in line.split()]
            for line in path.read_text(encoding="utf-8").splitlines()
            if digits(line)
        ]
        fleet, customers = rows[0], rows[1:]
        return Customers(
            vehicles=fleet[0],
            capacity=fleet[1],
            demand=[row[3] for row in customers],
            opens=[row[4] * 10 for row in customers],
            closes=[row[5] * 10 for row in customers],
            service=[row[6] * 10 for row in customers],
            points=[(row[1], row[2]) for row in customers],
        )

    @cached_property
    def tenths(self) -> NDArray[np.int64]:
        """Euclidean distances truncated to one decimal, in tenths; found by whole numbers, so free of rounding."""
        points = np.array(self.points, dtype=np.int64)
        squares = 100 * ((points[:, None, :] - points[None, :, :]) ** 2).sum(axis=2)
        roots = np.floor(np.sqrt(squares)).astype(np.int64)
        roots -= roots * roots > squares
        roots += (roots + 1) * (roots + 1) <= squares
        return roots


def digits(line: str) -> bool:
    """Whether a line is one of numbers."""
    words = line.split()
    return bool(words) and all(word.isdigit() for word in words)
