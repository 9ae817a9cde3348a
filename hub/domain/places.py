"""A point on the earth."""

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Place:
    """A WGS 84 point: `lat` and `lon` in degrees.

    Raises ValueError when a coordinate is not a finite number inside its range.
    """

    lat: float
    lon: float

    def __post_init__(self) -> None:
        if not (math.isfinite(self.lat) and -90 <= self.lat <= 90):
            message = f"latitude {self.lat} is not between -90 and 90"
            raise ValueError(message)
        if not (math.isfinite(self.lon) and -180 <= self.lon <= 180):
            message = f"longitude {self.lon} is not between -180 and 180"
            raise ValueError(message)
