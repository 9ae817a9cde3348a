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


class LinkPurpose(StrEnum):
    """What a citizen's link opens."""

    BOOKING = "booking"
    SURVEY = "survey"


class CaseStatus(StrEnum):
    """Whether the ladder still runs for an order."""

    OPEN = "open"
    ENDED = "ended"


class NotificationStatus(StrEnum):
    """What is known of one message. UNKNOWN: a crash came between the provider's call and its answer; it is never blindly resent."""

    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"
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
    version: int = 1
