"""The countries we work in: their time zone, and a box that shows when coordinates are swapped or mistyped."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Country:
    """`code` is ISO 3166-1; the box bounds the mainland in degrees, generously."""

    code: str
    name: str
    zone: str
    south: float
    north: float
    west: float
    east: float

    def contains(self, latitude: float, longitude: float) -> bool:
        """Whether the point lies in the country's box."""
        return self.south <= latitude <= self.north and self.west <= longitude <= self.east


_BELGIUM = Country("BE", "Belgium", "Europe/Brussels", south=49.4, north=51.6, west=2.4, east=6.5)
_NETHERLANDS = Country("NL", "the Netherlands", "Europe/Amsterdam", south=50.7, north=53.7, west=3.2, east=7.3)
_LUXEMBOURG = Country("LU", "Luxembourg", "Europe/Luxembourg", south=49.4, north=50.2, west=5.7, east=6.6)

_BY_NAME: Mapping[str, Country] = {
    name: country
    for country, names in (
        (_BELGIUM, ("be", "bel", "belgium", "belgië", "belgie", "belgique", "belgien")),
        (_NETHERLANDS, ("nl", "nld", "netherlands", "the netherlands", "nederland")),
        (_LUXEMBOURG, ("lu", "lux", "luxembourg", "luxemburg")),
    )
    for name in names
}


def find_country(name: str) -> Country | None:
    """The country by code or by its name in one of its languages, or None when we do not work there."""
    return _BY_NAME.get(name.strip().lower())


def country_of_zone(zone: str) -> Country | None:
    """The country whose time zone this is, or None."""
    return next((one for one in _BY_NAME.values() if one.zone == zone), None)
