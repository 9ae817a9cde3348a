"""Orders and changes that were read, but refused: kept in the transaction of the refusal."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, bindparam, select, update

from hub.db.message_tables import quarantined_message
from hub.db.unit_of_work import UnitOfWork
from hub.domain.events import Actor, ActorKind
from hub.messaging.service_bus import ReceivedMessage
from ingest.messages import Reading, read
from ingest.quarantine.records import Act, Arrival, Cause, QuarantinedId, QuarantineStatus, clean, keep, note

_MESSAGE = quarantined_message
_OF_ORDER = select(_MESSAGE).where(_MESSAGE.c.key == bindparam("key")).with_for_update()
_CHANGED = update(_MESSAGE).where(_MESSAGE.c.id == bindparam("row_id"))


def order_key(work_order_id: UUID) -> str:
    """What names a refused order in quarantine: it lies there once, with the newest create that was refused."""
    return f"order {work_order_id}"


def keep_order(work: UnitOfWork, refusals: Sequence[tuple[Reading, UUID, str]]) -> None:
    """Lay refused creates into quarantine: the message, its order and why."""
    for reading, work_order_id, reason in refusals:
        arrival = _arrival(order_key(work_order_id), Cause.REFUSED_ORDER, reading, reason)
        keep(work, [arrival], by=_sender(reading))


def keep_change(work: UnitOfWork, reading: Reading, work_order_id: UUID, reason: str) -> None:
    """Lay a refused update, cancel or close into quarantine."""
    keep(work, [_arrival(f"change {reading.key}", Cause.REFUSED_CHANGE, reading, reason)], by=_sender(reading))


def create_of(work: UnitOfWork, work_order_id: UUID) -> Reading | None:
    """The refused create of this order, or None when it was discarded."""
    row = _find(work, work_order_id)
    if row is None or row.body is None:
        return None
    return read(as_message(row))


def replace_body(work: UnitOfWork, work_order_id: UUID, reading: Reading, reason: str) -> None:
    """Another create of the refused order was refused too: from now on it is the one to correct."""
    row = _find(work, work_order_id)
    if row is None or row.body is None or row.body == reading.message.body:
        return
    changes = {"body": reading.message.body, "reason": clean(reason), "version": row.version + 1}
    work.connection.execute(_CHANGED.values(changes), {"row_id": row.id})
    sentence = f"The utility sent the order again, and it was refused again: {reason}"
    note(work, row.id, Act.CORRECTED, by=_sender(reading), reason=sentence, body=reading.message.body)


def settle_order(work: UnitOfWork, work_order_id: UUID, *, by: Actor, reason: str) -> None:
    """Nobody has to see to this order any more, if anybody had to."""
    row = _find(work, work_order_id)
    if row is None or row.status != QuarantineStatus.WAITING:
        return
    status = QuarantineStatus.SETTLED.value
    changes = {"status": status, "settled_at": work.now, "version": row.version + 1}
    work.connection.execute(_CHANGED.values(changes), {"row_id": row.id})
    note(work, QuarantinedId(row.id), Act.SETTLED, by=by, reason=reason)


def as_message(row: Row[Any]) -> ReceivedMessage:
    """A quarantined message as it came from the bus, with the body it has now."""
    enqueued_at: datetime | None = row.enqueued_at
    return ReceivedMessage(
        body=bytes(row.body or b""),
        message_id=row.message_id,
        subject=row.subject or None,
        correlation_id=row.correlation_id or None,
        content_type=row.content_type or None,
        properties=row.properties,
        sequence_number=0,
        delivery_count=row.delivery_count,
        enqueued_at=enqueued_at,
        dead_letter_reason=None,
        dead_letter_description=None,
    )


def _find(work: UnitOfWork, work_order_id: UUID) -> Row[Any] | None:
    return work.connection.execute(_OF_ORDER, {"key": order_key(work_order_id)}).first()


def _arrival(key: str, cause: Cause, reading: Reading, reason: str) -> Arrival:
    return Arrival(
        key=key,
        cause=cause,
        reason=reason,
        message=reading.message,
        utility=reading.utility,
        external_id=reading.external_id,
        type=reading.envelope.type,
        profile=reading.profile,
    )


def _sender(reading: Reading) -> Actor:
    return Actor(ActorKind.UTILITY, reading.utility)
