"""Work types and territories: what a company configures before its first order."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import time

from hub.domain.errors import DoorstepError


class UnknownWorkTypeError(DoorstepError):
    """An order names a kind of job that is not in the catalogue."""

    code = "unknown-work-type"

    def __init__(self, code: str, known: tuple[str, ...]) -> None:
        super().__init__(f"Work type '{code}' is not in the catalogue; known are {', '.join(known)}.")
        self.work_type = code


@dataclass(frozen=True)
class WorkType:
    """A kind of job. `windows` are the arrival windows offered, local wall time (from, until).

    `contact_policy` is empty for work that needs no citizen: it is planned without an appointment.
    `weight` is the default priority when the utility sends none. `names` maps language to the name citizens read.
    """

    code: str
    names: Mapping[str, str]
    duration_seconds: int
    skills: tuple[str, ...]
    weight: int
    contact_policy: str
    windows: tuple[tuple[time, time], ...]

    @property
    def needs_citizen(self) -> bool:
        """Whether somebody must be at home, so that an appointment is made."""
        return bool(self.contact_policy)


@dataclass(frozen=True)
class Catalogue:
    """The work types by code, and the territory of each span of postal codes (`first`, `last`, `territory`)."""

    work_types: Mapping[str, WorkType]
    postcodes: tuple[tuple[int, int, str], ...]
    booking_days: int
    lead_seconds: int
    hold_seconds: int

    def work_type(self, code: str) -> WorkType:
        """The work type named `code`; raises UnknownWorkTypeError."""
        found = self.work_types.get(code)
        if found is None:
            raise UnknownWorkTypeError(code, tuple(sorted(self.work_types)))
        return found

    def territory(self, postcode: str) -> str | None:
        """The territory a postal code lies in, or None when it is not served."""
        if not postcode.isdigit():
            return None
        number = int(postcode)
        return next((name for first, last, name in self.postcodes if first <= number <= last), None)
