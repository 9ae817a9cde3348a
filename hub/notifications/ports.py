"""What the hub asks of whoever carries a message."""

from dataclasses import dataclass
from typing import Protocol

from hub.domain.contact import Channel
from hub.domain.ids import NotificationId, WorkOrderId


@dataclass(frozen=True)
class Attachment:
    """A file that travels with an e-mail."""

    filename: str
    media_type: str
    content: bytes


@dataclass(frozen=True)
class Message:
    """One rendered message, link included. SMS ignores `subject` and `attachments`."""

    notification_id: NotificationId
    work_order_id: WorkOrderId
    channel: Channel
    recipient: str
    subject: str
    body: str
    attachments: tuple[Attachment, ...] = ()


class SendingFailedError(Exception):
    """The provider refused or could not be reached, and nothing was sent.

    `retry` tells whether the same message may succeed later. Any *other* exception leaves the outcome unknown.
    """

    def __init__(self, reason: str, *, retry: bool) -> None:
        super().__init__(reason)
        self.retry = retry


class Sender(Protocol):
    """A provider of one channel."""

    name: str

    def send(self, message: Message) -> str:
        """Hand `message` over and return the provider's id for it; raises SendingFailedError."""
        ...
