"""The inbox: one row for each message that was settled, claimed in the transaction of its effect."""

import hashlib
from enum import StrEnum

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert

from hub.db import tables
from hub.db.unit_of_work import UnitOfWork
from hub.messaging.envelope import Envelope
from hub.messaging.service_bus import ReceivedMessage

HANDLER = "ingest.work-order"


class InboxOutcome(StrEnum):
    """What became of a message; the figures count these."""

    IMPORTED = "imported"
    REJECTED = "rejected"
    DUPLICATE = "duplicate"
    DEAD_LETTERED = "dead-lettered"


def event_key(envelope: Envelope) -> str:
    """What names a CloudEvent once and for all: its source and id together."""
    return f"{envelope.source} {envelope.id}"


def broken_key(message: ReceivedMessage) -> str:
    """What names a message that has no readable event: its id on the bus and its contents."""
    identity = "".join(c if c.isascii() and c.isprintable() else "?" for c in message.message_id[:100])
    return f"broken {identity} {hashlib.sha256(message.body).hexdigest()[:16]}"


def claim(work: UnitOfWork, key: str, outcome: InboxOutcome, detail: str) -> bool:
    """Take the message for this transaction; False when it was handled before.

    Waits for another transaction that holds the claim, and takes it if that one rolls back.
    """
    row = {
        "message_id": key,
        "handler": HANDLER,
        "outcome": outcome.value,
        "detail": detail,
        "received_at": work.now,
    }
    taken = work.connection.execute(
        insert(tables.inbox_message).values(row).on_conflict_do_nothing().returning(tables.inbox_message.c.handler)
    )
    return taken.first() is not None


def claimed_detail(work: UnitOfWork, key: str) -> str | None:
    """What was noted with the claim on `key`, or None when nobody claimed it."""
    inbox = tables.inbox_message.c
    return work.connection.scalar(select(inbox.detail).where(inbox.message_id == key, inbox.handler == HANDLER))


def settle_claim(work: UnitOfWork, key: str, outcome: InboxOutcome) -> None:
    """Change the outcome noted with this transaction's claim."""
    inbox = tables.inbox_message
    work.connection.execute(
        update(inbox).where(inbox.c.message_id == key, inbox.c.handler == HANDLER).values(outcome=outcome.value)
    )


def already_imported(work: UnitOfWork, utility: str, external_id: str) -> bool:
    """Whether the utility's order is here already. Until this transaction ends, nobody else can import it meanwhile."""
    lock = func.hashtextextended(f"{utility} {external_id}", 0)
    work.connection.execute(select(func.pg_advisory_xact_lock(lock)))
    orders = tables.work_order.c
    found = work.connection.scalar(
        select(orders.id).where(orders.utility == utility, orders.external_id == external_id)
    )
    return found is not None
