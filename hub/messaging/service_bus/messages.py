"""A message before it is sent and after it is received, without the SDK's types."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from azure.servicebus import ServiceBusMessage, ServiceBusReceivedMessage
from azure.servicebus.amqp import AmqpMessageBodyType

from hub.domain.errors import DoorstepError, ErrorKind
from hub.messaging.envelope import CONTENT_TYPE

PropertyValue = str | int | float | bool


class MessageTooLarge(DoorstepError):
    """One message is larger than the bus takes; it will never fit, so nothing retries it."""

    kind = ErrorKind.INVALID
    code = "message-too-large"

    def __init__(self, message_id: str, size: int) -> None:
        super().__init__(f"The message {message_id} has {size} bytes, more than the bus takes. Make it smaller.")
        self.message_id, self.size = message_id, size


@dataclass(frozen=True, slots=True)
class OutgoingMessage:
    """A message to send. `message_id` stays the same when the message is sent again, so a receiver can tell."""

    body: bytes
    message_id: str
    subject: str | None = None
    correlation_id: str | None = None
    content_type: str = CONTENT_TYPE
    properties: Mapping[str, PropertyValue] = field(default_factory=dict)

    def for_sdk(self) -> ServiceBusMessage:
        """The SDK's message."""
        properties: dict[str | bytes, Any] = {}
        properties.update(self.properties.items())
        return ServiceBusMessage(
            self.body,
            message_id=self.message_id,
            subject=self.subject,
            correlation_id=self.correlation_id,
            content_type=self.content_type,
            application_properties=properties,
        )


@dataclass(frozen=True, slots=True)
class ReceivedMessage:
    """A message as it came. `delivery_count` counts the deliveries before this one that failed."""

    body: bytes
    message_id: str
    subject: str | None
    correlation_id: str | None
    content_type: str | None
    properties: Mapping[str, Any]
    sequence_number: int
    delivery_count: int
    enqueued_at: datetime | None
    dead_letter_reason: str | None
    dead_letter_description: str | None


def from_sdk(message: ServiceBusReceivedMessage) -> ReceivedMessage:
    """The SDK's message as ours. A body that is not bytes (an AMQP value or sequence) comes as its text."""
    properties = message.application_properties or {}
    enqueued_at = message.enqueued_time_utc
    return ReceivedMessage(
        body=_body(message),
        message_id=_name(message.message_id) or "",
        subject=message.subject,
        correlation_id=_name(message.correlation_id),
        content_type=message.content_type,
        properties={_text(name): _text(value) for name, value in properties.items()},
        sequence_number=message.sequence_number or 0,
        delivery_count=message.delivery_count or 0,
        enqueued_at=None if enqueued_at is None else enqueued_at.astimezone(UTC),
        dead_letter_reason=message.dead_letter_reason,
        dead_letter_description=message.dead_letter_error_description,
    )


def _body(message: ServiceBusReceivedMessage) -> bytes:
    body: Any = message.body
    if message.body_type == AmqpMessageBodyType.VALUE or not isinstance(body, Iterable):
        return body if isinstance(body, bytes) else str(body).encode()
    return b"".join(part if isinstance(part, bytes) else str(part).encode() for part in body)


def _name(value: Any) -> str | None:
    # AMQP's ids are texts, numbers, UUIDs or bytes; the SDK hands them on as they are.
    return None if value is None else str(_text(value))


def _text(value: Any) -> Any:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value
