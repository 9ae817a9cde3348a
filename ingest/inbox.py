"""The inbox: one row for each message that was settled, claimed in the transaction of its effect."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from sqlalchemy import bindparam, select, text, update
from sqlalchemy.dialects.postgresql import insert

from hub.db import tables
from hub.db.inserting import as_json
from hub.db.unit_of_work import UnitOfWork
from hub.messaging.envelope import Envelope
from hub.messaging.service_bus import ReceivedMessage

HANDLER = "ingest.work-order"


class InboxOutcome(StrEnum):
    """What became of a message; the figures count these."""

    IMPORTED = "imported"
    UPDATED = "updated"
    CANCELLED = "cancelled"
    CLOSED = "closed"
    REJECTED = "rejected"
    REFUSED = "refused"
    """A change that cannot be made (any more); the utility hears why."""
    DUPLICATE = "duplicate"
    STALE = "stale"
    """Older than what is known already: nothing changed."""
    UNCHANGED = "unchanged"
    """The order had its end already, or nothing new was said."""
    EARLY = "early"
    """It came before its order, and waits for it."""
    DEAD_LETTERED = "dead-lettered"


WITHOUT_EFFECT = frozenset({InboxOutcome.REJECTED, InboxOutcome.REFUSED, InboxOutcome.DEAD_LETTERED})
"""A message that ended so may be tried again by somebody who decides it."""


@dataclass(frozen=True)
class Claim:
    """What was noted when a message was claimed first: what became of it, and the order it was about (or why it could not be read)."""

    outcome: str
    detail: str


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
_CLAIM_ALL = text(
    "INSERT INTO inbox_message (message_id, handler, outcome, detail, received_at)"
    " SELECT key, :handler, outcome, detail, :now"
    " FROM json_to_recordset(CAST(:claims AS json)) AS t (key text, outcome text, detail text)"
    " ON CONFLICT DO NOTHING RETURNING message_id"
)
_IS_MINE = (_INBOX.c.message_id == bindparam("key"), _INBOX.c.handler == HANDLER)
_CLAIMED = select(_INBOX.c.outcome, _INBOX.c.detail).where(*_IS_MINE)
_SETTLE = update(_INBOX).where(*_IS_MINE).values(outcome=bindparam("becomes"))
_LOCK = text(
    "SELECT pg_advisory_xact_lock(hashtextextended(name, 0)) FROM json_array_elements_text(CAST(:names AS json)) AS name"
)
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


def claim_all(work: UnitOfWork, claims: Sequence[tuple[str, InboxOutcome, str]]) -> set[str]:
    """Take many messages (key, outcome, detail) in one question; returns the keys that nobody handled before.

    Keys are taken in their own order, whoever asks, so that two transactions never wait for each other in a circle.
    """
    rows = [{"key": key, "outcome": outcome, "detail": detail} for key, outcome, detail in sorted(claims)]
    asked = {"handler": HANDLER, "now": work.now, "claims": as_json(rows)}
    return set(work.connection.execute(_CLAIM_ALL, asked).scalars())


def find_claim(work: UnitOfWork, key: str) -> Claim | None:
    """What was noted with the claim on `key`, or None when nobody claimed it."""
    found = work.connection.execute(_CLAIMED, {"key": key}).first()
    return None if found is None else Claim(found.outcome, found.detail)


def settle_claim(work: UnitOfWork, key: str, outcome: InboxOutcome) -> None:
    """Change the outcome noted with this transaction's claim."""
    work.connection.execute(_SETTLE, {"key": key, "becomes": outcome.value})


def lock_orders(work: UnitOfWork, names: Sequence[tuple[str, str]]) -> None:
    """Keep these orders (utility, external id) to this transaction until it ends, whether they are here already or not."""
    named = sorted({f"{utility} {external_id}" for utility, external_id in names})
    work.connection.execute(_LOCK, {"names": as_json(named)})


def as_names(orders: Sequence[tuple[str, str]]) -> str:
    """Many orders (utility, external id) as one parameter of a statement that reads rows of these two names from it."""
    return as_json([{"utility": utility, "external_id": external_id} for utility, external_id in orders])


def find_order(work: UnitOfWork, utility: str, external_id: str) -> UUID | None:
    """The id of the utility's order, or None when it is not here."""
    found: UUID | None = work.connection.scalar(_IMPORTED, {"utility": utility, "external_id": external_id})
    return found
