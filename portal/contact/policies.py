"""Contact policies: the ladder of messages, written in TOML files that people can read."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from hub.domain.catalogue import Catalogue
from hub.domain.contact import Channel, LinkPurpose
from hub.domain.errors import ConfigurationError
from hub.domain.quiet_hours import QuietHours
from hub.notifications.kinds import KINDS

SAMPLES = Path(__file__).with_name("policies")
_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


@dataclass(frozen=True)
class Step:
    """One message: how long after the round began, of which kind, and by which channel if the order has an address for it."""

    after: timedelta
    kind: str
    channel: Channel


@dataclass(frozen=True)
class ContactPolicy:
    """A whole ladder: its steps in order, when it ends, and when it keeps quiet."""

    code: str
    steps: tuple[Step, ...]
    ends_after: timedelta
    quiet: QuietHours

    def is_last(self, step: int) -> bool:
        """Whether `step` is not a message any more but the ladder's end."""
        return step >= len(self.steps)

    def due_after(self, step: int, taken_at: datetime, zone: str) -> datetime:
        """When the step after `step` is due, `step` having been taken at `taken_at`.

        The distance between two steps is kept even when the earlier one was late: a worker that stood still for a week
        sends the citizen one message, not four at once. The end is no message, so quiet hours do not delay it.
        """
        following = step + 1
        if self.is_last(following):
            return taken_at + self.ends_after - self.steps[step].after
        due = taken_at + self.steps[following].after - self.steps[step].after
        return self.quiet.next_allowed(due, zone)


class _StepFile(BaseModel):
    model_config = ConfigDict(extra="forbid")

    after_hours: Annotated[float, Field(ge=0, le=2000)]
    kind: str
    channel: Channel

    @model_validator(mode="after")
    def _asks_for_a_booking(self) -> Self:
        kind = KINDS.get(self.kind)
        if kind is None or kind.appointment or kind.link is not LinkPurpose.BOOKING:
            known = sorted(
                name for name, one in KINDS.items() if one.link is LinkPurpose.BOOKING and not one.appointment
            )
            message = f"kind must be one of {', '.join(known)}"
            raise ValueError(message)
        return self


class _EndFile(BaseModel):
    model_config = ConfigDict(extra="forbid")

    after_hours: Annotated[float, Field(gt=0, le=4000)]


class _PolicyFile(BaseModel):
    model_config = ConfigDict(extra="forbid")

    quiet_from: time
    quiet_until: time
    quiet_weekdays: Annotated[
        list[Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]], Field(max_length=6)
    ] = []
    steps: Annotated[list[_StepFile], Field(min_length=1, max_length=12)]
    end: _EndFile

    @model_validator(mode="after")
    def _rises(self) -> Self:
        delays = [step.after_hours for step in self.steps] + [self.end.after_hours]
        if any(later <= earlier for earlier, later in pairwise(delays)):
            message = "each step and the end must come later than the step before"
            raise ValueError(message)
        return self


@cache
def load_policies(folder: Path | None = None) -> Mapping[str, ContactPolicy]:
    """The policies in `folder` (default: the sample ones) by file name; raises ConfigurationError naming file and place."""
    place = folder or SAMPLES
    if not place.is_dir():
        message = f"The folder of contact policies {place} does not exist."
        raise ConfigurationError(message)
    return {file.stem: _read(file) for file in sorted(place.glob("*.toml"))}


def check_policies(folder: Path | None, catalogue: Catalogue) -> None:
    """Raises ConfigurationError when a work type of `catalogue` names a policy that does not exist."""
    known = load_policies(folder)
    for work_type in catalogue.work_types.values():
        if work_type.contact_policy:
            find_policy(known, work_type.contact_policy)


def find_policy(known: Mapping[str, ContactPolicy], code: str) -> ContactPolicy:
    """The policy named `code`; raises ConfigurationError."""
    found = known.get(code)
    if found is None:
        message = f"There is no contact policy '{code}'; known are {', '.join(sorted(known))}."
        raise ConfigurationError(message)
    return found


def _read(file: Path) -> ContactPolicy:
    try:
        read = _PolicyFile.model_validate(tomllib.loads(file.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        message = f"The contact policy {file} cannot be read: {error}."
        raise ConfigurationError(message) from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        message = f"The contact policy {file} is wrong at '{where}': {first['msg']}."
        raise ConfigurationError(message) from error
    return ContactPolicy(
        code=file.stem,
        steps=tuple(Step(timedelta(hours=one.after_hours), one.kind, one.channel) for one in read.steps),
        ends_after=timedelta(hours=read.end.after_hours),
        quiet=QuietHours(
            read.quiet_from, read.quiet_until, frozenset(_WEEKDAYS.index(day) for day in read.quiet_weekdays)
        ),
    )
