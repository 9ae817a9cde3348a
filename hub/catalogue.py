"""Reads the catalogue of work types and territories from its TOML file."""

from datetime import time
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from hub.domain.catalogue import Catalogue, PlanningPrices, WorkType
from hub.domain.public_holidays import check_region
from hub.toml_files import read_toml

SAMPLE = Path(__file__).with_name("catalogue.toml")


class _WorkTypeFile(BaseModel):
    model_config = ConfigDict(extra="forbid")

    names: dict[str, str]
    duration_minutes: Annotated[int, Field(ge=5, le=12 * 60)]
    skills: list[str]
    weight: Annotated[int, Field(ge=1, le=1000)]
    contact_policy: str = ""
    contact_policies: dict[str, str] = Field(default_factory=dict)
    windows: Annotated[list[tuple[time, time]], Field(min_length=1)]
    levels: dict[str, Annotated[int, Field(ge=1, le=100)]] = Field(default_factory=dict)
    parts: dict[str, Annotated[int, Field(ge=1, le=1000)]] = Field(default_factory=dict)
    requestable: bool = False

    @model_validator(mode="after")
    def _differs_from_something(self) -> Self:
        if self.contact_policies and not self.contact_policy:
            message = "contact_policies say where utilities differ, so contact_policy must say from what"
            raise ValueError(message)
        if not all(self.contact_policies.values()):
            message = "contact_policies must name a policy for each utility; work needs a citizen for all utilities or for none"
            raise ValueError(message)
        return self

    @model_validator(mode="after")
    def _levels_of_its_skills(self) -> Self:
        strange = sorted(set(self.levels) - set(self.skills))
        if strange:
            message = f"levels are given for {', '.join(strange)}, which is not among its skills"
            raise ValueError(message)
        return self


class _TerritoryFile(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str
    postcodes: list[tuple[int, int]]
    holidays: str = ""

    @field_validator("holidays")
    @classmethod
    def _is_known(cls, value: str) -> str:
        if value:
            check_region(value)
        return value


class _BookingFile(BaseModel):
    model_config = ConfigDict(extra="forbid")

    days_ahead: Annotated[int, Field(ge=1, le=120)]
    lead_hours: Annotated[int, Field(ge=0, le=240)]
    hold_minutes: Annotated[int, Field(ge=1, le=60)]


type _Minutes = Annotated[int, Field(ge=0, le=10_000)]


class _PlanningFile(BaseModel):
    model_config = ConfigDict(extra="forbid")

    late_day_minutes: _Minutes = 60
    technician_day_minutes: _Minutes = 0
    overtime_hour_minutes: _Minutes = 90
    move_minutes: _Minutes = 15
    dispatched_move_minutes: _Minutes = 120
    dispatched_weight: Annotated[int, Field(ge=0, le=1000)] = 15
    urgent_weight: Annotated[int, Field(ge=1, le=10_000)] = 60


class _CatalogueFile(BaseModel):
    model_config = ConfigDict(extra="forbid")

    teams: list[Annotated[str, Field(min_length=1, max_length=60)]] = Field(default_factory=list)
    booking: _BookingFile
    planning: _PlanningFile = _PlanningFile()
    work_types: dict[str, _WorkTypeFile]
    territories: list[_TerritoryFile]


def load_catalogue(path: Path | None = None) -> Catalogue:
    """The catalogue in `path` (default: the sample one); raises ConfigurationError naming the file and the place."""
    file = path or SAMPLE
    read = read_toml(file, _CatalogueFile, "catalogue")
    return Catalogue(
        work_types={code: _work_type(code, one) for code, one in read.work_types.items()},
        postcodes=tuple((first, last, one.name) for one in read.territories for first, last in one.postcodes),
        booking_days=read.booking.days_ahead,
        lead_seconds=read.booking.lead_hours * 3600,
        hold_seconds=read.booking.hold_minutes * 60,
        prices=_prices(read.planning),
        teams=tuple(read.teams),
        holidays={one.name: one.holidays for one in read.territories if one.holidays},
    )


def _prices(read: _PlanningFile) -> PlanningPrices:
    return PlanningPrices(
        late_day_seconds=read.late_day_minutes * 60,
        technician_day_seconds=read.technician_day_minutes * 60,
        overtime_hour_seconds=read.overtime_hour_minutes * 60,
        move_seconds=read.move_minutes * 60,
        dispatched_move_seconds=read.dispatched_move_minutes * 60,
        dispatched_weight=read.dispatched_weight,
        urgent_weight=read.urgent_weight,
    )


def _work_type(code: str, read: _WorkTypeFile) -> WorkType:
    values: dict[str, Any] = read.model_dump()
    return WorkType(
        code=code,
        names=read.names,
        duration_seconds=read.duration_minutes * 60,
        skills=tuple(values["skills"]),
        weight=read.weight,
        contact_policy=read.contact_policy,
        contact_policies=read.contact_policies,
        windows=tuple(values["windows"]),
        levels=tuple(sorted(read.levels.items())),
        parts=tuple(sorted(read.parts.items())),
        requestable=read.requestable,
    )
