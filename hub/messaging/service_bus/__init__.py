"""Azure Service Bus through its own SDK: publish, consume, and what the command line needs.

Nothing here knows a room. Nothing here waits without a bound: a bus that does not answer becomes BusUnavailable, or,
for the consumer that runs for months, another attempt after a growing pause.
"""

from hub.messaging.service_bus.command_line import receive_dead_letters, receive_events, send_batch
from hub.messaging.service_bus.connection import BusUnavailable
from hub.messaging.service_bus.consumer import (
    Complete,
    DeadLetter,
    HandleMany,
    Retry,
    Settlement,
    consume,
    consume_together,
)
from hub.messaging.service_bus.messages import MessageTooLarge, OutgoingMessage, ReceivedMessage
from hub.messaging.service_bus.publisher import ServiceBusPublisher

__all__ = [
    "BusUnavailable",
    "Complete",
    "DeadLetter",
    "HandleMany",
    "MessageTooLarge",
    "OutgoingMessage",
    "ReceivedMessage",
    "Retry",
    "ServiceBusPublisher",
    "Settlement",
    "consume",
    "consume_together",
    "receive_dead_letters",
    "receive_events",
    "send_batch",
]
