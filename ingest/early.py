"""Changes that came before they can be applied: before their order, or while their order is refused."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ARRAY, Row, Text, bindparam, delete, insert, select, text

from hub.db.message_tables import early_message
from hub.db.unit_of_work import UnitOfWork
from hub.messaging.service_bus import ReceivedMessage
from ingest.inbox import InboxOutcome, as_names, settle_claim
from ingest.messages import Reading, read
from ingest.revisions import in_order

_EARLY = early_message.c
_ADD = insert(early_message)
_OF_ORDER = (
    select(early_message)
    .where(_EARLY.utility == bindparam("utility"), _EARLY.external_id == bindparam("external_id"))
    .order_by(_EARLY.seq)
)
_WITH_SOME = text(
    "SELECT DISTINCT e.utility, e.external_id FROM early_message AS e"
    " JOIN json_to_recordset(CAST(:names AS json)) AS t (utility text, external_id text)"
    " USING (utility, external_id)"
)
_FORGET = delete(early_message).where(_EARLY.key == bindparam("keys", type_=ARRAY(Text)).any_())


def keep(work: UnitOfWork, reading: Reading) -> None:
    """Let the change wait for its order."""
    row = {
        "key": reading.key,
        "utility": reading.utility,
        "external_id": reading.external_id,
        "type": reading.envelope.type,
        "revision": reading.revision,
        "body": reading.message.body,
        "received_at": work.now,
    }
    work.connection.execute(_ADD, [row])


def waiting_for(work: UnitOfWork, utility: str, external_id: str) -> list[Reading]:
    """What waits for this order, from the oldest revision to the newest."""
    rows = work.connection.execute(_OF_ORDER, {"utility": utility, "external_id": external_id}).all()
    return in_order([read(_as_message(row)) for row in rows], lambda reading: reading.revision)


def orders_waited_for(work: UnitOfWork, orders: Sequence[tuple[str, str]]) -> set[tuple[str, str]]:
    """Which of these orders (utility, external id) something waits for."""
    found = work.connection.execute(_WITH_SOME, {"names": as_names(orders)})
    return {(row.utility, row.external_id) for row in found}


def forget(work: UnitOfWork, readings: Sequence[Reading]) -> None:
    """They were applied, or have become void."""
    if readings:
        work.connection.execute(_FORGET, {"keys": [reading.key for reading in readings]})


def drop(work: UnitOfWork, utility: str, external_id: str) -> None:
    """The order is over before what waited for it could be applied: it changed nothing."""
    waiting = waiting_for(work, utility, external_id)
    for one in waiting:
        settle_claim(work, one.key, InboxOutcome.UNCHANGED)
    forget(work, waiting)


def _as_message(row: Row[Any]) -> ReceivedMessage:
    received_at: datetime = row.received_at
    return ReceivedMessage(
        body=bytes(row.body),
        message_id=row.key,
        subject=None,
        correlation_id=None,
        content_type=None,
        properties={},
        sequence_number=row.seq,
        delivery_count=0,
        # Only for a revision that was made of it; the row has that revision, so it must come out the same.
        enqueued_at=_instant(row.revision) or received_at,
        dead_letter_reason=None,
        dead_letter_description=None,
    )


def _instant(revision: str) -> datetime | None:
    kind, _, rest = revision.partition(" ")
    return datetime.fromisoformat(rest) if kind == "time" else None
