"""Which region's public holidays a citizen keeps: the territory's, when the catalogue names one, else the country of the time zone."""

from functools import cache

from babel.core import get_global

from hub.domain.catalogue import Catalogue

_WORLD = "001"
"""Babel's word for a zone of no country, such as UTC."""


def region_of(catalogue: Catalogue, territory: str, zone: str) -> str:
    """The region for `hub.domain.public_holidays`; empty when the zone lies in no country."""
    return catalogue.holidays.get(territory) or _country_of(zone)


@cache
def _country_of(zone: str) -> str:
    country = str(get_global("zone_territories").get(zone, ""))
    return "" if country == _WORLD else country
