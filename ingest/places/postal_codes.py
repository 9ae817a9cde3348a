"""A table of postal codes and their middle: good enough to open a map at, not to drive to."""

import csv
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from hub.domain.errors import ConfigurationError
from hub.domain.places import Place, PlaceQuality
from ingest.places.port import Address, Finding

SAMPLE = Path(__file__).with_name("postal_codes.csv")
COLUMNS = ("country", "postcode", "town", "latitude", "longitude")


@dataclass(frozen=True)
class Town:
    """A town of the table and its middle."""

    name: str
    place: Place


class PostalCodes:
    """Answers APPROXIMATE for a postal code in the table, UNKNOWN for any other."""

    name = "postal-codes"
    is_remote = False

    def __init__(self, middles: Mapping[tuple[str, str], Place], towns: Sequence["Town"] = ()) -> None:
        """`middles` by country and postal code, both in capitals and without spaces."""
        self._middles = middles
        self._towns = tuple(towns)

    def towns_near(self, place: Place, most: int = 12) -> list["Town"]:
        """The towns nearest to `place`, to find one's way on a map without a background."""
        narrowing = math.cos(math.radians(place.lat))

        def away(town: Town) -> float:
            return math.hypot(town.place.lat - place.lat, (town.place.lon - place.lon) * narrowing)

        return sorted(self._towns, key=away)[:most]

    def find(self, address: Address) -> Finding:
        """The middle of the address's postal code."""
        middle = self._middles.get((address.country.upper(), _plain(address.postcode)))
        if middle is None:
            note = f"Postal code {address.postcode} is not in the table of postal codes."
            return Finding(PlaceQuality.UNKNOWN, None, note)
        return Finding(PlaceQuality.APPROXIMATE, middle, f"Only the middle of postal code {address.postcode} is known.")


@lru_cache(maxsize=8)
def load_postal_codes(path: Path | None = None) -> PostalCodes:
    """The table in `path` (default: the sample's towns), read once; raises ConfigurationError naming file and row.

    A CSV file in UTF-8 with the columns country, postcode, town, latitude, longitude. Of a postal code that several towns share,
    the middle of the towns' middles is taken.
    """
    file = path or SAMPLE
    points: dict[tuple[str, str], list[Place]] = {}
    towns: list[Town] = []
    try:
        with file.open(encoding="utf-8-sig", newline="") as text:
            rows = csv.DictReader(text)
            if not set(COLUMNS) <= set(rows.fieldnames or ()):
                raise ConfigurationError(f"The postal codes in {file} need the columns {', '.join(COLUMNS)}.")
            for number, row in enumerate(rows, start=2):
                key = (str(row["country"]).strip().upper(), _plain(str(row["postcode"])))
                place = _place(file, number, row)
                points.setdefault(key, []).append(place)
                towns.append(Town(str(row["town"]).strip(), place))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ConfigurationError(f"The postal codes in {file} cannot be read: {error}.") from error
    return PostalCodes({key: _middle(places) for key, places in points.items()}, towns)


def _place(file: Path, number: int, row: Mapping[str, str | None]) -> Place:
    try:
        return Place(float(row["latitude"] or ""), float(row["longitude"] or ""))
    except ValueError as error:
        raise ConfigurationError(
            f"The postal codes in {file} are wrong in row {number}: latitude and longitude must be degrees, such as 51.05 and 3.72."
        ) from error


def _middle(places: list[Place]) -> Place:
    return Place(sum(one.lat for one in places) / len(places), sum(one.lon for one in places) / len(places))


def _plain(postcode: str) -> str:
    return "".join(postcode.split()).upper()
