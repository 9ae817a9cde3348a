"""Reads the catalogue of work types and territories from its TOML file."""

import tomllib
from datetime import time
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from hub.domain.catalogue import Catalogue, WorkType
from hub.domain.errors import ConfigurationError

SAMPLE = Path(__file__).with_name("catalogue.toml")


class _WorkTypeFile(BaseModel):
    model_config = ConfigDict(extra="forbid")

    names: dict[str, str]
    duration_minutes: Annotated[int, Field(ge=5, le=12 * 60)]
    skills: list[str]
    weight: Annotated[int, Field(ge=1, le=1000)]
    contact_policy: str = ""
    windows: Annotated[list[tuple[time, time]], Field(min_length=1)]


class _TerritoryFile(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str
    postcodes: list[tuple[int, int]]


class _BookingFile(BaseModel):
    model_config = ConfigDict(extra="forbid")

    days_ahead: Annotated[int, Field(ge=1, le=120)]
    lead_hours: Annotated[int, Field(ge=0, le=240)]
    hold_minutes: Annotated[int, Field(ge=1, le=60)]


class _CatalogueFile(BaseModel):
    model_config = ConfigDict(extra="forbid")

    booking: _BookingFile
    work_types: dict[str, _WorkTypeFile]
    territories: list[_TerritoryFile]


def load_catalogue(path: Path | None = None) -> Catalogue:
    """The catalogue in `path` (default: the sample one); raises ConfigurationError naming the file and the place."""
    file = path or SAMPLE
    try:
        read = _CatalogueFile.model_validate(tomllib.loads(file.read_text(encoding="utf-8")))
    except (OSError, tomllib.TOMLDecodeError) as error:
        message = f"The catalogue {file} cannot be read: {error}."
        raise ConfigurationError(message) from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        message = f"The catalogue {file} is wrong at '{place}': {first['msg']}."
        raise ConfigurationError(message) from error
    return Catalogue(
        work_types={code: _work_type(code, one) for code, one in read.work_types.items()},
        postcodes=tuple((first, last, one.name) for one in read.territories for first, last in one.postcodes),
        booking_days=read.booking.days_ahead,
        lead_seconds=read.booking.lead_hours * 3600,
        hold_seconds=read.booking.hold_minutes * 60,
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
        windows=tuple(values["windows"]),
    )
