"""Travel by distance as the crow flies, made longer by a detour factor, at the speed of the area."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from hub.domain.places import Place
from scheduling.travel.model import UNREACHABLE, Seconds

EARTH_RADIUS_METRES = 6_371_000.0
_HALF_ROUND_METRES = math.pi * EARTH_RADIUS_METRES

_BLOCK = 1 << 15
"""Pairs worked on at a time: two scratch arrays of this length stay in a core's cache."""
_PARALLEL = 1 << 20
"""From this many pairs on the rows are shared out over the cores."""
_DOUBT_SECONDS = 1e-5
"""A time this close to half a second is worked again by the formula itself; the fast way is a thousand times more exact."""
_FAR_CHORD = 0.1
"""Half chords up to this (1,276 km) take the series of the arc sine."""
_OPPOSITE_CHORD = 0.999
"""Beyond this half chord, all but the other side of the earth, the arc sine blows small errors up."""

_ARC_SINE = (1 / 6, 3 / 40, 15 / 336, 105 / 3456, 945 / 42240, 10395 / 599040, 135135 / 9676800)
"""arcsin(c) = c (1 + h/6 + 3 h²/40 + …) with h = c²: its Maclaurin series."""

type _Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Area:
    """A circle in which traffic has its own speed, for instance a city."""

    centre: Place
    radius_metres: int
    metres_per_second: float


@dataclass(frozen=True, slots=True)
class GreatCircle:
    """Great-circle distance (haversine) x detour factor, at the speed of the area.

    A drive's pace is the mean of the paces at its two ends; where areas overlap the first one listed counts.
    Raises `ValueError` for a detour below 1, a speed that is not positive and finite, or one so slow that a drive
    around the earth does not fit the table.
    """

    detour: float = 1.3
    metres_per_second: float = 12.5
    areas: tuple[Area, ...] = ()

    def __post_init__(self) -> None:
        if not (math.isfinite(self.detour) and self.detour >= 1):
            raise ValueError(f"The detour factor must be at least 1, not {self.detour}.")
        for speed in (self.metres_per_second, *(area.metres_per_second for area in self.areas)):
            if not (math.isfinite(speed) and speed > 0):
                raise ValueError(f"A speed must be above 0 metres per second, not {speed}.")
            if _HALF_ROUND_METRES * self.detour / speed >= UNREACHABLE:
                raise ValueError(f"At {speed:g} metres per second with detour {self.detour:g} a drive takes too long.")

    @property
    def name(self) -> str:
        """For instance `great-circle x1.3 at 12.5 m/s`, followed by the areas with a speed of their own."""
        local = "".join(
            f"; {a.metres_per_second:g} m/s within {a.radius_metres} m of {a.centre.lat:.4f},{a.centre.lon:.4f}"
            for a in self.areas
        )
        return f"great-circle x{self.detour:g} at {self.metres_per_second:g} m/s{local}"

    def matrix(self, origins: Sequence[Place], destinations: Sequence[Place]) -> Seconds:
        """See `TravelModel.matrix`.

        Every answer is exactly `round(2 R asin(sqrt(h)) * detour / speed)` of the haversine h in double precision. Besides
        the table only a few hundred kilobytes are needed; large tables use all cores.
        """
        table = np.zeros((len(origins), len(destinations)), dtype=np.int32)
        if table.size == 0:
            return table
        here, there = _Ends.of(self, origins), _Ends.of(self, destinations)
        step = max(1, _BLOCK // len(destinations))
        starts = range(0, len(origins), step)

        def fill(some: range) -> None:
            scratch = _Scratch.of(step, len(destinations))
            for start in some:
                self._fill(table[start : start + step], here.rows(start, start + step), there, scratch)

        cores = min(os.cpu_count() or 1, len(starts)) if table.size >= _PARALLEL else 1
        if cores == 1:
            fill(starts)
        else:
            with ThreadPoolExecutor(cores) as pool:
                list(pool.map(fill, [starts[at::cores] for at in range(cores)]))
        return table

    def legs(self, places: Sequence[Place]) -> tuple[int, ...]:
        """Seconds of each drive along `places`, one pair after the other."""
        if len(places) < 2:
            return ()
        if not self.areas:
            return tuple(self._exact(a, b, None) for a, b in pairwise(places))
        paces = _paces(self, _radians(places)).tolist()
        return tuple(
            self._exact(places[i], places[i + 1], (paces[i] + paces[i + 1]) / 2) for i in range(len(paces) - 1)
        )

    def points(self, places: Sequence[Place]) -> NDArray[np.float64]:
        """What distances are worked from, shape (places, 6): x, y and z on the unit sphere, latitude and longitude in radians,
        and the pace there in seconds per metre.
        """
        if not places:
            return np.zeros((0, 6))
        angles = _radians(places)
        ends = _Ends.of(self, places)
        paces = np.full(len(places), 1 / self.metres_per_second) if ends.paces is None else ends.paces
        return np.column_stack([ends.points.T, angles, paces])

    def _fill(self, out: Seconds, here: _Ends, there: _Ends, scratch: _Scratch) -> None:
        """One block of rows."""
        rows = len(out)
        half, other = scratch.first[:rows], scratch.second[:rows]
        _squared_half_chords(here.points, there.points, half, other)
        farthest = float(half.max())
        arc = _arcs(half, other, farthest)
        # Far pairs leave the arc in the first array, near ones in the second; the other one is free now.
        free = other if arc is half else half
        arc *= 2 * EARTH_RADIUS_METRES * self.detour
        if here.paces is None or there.paces is None:
            arc /= self.metres_per_second
        else:
            np.add(here.paces[:, None], there.paces[None, :], out=free)
            free *= 0.5
            arc *= free
        np.rint(arc, out=free)
        out[...] = free
        free -= arc
        np.abs(free, out=free)
        doubtful = free.max() > 0.5 - _DOUBT_SECONDS
        if doubtful or farthest > _OPPOSITE_CHORD**2:
            self._settle(out, free, here, there)

    def _settle(self, out: Seconds, off: _Numbers, here: _Ends, there: _Ends) -> None:
        """Work the pairs again that the fast way cannot tell: those by half a second, and those half around the earth."""
        doubtful = off > 0.5 - _DOUBT_SECONDS
        span = np.zeros_like(off)
        _squared_half_chords(here.points, there.points, span, off)
        doubtful |= span > _OPPOSITE_CHORD**2
        for row, column in np.argwhere(doubtful).tolist():
            pace = None
            if here.paces is not None and there.paces is not None:
                pace = (float(here.paces[row]) + float(there.paces[column])) / 2
            out[row, column] = self._exact(here.places[row], there.places[column], pace)

    def _exact(self, a: Place, b: Place, pace: float | None) -> int:
        """The formula, one pair at a time."""
        metres = metres_between(a, b) * self.detour
        return round(metres / self.metres_per_second if pace is None else metres * pace)


def metres_between(a: Place, b: Place) -> float:
    """Metres from one place to another as the crow flies (haversine)."""
    lat1, lon1, lat2, lon2 = (math.radians(angle) for angle in (a.lat, a.lon, b.lat, b.lon))
    h = math.sin((lat2 - lat1) / 2) ** 2 + math.cos(lat1) * math.cos(lat2) * math.sin((lon2 - lon1) / 2) ** 2
    return 2 * EARTH_RADIUS_METRES * math.asin(min(1.0, math.sqrt(h)))


@dataclass(frozen=True, slots=True)
class _Ends:
    """One side of a table: the places, as points on the unit sphere, and their paces where areas differ."""

    places: Sequence[Place]
    points: _Numbers
    paces: _Numbers | None

    @classmethod
    def of(cls, model: GreatCircle, places: Sequence[Place]) -> _Ends:
        angles = _radians(places)
        lat, lon = angles[:, 0], angles[:, 1]
        level = np.cos(lat)
        points = np.array([level * np.cos(lon), level * np.sin(lon), np.sin(lat)])
        return cls(places, points, _paces(model, angles) if model.areas else None)

    def rows(self, start: int, stop: int) -> _Ends:
        paces = None if self.paces is None else self.paces[start:stop]
        return _Ends(self.places[start:stop], self.points[:, start:stop], paces)


@dataclass(frozen=True, slots=True)
class _Scratch:
    """Two arrays a block is worked in."""

    first: _Numbers
    second: _Numbers

    @classmethod
    def of(cls, rows: int, columns: int) -> _Scratch:
        return cls(np.empty((rows, columns)), np.empty((rows, columns)))


def _squared_half_chords(here: _Numbers, there: _Numbers, out: _Numbers, scratch: _Numbers) -> None:
    """The square of half the straight line between points of the unit sphere: the haversine, without loss for near ones."""
    np.subtract(here[0][:, None], there[0][None, :], out=out)
    np.square(out, out=out)
    for axis in (1, 2):
        np.subtract(here[axis][:, None], there[axis][None, :], out=scratch)
        np.square(scratch, out=scratch)
        out += scratch
    out *= 0.25


def _arcs(half: _Numbers, scratch: _Numbers, farthest: float) -> _Numbers:
    """arcsin(sqrt(half)) in one of the two arrays; both are overwritten. `farthest` is the largest of `half`."""
    if farthest > _FAR_CHORD**2:
        np.minimum(half, 1.0, out=half)
        np.sqrt(half, out=half)
        return np.arcsin(half, out=half)
    terms = 1
    while terms < len(_ARC_SINE) and _ARC_SINE[terms] * farthest ** (terms + 1) > 1e-15:
        terms += 1
    np.multiply(half, _ARC_SINE[terms - 1], out=scratch)
    for factor in reversed(_ARC_SINE[: terms - 1]):
        scratch += factor
        scratch *= half
    scratch += 1.0
    np.sqrt(half, out=half)
    scratch *= half
    return scratch


def _paces(model: GreatCircle, angles: _Numbers) -> _Numbers:
    """Seconds per metre at each point given in radians."""
    pace = np.full(len(angles), 1 / model.metres_per_second)
    for area in reversed(model.areas):
        inside = _metres_from(area.centre, angles) <= area.radius_metres
        pace[inside] = 1 / area.metres_per_second
    return pace


def _radians(places: Sequence[Place]) -> _Numbers:
    return np.radians(np.array([(place.lat, place.lon) for place in places], dtype=np.float64))


def _metres_from(centre: Place, angles: _Numbers) -> _Numbers:
    """Metres from one place to each point given in radians."""
    lat, lon = math.radians(centre.lat), math.radians(centre.lon)
    h = (
        np.sin((angles[:, 0] - lat) / 2) ** 2
        + math.cos(lat) * np.cos(angles[:, 0]) * np.sin((angles[:, 1] - lon) / 2) ** 2
    )
    metres: _Numbers = 2 * EARTH_RADIUS_METRES * np.arcsin(np.sqrt(np.minimum(1.0, h)))
    return metres
