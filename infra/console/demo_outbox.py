"""The demo's outbox: the messages that were recorded instead of being sent, and what was written back to them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, func, select, text

from hub.db import tables
from hub.db.conversation_tables import conversation_message
from hub.domain.contact import Channel
from hub.domain.conversations import ConversationId, Direction
from hub.domain.ids import WorkOrderId

NEWEST_SHOWN = 100
MOST_AT_ONCE = 1000

_LINK = re.compile(r"https?://[^\s<>\"]*[^\s<>\".,;:!?)\]'»”]")
_MEANS = {Channel.EMAIL: "E-mail", Channel.SMS: "SMS", Channel.VOICE: "Call", Channel.LETTER: "Letter"}
_NAMES = {**_MEANS, Channel.SMS: "Text message", Channel.VOICE: "What is said on the telephone"}
_PERSONAL = re.compile(r"https?://[^/]+(/(?:a|survey)/.*)")


@dataclass(frozen=True)
class OutboxMessage:
    """One message as the citizen would get it; `external_id` and `zone` are its order's, if it is about one."""

    seq: int
    channel: Channel
    recipient: str
    subject: str
    body: str
    work_order_id: WorkOrderId | None
    recorded_at: datetime
    external_id: str
    zone: str

    @property
    def means(self) -> str:
        """How it would come."""
        return _MEANS[self.channel]

    @property
    def heading(self) -> str:
        """Its subject, or what it is when it has none."""
        return self.subject or _NAMES[self.channel]

    @property
    def can_be_answered(self) -> bool:
        """Whether its recipient could write back."""
        return self.channel is Channel.SMS

    def pieces(self, public_url: str) -> Iterator[tuple[str, str | None]]:
        """The body cut into text and links: (piece, where a link leads, or None for text).

        A personal link is one of `public_url`, ours: the message may come from a start of the demo on another port.
        """
        end = 0
        for link in _LINK.finditer(self.body):
            yield self.body[end : link.start()], None
            personal = _PERSONAL.fullmatch(link.group())
            yield (f"{public_url}{personal[1]}", personal[1]) if personal else (link.group(), link.group())
            end = link.end()
        yield self.body[end:], None


@dataclass(frozen=True)
class WrittenBack:
    """What was written back to a text, and what the machine said to it; `answer` is empty when it said nothing."""

    text: str
    answer: str
    conversation_id: ConversationId


def message_numbered(connection: Connection, seq: int) -> OutboxMessage | None:
    """The message with number `seq`, None when there is none."""
    row = connection.execute(_messages().where(tables.recorded_message.c.seq == seq)).one_or_none()
    return OutboxMessage(*row) if row else None


def written_back(connection: Connection, name: str) -> WrittenBack | None:
    """What came in under `name`; None when nothing is kept of it, as of a STOP."""
    said = conversation_message.c
    row = connection.execute(
        select(said.text, said.answer, said.conversation_id).where(
            said.provider_id == name, said.direction == Direction.IN
        )
    ).one_or_none()
    return WrittenBack(*row) if row else None


def newest_messages(connection: Connection, external_id: str) -> list[OutboxMessage]:
    """The newest messages first; those of one order only when `external_id` names it."""
    message, order = tables.recorded_message, tables.work_order
    query = _messages().order_by(message.c.seq.desc()).limit(NEWEST_SHOWN)
    if external_id:
        query = query.where(order.c.external_id == external_id)
    return [OutboxMessage(*row) for row in connection.execute(query)]


def messages_after(connection: Connection, seq: int) -> list[OutboxMessage]:
    """The oldest messages after number `seq`, at most MOST_AT_ONCE of them."""
    message = tables.recorded_message.c
    # Numbers are given before the commit: without waiting for writers, a reader that goes on from the highest would miss one.
    connection.execute(text("LOCK TABLE recorded_message IN SHARE MODE"))
    query = _messages().where(message.seq > seq).order_by(message.seq).limit(MOST_AT_ONCE)
    return [OutboxMessage(*row) for row in connection.execute(query)]


def _messages() -> Select[Any]:
    message, order = tables.recorded_message, tables.work_order
    return select(
        message.c.seq,
        message.c.channel,
        message.c.recipient,
        message.c.subject,
        message.c.body,
        message.c.work_order_id,
        message.c.recorded_at,
        func.coalesce(order.c.external_id, ""),
        func.coalesce(order.c.zone, "UTC"),
    ).outerjoin(order, order.c.id == message.c.work_order_id)
