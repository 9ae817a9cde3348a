"""Tables of road times from any OSRM, built in blocks: what the local and the remote model have in common.

OSRM puts a place on the nearest road of the main network, except when *all* places of one question lie by the same small
piece of road that leads nowhere (a yard, a harbour): then it stays there. So the answer for two places would depend on what
is asked with them. An *anchor*, a point of the main network that goes with every question, takes that exception away.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from hub.domain.places import Place
from scheduling.travel.model import UNREACHABLE, Seconds

DEFAULT_SNAP_METRES = 1_000
"""A place farther than this from any road is not on the map that was built, or its coordinates are wrong."""

_LOOKOUTS = tuple(Place(lat, lon) for lat in (-60.0, -20.0, 20.0, 60.0) for lon in (-135.0, -45.0, 45.0, 135.0))
"""Points all around the world: the roads nearest to them lie at different edges of the map, so not on one small piece."""


@dataclass(frozen=True, slots=True)
class RoadAnswer:
    """One answer of OSRM's table service.

    `seconds` has a row for each source and a column for each destination, NaN where there is no way; `metres` are the
    distances from the sources, then the destinations, to the roads they were put on; `first` is where the first source was put.
    """

    seconds: NDArray[np.float64]
    metres: NDArray[np.float64]
    first: Place


class NoRoadNearError(Exception):
    """OSRM was told to look within a radius only, and found no road there."""


class RoadDesk(Protocol):
    """Whatever answers one question to the table service; `RoadTable` asks no more than `locations` at once."""

    @property
    def locations(self) -> int:
        """How many sources, and how many destinations, one question may have."""
        ...

    def ask(self, sources: Sequence[Place], destinations: Sequence[Place], anchor: Place | None) -> RoadAnswer:
        """The road times; raises TravelUnavailableError, or NoRoadNearError."""
        ...


def numbered(
    sources: Sequence[Place], destinations: Sequence[Place], anchor: Place | None
) -> tuple[list[Place], list[int], list[int]]:
    """The points of a question, each once, then the anchor; and which of them are the sources and the destinations."""
    at = {place: number for number, place in enumerate(dict.fromkeys([*sources, *destinations]))}
    points = [*at, *([anchor] if anchor else [])]
    if len(points) == 1:
        # OSRM takes one point for a mistake.
        points *= 2
    return points, [at[one] for one in sources], [at[one] for one in destinations]


class RoadTable:
    """Whole tables from a desk. Safe to use from several threads."""

    def __init__(self, desk: RoadDesk, snap_metres: int) -> None:
        """`snap_metres`: how far from a road a place may lie."""
        self._desk = desk
        self._snap_metres = snap_metres
        self._lock = threading.Lock()
        self._anchor: tuple[Place | None] | None = None

    def matrix(self, origins: Sequence[Place], destinations: Sequence[Place]) -> Seconds:
        """See `TravelModel.matrix`. Between equal coordinates it is 0 even far from any road: one is there already."""
        table = np.full((len(origins), len(destinations)), UNREACHABLE, dtype=np.int32)
        if table.size == 0:
            return table
        anchor, step = self._find_anchor(), self._desk.locations
        for row in range(0, len(origins), step):
            some = origins[row : row + step]
            for column in range(0, len(destinations), step):
                others = destinations[column : column + step]
                table[row : row + step, column : column + step] = self._block(some, others, anchor)
        return table

    def metres_to_road(self, places: Sequence[Place]) -> list[float]:
        """How far each place lies from the road it is put on."""
        anchor, step = self._find_anchor(), self._desk.locations
        metres: list[float] = []
        for at in range(0, len(places), step):
            some = places[at : at + step]
            metres.extend(self._desk.ask(some, some[:1], anchor).metres[: len(some)].tolist())
        return metres

    def _block(self, origins: Sequence[Place], destinations: Sequence[Place], anchor: Place | None) -> Seconds:
        try:
            answer = self._desk.ask(origins, destinations, anchor)
        except NoRoadNearError:
            return self._smaller_block(origins, destinations, anchor)
        far = ~(answer.metres <= self._snap_metres)
        seconds = answer.seconds
        lost = ~(seconds < UNREACHABLE) | far[: len(origins), None] | far[None, len(origins) :]
        block = np.where(lost, UNREACHABLE, np.rint(np.where(lost, 0, seconds))).astype(np.int32)
        block[_same(origins, destinations)] = 0
        return block

    def _smaller_block(self, origins: Sequence[Place], destinations: Sequence[Place], anchor: Place | None) -> Seconds:
        """One of the places has no road within the radius set at the server, and it does not say which: halve until alone."""
        if len(origins) == 1 and len(destinations) == 1:
            return np.where(_same(origins, destinations), 0, UNREACHABLE).astype(np.int32)
        rows, columns = (len(origins) + 1) // 2, (len(destinations) + 1) // 2
        if len(origins) >= len(destinations):
            upper, lower = (self._block(some, destinations, anchor) for some in (origins[:rows], origins[rows:]))
            return np.concatenate([upper, lower])
        left, right = (self._block(origins, some, anchor) for some in (destinations[:columns], destinations[columns:]))
        return np.concatenate([left, right], axis=1)

    def _find_anchor(self) -> Place | None:
        with self._lock:
            if self._anchor is None:
                try:
                    self._anchor = (self._desk.ask(_LOOKOUTS, _LOOKOUTS[:1], None).first,)
                except NoRoadNearError:
                    # A server that looks within a radius only has no way to tell us its main network.
                    self._anchor = (None,)
            return self._anchor[0]


def _same(origins: Sequence[Place], destinations: Sequence[Place]) -> NDArray[np.bool_]:
    here = np.array([(one.lat, one.lon) for one in origins])
    there = np.array([(one.lat, one.lon) for one in destinations])
    same: NDArray[np.bool_] = (here[:, None, :] == there[None, :, :]).all(axis=2)
    return same
