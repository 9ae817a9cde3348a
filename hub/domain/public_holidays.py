"""Public holidays of countries and their regions, as the package `holidays` knows them.

A region is an ISO 3166 code: a country (`BE`) or one of its parts (`DE-BY`). Empty means that nobody knows, so there are none.
"""

from datetime import date
from functools import cache

import holidays


class UnknownRegionError(ValueError):
    """No country or region with public holidays has this code."""

    def __init__(self, region: str) -> None:
        super().__init__(
            f"there is no country or region '{region}'; write a country's code (BE) or with its part (DE-BY)"
        )
        self.region = region


def is_public_holiday(day: date, region: str) -> bool:
    """Whether nobody works on `day` in `region`; a country that the package does not know has none."""
    return bool(region) and day in _holidays_of(region, day.year)


def check_region(region: str) -> None:
    """Raises UnknownRegionError when `region` is neither a country nor a part of one whose public holidays are known."""
    country, _, part = region.partition("-")
    known = holidays.list_supported_countries(include_aliases=False)
    if country not in known or (part and part not in known[country]):
        raise UnknownRegionError(region)


@cache
def _holidays_of(region: str, year: int) -> frozenset[date]:
    country, _, part = region.partition("-")
    try:
        found = holidays.country_holidays(country, subdiv=part or None, years=year, expand=False)
    except NotImplementedError:
        return frozenset()
    return frozenset(found)
