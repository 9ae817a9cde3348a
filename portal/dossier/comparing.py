"""Whether what a dossier states of its messages is what the chain of entries says of them. Needs no database.

Only the chain is sealed as it grows. The statement is drawn from the records as they stand when somebody asks, so whoever may write to
the database could state anything, were it not compared with the entries of its messages.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hub.notifications import entries as kinds

_STATUS_AFTER = {
    kinds.REQUESTED: ("queued", "sending"),
    kinds.SENT: ("sent",),
    kinds.DELIVERED: ("delivered",),
    kinds.UNDELIVERED: ("undelivered",),
    kinds.FAILED: ("failed",),
    kinds.DROPPED: ("failed",),
    # A refusal that comes after all lets the message wait for its next try.
    kinds.UNKNOWN: ("unknown", "queued", "sending"),
}
_WITH_PROVIDER_ID = (kinds.SENT, kinds.DELIVERED, kinds.UNDELIVERED)
_FROM_REQUEST = ("channel", "kind", "language", "round", "step", "failoverOf")
_HASHES = ("textHmac", "textSha256")
_NOT_HANDED_OVER = ("queued", "sending", "failed")


@dataclass
class _Recorded:
    """What the chain says of one message."""

    requested: Mapping[str, Any] = field(default_factory=dict)
    last_kind: str = ""
    provider_id: str = ""
    had_words: bool = False
    words_erased: bool = False

    @property
    def statuses(self) -> tuple[str, ...]:
        """Those it may have now; none when no entry says what became of it."""
        may = _STATUS_AFTER.get(self.last_kind, ())
        # An erasure ends what waits.
        return (*may, "failed") if self.words_erased and "queued" in may else may


def content_of(entry: Mapping[str, Any]) -> Mapping[str, Any]:
    """What an entry holds; nothing when it is no JSON object."""
    try:
        found = json.loads(entry["content"])
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def compare_attempts(document: Mapping[str, Any], entries: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """In a sentence each: where the document's messages, or their counts, are not what its entries say."""
    recorded = _read_messages(entries)
    given = document.get("attempts")
    attempts = [one for one in given if isinstance(one, dict)] if isinstance(given, list) else []
    named = Counter(str(one.get("id")) for one in attempts)
    found = [f"message {name} is there {count} times" for name, count in named.items() if count > 1]
    for one in attempts:
        found += [f"message {one.get('id')} {what}" for what in _differences(one, recorded.get(str(one.get("id"))))]
    for name, message in recorded.items():
        if message.requested.get("step") is not None and name not in named:
            found.append(f"message {name} of the record is missing")
    return (*found, *_miscounted(document, attempts))


def _read_messages(entries: Iterable[Mapping[str, Any]]) -> dict[str, _Recorded]:
    recorded: dict[str, _Recorded] = {}
    for entry in entries:
        kind, content = entry["kind"], content_of(entry)
        if kind == kinds.WORDS_ERASED:
            named = content.get("messages")
            for name in named if isinstance(named, list) else ():
                recorded.setdefault(str(name), _Recorded()).words_erased = True
        elif kind in _STATUS_AFTER:
            message = recorded.setdefault(str(content.get("message")), _Recorded())
            message.last_kind = kind
            if kind == kinds.REQUESTED:
                message.requested = content
            if kind in _WITH_PROVIDER_ID:
                message.provider_id = str(content.get("providerId") or "")
            message.had_words |= any(name in content for name in _HASHES)
    return recorded


def _differences(one: Mapping[str, Any], message: _Recorded | None) -> Iterator[str]:
    if message is None or not message.requested:
        yield "is in no entry"
        return
    if one.get("status") not in message.statuses:
        yield f"is stated to be {one.get('status')}, and its last entry is {message.last_kind}"
    if str(one.get("providerId") or "") != message.provider_id:
        yield f"is stated to be {one.get('providerId') or 'nothing'} with its provider, and recorded as {message.provider_id or 'nothing'}"
    for name in _FROM_REQUEST:
        if name in message.requested and one.get(name) != message.requested[name]:
            yield f"has another {name} than its entry"
    if message.had_words and not one.get("text") and not message.words_erased:
        yield "has lost its words, and no entry says that they were erased"
    if one.get("text") and message.words_erased:
        yield "has words, and an entry says that they were erased"


def _miscounted(document: Mapping[str, Any], attempts: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Counts of messages that are not those of the messages stated."""
    outcome = document.get("outcome")
    statuses = Counter(str(one.get("status")) for one in attempts)
    counted = {
        "messages": sum(count for status, count in statuses.items() if status not in _NOT_HANDED_OVER),
        "messagesDelivered": statuses["delivered"],
        "messagesUndelivered": statuses["undelivered"],
        "messagesFailed": statuses["failed"],
    }
    for name, count in counted.items():
        stated = outcome.get(name) if isinstance(outcome, dict) else None
        if stated != count:
            yield f"{name} is stated to be {stated}, and its messages come to {count}"
