"""A roster written by people: technicians, their shifts and their limits in one TOML file, for `doorstep roster load`.

The technician's `number`, the company's own, names the person once and for all: loading the file again changes what it says
of them, adds the working days that are missing and leaves the days that stand as they are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import date, time, timedelta
from pathlib import Path
from typing import Annotated, Literal, Self
from uuid import UUID, uuid5
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from hub.bootstrap import Hub
from hub.db import tables
from hub.domain.catalogue import Amounts, Catalogue
from hub.domain.errors import ConfigurationError
from hub.domain.ids import RouteId, TechnicianId
from hub.domain.technicians import Route, Technician
from hub.toml_files import read_toml
from scheduling.roster import LONGEST_DAYS, RosterError, RosterReport, add_missing

SAMPLE = Path(__file__).with_name("roster.toml")
"""A roster to begin from."""
_NUMBERS = UUID("0f6f0a6e-6f0e-4a53-9d4e-6a1e5b5a2c90")
"""Namespace of technicians by the company's own number."""
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

type _Amount = Annotated[int, Field(ge=0, le=10_000)]
type _Latitude = Annotated[float, Field(ge=-90, le=90, allow_inf_nan=False)]
type _Longitude = Annotated[float, Field(ge=-180, le=180, allow_inf_nan=False)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Break(_Part):
    start_from: time = Field(alias="from")
    start_until: time = Field(alias="until")
    minutes: Annotated[int, Field(ge=0, le=240)]

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.start_until < self.start_from:
            raise ValueError("the break may start until a time before it may start")
        return self


class _Shift(_Part):
    name: Annotated[str, Field(min_length=1)]
    days: tuple[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"], ...] = ("mon", "tue", "wed", "thu", "fri")
    starts: time = Field(alias="from")
    ends: time = Field(alias="until")
    rest: _Break | None = Field(default=None, alias="break")

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.ends <= self.starts:
            raise ValueError("the shift ends before it begins; one that passes midnight is not supported")
        return self


class _Person(_Part):
    number: Annotated[str, Field(min_length=1, max_length=100)]
    name: Annotated[str, Field(min_length=1, max_length=200)]
    territory: str
    shift: str
    start: tuple[_Latitude, _Longitude]
    end: tuple[_Latitude, _Longitude] | None = None
    skills: tuple[str, ...] = ()
    levels: Mapping[str, Annotated[int, Field(ge=1, le=100)]] = {}
    zone: str = "Europe/Brussels"
    active: bool = True
    most_driving_minutes: Annotated[int, Field(ge=0, le=1440)] | None = None
    overtime_minutes: Annotated[int, Field(ge=0, le=480)] = 0
    van: Mapping[str, _Amount] | None = None

    @field_validator("name")
    @classmethod
    def _with_letters(cls, name: str) -> str:
        if not name.strip():
            raise ValueError("the name is blank")
        return name.strip()

    @field_validator("zone")
    @classmethod
    def _known_zone(cls, zone: str) -> str:
        try:
            ZoneInfo(zone)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ValueError(f"there is no time zone {zone!r}; an example is Europe/Brussels") from error
        return zone


class _File(_Part):
    shifts: tuple[_Shift, ...] = Field(min_length=1)
    technicians: tuple[_Person, ...] = Field(min_length=1)


@dataclass(frozen=True)
class Roster:
    """Technicians and, by technician, the shift that each works."""

    technicians: tuple[Technician, ...]
    _shifts: Mapping[TechnicianId, _Shift]

    def routes(self, first_day: date, days: int) -> Iterator[Route]:
        """A route for each working day of each active technician."""
        for technician in self.technicians:
            shift = self._shifts[technician.id]
            for day in (first_day + timedelta(days=one) for one in range(days)):
                if technician.active and _DAYS[day.weekday()] in shift.days:
                    yield _route(technician, shift, day)


def read_roster(path: Path, catalogue: Catalogue) -> Roster:
    """The roster in the file; raises RosterError with a sentence that names the file, the place and what is wrong there."""
    try:
        read = read_toml(path, _File, "roster")
    except ConfigurationError as error:
        raise RosterError(str(error)) from error
    shifts = {shift.name: shift for shift in read.shifts}
    for sentence in _contradictions(read, shifts, catalogue):
        raise RosterError(f"The roster {path} cannot be used: {sentence}")
    technicians = tuple(_technician(person) for person in read.technicians)
    worked = {one.id: shifts[person.shift] for one, person in zip(technicians, read.technicians, strict=True)}
    return Roster(technicians, worked)


def store_roster(hub: Hub, roster: Roster, first_day: date, days: int) -> RosterReport:
    """Store the technicians, as the file has them by now, and the working days that are missing.

    Raises RosterError when `days` is out of range.
    """
    if not 0 <= days <= LONGEST_DAYS:
        raise RosterError(f"A roster covers 0 to {LONGEST_DAYS} days, not {days}.")
    with hub.unit_of_work() as work:
        added = add_missing(work, tables.technician, roster.technicians)
        for technician in roster.technicians:
            stored = work.technicians.get(technician.id, lock=True)
            wanted = {**asdict(technician), "version": stored.version}
            if asdict(stored) != wanted:
                work.technicians.swap(stored, Technician(**wanted))
        report = RosterReport(added, add_missing(work, tables.route, roster.routes(first_day, days)))
        work.commit()
    return report


def _contradictions(read: _File, shifts: Mapping[str, _Shift], catalogue: Catalogue) -> Iterator[str]:
    territories = sorted({name for _, _, name in catalogue.postcodes})
    for what, names in (
        ("shift", [one.name for one in read.shifts]),
        ("number", [one.number for one in read.technicians]),
    ):
        for name in (name for name, times in Counter(names).items() if times > 1):
            yield f"the {what} '{name}' is there twice. Give each its own."
    for person in read.technicians:
        if person.shift not in shifts:
            yield f"{person.name} works the shift '{person.shift}', which is not among {', '.join(sorted(shifts))}."
        if person.territory not in territories:
            yield f"the territory '{person.territory}' of {person.name} is not in the catalogue ({', '.join(territories)})."
        strange = sorted(set(person.levels) - set(person.skills))
        if strange:
            yield f"{person.name} has a level in {', '.join(strange)} without the skill. Add it to the skills."


def _technician(person: _Person) -> Technician:
    end = person.end or person.start
    return Technician(
        id=TechnicianId(uuid5(_NUMBERS, person.number)),
        name=person.name,
        territory=person.territory,
        skills=person.skills,
        start_latitude=person.start[0],
        start_longitude=person.start[1],
        end_latitude=end[0],
        end_longitude=end[1],
        zone=person.zone,
        active=person.active,
        levels=_pairs(person.levels),
        max_travel_seconds=None if person.most_driving_minutes is None else person.most_driving_minutes * 60,
        overtime_seconds=person.overtime_minutes * 60,
        van=None if person.van is None else _pairs(person.van),
    )


def _pairs(amounts: Mapping[str, int]) -> Amounts:
    return tuple(sorted(amounts.items()))


def _route(technician: Technician, shift: _Shift, day: date) -> Route:
    rest = shift.rest
    return Route(
        # Made from the technician and the day, so that two loads at once make the same row.
        id=RouteId(uuid5(technician.id, day.isoformat())),
        technician_id=technician.id,
        territory=technician.territory,
        day=day,
        zone=technician.zone,
        starts=shift.starts,
        ends=shift.ends,
        break_from=rest.start_from if rest else shift.starts,
        break_until=rest.start_until if rest else shift.starts,
        break_seconds=rest.minutes * 60 if rest else 0,
    )
