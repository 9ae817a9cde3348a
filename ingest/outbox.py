"""The outbox: events for the utility, written with the change they tell of and sent afterwards, in order."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict

from sqlalchemy import Connection, Row, func, insert, select, update

from hub.bootstrap import Hub
from hub.db import tables
from hub.db.unit_of_work import UnitOfWork
from hub.domain.appointments import Appointment
from hub.domain.ids import WorkOrderId
from hub.domain.lifecycle import AppointmentStatus, WorkOrderStatus
from hub.messaging.envelope import new_envelope
from hub.messaging.service_bus import OutgoingMessage
from ingest.events import OutboxEvent

_RELAY_LOCK = 0x646F6F72
"""The advisory lock one relay holds; any number will do, it must only stay the same."""
_WITH_APPOINTMENT = frozenset(
    {WorkOrderStatus.BOOKED, WorkOrderStatus.PLANNED, WorkOrderStatus.IN_PROGRESS, WorkOrderStatus.COMPLETED}
)
_AGREED = (AppointmentStatus.CONFIRMED, AppointmentStatus.COMPLETED)


def add(work: UnitOfWork, event: OutboxEvent) -> None:
    """Leave `event` for the relay; it exists if and only if this transaction commits."""
    # The source is an installation's setting, which the relay knows.
    work.connection.execute(insert(tables.outbox_event).values({**asdict(event), "source": ""}))


def agreed_appointment(work: UnitOfWork, status: WorkOrderStatus, work_order_id: WorkOrderId) -> Appointment | None:
    """The newest appointment the citizen agreed to, for an order in a status that can have one."""
    if status not in _WITH_APPOINTMENT:
        return None
    column = tables.appointment.c
    found = work.appointments.list_where(
        column.work_order_id == work_order_id,
        column.status.in_(_AGREED),
        order_by=(column.sequence.desc(),),
        limit=1,
    )
    return found[0] if found else None


def relay(hub: Hub, publish: Callable[[Sequence[OutgoingMessage]], None], batch_size: int) -> int:
    """Send what waits, batch by batch; see `ingest.service.relay_outbox`."""
    sent = 0
    with _one_relay(hub) as connection:
        if connection is None:
            return 0
        while batch := _waiting(connection, batch_size):
            publish([_message(hub, row) for row in batch])
            outbox = tables.outbox_event
            connection.execute(
                update(outbox).where(outbox.c.seq.in_([row.seq for row in batch])).values(sent_at=hub.clock.now())
            )
            sent += len(batch)
            if len(batch) < batch_size:
                break
    return sent


@contextmanager
def _one_relay(hub: Hub) -> Iterator[Connection | None]:
    """A connection that holds the relay's lock, or None when another relay has it.

    Every statement is a transaction of its own: the bus is called while no transaction is open. The server frees the lock when
    the process dies.
    """
    with hub.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        if not connection.scalar(select(func.pg_try_advisory_lock(_RELAY_LOCK))):
            yield None
            return
        try:
            yield connection
        finally:
            if not connection.invalidated:
                connection.execute(select(func.pg_advisory_unlock(_RELAY_LOCK)))


def _waiting(connection: Connection, limit: int) -> Sequence[Row[tuple[object, ...]]]:
    # Two changes of one order never commit in the other order than their numbers: the second waits for the first one's row.
    outbox = tables.outbox_event
    return connection.execute(
        select(outbox).where(outbox.c.sent_at.is_(None)).order_by(outbox.c.seq).limit(limit)
    ).all()


def _message(hub: Hub, row: Row[tuple[object, ...]]) -> OutgoingMessage:
    envelope = new_envelope(
        event_id=str(row.id),
        source=row.source or hub.settings.event_source,
        event_type=row.type,
        time=row.at,
        data=row.data,
        subject=row.subject,
        **({"correlationid": row.correlation_id} if row.correlation_id else {}),
    )
    return OutgoingMessage(
        body=envelope.to_json(),
        message_id=str(row.id),
        subject=row.type,
        correlation_id=row.correlation_id or None,
        properties={"type": row.type},
    )
