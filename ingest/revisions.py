"""Which of two messages about an order is the newer one.

A revision is a short text: the CloudEvents extension `sequence` when the utility sends one, else the event's `time`, else
when the bus took the message. Revisions of different kinds cannot be compared; then the one that comes later counts.
"""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from functools import cmp_to_key

from hub.messaging.envelope import Envelope, MalformedEnvelope

LONGEST_SEQUENCE = 200
NO_REVISION = ""


def revision_of(envelope: Envelope, enqueued_at: datetime | None) -> str:
    """The event's revision; raises MalformedEnvelope for a sequence that is too long to be one."""
    sequence = envelope.extensions.get("sequence")
    if isinstance(sequence, bool) or sequence is None or sequence == "":
        instant = envelope.time or enqueued_at
        return NO_REVISION if instant is None else f"time {instant.astimezone(UTC).isoformat(timespec='microseconds')}"
    word = str(sequence)
    if len(word) > LONGEST_SEQUENCE:
        raise MalformedEnvelope(f"The attribute 'sequence' is longer than {LONGEST_SEQUENCE} characters.")
    if word.isascii() and word.isdigit():
        digits = word.lstrip("0") or "0"
        # As text, a longer number is the greater one when its length stands before it.
        return f"number {len(digits):03d} {digits}"
    return f"text {len(word):03d} {word}"


def is_older(one: str, other: str) -> bool:
    """Whether `one` is certainly older than `other`: of the same kind and smaller. Texts compare only when equally long."""
    kind, _, rest = one.partition(" ")
    other_kind, _, other_rest = other.partition(" ")
    if not rest or kind != other_kind or (kind == "text" and rest[:3] != other_rest[:3]):
        return False
    return rest < other_rest


def in_order[T](messages: Iterable[T], revision: Callable[[T], str]) -> list[T]:
    """`messages` from the oldest to the newest; what cannot be compared keeps its place."""

    def compare(one: T, other: T) -> int:
        first, second = revision(one), revision(other)
        return int(is_older(second, first)) - int(is_older(first, second))

    return sorted(messages, key=cmp_to_key(compare))
