"""Threads as records: a message is taken in once, its thread is opened or goes on, and what was answered is kept.

Messages of one sender are taken in one after the other (an advisory lock of the number), so that a sender has one thread per
order. A thread is OPEN from the moment a message came in; only when the machine has answered it in full does it go back. So
whatever stops the program in between, a person finds the message in the inbox.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import uuid4

from sqlalchemy import func, select, update

from hub.db.conversation_tables import conversation as conversation_table
from hub.db.conversation_tables import conversation_message as message_table
from hub.db.records import Records
from hub.db.unit_of_work import UnitOfWork
from hub.domain.conversations import (
    Conversation,
    ConversationId,
    ConversationMessage,
    ConversationStatus,
    Direction,
    Meaning,
    Topic,
)
from hub.domain.ids import WorkOrderId

LONGEST_TEXT = 1600
"""How much of a text is kept; no provider's SMS is longer."""
MOST_PER_HOUR = 20
"""How many texts of one sender are kept and answered in an hour; more than that is a machine, or somebody at play."""
_LONGEST_SENDER = 40
_LONGEST_PROVIDER_ID = 100


@dataclass(frozen=True)
class Incoming:
    """Something said to us, made safe to store: no NUL, no half characters, no more than `LONGEST_TEXT`."""

    provider_id: str | None
    sender: str
    text: str
    cut: bool
    meaning: Meaning | None


def incoming(provider_id: str, sender: str, text: str, meaning: Meaning | None) -> Incoming:
    """What of a provider's message is kept: everything, as far as the database can hold it."""
    whole = text.replace("\x00", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode()
    number = "".join(sign for sign in sender if sign.isprintable()).strip()[:_LONGEST_SENDER]
    named = "".join(sign for sign in provider_id if sign.isprintable()).strip()[:_LONGEST_PROVIDER_ID]
    return Incoming(named or None, number, whole[:LONGEST_TEXT], len(whole) > LONGEST_TEXT, meaning)


def conversations(work: UnitOfWork) -> Records[Conversation]:
    """The threads of this transaction's database."""
    return Records(work.connection, conversation_table, Conversation)


def messages(work: UnitOfWork) -> Records[ConversationMessage]:
    """What was said in them."""
    return Records(work.connection, message_table, ConversationMessage)


def wait_for_sender(work: UnitOfWork, sender: str) -> None:
    """Let nobody else take in a message of this sender until the transaction ends."""
    work.connection.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(f"conversation {sender}", 0))))


def taken_in(work: UnitOfWork, provider_id: str | None) -> ConversationMessage | None:
    """The message that this provider's name was given to before, if it came in before."""
    if provider_id is None:
        return None
    return messages(work).find_where(message_table.c.provider_id == provider_id)


def is_too_fast(work: UnitOfWork, sender: str) -> bool:
    """Whether the sender has written so much in the last hour that no more is taken in."""
    recent = (
        select(func.count())
        .select_from(message_table.join(conversation_table, message_table.c.conversation_id == conversation_table.c.id))
        .where(
            conversation_table.c.sender == sender,
            message_table.c.direction == Direction.IN,
            message_table.c.at > work.now - timedelta(hours=1),
        )
    )
    return bool(work.connection.execute(recent).scalar_one() >= MOST_PER_HOUR)


def find_thread(work: UnitOfWork, sender: str, work_order_id: WorkOrderId | None) -> Conversation | None:
    """The thread of messages with this number about this order, locked."""
    table = conversation_table.c
    return conversations(work).find_where(
        table.topic == Topic.MESSAGES, table.sender == sender, table.work_order_id == work_order_id, lock=True
    )


def continue_thread(work: UnitOfWork, thread: Conversation | None, new: Conversation) -> Conversation:
    """The thread, waiting for us from now on if it was not; a first message makes it `new`."""
    if thread is None:
        return conversations(work).add(new)
    open_again = replace(
        thread,
        status=ConversationStatus.OPEN,
        waiting_since=thread.waiting_since or work.now,
        changed_at=work.now,
        closed_at=None,
    )
    return conversations(work).swap(thread, open_again)


def new_thread(work: UnitOfWork, topic: Topic, sender: str, work_order_id: WorkOrderId | None) -> Conversation:
    """A thread that begins now and waits for us; not stored."""
    return Conversation(
        id=ConversationId(uuid4()),
        topic=topic,
        work_order_id=work_order_id,
        sender=sender,
        status=ConversationStatus.OPEN,
        opened_at=work.now,
        changed_at=work.now,
        waiting_since=work.now,
    )


def add_incoming(
    work: UnitOfWork, thread: Conversation, said: Incoming, *, settled: bool = False
) -> ConversationMessage:
    """Store what was said in the thread; `settled` when the machine has nothing to say to it."""
    return messages(work).add(
        ConversationMessage(
            id=uuid4(),
            conversation_id=thread.id,
            direction=Direction.IN,
            at=work.now,
            text=said.text,
            provider_id=said.provider_id,
            meaning=said.meaning,
            cut=said.cut,
            settled=settled,
        )
    )


def find_open_call_back(work: UnitOfWork, sender: str, work_order_id: WorkOrderId | None) -> Conversation | None:
    """A request of this number to be called back about this order that still waits."""
    table = conversation_table.c
    return conversations(work).find_where(
        table.topic == Topic.CALL_BACK,
        table.sender == sender,
        table.work_order_id == work_order_id,
        table.status == ConversationStatus.OPEN,
    )


def waiting_since(work: UnitOfWork, thread: Conversation) -> datetime | None:
    """When the first of the citizen's messages came that nobody has answered, None when there is none."""
    table = message_table.c
    first = select(func.min(table.at)).where(
        table.conversation_id == thread.id, table.direction == Direction.IN, table.handled.is_(False)
    )
    found: datetime | None = work.connection.execute(first).scalar_one()
    return found


def settle_messages(work: UnitOfWork, thread: Conversation) -> None:
    """A person has seen to the thread: none of its messages waits any more."""
    table = message_table.c
    mine = table.conversation_id == thread.id, table.direction == Direction.IN, table.handled.is_(False)
    work.connection.execute(update(message_table).where(*mine).values(handled=True))


def waits_for_us_since(work: UnitOfWork, work_order_id: WorkOrderId) -> datetime | None:
    """Since when the order's citizen waits, having written or asked to be called; None when all of that is seen to."""
    table = conversation_table.c
    first = select(func.min(func.coalesce(table.waiting_since, table.opened_at))).where(
        table.work_order_id == work_order_id, table.status == ConversationStatus.OPEN
    )
    found: datetime | None = work.connection.execute(first).scalar_one()
    return found
