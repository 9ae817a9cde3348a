"""What staff do in the inbox: one answer and not two, to whom it belongs, and all of it in the order's record."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select

from hub.bootstrap import Hub
from hub.clock import FixedClock
from hub.contact_record import read_entries
from hub.db import tables
from hub.domain.contact import Channel, Notification, NotificationStatus
from hub.domain.conversations import Conversation, ConversationId, ConversationStatus, Direction
from hub.domain.errors import DoorstepError, NotFoundError
from hub.domain.events import SYSTEM, Actor, ActorKind, Event
from hub.domain.ids import NotificationId, StaffId
from hub.domain.lifecycle import Action, WorkOrderStatus
from hub.domain.staff import Role, StaffAccount
from hub.domain.work_orders import WorkOrder
from hub.jobs import RememberedQueue
from hub.notifications.service import deliver_notification
from portal.conversations.queries import InboxView, count_waiting, list_inbox, show_thread
from portal.conversations.schemas import CallBackAsked
from portal.conversations.service import answer, assign, close, receive_call_back, reveal_number, send_times
from portal.conversations.staff import LONGEST_ANSWER, LONGEST_NOTE, AnswerRefusedError, ConversationChangedError
from tests.portal.test_conversations import (
    NUMBER,
    STRANGER,
    confirmed,
    entry_kinds,
    said,
    staff,
    text,
    threads,
    write_to,
)
from tests.portal.test_ladder import advance, history, messages_of, present, receive


@pytest.fixture
def order(hub: Hub) -> WorkOrder:
    staff(hub)
    made = receive(hub, language="en")
    write_to(hub, made)
    return present(hub, made.id)


def an_account(hub: Hub, name: str = "Dina Dispatcher", *roles: Role, active: bool = True) -> StaffId:
    named = StaffId(uuid4())
    with hub.unit_of_work() as work:
        chosen = tuple(role.value for role in roles or (Role.DISPATCHER,))
        work.staff.add(StaffAccount(named, f"{named}@company.example", name, "x", chosen, active=active))
        work.commit()
    return named


def actor(of: StaffId) -> Actor:
    return Actor(ActorKind.STAFF, str(of))


@pytest.fixture
def dina(hub: Hub) -> Actor:
    return actor(an_account(hub))


def waiting(hub: Hub, words: str = "Wanneer komen jullie precies?") -> Conversation:
    text(hub, words)
    [thread] = threads(hub)
    assert thread.status is ConversationStatus.OPEN
    return thread


def newest(hub: Hub, order: WorkOrder) -> Notification:
    return messages_of(hub, order)[-1]


def test_an_answer_goes_to_the_citizen_and_waits_for_what_comes_back(
    hub: Hub, order: WorkOrder, dina: Actor, jobs: RememberedQueue, clock: FixedClock
) -> None:
    thread = waiting(hub)
    clock.advance(timedelta(minutes=3))
    sent = answer(hub, thread.id, thread.version, "We come\r\nbetween  8 and 10.\x00", Channel.SMS, dina)
    assert (sent.kind, sent.channel, sent.recipient) == ("answer", Channel.SMS, NUMBER)
    assert sent.parameters["text"] == "We come between 8 and 10."
    assert ("deliver_notification", {"notification_id": str(sent.id)}) in jobs.jobs
    deliver_notification(hub, notification_id=str(sent.id))
    [after] = threads(hub)
    assert (after.status, after.waiting_since, str(after.assigned_to)) == (
        ConversationStatus.ANSWERED,
        None,
        dina.name,
    )
    shown = show_thread(hub, thread.id)
    assert [(line.message.direction, line.who) for line in shown.lines] == [
        (Direction.IN, ""),
        (Direction.REPLY, ""),
        (Direction.OUT, "Dina Dispatcher"),
    ]
    assert shown.lines[-1].delivery == "SMS: sent"
    with hub.reading() as connection:
        body = connection.execute(
            select(tables.recorded_message.c.body).where(tables.recorded_message.c.notification_id == sent.id)
        ).scalar_one()
    assert body == "Doorstep: We come between 8 and 10."
    assert "conversation answered" in entry_kinds(hub, order)
    assert "conversation.answer" in history(hub, order)
    # What the citizen says now waits again, from that moment on.
    clock.advance(timedelta(minutes=9))
    text(hub, "OK")
    [again] = threads(hub)
    assert (again.status, again.waiting_since) == (ConversationStatus.OPEN, clock.now())


def test_an_answer_can_go_by_mail(hub: Hub, order: WorkOrder, dina: Actor) -> None:
    thread = waiting(hub)
    sent = answer(hub, thread.id, thread.version, "{{ 7 * 7 }} <b>", Channel.EMAIL, dina)
    deliver_notification(hub, notification_id=str(sent.id))
    with hub.reading() as connection:
        body = connection.execute(
            select(tables.recorded_message.c.body).where(tables.recorded_message.c.notification_id == sent.id)
        ).scalar_one()
    assert "{{ 7 * 7 }} <b>" in body
    assert sent.recipient == order.citizen_email


def test_of_two_dispatchers_at_once_one_answers_and_the_other_is_told(hub: Hub, order: WorkOrder) -> None:
    thread = waiting(hub)
    two = [actor(an_account(hub, name)) for name in ("Dina", "Dirk")]

    def try_it(by: Actor) -> str:
        try:
            answer(hub, thread.id, thread.version, "We come at eight.", Channel.SMS, by)
        except ConversationChangedError as error:
            return str(error)
        return "sent"

    with ThreadPoolExecutor(2) as pool:
        outcomes = sorted(pool.map(try_it, two))
    assert outcomes[1] == "sent"
    assert outcomes[0].startswith("The citizen or a colleague did something here since you opened this page")
    assert [one.kind for one in messages_of(hub, order)].count("answer") == 1
    assert len(said(hub, Direction.OUT)) == 1


def test_nobody_answers_what_was_not_read(hub: Hub, order: WorkOrder, dina: Actor) -> None:
    thread = waiting(hub)
    text(hub, "Never mind, somebody told me.")
    with pytest.raises(ConversationChangedError):
        answer(hub, thread.id, thread.version, "We come at eight.", Channel.SMS, dina)
    with pytest.raises(ConversationChangedError):
        close(hub, thread.id, thread.version, "", dina)
    with pytest.raises(ConversationChangedError):
        assign(hub, thread.id, thread.version, None, dina)
    with pytest.raises(ConversationChangedError):
        send_times(hub, thread.id, thread.version, dina)
    assert said(hub, Direction.OUT) == []


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("", "nothing to send"),
        (" \r\n\x00 ", "nothing to send"),
        ("\u200b\u2060", "nothing to send"),
        ("\u2800\u2800\u2800", "nothing to send"),
        ("x" * (LONGEST_ANSWER + 1), f"has {LONGEST_ANSWER + 1} signs and may have {LONGEST_ANSWER}"),
    ],
)
def test_an_answer_that_cannot_be_sent_is_refused_in_a_sentence(
    hub: Hub, order: WorkOrder, dina: Actor, words: str, sentence: str
) -> None:
    thread = waiting(hub)
    with pytest.raises(AnswerRefusedError, match=sentence):
        answer(hub, thread.id, thread.version, words, Channel.SMS, dina)
    assert threads(hub) == [thread]


def test_a_stranger_gets_no_answer_about_anybody(hub: Hub, order: WorkOrder, dina: Actor) -> None:
    text(hub, "Who are you?", sender=STRANGER)
    [thread] = threads(hub)
    assert thread.work_order_id is None
    with pytest.raises(AnswerRefusedError, match="Nobody wrote to this number lately"):
        answer(hub, thread.id, thread.version, "We are Doorstep.", Channel.SMS, dina)
    with pytest.raises(AnswerRefusedError, match="Nobody wrote to this number lately"):
        send_times(hub, thread.id, thread.version, dina)


def test_an_answer_never_goes_to_another_number_than_the_one_that_wrote(
    hub: Hub, order: WorkOrder, dina: Actor
) -> None:
    thread = waiting(hub)
    with hub.unit_of_work() as work:
        before = work.work_orders.get(order.id)
        work.work_orders.swap(before, replace(before, citizen_phone="+32470000077"))
        work.commit()
    sent = len(messages_of(hub, order))
    for channel in (Channel.SMS, Channel.EMAIL):
        with pytest.raises(AnswerRefusedError, match="not the one on file"):
            answer(hub, thread.id, thread.version, "We come at eight.", channel, dina)
    with pytest.raises(AnswerRefusedError, match="not the one on file"):
        send_times(hub, thread.id, thread.version, dina)
    assert len(messages_of(hub, order)) == sent
    assert show_thread(hub, thread.id).refused.startswith("This number is not the one on file")


def test_times_that_staff_send_are_booked_by_number(hub: Hub, order: WorkOrder, dina: Actor) -> None:
    thread = waiting(hub, "Nee, ik wil iemand spreken")
    sent = send_times(hub, thread.id, thread.version, dina)
    deliver_notification(hub, notification_id=str(sent.id))
    reply = text(hub, "2")
    assert reply is not None
    assert reply.text.startswith("Agreed: ")
    confirmed(hub, order)
    [after] = threads(hub)
    # Somebody has it, so it stays where that one looks until it is closed.
    assert after.status is ConversationStatus.ANSWERED


def test_no_times_are_sent_for_an_order_that_is_over(hub: Hub, order: WorkOrder, dina: Actor) -> None:
    thread = waiting(hub)
    advance(hub, order, Action.CANCEL)
    with pytest.raises(AnswerRefusedError, match="no free time for this order"):
        send_times(hub, thread.id, thread.version, dina)
    assert present(hub, order.id).status is WorkOrderStatus.CANCELLED


def test_an_answer_that_does_not_arrive_opens_the_thread_again(
    hub: Hub, order: WorkOrder, dina: Actor, clock: FixedClock
) -> None:
    thread = waiting(hub)
    sent = answer(hub, thread.id, thread.version, "We come at eight.", Channel.SMS, dina)
    answered_at = clock.now()
    clock.advance(timedelta(minutes=20))
    with hub.unit_of_work() as work:
        work.tell(
            Event(
                name="notification.undelivered",
                entity="notification",
                entity_id=sent.id,
                work_order_id=order.id,
                at=work.now,
                actor=SYSTEM,
                action="undelivered",
                reason="The number is switched off.",
                data={"channel": "sms", "reason": "The number is switched off.", "permanent": False},
            )
        )
        work.commit()
    [after] = threads(hub)
    assert (after.status, after.waiting_since) == (ConversationStatus.OPEN, answered_at)
    assert "answer failed" in entry_kinds(hub, order)


def test_a_request_to_be_called_is_done_with_a_word_on_what_came_of_it(
    hub: Hub, order: WorkOrder, dina: Actor, clock: FixedClock
) -> None:
    receive_call_back(hub, CallBackAsked("CA1", NUMBER, order.id))
    [thread] = threads(hub)
    for nothing in ("  ", "\u200b", "\u2800\u3164"):
        with pytest.raises(AnswerRefusedError, match="what came of the call"):
            close(hub, thread.id, thread.version, nothing, dina)
    assert reveal_number(hub, thread.id, dina) == NUMBER
    done = close(hub, thread.id, thread.version, "Comes on Friday.", dina)
    assert (done.status, done.note, done.waiting_since) == (ConversationStatus.CLOSED, "Comes on Friday.", None)
    kinds = entry_kinds(hub, order)
    assert kinds[-3:] == ["call back asked", "number shown", "conversation closed"]
    with hub.unit_of_work() as work:
        record = " ".join(one.content for one in read_entries(work, order.id))
    assert NUMBER not in record
    assert "Friday" not in record, "a remark may name people, and the record is never erased"
    # The next request is a new one.
    clock.advance(timedelta(minutes=1))
    receive_call_back(hub, CallBackAsked("CA9", NUMBER, order.id))
    assert [one.status for one in threads(hub)] == [ConversationStatus.CLOSED, ConversationStatus.OPEN]


def test_a_note_is_kept_whole_or_refused(hub: Hub, order: WorkOrder, dina: Actor) -> None:
    thread = waiting(hub)
    with pytest.raises(AnswerRefusedError, match=f"has {LONGEST_NOTE + 1} signs and may have {LONGEST_NOTE}"):
        close(hub, thread.id, thread.version, "x" * (LONGEST_NOTE + 1), dina)
    assert threads(hub) == [thread]
    # A line's end is one sign, whatever the browser sends for it.
    done = close(hub, thread.id, thread.version, "x\r\n" * (LONGEST_NOTE // 2), dina)
    assert done.note == " ".join("x" * (LONGEST_NOTE // 2))


def test_a_closed_thread_opens_with_the_next_message_and_waits_from_then(
    hub: Hub, order: WorkOrder, dina: Actor, clock: FixedClock
) -> None:
    thread = waiting(hub)
    close(hub, thread.id, thread.version, "", dina)
    clock.advance(timedelta(days=1))
    text(hub, "Still nothing heard")
    [again] = threads(hub)
    assert (again.id, again.status, again.waiting_since) == (thread.id, ConversationStatus.OPEN, clock.now())


def test_a_thread_is_given_only_to_who_sees_to_the_inbox(hub: Hub, order: WorkOrder, dina: Actor) -> None:
    thread = waiting(hub)
    for unfit in (
        an_account(hub, "Ana Analyst", Role.ANALYST),
        an_account(hub, "Gone", active=False),
        StaffId(uuid4()),
    ):
        with pytest.raises(AnswerRefusedError, match="does not see to the inbox"):
            assign(hub, thread.id, thread.version, unfit, dina)
    other = an_account(hub, "Otto Operations", Role.OPERATIONS)
    given = assign(hub, thread.id, thread.version, other, dina)
    assert given.assigned_to == other
    taken = assign(hub, thread.id, given.version, None, dina)
    assert taken.assigned_to is None
    assert entry_kinds(hub, order).count("conversation assigned") == 2
    assert "Otto Operations" in [one.name for one in show_thread(hub, thread.id).colleagues]
    assert "Ana Analyst" not in [one.name for one in show_thread(hub, thread.id).colleagues]


def test_the_inbox_lists_who_waits_longest_first(hub: Hub, dina: Actor, clock: FixedClock) -> None:
    phones = [f"+3247000030{one}" for one in range(4)]
    for phone in phones:
        write_to(hub, receive(hub, language="en", citizen_phone=phone))
        text(hub, f"Question of {phone[-1]}", sender=phone)
        clock.advance(timedelta(minutes=10))
    me = StaffId(UUID(dina.name))
    mine = threads(hub)[2]
    assign(hub, mine.id, mine.version, me, dina)
    first = threads(hub)[0]
    answer(hub, first.id, first.version, "We come at eight.", Channel.SMS, dina)
    with hub.reading() as connection:
        opened = list_inbox(connection, InboxView.OPEN, me)
        owned = list_inbox(connection, InboxView.MINE, me)
        answered = list_inbox(connection, InboxView.ANSWERED, me)
        assert count_waiting(connection) == 3
    assert [one.said for one in opened.lines] == ["Question of 1", "Question of 2", "Question of 3"]
    assert opened.lines[0].sender == "+32…01"
    assert {one.said for one in owned.lines} == {"Question of 0", "Question of 2"}
    assert [one.assigned_to for one in answered.lines] == ["Dina Dispatcher"]
    assert opened.counts == {
        InboxView.OPEN: 3,
        InboxView.MINE: 2,
        InboxView.ANSWERED: 1,
        InboxView.CLOSED: 0,
    }


def test_a_message_that_went_on_by_mail_shows_what_became_of_it(hub: Hub, order: WorkOrder, dina: Actor) -> None:
    thread = waiting(hub)
    sent = answer(hub, thread.id, thread.version, "We come at eight.", Channel.SMS, dina)
    with hub.unit_of_work() as work:
        before = work.notifications.get(sent.id)
        failed = work.notifications.swap(before, replace(before, status=NotificationStatus.FAILED))
        # As the hub does it when an address fails for good: the same message by the next channel.
        work.notifications.add(
            replace(
                failed,
                id=NotificationId(uuid4()),
                channel=Channel.EMAIL,
                recipient=order.citizen_email,
                status=NotificationStatus.SENT,
                failover_of=failed.id,
                hop=1,
                version=1,
            )
        )
        work.commit()
    assert show_thread(hub, thread.id).lines[-1].delivery == "e-mail: sent"


def test_a_thread_that_does_not_exist_is_said_to_be_none(hub: Hub, dina: Actor) -> None:
    nowhere = ConversationId(uuid4())
    with pytest.raises(NotFoundError):
        show_thread(hub, nowhere)
    with pytest.raises(NotFoundError):
        reveal_number(hub, nowhere, dina)
    with pytest.raises(NotFoundError):
        close(hub, nowhere, 1, "", dina)


def test_every_refusal_is_a_sentence_with_a_code() -> None:
    for error in (ConversationChangedError(), AnswerRefusedError("Write something first.")):
        assert isinstance(error, DoorstepError)
        assert str(error).endswith(".")
        assert error.code
