"""A message as the broker holds it."""

from dataclasses import dataclass
from enum import IntEnum

from infra.local import wire


class MessageState(IntEnum):
    """Where a message stands; the numbers are those of the annotation `x-opt-message-state`."""

    ACTIVE = 0
    DEFERRED = 1
    SCHEDULED = 2


@dataclass(slots=True)
class StoredMessage:
    """One message in one queue or subscription, or in the schedule of a queue or topic.

    `sequence` is unique in the broker and rises with arrival; instants are milliseconds since the epoch;
    `delivery_count` counts the deliveries that failed (abandoned or lock expired); `dead_letter_source` names the
    queue the message was dead-lettered from; `due_ms` is when a scheduled message arrives; `session_id` is empty for
    a message of no session. `encoded` are the bytes the sender sent.
    """

    sequence: int
    encoded: bytes
    enqueued_ms: int
    expires_ms: int | None = None
    delivery_count: int = 0
    dead_letter_source: str | None = None
    state: MessageState = MessageState.ACTIVE
    due_ms: int | None = None
    session_id: str = ""

    def is_expired(self, now_ms: int) -> bool:
        """Whether its time to live has passed; only a message nobody holds can expire."""
        return self.expires_ms is not None and self.expires_ms <= now_ms

    def for_receiver(self, locked_until_ms: int | None) -> bytes:
        """The bytes a receiver gets, with the annotations Service Bus adds."""
        annotations: dict[str, int | str] = {
            "x-opt-sequence-number": self.sequence,
            "x-opt-enqueue-sequence-number": self.sequence,
            "x-opt-enqueued-time": self.enqueued_ms,
        }
        if self.state is not MessageState.ACTIVE:
            annotations["x-opt-message-state"] = int(self.state)
        if locked_until_ms is not None:
            annotations["x-opt-locked-until"] = locked_until_ms
        if self.dead_letter_source is not None:
            annotations["x-opt-deadletter-source"] = self.dead_letter_source
        return wire.for_delivery(self.encoded, self.delivery_count, annotations)
