"""The outbox: events for the utility, written in the transaction of the change they tell of. `ingest.relay` sends them."""

from collections.abc import Sequence

from hub.db import tables
from hub.db.inserting import insert_many
from hub.db.unit_of_work import UnitOfWork
from hub.domain.appointments import Appointment
from hub.domain.ids import WorkOrderId
from hub.domain.lifecycle import AppointmentStatus, WorkOrderStatus
from ingest.events import OutboxEvent

WITH_APPOINTMENT = frozenset(
    {WorkOrderStatus.BOOKED, WorkOrderStatus.PLANNED, WorkOrderStatus.IN_PROGRESS, WorkOrderStatus.COMPLETED}
)
"""Where an order can have an appointment that the utility should hear of."""
_AGREED = (AppointmentStatus.CONFIRMED, AppointmentStatus.COMPLETED)


def add_all(work: UnitOfWork, events: Sequence[OutboxEvent]) -> None:
    """Leave `events` for the relay, in this order; they exist if and only if this transaction commits."""
    # The source is an installation's setting, which the relay knows.
    insert_many(work.connection, tables.outbox_event, [{**vars(event), "source": ""} for event in events])


def agreed_appointment(work: UnitOfWork, status: WorkOrderStatus, work_order_id: WorkOrderId) -> Appointment | None:
    """The newest appointment the citizen agreed to, for an order in a status that can have one."""
    if status not in WITH_APPOINTMENT:
        return None
    column = tables.appointment.c
    found = work.appointments.list_where(
        column.work_order_id == work_order_id,
        column.status.in_(_AGREED),
        order_by=(column.sequence.desc(),),
        limit=1,
    )
    return found[0] if found else None
