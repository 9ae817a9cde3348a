"""What the page of one order without a place shows: the map to open, and the towns on it."""

import re
from datetime import timedelta
from typing import Any

from hub.domain.errors import DoorstepError
from hub.domain.places import Place
from hub.domain.work_orders import WorkOrder
from hub.settings import Settings
from hub.typed import one_line
from hub.web import times
from ingest.countries import Country, country_of_zone
from ingest.places.postal_codes import load_postal_codes

_NUMBER = re.compile(r"[+-]?[0-9]{1,3}(?:\.[0-9]{0,20})?")
_NEAR_ZOOM = 15
_ZOOM_WITHOUT_TILES = 11.5
"""Far enough to see the names of some towns, which are all there is to see."""
_TOWNS_ON_A_COUNTRY = 60
_DAY = timedelta(days=1)


class NotANumberError(DoorstepError):
    """A field of the form holds no number."""

    code = "not-a-number"

    def __init__(self, what: str, example: str) -> None:
        super().__init__(f"{what} must be a number of degrees, such as {example}.")
        self.what = what


def read_degrees(what: str, text: str, example: str) -> float:
    """The number in a form's field, with a point or a comma; raises NotANumberError."""
    plain = one_line(text).replace(",", ".")
    if not _NUMBER.fullmatch(plain):
        raise NotANumberError(what, example)
    return float(plain)


def how_long(waited: timedelta) -> str:
    """`12 min`, `2 h 05 min` or `3 days`."""
    if waited < _DAY:
        return times.minutes(max(0.0, waited.total_seconds()))
    days = waited // _DAY
    return f"{days} day{'' if days == 1 else 's'}"


def draw_map(order: WorkOrder, settings: Settings) -> dict[str, Any]:
    """What the map is drawn from: where it opens (at the approximate place, if any), and names to find one's way by."""
    table = load_postal_codes(settings.postal_codes)
    known = order.latitude is not None and order.longitude is not None
    country = country_of_zone(order.zone)
    middle = order.place if known else _middle(country)
    towns = table.towns_near(middle, 12 if known else _TOWNS_ON_A_COUNTRY) if middle else []
    return {
        "tiles": settings.map_tiles_url,
        "place": [order.place.lat, order.place.lon] if known else None,
        "zoom": _NEAR_ZOOM if settings.map_tiles_url else _ZOOM_WITHOUT_TILES,
        "box": _box(country),
        "towns": [{"name": town.name, "place": [town.place.lat, town.place.lon]} for town in towns],
    }


def _middle(country: Country | None) -> Place | None:
    return Place((country.south + country.north) / 2, (country.west + country.east) / 2) if country else None


def _box(country: Country | None) -> list[list[float]]:
    if country is None:
        return [[35.0, -10.0], [60.0, 25.0]]
    return [[country.south, country.west], [country.north, country.east]]
