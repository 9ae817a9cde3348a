"""What happens when a citizen says something: it is kept, threaded on its order, and answered by machine or by a person.

    webhook ─► receive_sms ─► taken in (one transaction: the thread waits for us from here on)
                            ─► the machine looks at it (scheduling's own transactions)
                            ─► settled (one transaction: what was answered, whose turn it is)

A stop in between leaves the message in the inbox, waiting; the provider's next try goes on where it stopped.
"""

import logging
from dataclasses import dataclass, replace
from datetime import timedelta
from uuid import uuid4

from hub.bootstrap import Hub
from hub.db.conversation_tables import conversation_message as message_table
from hub.db.unit_of_work import UnitOfWork
from hub.domain.contact import AddressState, Channel
from hub.domain.conversations import Conversation, ConversationMessage, ConversationStatus, Direction, Topic
from hub.domain.events import CITIZEN, SYSTEM
from hub.domain.work_orders import WorkOrder
from hub.logs import correlated
from hub.notifications.addresses import closed_channels
from hub.notifications.entries import text_hmac, text_key
from hub.notifications.masking import mask_recipient
from hub.notifications.texts import known_language
from portal.conversations import entries
from portal.conversations.addressees import find_addressee
from portal.conversations.answers import Answer, answer_to, left_to_a_person
from portal.conversations.attaching import attach, find_orders
from portal.conversations.call_backs import receive_call_back
from portal.conversations.meaning import Understood, understand
from portal.conversations.offers import remember_offer
from portal.conversations.schemas import InboundSms, Reply
from portal.conversations.staff import answer, assign, close, reveal_number, send_times
from portal.conversations.threads import (
    Incoming,
    add_incoming,
    continue_thread,
    conversations,
    find_thread,
    incoming,
    is_too_fast,
    messages,
    new_thread,
    taken_in,
    wait_for_sender,
    waiting_since,
)

__all__ = [
    "answer",
    "assign",
    "attach",
    "close",
    "find_orders",
    "receive_call_back",
    "receive_sms",
    "reveal_number",
    "send_times",
]

_log = logging.getLogger(__name__)
_SAID_LATELY = timedelta(hours=12)
"""How long a citizen who heard that a person reads the message, or when we come, is not told so again: two machines must not talk for ever."""
_SAID_ONCE = ("nothing", "acknowledged")


@dataclass(frozen=True)
class _Arrival:
    """A message that was taken in, and the order it is about."""

    message: ConversationMessage
    order: WorkOrder | None
    may_act: bool


def receive_sms(hub: Hub, sms: InboundSms) -> Reply | None:
    """Take in a text and say what to answer it with, None for nothing; the same `provider_id` again gets the same answer.

    The caller has made sure that it comes from the provider, and has seen to words like STOP. Nobody who was not written to
    gets an answer, so a number tells nothing about whom we know. Raises errors of outages only; the message is kept then.
    """
    understood = understand(sms.text)
    said = incoming(sms.provider_id, sms.sender, sms.text, understood.meaning)
    arrival = _take_in(hub, said, understood)
    if arrival is None or arrival.order is None:
        return None
    language = known_language(arrival.order.language)
    if arrival.message.settled:
        return Reply(arrival.message.answer, language) if arrival.message.answer else None
    with correlated(arrival.order.correlation_id):
        words = _settle(hub, arrival, _look_at(hub, arrival, arrival.order, said.sender, understood))
    return Reply(words, language) if words else None


def _look_at(hub: Hub, arrival: _Arrival, order: WorkOrder, sender: str, understood: Understood) -> Answer:
    """What to answer; nothing to a number that asked for no more messages, whose text a person reads."""
    with hub.snapshot() as work:
        state, _ = closed_channels(work, {Channel.SMS: sender}).get(Channel.SMS, (None, ""))
    if state is AddressState.OPTED_OUT:
        return Answer("", handled=False)
    if arrival.may_act:
        return answer_to(hub, order.id, sender, understood)
    return left_to_a_person(known_language(order.language))


def _take_in(hub: Hub, said: Incoming, understood: Understood) -> _Arrival | None:
    """Keep the message, once; None when it is not to be answered at all: from too fast a sender."""
    with hub.unit_of_work() as work:
        wait_for_sender(work, said.sender)
        earlier = taken_in(work, said.provider_id)
        if earlier is not None:
            return _again(work, earlier, said)
        addressee = find_addressee(work, said.sender)
        thread = find_thread(work, said.sender, addressee.order.id if addressee else None)
        if is_too_fast(work, said.sender):
            _count_dropped(work, thread)
            return None
        fresh = new_thread(work, Topic.MESSAGES, said.sender, addressee.order.id if addressee else None)
        thread = continue_thread(work, thread, fresh)
        # A stranger's message is settled at once: there is nothing to answer.
        message = add_incoming(work, thread, said, settled=addressee is None)
        _note_wrote(work, thread, message, said, understood)
        work.commit()
    if addressee is None:
        return _Arrival(message, None, may_act=False)
    return _Arrival(message, addressee.order, addressee.may_act)


def _count_dropped(work: UnitOfWork, thread: Conversation | None) -> None:
    """Let the page say that there was more than was kept."""
    if thread is not None:
        conversations(work).swap(thread, replace(thread, dropped=thread.dropped + 1))
        work.commit()
        _log.warning("conversation %s: a message came too fast and was not kept", thread.id)


def _again(work: UnitOfWork, earlier: ConversationMessage, said: Incoming) -> _Arrival | None:
    """A message that came before. Its answer is its own sender's: the same name under another number gets none."""
    thread = conversations(work).get(earlier.conversation_id)
    if thread.sender != said.sender or thread.work_order_id is None:
        return None
    order = work.work_orders.get(thread.work_order_id)
    present = find_addressee(work, said.sender)
    may_act = present is not None and present.order.id == order.id and present.may_act
    return _Arrival(earlier, order, may_act)


def _note_wrote(
    work: UnitOfWork, thread: Conversation, message: ConversationMessage, said: Incoming, understood: Understood
) -> None:
    told = {
        "message": str(message.id),
        "channel": "sms",
        "from": mask_recipient(said.sender),
        "meaning": understood.meaning.value,
        "number": understood.number,
        "length": len(said.text),
        "providerId": said.provider_id,
        "textHmac": text_hmac(text_key(work.settings, message.id), said.text),
    }
    entries.note(work, thread, entries.WROTE, by=CITIZEN, action="write", **told)


def _settle(hub: Hub, arrival: _Arrival, found: Answer) -> str:
    """Write down what was answered, and whose turn it is; returns the words that stand, which are the first ones settled."""
    with hub.unit_of_work() as work:
        thread = conversations(work).get(arrival.message.conversation_id, lock=True)
        message = messages(work).get(arrival.message.id, lock=True)
        if message.settled:
            return message.answer
        repeats = found.did in _SAID_ONCE and _said_lately(work, thread, found.text)
        words = "" if repeats else found.text
        settled = replace(message, settled=True, handled=message.handled or found.handled, answer=words)
        messages(work).swap(message, settled)
        if words:
            _add_reply(work, thread, words)
        if found.times and arrival.order is not None:
            remember_offer(work, arrival.order, found.times)
        _take_turns(work, thread)
        entries.note(
            work,
            thread,
            entries.REPLIED,
            by=SYSTEM,
            action="reply",
            message=str(message.id),
            did=found.did,
            appointment=str(found.appointment_id) if found.appointment_id else None,
            times=list(found.times),
            textHmac=text_hmac(text_key(work.settings, message.id), words),
        )
        work.commit()
    return words


def _add_reply(work: UnitOfWork, thread: Conversation, words: str) -> None:
    messages(work).add(
        ConversationMessage(
            id=uuid4(), conversation_id=thread.id, direction=Direction.REPLY, at=work.now, text=words, settled=True
        )
    )


def _take_turns(work: UnitOfWork, thread: Conversation) -> None:
    """After a message was settled: the thread waits for us as long as one of the citizen's messages is not answered in full."""
    since = waiting_since(work, thread)
    if since is not None:
        after = replace(thread, waiting_since=since, changed_at=work.now)
    else:
        # Nobody at the desk had a part in it, so nobody needs to see it.
        status = ConversationStatus.ANSWERED if thread.assigned_to else ConversationStatus.CLOSED
        closed_at = work.now if status is ConversationStatus.CLOSED else None
        after = replace(thread, status=status, waiting_since=None, closed_at=closed_at, changed_at=work.now)
    conversations(work).swap(thread, after)


def _said_lately(work: UnitOfWork, thread: Conversation, words: str) -> bool:
    """Whether the citizen was told just this a short while ago."""
    table = message_table.c
    return bool(
        messages(work).find_where(
            table.conversation_id == thread.id,
            table.direction == Direction.REPLY,
            table.text == words,
            table.at > work.now - _SAID_LATELY,
        )
    )
