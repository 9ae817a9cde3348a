"""Instants as staff pages show them: in the zone of the work, the same everywhere."""

from datetime import datetime
from zoneinfo import ZoneInfo

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def clock_time(instant: datetime, zone: str) -> str:
    """`09:05`, the wall time of `zone`."""
    return f"{instant.astimezone(ZoneInfo(zone)):%H:%M}"


def day_and_time(instant: datetime, zone: str) -> str:
    """`Mon 2026-05-04 09:05`, the wall time of `zone`."""
    local = instant.astimezone(ZoneInfo(zone))
    return f"{_DAYS[local.weekday()]} {local:%Y-%m-%d %H:%M}"


def span(starts_at: datetime, ends_at: datetime, zone: str) -> str:
    """`Mon 2026-05-04 08:00–10:00`, the wall time of `zone`."""
    return f"{day_and_time(starts_at, zone)}–{clock_time(ends_at, zone)}"


def minutes(seconds: float) -> str:
    """`12 min` or `2 h 05 min`, rounded to the minute."""
    whole = round(seconds / 60)
    return f"{whole} min" if whole < 60 else f"{whole // 60} h {whole % 60:02d} min"
