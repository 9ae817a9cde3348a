"""What citizens say to us, and who answers: conversations by SMS, requests to be called back, and times offered by number."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NewType
from uuid import UUID

from hub.domain.ids import NotificationId, StaffId, WorkOrderId

ConversationId = NewType("ConversationId", UUID)
OfferId = NewType("OfferId", UUID)


class Topic(StrEnum):
    """What a line of the inbox is about: messages that go to and fro, or one request to be called back."""

    MESSAGES = "messages"
    CALL_BACK = "call back"


class ConversationStatus(StrEnum):
    """Whose turn it is. OPEN waits for us; ANSWERED waits for the citizen; CLOSED waits for nobody."""

    OPEN = "open"
    ANSWERED = "answered"
    CLOSED = "closed"


class Direction(StrEnum):
    """Who wrote: IN is the citizen, OUT a member of staff, REPLY the machine."""

    IN = "in"
    OUT = "out"
    REPLY = "reply"


class Meaning(StrEnum):
    """What a text was understood as. Only YES and NUMBER are acted on by machine; everything else is for people."""

    YES = "yes"
    NUMBER = "number"
    NO = "no"
    WRONG_NUMBER = "wrong number"
    CALL_ME = "call me"
    OTHER = "other"


@dataclass(frozen=True)
class Conversation:
    """A thread with one number about one order, or about none that is known.

    `sender` is the number as the provider gave it. `waiting_since` is the first message nobody has answered yet.
    `dropped` counts messages that came too fast to be kept. `note` is what was written when it was closed.
    """

    id: ConversationId
    topic: Topic
    work_order_id: WorkOrderId | None
    sender: str
    status: ConversationStatus
    opened_at: datetime
    changed_at: datetime
    waiting_since: datetime | None = None
    assigned_to: StaffId | None = None
    dropped: int = 0
    note: str = ""
    closed_at: datetime | None = None
    version: int = 1

    @property
    def needs_note(self) -> bool:
        """Whether it is only closed with a word on what came of it."""
        return self.topic is Topic.CALL_BACK


@dataclass(frozen=True)
class ConversationMessage:
    """One thing said. `text` is stored as it came, up to a limit: `cut` tells that there was more.

    `provider_id` is the provider's name for an incoming one and unique. `settled` tells that the machine has looked at it,
    `answer` with which words it answered (empty: with none). `handled` tells that it waits for nobody: the machine answered it
    in full, or staff saw to it. `notification_id` is the message that carries what staff wrote.
    """

    id: UUID
    conversation_id: ConversationId
    direction: Direction
    at: datetime
    text: str
    provider_id: str | None = None
    meaning: Meaning | None = None
    cut: bool = False
    settled: bool = False
    handled: bool = False
    answer: str = ""
    staff_id: StaffId | None = None
    notification_id: NotificationId | None = None
    version: int = 1


@dataclass(frozen=True)
class SlotListOffer:
    """Times that were listed to a citizen by number: the first of `times` is number 1.

    `times` holds arrival windows `[start, end)` as text, in UTC. `notification_id` is the message that listed them;
    without one it was the answer to a message of the citizen's.
    """

    id: OfferId
    work_order_id: WorkOrderId
    made_at: datetime
    times: tuple[str, ...]
    notification_id: NotificationId | None = None
