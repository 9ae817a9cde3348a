"""Orders that a room of ours hands in: taken by the same way as a utility's message, so judged, placed and kept alike."""

import json

from hub.bootstrap import Hub
from hub.messaging.service_bus import DeadLetter, ReceivedMessage
from ingest.service import receive_message


class HandedInUnreadableError(RuntimeError):
    """Our own event could not be read: a fault of ours, which the worker's log and the failed job must show."""


def take_order(hub: Hub, *, event: str) -> None:
    """Take in the CloudEvent `event` (JSON) once; a repeated job changes nothing."""
    message = ReceivedMessage(
        body=event.encode(),
        message_id=str(json.loads(event)["id"]),
        subject=None,
        correlation_id=None,
        content_type="application/cloudevents+json",
        properties={},
        sequence_number=0,
        delivery_count=0,
        enqueued_at=None,
        dead_letter_reason=None,
        dead_letter_description=None,
    )
    settlement = receive_message(hub, message)
    if isinstance(settlement, DeadLetter):
        raise HandedInUnreadableError(settlement.description)
