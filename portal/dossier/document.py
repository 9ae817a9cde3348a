"""The dossier as JSON: a statement of what was tried, sealed into the chain of entries that it comes with.

Nothing in it is a whole address or number of the citizen: the utility knows them, and nobody else should. The schema is
`schema.json`; it keeps its number while it is only added to.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256

from hub.contact_record import FIRST, Entry, append_entry, read_entries
from hub.db.tables import notification as notification_table
from hub.db.tables import visit as visit_table
from hub.db.unit_of_work import UnitOfWork
from hub.domain.appointments import Visit
from hub.domain.contact import Notification, NotificationStatus
from hub.domain.lifecycle import AbortReason, VisitStatus, WorkOrderStatus
from hub.domain.work_orders import WorkOrder
from hub.logs import without_addresses
from hub.notifications.entries import SENT, text_key
from hub.notifications.masking import mask_recipient

SCHEMA = "urn:doorstep:dossier:1"
SEALED = "dossier.sealed"
"""The kind of the entry that holds the statement's hash, so that the head of the chain stands for the statement too."""
NOT_STATED = ("writtenAt", "record")
"""What is not part of the statement: the instant of asking, and the chain itself."""
HOW_TO_CHECK = (
    "Go through record.entries in their order, with an empty text as the hash before the first. For each, write a JSON array of "
    "number (1, 2, 3 and so on), at, kind, content and the hash before, with a comma and one space between two values, as UTF-8; in "
    "texts only the backslash, the quotation mark and control characters are escaped. The SHA-256 of that, in hexadecimal, is the "
    "entry's hash, and the hash before for the next one. The last is record.headHash, and the hash you were given with the escalation "
    "is one of them. To check the rest: write this document without writtenAt and record as JSON with sorted names and without "
    f"spaces; its SHA-256 is the sha256 in the content of the last entry of the kind {SEALED}, if nothing happened since. The words of a message "
    f"are right when the HMAC-SHA-256 of subject, two line feeds and text, under its textKey, is the textHmac of its entry of the kind {SENT}."
)
_NOT_HANDED_OVER = frozenset({NotificationStatus.QUEUED, NotificationStatus.SENDING, NotificationStatus.FAILED})


@dataclass(frozen=True)
class Counts:
    """How often what was tried. Silence is counted in messages, a closed door in visits; neither counts as the other.

    `messages` were handed to a provider; of some of them nobody knows whether they arrived.
    """

    messages: int
    delivered: int
    undelivered: int
    failed: int
    visits: int
    without_access: int
    refused: int


def compile_dossier(work: UnitOfWork, order: WorkOrder, *, sentence: str = "") -> dict[str, object]:
    """The dossier as it stands now, JSON values only; nothing is written."""
    return _document(_statement(work, order, sentence), work.now, read_entries(work, order.id))


def seal_dossier(work: UnitOfWork, order: WorkOrder, *, sentence: str = "") -> dict[str, object]:
    """The same for handing it over: the hash of what it states becomes an entry first, in this transaction."""
    stated = _statement(work, order, sentence)
    append_entry(
        work,
        order.id,
        SEALED,
        {"sha256": statement_hash(stated), "reason": stated["reason"], "outcome": stated["outcome"]},
    )
    return _document(stated, work.now, read_entries(work, order.id))


def statement_hash(stated: Mapping[str, object]) -> str:
    """The SHA-256 of what a dossier says besides its record, in hexadecimal."""
    kept = {name: value for name, value in stated.items() if name not in NOT_STATED}
    return sha256(
        json.dumps(kept, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()
    ).hexdigest()


def count_attempts(attempts: Sequence[Notification], visits: Sequence[Visit]) -> Counts:
    """What the messages of a ladder and the visits that were broken off come to."""
    statuses = Counter(one.status for one in attempts)
    doors = Counter(visit.abort_reason for visit in visits)
    return Counts(
        messages=sum(count for status, count in statuses.items() if status not in _NOT_HANDED_OVER),
        delivered=statuses[NotificationStatus.DELIVERED],
        undelivered=statuses[NotificationStatus.UNDELIVERED],
        failed=statuses[NotificationStatus.FAILED],
        visits=len(visits),
        without_access=doors[AbortReason.NO_ACCESS],
        refused=doors[AbortReason.REFUSED],
    )


def _document(stated: dict[str, object], now: datetime, entries: Sequence[Entry]) -> dict[str, object]:
    return {
        **stated,
        "writtenAt": _text(now),
        "record": {
            "entries": [
                {
                    "number": one.number,
                    "at": one.at.astimezone(UTC).isoformat(timespec="microseconds"),
                    "kind": one.kind,
                    "content": one.content,
                    "hash": one.hash,
                }
                for one in entries
            ],
            "headHash": entries[-1].hash if entries else FIRST,
            "howToCheck": HOW_TO_CHECK,
        },
    }


def _statement(work: UnitOfWork, order: WorkOrder, sentence: str) -> dict[str, object]:
    case = work.contact_cases.find(order.id)
    table = notification_table.c
    attempts = work.notifications.list_where(
        table.work_order_id == order.id,
        table.step.is_not(None),
        order_by=(table.created_at, table.step, table.hop, table.id),
    )
    visits = work.visits.list_where(
        visit_table.c.work_order_id == order.id,
        visit_table.c.status == VisitStatus.ABORTED,
        order_by=(visit_table.c.starts_at, visit_table.c.id),
    )
    held = order.hold_reason if order.status is WorkOrderStatus.ON_HOLD else None
    return {
        "schema": SCHEMA,
        "workOrderId": str(order.id),
        "externalId": order.external_id,
        "utility": order.utility,
        "workType": order.work_type,
        "status": order.status.value,
        "reason": held.value if held else "",
        "sentence": without_addresses(sentence),
        "policy": case.policy if case else "",
        "rounds": case.round if case else 0,
        "outcome": _outcome(count_attempts(attempts, visits)),
        "attempts": [_attempt(work, one) for one in attempts],
        "failedVisits": [
            {
                "arrivedAt": _text(visit.arrived_at),
                "endedAt": _text(visit.ended_at),
                "reason": visit.abort_reason.value if visit.abort_reason else "",
            }
            for visit in visits
        ],
    }


def _outcome(counts: Counts) -> dict[str, int]:
    return {
        "messages": counts.messages,
        "messagesDelivered": counts.delivered,
        "messagesUndelivered": counts.undelivered,
        "messagesFailed": counts.failed,
        "failedVisits": counts.visits,
        "visitsWithoutAccess": counts.without_access,
        "visitsRefused": counts.refused,
    }


def _attempt(work: UnitOfWork, one: Notification) -> dict[str, object]:
    return {
        "id": str(one.id),
        "round": one.round,
        "step": one.step,
        "kind": one.kind,
        "channel": one.channel.value,
        "recipient": mask_recipient(one.recipient) if one.recipient else "",
        "language": one.language,
        "requestedAt": _text(one.created_at),
        "settledAt": _text(one.settled_at),
        "status": one.status.value,
        "provider": one.provider,
        "providerId": one.provider_id,
        "receipt": one.receipt,
        "receiptAt": _text(one.receipt_at),
        "error": without_addresses(one.error),
        "failoverOf": str(one.failover_of) if one.failover_of else None,
        "subject": one.subject,
        "text": one.body,
        # With the words goes what proves them; where they were erased, nothing is left to try guesses with.
        "textKey": text_key(work.settings, one.id) if one.body else "",
    }


def _text(instant: datetime | None) -> str | None:
    return instant.astimezone(UTC).isoformat() if instant else None
