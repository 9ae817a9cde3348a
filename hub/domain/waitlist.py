"""What citizens wish of a time, and who waits for an earlier one."""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import NewType
from uuid import UUID

from hub.domain.ids import AppointmentId, WorkOrderId

WaitlistEntryId = NewType("WaitlistEntryId", UUID)
WaitlistOfferId = NewType("WaitlistOfferId", UUID)
FreedPlaceId = NewType("FreedPlaceId", UUID)


@dataclass(frozen=True)
class TimePreference:
    """When an order's citizen can be at home; empty parts say nothing.

    `weekdays` are English names in lower case (`monday`), `dayparts` `morning` and `afternoon` (from noon). `away` are spans of local
    dates, both ends included, written `2026-05-05/2026-05-09`.
    """

    work_order_id: WorkOrderId
    weekdays: tuple[str, ...]
    dayparts: tuple[str, ...]
    away: tuple[str, ...]
    updated_at: datetime
    version: int = 1


class WaitlistStatus(StrEnum):
    """Where a wish for an earlier time stands. OFFERED: a freed place is kept for this citizen just now."""

    WAITING = "waiting"
    OFFERED = "offered"
    ENDED = "ended"


class OfferStatus(StrEnum):
    """What became of an earlier time that was offered."""

    OPEN = "open"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    EXPIRED = "expired"


@dataclass(frozen=True)
class WaitlistEntry:
    """One order's wish for an earlier time. `until` is the last local date on which it still helps; None while any earlier one does.

    `looked_at` is when free times were last compared with it, `ended_at` and `outcome` say when and why it is over.
    """

    id: WaitlistEntryId
    work_order_id: WorkOrderId
    status: WaitlistStatus
    until: date | None
    asked_at: datetime
    looked_at: datetime | None = None
    ended_at: datetime | None = None
    outcome: str = ""
    version: int = 1


@dataclass(frozen=True)
class WaitlistOffer:
    """An earlier time that was kept for one citizen: the held appointment, and what taking it saves in driving (seconds)."""

    id: WaitlistOfferId
    entry_id: WaitlistEntryId
    work_order_id: WorkOrderId
    appointment_id: AppointmentId
    starts_at: datetime
    ends_at: datetime
    saved_travel_seconds: int
    status: OfferStatus
    offered_at: datetime
    lease_until: datetime
    settled_at: datetime | None = None
    version: int = 1


@dataclass(frozen=True)
class FreedPlace:
    """Time of a technician that became free: `[starts_at, ends_at)` of the visit that is no more. Settled once it was offered or is of no use."""

    id: FreedPlaceId
    territory: str
    starts_at: datetime
    ends_at: datetime
    freed_at: datetime
    latitude: float | None
    longitude: float | None
    settled_at: datetime | None = None
    outcome: str = ""
    version: int = 1
