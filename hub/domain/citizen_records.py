"""What a citizen leaves with an order after booking, and what is shown on the day of the visit."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from hub.domain.contact import Channel
from hub.domain.ids import AppointmentId, DeviceId, VisitId, WorkOrderId


class FileKind(StrEnum):
    """What a citizen's file is: a picture kept as a JPEG of ours, or a PDF kept as it came."""

    PHOTO = "photo"
    DOCUMENT = "document"


@dataclass(frozen=True)
class AccessDetails:
    """How the technician gets in, in the citizen's own words; every field may be empty."""

    work_order_id: WorkOrderId
    gate_code: str
    dog: str
    parking: str
    note: str
    changed_at: datetime
    version: int = 1

    @property
    def says_something(self) -> bool:
        """Whether any field is filled."""
        return any((self.gate_code, self.dog, self.parking, self.note))


@dataclass(frozen=True)
class ContactPreference:
    """By which channel the citizen would rather be written to."""

    work_order_id: WorkOrderId
    channel: Channel
    changed_at: datetime
    version: int = 1


@dataclass(frozen=True)
class CitizenFile:
    """A photo or document a citizen sent. `name` is what the citizen called it and is only ever shown; `path` is ours.

    `scanned_by` names the virus scanner that found nothing in it; empty when none is set up.
    """

    id: UUID
    work_order_id: WorkOrderId
    kind: FileKind
    name: str
    path: str
    sha256: str
    size_bytes: int
    scanned_by: str
    uploaded_at: datetime

    @property
    def media_type(self) -> str:
        """What the file is served as."""
        return "image/jpeg" if self.kind is FileKind.PHOTO else "application/pdf"


@dataclass(frozen=True)
class DoorCheck:
    """The citizen's door code was read by the technician's phone: proof that both were there at `checked_at`."""

    visit_id: VisitId
    work_order_id: WorkOrderId
    appointment_id: AppointmentId
    device_id: DeviceId
    checked_at: datetime


@dataclass(frozen=True)
class TechnicianPlace:
    """Where the technician was at `reported_at`, on the way to a visit; WGS 84 degrees. `reports` counts what was said so far."""

    visit_id: VisitId
    latitude: float
    longitude: float
    reported_at: datetime
    reports: int = 1
