"""Good orders by the thousand, as messages to send and as messages received."""

import json
import random
from itertools import count

from hub.messaging.service_bus import OutgoingMessage, ReceivedMessage
from infra.chaos.options import START
from ingest.sample.orders import OrderDraw, draw_work_types
from ingest.sample.technicians import served_territories

_numbers = count()


def draw_orders(number: int, seed: int) -> list[OutgoingMessage]:
    """Create events of `number` new orders, in the sample feed's shares of work types; each call draws other orders."""
    luck = random.Random(f"bench/{seed}/{next(_numbers)}")
    draw = OrderDraw(luck, START.date(), served_territories(12))
    events = (draw.event(draw.order(next(_numbers), kind), 0) for kind in draw_work_types(luck, number))
    return [OutgoingMessage(body=json.dumps(one).encode(), message_id=str(one["id"])) for one in events]


def as_received(message: OutgoingMessage) -> ReceivedMessage:
    """The message as the consumer hands it on."""
    return ReceivedMessage(
        body=message.body,
        message_id=message.message_id,
        subject=message.subject,
        correlation_id=message.correlation_id,
        content_type=message.content_type,
        properties={},
        sequence_number=1,
        delivery_count=0,
        enqueued_at=START,
        dead_letter_reason=None,
        dead_letter_description=None,
    )
