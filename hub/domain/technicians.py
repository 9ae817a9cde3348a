"""Technicians, their shifts, absences and routes."""

from dataclasses import dataclass
from datetime import date, datetime, time

from hub.domain.catalogue import Amounts
from hub.domain.ids import AbsenceId, DeviceId, RouteId, TechnicianId
from hub.domain.places import Place


@dataclass(frozen=True)
class Technician:
    """Somebody who does the work. `skills` are codes a work type may ask for; start and end are where the van leaves and returns.

    `levels` says how well a skill is mastered, 1 where it says nothing. `max_travel_seconds` bounds the driving of a day
    (None: as much as fits), `overtime_seconds` how late after the shift the day may end. `van` is how many of each part the
    van carries a day; a part that is not named, none; no van at all (None), whatever is needed.
    """

    id: TechnicianId
    name: str
    territory: str
    skills: tuple[str, ...]
    start_latitude: float
    start_longitude: float
    end_latitude: float
    end_longitude: float
    zone: str
    active: bool = True
    levels: Amounts = ()
    max_travel_seconds: int | None = None
    overtime_seconds: int = 0
    van: Amounts | None = None
    version: int = 1

    @property
    def first_name(self) -> str:
        """What the citizen is told."""
        return self.name.split()[0]

    @property
    def start_place(self) -> Place:
        """Where the day begins."""
        return Place(self.start_latitude, self.start_longitude)

    @property
    def end_place(self) -> Place:
        """Where the day ends."""
        return Place(self.end_latitude, self.end_longitude)


@dataclass(frozen=True)
class Route:
    """The working day of one technician: shift and break in local wall time, and the lock that protects its visits.

    `starts`, `ends` and the break's window are wall time in `zone` on `day`, so a shift keeps its clock time when summer time
    changes. The break lasts `break_seconds` and *starts* between `break_from` and `break_until`; zero seconds mean no break.
    `version` rises with every change to its visits.
    """

    id: RouteId
    technician_id: TechnicianId
    territory: str
    day: date
    zone: str
    starts: time
    ends: time
    break_from: time
    break_until: time
    break_seconds: int
    published_at: datetime | None = None
    version: int = 1


@dataclass(frozen=True)
class Absence:
    """A span in which a technician does not work although the shift says so."""

    id: AbsenceId
    technician_id: TechnicianId
    starts_at: datetime
    ends_at: datetime
    reason: str


@dataclass(frozen=True)
class Device:
    """A phone that was enrolled; only the hash of its token is stored."""

    id: DeviceId
    technician_id: TechnicianId
    label: str
    token_hash: str
    enrolled_at: datetime
    revoked_at: datetime | None = None


@dataclass(frozen=True)
class EnrolmentCode:
    """A code a dispatcher hands to a technician once; only its hash is stored."""

    code_hash: str
    technician_id: TechnicianId
    expires_at: datetime
    used_at: datetime | None = None
