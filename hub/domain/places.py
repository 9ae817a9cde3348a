"""A point on the earth, and how sure we are that an address lies there."""

import math
from dataclasses import dataclass
from enum import StrEnum

from hub.domain.errors import DoorstepError, ErrorKind


class PlaceQuality(StrEnum):
    """Where the point of an address comes from.

    GIVEN by the utility, EXACT from a geocoder (the house), PINNED by a dispatcher: these can be driven to. APPROXIMATE is a street or
    the middle of a postal code, good enough to open a map at; UNKNOWN is no point at all.
    """

    GIVEN = "given"
    EXACT = "exact"
    PINNED = "pinned"
    APPROXIMATE = "approximate"
    UNKNOWN = "unknown"


class PlaceUnknownError(DoorstepError):
    """Somebody needs the point of an address that has none yet."""

    kind = ErrorKind.CONFLICT
    code = "place-unknown"

    def __init__(self, address: str) -> None:
        super().__init__(f"Nobody knows yet where {address} lies. Put it on the map under 'Needs location' first.")


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
