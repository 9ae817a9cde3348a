"""What the hub asks of whoever carries a message."""

from dataclasses import dataclass
from datetime import timedelta
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
    """One rendered message, link included. Only e-mail looks at `subject`, `attachments` and `list_unsubscribe`.

    `html` is the same as `body` for an e-mail or a letter's sheet. `tries` numbers the handing over: receipts name it. `language` is
    that of the words. `list_unsubscribe` is an address that stops such mail when something is posted to it, or empty.
    `work_order_id` is absent while what it is about is no order yet. `lines` are the name and address for a letter's window.
    """

    notification_id: NotificationId
    work_order_id: WorkOrderId | None
    channel: Channel
    recipient: str
    subject: str
    body: str
    attachments: tuple[Attachment, ...] = ()
    html: str = ""
    language: str = "en"
    tries: int = 1
    list_unsubscribe: str = ""
    lines: tuple[str, ...] = ()


class SendingFailedError(Exception):
    """The provider refused or could not be reached, and nothing was sent.

    `retry` tells whether the same message may succeed later, `retry_after` how long the provider wants no message at all.
    `bad_address`: nothing can arrive at this address by this channel. `opted_out`: its owner told the provider to stop. Any *other*
    exception leaves the outcome unknown. The reason is a sentence without an address.
    """

    def __init__(
        self,
        reason: str,
        *,
        retry: bool,
        retry_after: timedelta | None = None,
        bad_address: bool = False,
        opted_out: bool = False,
    ) -> None:
        super().__init__(reason)
        self.retry = retry
        self.retry_after = retry_after
        self.bad_address = bad_address
        self.opted_out = opted_out


class Sender(Protocol):
    """A provider of one channel."""

    name: str

    def send(self, message: Message) -> str:
        """Hand `message` over and return the provider's id for it; raises SendingFailedError."""
        ...
