"""How large a campaign is, and when it takes place."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property
from zoneinfo import ZoneInfo

ZONE = ZoneInfo("Europe/Brussels")
FIRST_DAY = date(2026, 10, 19)
"""A Monday; the clocks go back on the Sunday after."""
FIRST_HOUR, LAST_HOUR = 7, 20
"""The hours between which something happens. The clock moves by whole hours; nights and weekends pass at once."""

AGAIN = timedelta(hours=20)
"""After so long a citizen who found nothing, or cancelled, asks again; the former at most `RETRIES` times."""
RETRIES = 2


@dataclass(frozen=True)
class CampaignOptions:
    """What is simulated. Raises ValueError when something is out of range.

    `days` are the working days technicians are on the road; citizens begin to book some days earlier. With no `processes`
    everything runs in threads of this one. `plan_seconds` bounds one search of the background planner, `rival_seconds`
    the search for one district and day of the capacity buckets.
    """

    citizens: int = 5000
    technicians: int = 100
    days: int = 10
    seed: int = 1
    processes: int = 3
    plan_seconds: float = 1.0
    rival_seconds: float = 2.0

    def __post_init__(self) -> None:
        for name, most in (("citizens", 50_000), ("technicians", 1_000), ("days", 20)):
            if not 1 <= getattr(self, name) <= most:
                raise ValueError(f"{name} must be from 1 to {most}, not {getattr(self, name)}.")
        if not 0 <= self.processes <= 16:
            raise ValueError(f"processes must be from 0 to 16, not {self.processes}.")

    @cached_property
    def working_days(self) -> tuple[date, ...]:
        """The days on the road."""
        return _weekdays(FIRST_DAY, self.days, timedelta(days=1))

    @cached_property
    def booking_days(self) -> tuple[date, ...]:
        """The days before on which citizens book already: half as many, in order."""
        before = _weekdays(FIRST_DAY - timedelta(days=1), max(1, self.days // 2), -timedelta(days=1))
        return tuple(reversed(before))

    @cached_property
    def hours(self) -> tuple[datetime, ...]:
        """Every instant at which the clock stops."""
        return tuple(
            local(day, hour)
            for day in (*self.booking_days, *self.working_days)
            for hour in range(FIRST_HOUR, LAST_HOUR + 1)
        )


def local(day: date, hour: int) -> datetime:
    """The instant at which clocks in Belgium show this hour."""
    return datetime.combine(day, time(hour), ZONE).astimezone(UTC)


def _weekdays(first: date, count: int, step: timedelta) -> tuple[date, ...]:
    found: list[date] = []
    day = first
    while len(found) < count:
        if day.weekday() < 5:
            found.append(day)
        day += step
    return tuple(found)
