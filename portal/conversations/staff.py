"""What staff do in the inbox: take a thread or give it away, answer it, send times, call back, close it.

Every act names the version of the thread that its page showed. Whoever was not first is told so and changes nothing: a citizen
gets one answer, not two, and nobody answers what was not read.
"""

from dataclasses import replace
from uuid import UUID, uuid4

from hub.bootstrap import Hub
from hub.db.conversation_tables import conversation as conversation_table
from hub.db.unit_of_work import UnitOfWork
from hub.domain.contact import Channel, Notification
from hub.domain.conversations import Conversation, ConversationId, ConversationMessage, ConversationStatus, Direction
from hub.domain.errors import DoorstepError, ErrorKind, NotFoundError
from hub.domain.events import Actor
from hub.domain.ids import StaffId
from hub.domain.staff import Role
from hub.domain.work_orders import WorkOrder
from hub.notifications.addresses import is_on_file
from hub.notifications.masking import mask_recipient
from hub.notifications.service import request_notification
from hub.typed import one_line
from portal.conversations import entries
from portal.conversations.addressees import ANSWER_KIND
from portal.conversations.offers import prepare_offer, request_offer
from portal.conversations.threads import conversations, messages, settle_messages
from portal.queries import read_booking

LONGEST_ANSWER = 280
"""Signs of an answer: an SMS that begins with our name stays below 300."""
LONGEST_NOTE = 500
INBOX_ROLES = (Role.DISPATCHER, Role.OPERATIONS, Role.ADMINISTRATOR)
"""Who sees to the inbox, and to whom a thread can be given."""
CONVERSATION_PARAMETER = "conversation_id"
"""The parameter that binds an answer to its thread."""


class ConversationChangedError(DoorstepError):
    """Somebody was there first, or the citizen wrote again."""

    kind = ErrorKind.CONFLICT
    code = "conversation-changed"

    def __init__(self) -> None:
        super().__init__(
            "The citizen or a colleague did something here since you opened this page, so nothing was done. "
            "Read what is new, then do it again if it is still needed."
        )


class AnswerRefusedError(DoorstepError):
    """What was asked for in the inbox cannot be done; the sentence says why and what to do."""

    code = "answer-refused"


def assign(hub: Hub, conversation_id: ConversationId, version: int, to: StaffId | None, by: Actor) -> Conversation:
    """Give the thread to a member of staff, None for nobody; raises AnswerRefusedError when that one does not see to the inbox."""
    with hub.unit_of_work() as work:
        thread = locked(work, conversation_id, version)
        if to is not None and not _sees_to_inbox(work, to):
            message = "This account does not see to the inbox; choose somebody of the list."
            raise AnswerRefusedError(message)
        after = conversations(work).swap(thread, replace(thread, assigned_to=to, changed_at=work.now))
        entries.note(work, after, entries.ASSIGNED, by=by, action="assign", to=str(to) if to else None, **_actor(by))
        work.commit()
    return after


def answer(
    hub: Hub, conversation_id: ConversationId, version: int, text: str, channel: Channel, by: Actor
) -> Notification:
    """Send `text` to the order's citizen, by SMS or e-mail, and wait for the citizen from now on.

    The answer goes to the contact on file, so only to a number that is still its citizen's. Raises ConversationChangedError,
    AnswerRefusedError, NotFoundError.
    """
    words = one_line(text)
    if not words:
        message = "There is nothing to send yet; write an answer first."
        raise AnswerRefusedError(message)
    if len(words) > LONGEST_ANSWER:
        message = f"The answer has {len(words)} signs and may have {LONGEST_ANSWER}; make it shorter."
        raise AnswerRefusedError(message)
    if channel not in (Channel.SMS, Channel.EMAIL):
        message = "An answer goes by SMS or by e-mail; choose one of the two."
        raise AnswerRefusedError(message)
    with hub.unit_of_work() as work:
        thread = locked(work, conversation_id, version)
        order = _order_to_answer(work, thread)
        sent = request_notification(
            work,
            order,
            kind=ANSWER_KIND,
            channel=channel,
            parameters={"text": words, CONVERSATION_PARAMETER: str(thread.id)},
        )
        _answered(work, thread, sent, words, by, did="answer")
        work.commit()
    return _that_goes(sent)


def send_times(hub: Hub, conversation_id: ConversationId, version: int, by: Actor) -> Notification:
    """Send up to five free times by number, which the citizen can answer with one sign; raises what `answer` raises."""
    with hub.snapshot() as reading:
        thread = conversations(reading).get(conversation_id)
        booking = read_booking(reading, _order_to_answer(reading, thread))
    prepared = prepare_offer(hub, booking)
    if prepared is None:
        message = (
            "There is no free time for this order now, or it is not for its citizen to choose; write an answer instead."
        )
        raise AnswerRefusedError(message)
    with hub.unit_of_work() as work:
        thread = locked(work, conversation_id, version)
        sent = request_offer(work, _order_to_answer(work, thread), prepared)
        _answered(work, thread, sent, prepared.words, by, did="times")
        work.commit()
    return _that_goes(sent)


def reveal_number(hub: Hub, conversation_id: ConversationId, by: Actor) -> str:
    """The whole number, for somebody who is about to call it; that it was looked at is written down first."""
    with hub.unit_of_work() as work:
        thread = conversations(work).get(conversation_id)
        masked = mask_recipient(thread.sender)
        entries.note(work, thread, entries.NUMBER_SHOWN, by=by, action="show_number", number=masked, **_actor(by))
        work.commit()
    return thread.sender


def close(hub: Hub, conversation_id: ConversationId, version: int, remark: str, by: Actor) -> Conversation:
    """Nothing more is to be done; a request to be called back needs a remark on what came of it.

    Raises ConversationChangedError, AnswerRefusedError, NotFoundError.
    """
    words = one_line(remark)
    if len(words) > LONGEST_NOTE:
        message = f"The note has {len(words)} signs and may have {LONGEST_NOTE}; make it shorter."
        raise AnswerRefusedError(message)
    with hub.unit_of_work() as work:
        thread = locked(work, conversation_id, version)
        if thread.needs_note and not words:
            message = "Write in a few words what came of the call, then press done again."
            raise AnswerRefusedError(message)
        after = _closed(work, thread, words, by)
        _note_closed(work, after, by)
        work.commit()
    return after


def close_those_of_number(work: UnitOfWork, order: WorkOrder, by: Actor, remark: str) -> None:
    """Close what waits from the number on file: it was found to be somebody else's, who is answered nothing and waits for nobody."""
    table = conversation_table.c
    waiting = conversations(work).list_where(
        table.work_order_id == order.id, table.status == ConversationStatus.OPEN, order_by=(table.id,), lock=True
    )
    words = one_line(remark, LONGEST_NOTE)
    closed = [_closed(work, one, words, by) for one in waiting if is_on_file(order, Channel.SMS, one.sender)]
    for one in closed:
        _note_closed(work, one, by)


def why_no_answer(thread: Conversation, order: WorkOrder | None) -> str:
    """Why nothing can be sent to whoever wrote in this thread, in a sentence; empty when it can."""
    if order is None:
        return "Nobody wrote to this number lately, so there is no order to answer about. Find the order it is about, or call the number."
    if order.citizen_phone != thread.sender:
        return "This number is not the one on file for the order's citizen, so an answer would reach somebody else; call it if it matters."
    return ""


def _closed(work: UnitOfWork, thread: Conversation, words: str, by: Actor) -> Conversation:
    settle_messages(work, thread)
    after = replace(
        thread,
        status=ConversationStatus.CLOSED,
        waiting_since=None,
        note=words,
        closed_at=work.now,
        changed_at=work.now,
        assigned_to=thread.assigned_to or _staff_id(by),
    )
    return conversations(work).swap(thread, after)


def _note_closed(work: UnitOfWork, closed: Conversation, by: Actor) -> None:
    entries.note(work, closed, entries.CLOSED, by=by, action="close", noted=bool(closed.note), **_actor(by))


def locked(work: UnitOfWork, conversation_id: ConversationId, version: int) -> Conversation:
    """The thread for this transaction alone; raises ConversationChangedError when it is not as its reader saw it."""
    thread = conversations(work).get(conversation_id, lock=True)
    if thread.version != version:
        raise ConversationChangedError
    return thread


def _order_to_answer(work: UnitOfWork, thread: Conversation) -> WorkOrder:
    order = work.work_orders.get(thread.work_order_id) if thread.work_order_id else None
    refused = why_no_answer(thread, order)
    if order is None or refused:
        raise AnswerRefusedError(refused)
    return order


def _answered(
    work: UnitOfWork, thread: Conversation, sent: Notification | None, words: str, by: Actor, *, did: str
) -> None:
    """Keep what staff sent; whoever answers first has the thread from then on."""
    message = _that_goes(sent)
    settle_messages(work, thread)
    messages(work).add(
        ConversationMessage(
            id=uuid4(),
            conversation_id=thread.id,
            direction=Direction.OUT,
            at=work.now,
            text=words,
            settled=True,
            handled=True,
            staff_id=_staff_id(by),
            notification_id=message.id,
        )
    )
    after = replace(
        thread,
        status=ConversationStatus.ANSWERED,
        waiting_since=None,
        closed_at=None,
        assigned_to=thread.assigned_to or _staff_id(by),
        changed_at=work.now,
    )
    after = conversations(work).swap(thread, after)
    entries.note(work, after, entries.ANSWERED, by=by, action="answer", did=did, message=str(message.id), **_actor(by))


def _that_goes(sent: Notification | None) -> Notification:
    if sent is None:
        message = (
            "Neither SMS nor e-mail reaches this citizen: there is no address, or it was opted out or proved wrong."
        )
        raise AnswerRefusedError(message)
    return sent


def _sees_to_inbox(work: UnitOfWork, staff_id: StaffId) -> bool:
    try:
        account = work.staff.get(staff_id)
    except NotFoundError:
        return False
    return account.active and bool({role.value for role in INBOX_ROLES} & set(account.roles))


def _staff_id(by: Actor) -> StaffId:
    return StaffId(UUID(by.name))


def _actor(by: Actor) -> dict[str, str]:
    """Who did it, for the record: staff are named by the id of their account."""
    return {"staff": by.name}
