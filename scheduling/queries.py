"""Reads about promises, shared by the room's verbs. What the console's board shows is read in `board/queries.py`."""

from __future__ import annotations

from sqlalchemy import ColumnElement

from hub.bootstrap import Hub
from hub.db.unit_of_work import UnitOfWork
from hub.domain.appointments import Appointment, Visit
from hub.domain.ids import WorkOrderId
from hub.domain.lifecycle import LIVE_VISIT_STATUSES, AppointmentStatus


def current_appointment(hub: Hub, work_order_id: WorkOrderId) -> Appointment | None:
    """The order's held appointment whose lease still runs, else its confirmed one, else None."""
    with hub.unit_of_work() as work:
        held = held_appointment(work, work_order_id)
        if held is not None and held.lease_until is not None and held.lease_until > work.now:
            return held
        return confirmed_appointment(work, work_order_id)


def confirmed_appointment(work: UnitOfWork, work_order_id: WorkOrderId) -> Appointment | None:
    """The order's one confirmed appointment, if it has one."""
    table = work.appointments.table
    return work.appointments.find_where(
        table.c.work_order_id == work_order_id, table.c.status == AppointmentStatus.CONFIRMED
    )


def held_appointment(work: UnitOfWork, work_order_id: WorkOrderId) -> Appointment | None:
    """The order's one held appointment, if it has one; its lease may be over."""
    table = work.appointments.table
    return work.appointments.find_where(
        table.c.work_order_id == work_order_id, table.c.status == AppointmentStatus.HELD
    )


def live_visits(work: UnitOfWork, *where: ColumnElement[bool]) -> list[Visit]:
    """The visits that are planned, dispatched or under way and for which all of `where` hold, by their start."""
    table = work.visits.table
    return work.visits.list_where(
        *where, table.c.status.in_(LIVE_VISIT_STATUSES), order_by=(table.c.starts_at, table.c.id)
    )
