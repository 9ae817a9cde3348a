"""What the log and the metrics hear of each message that was settled, after its transaction."""

import logging
from datetime import datetime

from hub.bootstrap import Hub
from hub.logs import correlated, in_one_line, usable_id
from hub.messaging.service_bus import Complete, DeadLetter, ReceivedMessage, Retry
from hub.metrics import note_delivery, note_import_lag
from ingest.messages import Reading

_log = logging.getLogger(__name__)


def tell_settled(
    hub: Hub, message: ReceivedMessage, reading: Reading | str, answer: Complete | DeadLetter | Retry
) -> None:
    """Count this delivery and say in a line, under the utility's own correlation id, what became of it. Shows no word of its contents."""
    if isinstance(answer, Retry):
        note_delivery("failed")
        return
    if isinstance(reading, str):
        note_delivery("dead-lettered")
        with correlated(usable_id(message.correlation_id) or ""):
            # The sentence may quote what was sent, which may be a person's.
            _log.warning("Message %s cannot be read and is laid aside.", in_one_line(message.message_id))
        return
    note_delivery("completed" if isinstance(answer, Complete) else "dead-lettered")
    if (began := message.enqueued_at or reading.envelope.time) is not None:
        note_import_lag(_seconds_since(hub, began))
    with correlated(reading.correlation_id):
        _log.info(
            "Message %s about order %s was settled.", *map(in_one_line, (reading.envelope.id, reading.external_id))
        )


def _seconds_since(hub: Hub, began: datetime) -> float:
    return (hub.clock.now() - began).total_seconds()
