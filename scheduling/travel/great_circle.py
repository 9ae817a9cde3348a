"""Travel by distance as the crow flies, made longer by a detour factor, at the speed of the area."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hub.domain.places import Place
from scheduling.travel.model import Seconds

EARTH_RADIUS_METRES = 6_371_000.0


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
    Raises `ValueError` for a detour below 1 or a speed that is not positive and finite.
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

    @property
    def name(self) -> str:
        """For instance `great-circle x1.3 at 12.5 m/s`, followed by the areas with a speed of their own."""
        local = "".join(
            f"; {a.metres_per_second:g} m/s within {a.radius_metres} m of {a.centre.lat:.4f},{a.centre.lon:.4f}"
            for a in self.areas
        )
        return f"great-circle x{self.detour:g} at {self.metres_per_second:g} m/s{local}"

    def matrix(self, origins: Sequence[Place], destinations: Sequence[Place]) -> Seconds:
        """See `TravelModel.matrix`. Works row by row in numpy: 10,000 pairs take about a millisecond."""
        if not origins or not destinations:
            return np.zeros((len(origins), len(destinations)), dtype=np.int32)
        here, there = _radians(origins), _radians(destinations)
        metres = _haversine(here, there) * self.detour
        if not self.areas:
            return np.rint(metres / self.metres_per_second).astype(np.int32)
        pace = (self._pace(here)[:, None] + self._pace(there)[None, :]) / 2
        return np.rint(metres * pace).astype(np.int32)

    def _pace(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Seconds per metre at each point."""
        pace = np.full(len(points), 1 / self.metres_per_second)
        for area in reversed(self.areas):
            inside = _haversine(points, _radians([area.centre]))[:, 0] <= area.radius_metres
            pace[inside] = 1 / area.metres_per_second
        return pace


def _radians(places: Sequence[Place]) -> NDArray[np.float64]:
    return np.radians(np.array([(place.lat, place.lon) for place in places], dtype=np.float64))


def _haversine(here: NDArray[np.float64], there: NDArray[np.float64]) -> NDArray[np.float64]:
    """Metres between each pair of points given in radians."""
    lat1, lat2 = here[:, 0][:, None], there[:, 0][None, :]
    half_lat = np.sin((lat2 - lat1) / 2) ** 2
    half_lon = np.sin((there[:, 1][None, :] - here[:, 1][:, None]) / 2) ** 2
    chord = np.sqrt(np.minimum(1.0, half_lat + np.cos(lat1) * np.cos(lat2) * half_lon))
    metres: NDArray[np.float64] = 2 * EARTH_RADIUS_METRES * np.arcsin(chord)
    return metres
