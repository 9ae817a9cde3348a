"""Appointments (what the citizen agreed) and visits (one planned call of one technician)."""

from dataclasses import dataclass
from datetime import datetime

from hub.domain.ids import AppointmentId, RouteId, TechnicianId, VisitId, WorkOrderId
from hub.domain.lifecycle import AbortReason, AppointmentStatus, VisitStatus
from hub.domain.windows import Window


@dataclass(frozen=True)
class Appointment:
    """An arrival window agreed with the citizen, `[starts_at, ends_at)`; it bounds the technician's arrival.

    `sequence` counts the appointments of one work order from 1: a move makes the next one, and the calendar file's SEQUENCE
    follows it. `lease_until` is set while the slot is only held; afterwards it is None.
    """

    id: AppointmentId
    work_order_id: WorkOrderId
    sequence: int
    status: AppointmentStatus
    starts_at: datetime
    ends_at: datetime
    lease_until: datetime | None
    created_at: datetime
    confirmed_at: datetime | None = None
    replaces: AppointmentId | None = None
    version: int = 1

    @property
    def window(self) -> Window:
        """The arrival window."""
        return Window(self.starts_at, self.ends_at)


@dataclass(frozen=True)
class Visit:
    """One planned call of one technician. `[starts_at, ends_at)` is the planned service, travel excluded.

    `appointment_id` is None for work without a citizen. `pinned` forbids planning to change technician or time.
    `travel_seconds` leads from the stop before, by the model named in `travel_model`. `promised_arrival` is the last arrival
    time the citizen was told. The `*_at` instants are what the technician's phone reported.
    """

    id: VisitId
    work_order_id: WorkOrderId
    appointment_id: AppointmentId | None
    route_id: RouteId
    technician_id: TechnicianId
    status: VisitStatus
    starts_at: datetime
    ends_at: datetime
    travel_seconds: int
    travel_model: str
    pinned: bool = False
    promised_arrival: datetime | None = None
    set_off_at: datetime | None = None
    arrived_at: datetime | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    abort_reason: AbortReason | None = None
    version: int = 1

    @property
    def service(self) -> Window:
        """The planned service time."""
        return Window(self.starts_at, self.ends_at)
