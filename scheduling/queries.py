"""Reads about promises, shared by the room's verbs. What the console's board shows is read in `board/queries.py`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement

from hub.bootstrap import Hub
from hub.db.unit_of_work import UnitOfWork
from hub.domain.appointments import Appointment, Visit
from hub.domain.ids import WorkOrderId
from hub.domain.lifecycle import LIVE_VISIT_STATUSES, AppointmentStatus


@dataclass(frozen=True)
class Agreements:
    """What an order's citizen has and had: at most one `confirmed` and one `held` appointment, whose lease may be over.

    `sequence` is the number of the last appointment of the order, 0 before the first.
    """

    confirmed: Appointment | None
    held: Appointment | None
    sequence: int

    def held_now(self, now: datetime) -> Appointment | None:
        """The held appointment while its lease runs."""
        held = self.held
        return held if held is not None and held.lease_until is not None and held.lease_until > now else None


def agreements_of(work: UnitOfWork, work_order_id: WorkOrderId) -> Agreements:
    """The order's appointments in one read; current for as long as the caller holds the order's lock."""
    found = work.appointments.list_by(work_order_id=work_order_id)
    by_status = {one.status: one for one in found}
    return Agreements(
        confirmed=by_status.get(AppointmentStatus.CONFIRMED),
        held=by_status.get(AppointmentStatus.HELD),
        sequence=max((one.sequence for one in found), default=0),
    )


def current_appointment(hub: Hub, work_order_id: WorkOrderId) -> Appointment | None:
    """The order's held appointment whose lease still runs, else its confirmed one, else None."""
    with hub.unit_of_work() as work:
        agreed = agreements_of(work, work_order_id)
        return agreed.held_now(work.now) or agreed.confirmed


def live_visits(work: UnitOfWork, *where: ColumnElement[bool]) -> list[Visit]:
    """The visits that are planned, dispatched or under way and for which all of `where` hold, by their start."""
    table = work.visits.table
    return work.visits.list_where(
        *where, table.c.status.in_(LIVE_VISIT_STATUSES), order_by=(table.c.starts_at, table.c.id)
    )
