"""The contact ladder's records: the citizen's link, the case, and every message that was sent or tried."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from hub.domain.ids import LinkId, NotificationId, WorkOrderId


class Channel(StrEnum):
    """How a message reaches the citizen."""

    EMAIL = "email"
    SMS = "sms"
    VOICE = "voice"
    LETTER = "letter"


class LinkPurpose(StrEnum):
    """What a citizen's link opens."""

    BOOKING = "booking"
    SURVEY = "survey"


class CaseStatus(StrEnum):
    """Whether the ladder still runs for an order."""

    OPEN = "open"
    ENDED = "ended"


class AddressState(StrEnum):
    """Why an address is not written to by a channel: its owner asked for that, or nothing arrives there."""

    OPTED_OUT = "opted out"
    BAD = "bad"


class NotificationStatus(StrEnum):
    """What is known of one message.

    SENT: the provider took it. DELIVERED and UNDELIVERED: its receipt says so. FAILED: nothing was sent. UNKNOWN: a crash came
    between the provider's call and its answer; it is never blindly resent, and only a receipt can settle it.
    """

    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"
    DELIVERED = "delivered"
    UNDELIVERED = "undelivered"
    FAILED = "failed"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class CitizenLink:
    """A personal link: 256 random bits of which only the SHA-256 is stored."""

    id: LinkId
    work_order_id: WorkOrderId
    purpose: LinkPurpose
    token_hash: str
    created_at: datetime
    expires_at: datetime


@dataclass(frozen=True)
class ContactCase:
    """Where the ladder stands for one order: the next step of the policy and when it is due.

    `round` counts how often the ladder was started (a re-invitation after no access starts the next round).
    """

    work_order_id: WorkOrderId
    policy: str
    round: int
    next_step: int
    next_due_at: datetime | None
    status: CaseStatus
    outcome: str
    opened_at: datetime
    ended_at: datetime | None = None
    version: int = 1


@dataclass(frozen=True)
class Notification:
    """One message to the citizen. A *contact attempt* is one with a `step`: rung `step` of `round` of the ladder.

    `fallback` are the channels it may go by when this one fails for good; the message that then follows has the same round and
    step, the next `hop` (0 is the first), and names this one in `failover_of`: both together are one attempt.

    `subject` and `body` are what was handed over, with `[link]` in place of the personal link; empty until then.
    `receipt` is the provider's last word after it took the message, and `receipt_at` when we heard it. `turn_at` is when a queued
    message has its place in the provider's rate.

    `parameters` are what the text is filled with; the personal link is not among them: it is made when the message is
    sent, so no token is ever stored. `tries` counts how often the provider was called; `sending_at` is when the last call
    began; `retry_at` is when a queued message is handed over again after a refusal that may pass.
    """

    id: NotificationId
    work_order_id: WorkOrderId
    kind: str
    channel: Channel
    recipient: str
    language: str
    status: NotificationStatus
    created_at: datetime
    round: int | None = None
    step: int | None = None
    parameters: Mapping[str, str] = field(default_factory=dict)
    provider: str = ""
    provider_id: str = ""
    error: str = ""
    tries: int = 0
    sending_at: datetime | None = None
    retry_at: datetime | None = None
    settled_at: datetime | None = None
    fallback: tuple[str, ...] = ()
    hop: int = 0
    failover_of: NotificationId | None = None
    subject: str = ""
    body: str = ""
    receipt: str = ""
    receipt_at: datetime | None = None
    turn_at: datetime | None = None
    version: int = 1
