"""Speed factors by weekday and hour: what traffic makes of the free speed of the roads.

A *speed factor* of 0.8 means that one drives at 80 % of the speed the model of travel assumes, so a drive takes 1 / 0.8 =
1.25 times as long. Factors go by local wall time, so on the days the clocks change an hour is missing or comes twice.

How they act. A plan rests on one table of drive times, and a promise made by it must hold whenever the same route is looked
at again: when the slot is held, when the week is planned, when the plan is published. So all of these must use the same
times, whatever span of days each of them looks at. `FactoredTravel` therefore scales every drive by one factor, that of the
working week: its hours weighted equally (`mean`), or its slowest hour (`slowest`, so no drive is ever planned too short).
For one drive whose departure is known, `drive_seconds` follows the hours exactly.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np

from hub.domain.errors import ConfigurationError
from hub.domain.places import Place
from scheduling.travel.model import UNREACHABLE, Seconds, TravelModel, legs

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
SLOWEST, FASTEST = 0.1, 2.0
"""Speed factors outside these are mistakes, for instance per cent."""

_HOURS = 24
_PARTS = 10_000
_FIELDS = {"zone", "plan_by", "work", *DAYS}


@dataclass(frozen=True, slots=True)
class SpeedFactors:
    """Speed factors of a week in a zone.

    `speeds` has seven rows (Monday first) of 24 speed factors, each for the hour of wall time that begins then. `work` says
    which hours, first and last (exclusive), people are on the road on each weekday; None for a free day. `plan_by` is `mean`
    or `slowest`. Raises ConfigurationError.
    """

    zone: str
    speeds: tuple[tuple[float, ...], ...]
    work: tuple[tuple[int, int] | None, ...]
    plan_by: Literal["mean", "slowest"] = "mean"

    def __post_init__(self) -> None:
        try:
            ZoneInfo(self.zone)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ConfigurationError(
                f"There is no time zone '{self.zone}'. Name one such as Europe/Brussels."
            ) from error
        if len(self.speeds) != len(DAYS) or any(len(day) != _HOURS for day in self.speeds):
            raise ConfigurationError("Speed factors need 24 numbers for each of the seven days.")
        for day, row in zip(DAYS, self.speeds, strict=True):
            for hour, speed in enumerate(row):
                if not (math.isfinite(speed) and SLOWEST <= speed <= FASTEST):
                    raise ConfigurationError(
                        f"The speed factor of {day} at {hour} o'clock must be between {SLOWEST} and {FASTEST}, not {speed}."
                    )
        if len(self.work) != len(DAYS) or not any(self.work):
            raise ConfigurationError("At least one weekday must have working hours.")

    @property
    def planning_factor(self) -> Fraction:
        """By what drive times are multiplied in plans: the mean of 1 / speed over the working hours of the week, or the largest.

        In ten-thousandths: the mean to the nearest one, the largest rounded up, so that no drive comes out too short.
        """
        times = [
            1 / Fraction(str(self.speeds[day][hour]))
            for day, hours in enumerate(self.work)
            if hours
            for hour in range(*hours)
        ]
        if self.plan_by == "slowest":
            return Fraction(math.ceil(max(times) * _PARTS), _PARTS)
        return Fraction(round(sum(times, Fraction(0)) / len(times) * _PARTS), _PARTS)

    def speed_at(self, instant: datetime) -> float:
        """The speed factor at an aware instant. Raises `ValueError` for a naive one."""
        if instant.tzinfo is None:
            raise ValueError(f"The time {instant.isoformat()} has no zone. Give an aware one.")
        wall = instant.astimezone(ZoneInfo(self.zone))
        return self.speeds[wall.weekday()][wall.hour]

    def drive_seconds(self, seconds: int, departure: datetime) -> int:
        """How long a drive of `seconds` at free speed takes when begun at `departure`, each hour at its own speed; rounded up.

        Who sets off later never arrives earlier, up to the rounding. `UNREACHABLE` stays what it is.
        """
        if seconds >= UNREACHABLE:
            return UNREACHABLE
        if departure.tzinfo is None:
            raise ValueError(f"The time {departure.isoformat()} has no zone. Give an aware one.")
        left, taken, at = Fraction(seconds), Fraction(0), departure.astimezone(UTC)
        while True:
            until = self._next_hour(at)
            spell = Fraction((until - at) // timedelta(microseconds=1), 1_000_000)
            speed = Fraction(str(self.speed_at(at)))
            if left <= spell * speed:
                return min(UNREACHABLE, math.ceil(taken + left / speed))
            left, taken, at = left - spell * speed, taken + spell, until

    def _next_hour(self, at: datetime) -> datetime:
        """The next instant at which clocks show a full hour; also when summer time begins or ends, and in zones off by half an hour."""
        wall = at.astimezone(ZoneInfo(self.zone))
        passed = timedelta(minutes=wall.minute, seconds=wall.second, microseconds=wall.microsecond)
        return at + timedelta(hours=1) - passed


class FactoredTravel:
    """Another model's drive times, made longer or shorter by the factor of the working week; rounded, halves up, exactly."""

    def __init__(self, base: TravelModel, factors: SpeedFactors) -> None:
        """See the module: one factor for all drives."""
        self._base = base
        self._parts = int(factors.planning_factor * _PARTS)
        self._plan_by = factors.plan_by

    @property
    def name(self) -> str:
        """The base model's, with the factor: `great-circle x1.3 at 12.5 m/s, times 1.2143 (mean hour)`."""
        return f"{self._base.name}, times {self._parts / _PARTS:g} ({self._plan_by} hour)"

    def matrix(self, origins: Sequence[Place], destinations: Sequence[Place]) -> Seconds:
        """See `TravelModel.matrix`."""
        return self._scaled(self._base.matrix(origins, destinations))

    def legs(self, places: Sequence[Place]) -> tuple[int, ...]:
        """Seconds of each drive along `places`."""
        drives = self._scaled(np.array([legs(self._base, places)], dtype=np.int32))
        return tuple(int(one) for one in drives[0])

    def _scaled(self, table: Seconds) -> Seconds:
        """Row by row, so that a large table needs no second one of twice its size."""
        out = np.empty_like(table)
        for at, row in enumerate(table):
            times = (row.astype(np.int64) * self._parts + _PARTS // 2) // _PARTS
            out[at] = np.where(row >= UNREACHABLE, UNREACHABLE, np.minimum(times, UNREACHABLE))
        return out


def read_factors(file: Path) -> SpeedFactors:
    """Speed factors from a TOML file; raises ConfigurationError naming the file and what is wrong.

    ::

        zone = "Europe/Brussels"
        plan_by = "mean"            # or "slowest"
        work = { monday = "8-17", tuesday = "8-17", wednesday = "8-17", thursday = "8-17", friday = "8-16" }
        monday = { "7-9" = 0.7, "16-18" = 0.75 }   # hours not named drive at 1.0
    """
    try:
        fields = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigurationError(f"The speed factors in {file} cannot be read: {error}.") from error
    try:
        return _parsed(fields)
    except ConfigurationError as error:
        raise ConfigurationError(f"The speed factors in {file} are wrong: {error}") from error


def _parsed(fields: Mapping[str, Any]) -> SpeedFactors:
    unknown = sorted(set(fields) - _FIELDS)
    if unknown:
        raise ConfigurationError(f"'{unknown[0]}' is not known. Use zone, plan_by, work and the names of weekdays.")
    plan_by = fields.get("plan_by", "mean")
    if plan_by not in {"mean", "slowest"}:
        raise ConfigurationError(f"plan_by must be 'mean' or 'slowest', not '{plan_by}'.")
    work = _table(fields, "work")
    wrong = sorted(set(work) - set(DAYS))
    if wrong:
        raise ConfigurationError(f"'{wrong[0]}' in work is not a weekday.")
    return SpeedFactors(
        zone=str(fields.get("zone", "")),
        speeds=tuple(_speeds(day, _table(fields, day)) for day in DAYS),
        work=tuple(_hours(day, work[day]) if day in work else None for day in DAYS),
        plan_by=plan_by,
    )


def _table(fields: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = fields.get(name, {})
    if not isinstance(found, dict):
        raise ConfigurationError(f'{name} must be a table, for instance {{ "7-9" = 0.7 }}.')
    return found


def _speeds(day: str, spans: Mapping[str, Any]) -> tuple[float, ...]:
    speeds: dict[int, float] = {}
    for text, speed in spans.items():
        if isinstance(speed, bool) or not isinstance(speed, int | float):
            raise ConfigurationError(f"The speed factor of {day} {text} must be a number, not '{speed}'.")
        for hour in range(*_hours(day, text)):
            if hour in speeds:
                raise ConfigurationError(f"{day} names the hour from {hour} o'clock twice.")
            speeds[hour] = float(speed)
    return tuple(speeds.get(hour, 1.0) for hour in range(_HOURS))


def _hours(day: str, text: Any) -> tuple[int, int]:
    first, dash, last = str(text).partition("-")
    if dash and first.strip().isdecimal() and last.strip().isdecimal() and int(first) < int(last) <= _HOURS:
        return int(first), int(last)
    raise ConfigurationError(f"'{text}' of {day} is not a span of hours such as '7-9' (24 is midnight).")
