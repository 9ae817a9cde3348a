"""The inbox: one row for each message that was settled, claimed in the transaction of its effect."""

import hashlib
from enum import StrEnum

from sqlalchemy import bindparam, func, select, update
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


# Built once: thousands of messages an hour pass here, and building a statement costs as much as asking the database.
_INBOX, _ORDERS = tables.inbox_message, tables.work_order
_CLAIM = insert(_INBOX).on_conflict_do_nothing().returning(_INBOX.c.handler)
_IS_MINE = (_INBOX.c.message_id == bindparam("key"), _INBOX.c.handler == HANDLER)
_DETAIL = select(_INBOX.c.detail).where(*_IS_MINE)
_SETTLE = update(_INBOX).where(*_IS_MINE).values(outcome=bindparam("becomes"))
_LOCK = select(func.pg_advisory_xact_lock(func.hashtextextended(bindparam("name"), 0)))
_IMPORTED = select(_ORDERS.c.id).where(
    _ORDERS.c.utility == bindparam("utility"), _ORDERS.c.external_id == bindparam("external_id")
)


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
    return work.connection.execute(_CLAIM, row).first() is not None


def claimed_detail(work: UnitOfWork, key: str) -> str | None:
    """What was noted with the claim on `key`, or None when nobody claimed it."""
    found: str | None = work.connection.scalar(_DETAIL, {"key": key})
    return found


def settle_claim(work: UnitOfWork, key: str, outcome: InboxOutcome) -> None:
    """Change the outcome noted with this transaction's claim."""
    work.connection.execute(_SETTLE, {"key": key, "becomes": outcome.value})


def already_imported(work: UnitOfWork, utility: str, external_id: str) -> bool:
    """Whether the utility's order is here already. Until this transaction ends, nobody else can import it meanwhile."""
    work.connection.execute(_LOCK, {"name": f"{utility} {external_id}"})
    found = work.connection.scalar(_IMPORTED, {"utility": utility, "external_id": external_id})
    return found is not None
