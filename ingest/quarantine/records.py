"""What lies in quarantine, as records, and the acts that are written about it."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, NewType
from uuid import UUID, uuid4

from sqlalchemy import Row, insert
from sqlalchemy.dialects.postgresql import insert as insert_or_leave

from hub.db.message_tables import quarantine_act, quarantined_message
from hub.db.unit_of_work import UnitOfWork
from hub.domain.events import Actor
from hub.messaging.service_bus import ReceivedMessage

QuarantinedId = NewType("QuarantinedId", UUID)


class Cause(StrEnum):
    """Why a message lies here."""

    UNREADABLE = "unreadable"
    GIVEN_UP = "given up by the bus"
    REFUSED_ORDER = "refused order"
    REFUSED_CHANGE = "refused change"


class QuarantineStatus(StrEnum):
    """Whether somebody must still see to it."""

    WAITING = "waiting"
    REPLAYED = "replayed"
    SETTLED = "settled"
    """The utility itself saw to it."""
    DISCARDED = "discarded"


class Act(StrEnum):
    """What was done to a quarantined message."""

    ARRIVED = "arrived"
    CORRECTED = "corrected"
    REPLAYED = "replayed"
    FAILED_AGAIN = "failed again"
    SETTLED = "settled"
    DISCARDED = "discarded"


@dataclass(frozen=True)
class Quarantined:
    """A message in quarantine, as lists show it: without its body, which is personal data."""

    id: QuarantinedId
    cause: Cause
    status: QuarantineStatus
    reason: str
    profile: str
    utility: str
    external_id: str
    type: str
    message_id: str
    correlation_id: str
    content_type: str
    subject: str
    properties: Mapping[str, Any]
    delivery_count: int
    enqueued_at: datetime | None
    quarantined_at: datetime
    settled_at: datetime | None
    version: int


@dataclass(frozen=True)
class Arrival:
    """A message on its way into quarantine. `key` names it once and for all: it comes to lie here once, however often it is brought."""

    key: str
    cause: Cause
    reason: str
    message: ReceivedMessage
    utility: str = ""
    external_id: str = ""
    type: str = ""
    profile: str = ""
    id: QuarantinedId = field(default_factory=lambda: QuarantinedId(uuid4()))


SHOWN = [column for column in quarantined_message.c if column.name in Quarantined.__dataclass_fields__]
_KEEP = (
    insert_or_leave(quarantined_message)
    .on_conflict_do_nothing(index_elements=["key"])
    .returning(quarantined_message.c.id)
)
_NOTE = insert(quarantine_act)
_LONGEST = 1000


def as_quarantined(row: Row[Any]) -> Quarantined:
    """The record of a row that has the columns `SHOWN`."""
    values = {name: getattr(row, name) for name in Quarantined.__dataclass_fields__}
    return Quarantined(**{**values, "cause": Cause(row.cause), "status": QuarantineStatus(row.status)})


def keep(work: UnitOfWork, arrivals: Sequence[Arrival], *, by: Actor) -> int:
    """Lay messages into quarantine; returns how many were not there yet."""
    kept = 0
    for arrival in arrivals:
        row = _row(arrival, work.now)
        if work.connection.execute(_KEEP, row).first() is None:
            continue
        note(work, arrival.id, Act.ARRIVED, by=by, reason=arrival.reason, body=arrival.message.body)
        kept += 1
    return kept


def note(
    work: UnitOfWork, message_id: QuarantinedId, act: Act, *, by: Actor, reason: str = "", body: bytes | None = None
) -> None:
    """Write down an act; of a body only its SHA-256, which proves later what it was."""
    row = {
        "quarantined_message_id": message_id,
        "at": work.now,
        "actor_kind": by.kind.value,
        "actor_name": by.name,
        "act": act.value,
        "reason": clean(reason),
        "body_sha256": "" if body is None else hashlib.sha256(body).hexdigest(),
    }
    work.connection.execute(_NOTE, [row])


def clean(text: str | None) -> str:
    """Text from outside as the database takes it: no NUL, no broken signs, not endless."""
    return (text or "").replace("\x00", "").encode("utf-8", "replace").decode()[:_LONGEST]


def _row(arrival: Arrival, now: datetime) -> dict[str, Any]:
    message = arrival.message
    return {
        "id": arrival.id,
        "key": clean(arrival.key),
        "cause": arrival.cause.value,
        "status": QuarantineStatus.WAITING.value,
        "reason": clean(arrival.reason),
        "profile": clean(arrival.profile),
        "utility": clean(arrival.utility),
        "external_id": clean(arrival.external_id),
        "type": clean(arrival.type),
        "message_id": clean(message.message_id),
        "correlation_id": clean(message.correlation_id),
        "content_type": clean(message.content_type),
        "subject": clean(message.subject),
        "properties": {clean(str(name)): _plain(value) for name, value in message.properties.items()},
        "delivery_count": message.delivery_count,
        "enqueued_at": message.enqueued_at,
        "quarantined_at": now,
        "body": message.body,
        "original_body": message.body,
    }


def _plain(value: Any) -> Any:
    if isinstance(value, bool) or value is None:
        return value
    # JSON in the database takes no endless numbers, and a page shows text anyway.
    return value if isinstance(value, int) and abs(value) < 2**53 else clean(str(value))
