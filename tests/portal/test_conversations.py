"""Texts that citizens write: threaded on the right order, acted on when they are plain, left to a person when they are not."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date, timedelta
from itertools import count
from uuid import uuid4

import pytest
from sqlalchemy import func, select

from hub.attempts import AttemptLimit
from hub.bootstrap import Hub
from hub.clock import FixedClock
from hub.contact_record import first_fault, read_entries
from hub.db import tables
from hub.db.conversation_tables import conversation as conversation_table
from hub.db.conversation_tables import conversation_message as message_table
from hub.db.conversation_tables import slot_list_offer
from hub.domain.appointments import Appointment
from hub.domain.contact import Channel, Notification, NotificationStatus
from hub.domain.conversations import Conversation, ConversationMessage, ConversationStatus, Direction, Meaning, Topic
from hub.domain.errors import DatabaseUnavailableError
from hub.domain.events import CITIZEN
from hub.domain.ids import WorkOrderId
from hub.domain.lifecycle import Action, AppointmentStatus, WorkOrderStatus
from hub.domain.work_orders import WorkOrder
from hub.notifications.addresses import opt_in, opt_out
from hub.notifications.service import deliver_notification, request_notification
from portal import service
from portal.conversations import answers
from portal.conversations.offers import prepare_offer, request_offer
from portal.conversations.schemas import CallBackAsked, InboundSms, Reply
from portal.conversations.service import receive_call_back, receive_sms
from portal.conversations.threads import LONGEST_TEXT, MOST_PER_HOUR, conversations, messages
from portal.queries import read_booking
from scheduling.service import current_appointment, hold_slot, offer_slots
from tests.portal.test_ladder import advance, present, receive
from tests.samples import add_route, add_technician

NUMBER = "+32470000001"
STRANGER = "+32470999999"
OURS = "+3225550000"
_ids = count(1)


def staff(hub: Hub, technicians: int = 1, days: int = 4) -> None:
    with hub.unit_of_work() as work:
        for _ in range(technicians):
            technician = add_technician(work)
            for ahead in range(days):
                add_route(work, technician, date(2026, 5, 5) + timedelta(days=ahead))
        work.commit()


def an_order_written_about(hub: Hub) -> WorkOrder:
    """An order in English whose citizen got an SMS."""
    staff(hub)
    made = receive(hub, language="en")
    write_to(hub, made)
    return made


def write_to(hub: Hub, order: WorkOrder, kind: str = "reminder") -> Notification:
    """An SMS to the order's citizen that went out."""
    with hub.unit_of_work() as work:
        parameters = {"text": "Does ten o'clock suit you?"} if kind == "answer" else {}
        sent = request_notification(work, present(hub, order.id), kind=kind, channel=Channel.SMS, parameters=parameters)
        work.commit()
    assert sent is not None
    deliver_notification(hub, notification_id=str(sent.id))
    with hub.unit_of_work() as work:
        return work.notifications.get(sent.id)


def send_offer(hub: Hub, order: WorkOrder) -> tuple[str, ...]:
    """A list of free times that went out; returns the times."""
    with hub.snapshot() as work:
        booking = read_booking(work, work.work_orders.get(order.id))
    prepared = prepare_offer(hub, booking)
    assert prepared is not None
    with hub.unit_of_work() as work:
        sent = request_offer(work, work.work_orders.get(order.id), prepared)
        work.commit()
    assert sent is not None
    deliver_notification(hub, notification_id=str(sent.id))
    return prepared.times


def text(hub: Hub, words: str, *, sender: str = NUMBER, provider_id: str = "") -> Reply | None:
    named = provider_id or f"SM{next(_ids):032d}"
    return receive_sms(hub, InboundSms(named, sender, OURS, words))


def threads(hub: Hub) -> list[Conversation]:
    with hub.unit_of_work() as work:
        return conversations(work).list_where(order_by=(conversation_table.c.opened_at, conversation_table.c.id))


def said(hub: Hub, direction: Direction | None = None) -> list[ConversationMessage]:
    with hub.unit_of_work() as work:
        found = messages(work).list_where(order_by=(message_table.c.seq,))
    return [one for one in found if direction in (None, one.direction)]


def entry_kinds(hub: Hub, order: WorkOrder) -> list[str]:
    with hub.unit_of_work() as work:
        found = read_entries(work, order.id)
    assert first_fault(found) is None
    return [one.kind for one in found]


def confirmed(hub: Hub, order: WorkOrder) -> Appointment:
    found = current_appointment(hub, order.id)
    assert found is not None
    assert found.status is AppointmentStatus.CONFIRMED
    return found


@pytest.fixture
def order(hub: Hub) -> WorkOrder:
    """An order whose citizen got an SMS, with technicians who have time."""
    staff(hub)
    made = receive(hub, language="en")
    write_to(hub, made)
    return present(hub, made.id)


def test_a_number_of_the_list_books_that_time(hub: Hub, order: WorkOrder) -> None:
    times = send_offer(hub, order)
    assert len(times) == 5
    reply = text(hub, "Nr. 3 please!")
    booked = confirmed(hub, order)
    assert f"{booked.starts_at:%Y-%m-%dT%H:%MZ}/{booked.ends_at:%Y-%m-%dT%H:%MZ}" == times[2]
    assert reply is not None
    assert reply.language == "en"
    assert reply.text.startswith("Agreed: ")
    assert present(hub, order.id).status is WorkOrderStatus.BOOKED
    [thread] = threads(hub)
    assert (thread.status, thread.waiting_since) == (ConversationStatus.CLOSED, None)
    assert (thread.work_order_id, thread.topic) == (order.id, Topic.MESSAGES)
    assert [(one.direction, one.meaning) for one in said(hub)] == [
        (Direction.IN, Meaning.NUMBER),
        (Direction.REPLY, None),
    ]
    kinds = entry_kinds(hub, order)
    assert kinds.index("citizen wrote") < kinds.index("citizen answered by machine")


def test_the_list_is_what_scheduling_can_keep_and_stays_on_few_days(hub: Hub, order: WorkOrder) -> None:
    times = send_offer(hub, order)
    free = {
        f"{one.starts_at:%Y-%m-%dT%H:%MZ}/{one.ends_at:%Y-%m-%dT%H:%MZ}" for one in offer_slots(hub, order.id).offers
    }
    assert set(times) <= free
    assert list(times) == sorted(times)
    days = [one[:10] for one in times]
    assert max(days.count(day) for day in days) <= 2


def test_a_time_that_was_taken_is_answered_with_new_numbers(hub: Hub, clock: FixedClock) -> None:
    staff(hub, days=1)
    order = receive(hub, language="en")
    times = send_offer(hub, order)
    chosen = times[0]
    other = receive(hub, citizen_phone="+32470000002", street="Kouter 1")
    taken = 0
    for one in offer_slots(hub, other.id).offers:
        if f"{one.starts_at:%Y-%m-%dT%H:%MZ}/{one.ends_at:%Y-%m-%dT%H:%MZ}" == chosen:
            while True:
                rival = receive(hub, citizen_phone="+32470000002", street="Kouter 1")
                free = {(offer.starts_at, offer.ends_at) for offer in offer_slots(hub, rival.id).offers}
                if (one.starts_at, one.ends_at) not in free:
                    break
                hold_slot(hub, rival.id, one.starts_at, one.ends_at, by=CITIZEN)
                taken += 1
    assert taken
    clock.advance(timedelta(seconds=30))
    reply = text(hub, "1")
    assert reply is not None
    assert reply.text.startswith("That time has just been taken. Still free: 1) ")
    assert current_appointment(hub, order.id) is None
    again = text(hub, "1")
    assert again is not None
    assert again.text.startswith("Agreed: ")
    assert confirmed(hub, order).status is AppointmentStatus.CONFIRMED


def test_a_number_that_is_not_on_the_list_lists_again(hub: Hub, order: WorkOrder) -> None:
    send_offer(hub, order)
    reply = text(hub, "8")
    assert reply is not None
    assert reply.text.startswith("Which time suits you? 1) ")
    assert current_appointment(hub, order.id) is None


def test_a_number_without_a_list_goes_to_a_person(hub: Hub, order: WorkOrder) -> None:
    reply = text(hub, "3")
    assert reply is not None
    assert reply.text == "Thank you for your message. A colleague reads it and answers you."
    [thread] = threads(hub)
    assert thread.status is ConversationStatus.OPEN


def test_only_a_list_that_went_out_gives_numbers_a_meaning(hub: Hub, order: WorkOrder) -> None:
    first = send_offer(hub, order)
    with hub.snapshot() as work:
        prepared = prepare_offer(hub, read_booking(work, order))
    assert prepared is not None
    with hub.unit_of_work() as work:
        # Queued only: nobody has seen it yet.
        request_offer(work, order, replace(prepared, times=tuple(reversed(prepared.times))))
        work.commit()
    text(hub, "1")
    booked = confirmed(hub, order)
    assert f"{booked.starts_at:%Y-%m-%dT%H:%MZ}" == first[0].partition("/")[0]


def test_a_second_number_after_the_booking_is_asked_about_and_moves_nothing(hub: Hub, order: WorkOrder) -> None:
    send_offer(hub, order)
    text(hub, "2")
    before = confirmed(hub, order)
    same = text(hub, "2")
    assert same is not None
    assert same.text.startswith("Thank you, see you on")
    other = text(hub, "4")
    assert other is not None
    assert other.text.startswith("You already have an appointment on")
    assert confirmed(hub, order) == before
    assert [one.status for one in threads(hub)] == [ConversationStatus.OPEN]


def test_choices_by_text_and_by_link_are_counted_together(
    hub: Hub, order: WorkOrder, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "UNCOUNTED_HOLDS", 0)
    monkeypatch.setattr(service, "HOLDS", AttemptLimit(3, timedelta(hours=12)))
    send_offer(hub, order)
    with hub.snapshot() as work:
        booking = read_booking(work, order)
    for offer in offer_slots(hub, order.id).offers[:3]:
        service.keep_time(hub, booking, offer.starts_at, offer.ends_at)
    held = current_appointment(hub, order.id)
    reply = text(hub, "2")
    assert reply is not None
    assert reply.text.startswith("You have chosen a time very often today, so this one is not agreed.")
    assert current_appointment(hub, order.id) == held
    assert [one.status for one in threads(hub)] == [ConversationStatus.OPEN]
    clock.advance(timedelta(hours=12))
    send_offer(hub, order)
    again = text(hub, "2")
    assert again is not None
    assert again.text.startswith("Agreed: ")


@pytest.mark.parametrize("words", ["JA", "oui.", "Yes 👍"])
def test_a_yes_confirms_the_slot_that_is_held(hub: Hub, order: WorkOrder, words: str) -> None:
    offer = offer_slots(hub, order.id).offers[0]
    held = hold_slot(hub, order.id, offer.starts_at, offer.ends_at, by=CITIZEN)
    reply = text(hub, words)
    assert reply is not None
    assert reply.text.startswith("Agreed: ")
    assert confirmed(hub, order).id == held.id


def test_a_yes_to_a_hold_that_ended_lists_free_times(hub: Hub, order: WorkOrder, clock: FixedClock) -> None:
    offer = offer_slots(hub, order.id).offers[0]
    hold_slot(hub, order.id, offer.starts_at, offer.ends_at, by=CITIZEN)
    clock.advance(timedelta(minutes=11))
    reply = text(hub, "ja")
    assert reply is not None
    assert reply.text.startswith("Which time suits you? 1) ")
    assert current_appointment(hub, order.id) is None
    assert (text(hub, "2") or reply).text.startswith("Agreed: ")


def test_a_yes_takes_the_only_time_that_was_proposed(hub: Hub, order: WorkOrder) -> None:
    with hub.snapshot() as work:
        prepared = prepare_offer(hub, read_booking(work, order))
    assert prepared is not None
    with hub.unit_of_work() as work:
        sent = request_offer(work, order, replace(prepared, times=prepared.times[1:2]))
        work.commit()
    assert sent is not None
    deliver_notification(hub, notification_id=str(sent.id))
    text(hub, "Ja, dat is goed")
    assert f"{confirmed(hub, order).starts_at:%Y-%m-%dT%H:%MZ}" == prepared.times[1].partition("/")[0]


def test_a_yes_to_the_reminder_of_an_appointment_acknowledges_it(hub: Hub, order: WorkOrder, clock: FixedClock) -> None:
    send_offer(hub, order)
    text(hub, "1")
    before = confirmed(hub, order)
    clock.advance(timedelta(hours=1))
    reply = text(hub, "OK merci")
    assert reply is not None
    assert reply.text.startswith("Thank you, see you on ")
    assert confirmed(hub, order) == before
    with hub.unit_of_work() as work:
        assert '"did":"acknowledged"' in read_entries(work, order.id)[-1].content


@pytest.mark.parametrize(
    "words", ["NEE", "non merci", "nein", "Verkeerd nummer", "Mauvais numéro !", "ja maar niet voor 9u", "Wie bent u?"]
)
def test_a_no_and_a_doubt_are_decided_by_nobody_but_a_person(hub: Hub, order: WorkOrder, words: str) -> None:
    offer = offer_slots(hub, order.id).offers[0]
    held = hold_slot(hub, order.id, offer.starts_at, offer.ends_at, by=CITIZEN)
    reply = text(hub, words)
    assert reply is not None
    assert reply.text.startswith("Thank you for your message.")
    assert current_appointment(hub, order.id) == held
    assert present(hub, order.id).status is WorkOrderStatus.CONTACTING
    [thread] = threads(hub)
    assert (thread.status, thread.waiting_since) == (ConversationStatus.OPEN, hub.clock.now())


def test_a_yes_to_a_persons_question_is_read_by_a_person(hub: Hub, order: WorkOrder, clock: FixedClock) -> None:
    send_offer(hub, order)
    clock.advance(timedelta(minutes=5))
    write_to(hub, order, kind="answer")
    clock.advance(timedelta(minutes=5))
    for words in ("Yes", "1"):
        reply = text(hub, words)
        assert reply is None or reply.text.startswith("Thank you for your message.")
    assert current_appointment(hub, order.id) is None
    assert [one.status for one in threads(hub)] == [ConversationStatus.OPEN]


def test_two_machines_do_not_talk_for_ever(hub: Hub, order: WorkOrder, clock: FixedClock) -> None:
    replies = []
    for _ in range(5):
        replies.append(text(hub, "I am out of office"))
        clock.advance(timedelta(minutes=1))
    assert [reply is not None for reply in replies] == [True, False, False, False, False]


def test_a_machine_that_always_says_thanks_is_told_once_when_we_come(
    hub: Hub, order: WorkOrder, clock: FixedClock
) -> None:
    send_offer(hub, order)
    text(hub, "1")
    replies = []
    for _ in range(5):
        clock.advance(timedelta(minutes=4))
        replies.append(text(hub, "Ok, thanks"))
    assert [reply is not None for reply in replies] == [True, False, False, False, False]
    assert [one.status for one in threads(hub)] == [ConversationStatus.CLOSED], "nobody need read them"
    clock.advance(timedelta(hours=13))
    assert text(hub, "Ok, thanks") is not None


def test_the_same_message_again_gets_the_same_answer_and_does_nothing(hub: Hub, order: WorkOrder) -> None:
    send_offer(hub, order)
    first = text(hub, "2", provider_id="SM-one")
    before = (len(said(hub)), entry_kinds(hub, order), confirmed(hub, order))
    for _ in range(3):
        assert text(hub, "2", provider_id="SM-one") == first
    # Its words are not looked at again either.
    assert text(hub, "nee", provider_id="SM-one") == first
    assert (len(said(hub)), entry_kinds(hub, order), confirmed(hub, order)) == before


def test_a_replayed_message_under_another_number_gets_no_answer(hub: Hub, order: WorkOrder) -> None:
    send_offer(hub, order)
    assert text(hub, "2", provider_id="SM-one") is not None
    assert text(hub, "2", provider_id="SM-one", sender=STRANGER) is None
    assert len(threads(hub)) == 1


def test_one_message_delivered_at_once_by_many_books_once(hub: Hub, order: WorkOrder) -> None:
    send_offer(hub, order)
    with ThreadPoolExecutor(4) as pool:
        replies = list(pool.map(lambda _: text(hub, "3", provider_id="SM-race"), range(8)))
    assert len({reply.text for reply in replies if reply}) == 1
    assert len(said(hub, Direction.IN)) == 1
    assert len(said(hub, Direction.REPLY)) == 1
    with hub.reading() as connection:
        made = connection.execute(select(func.count()).select_from(tables.appointment)).scalar_one()
    assert made == 1
    assert entry_kinds(hub, order).count("citizen answered by machine") == 1


def test_two_citizens_who_want_the_same_time_get_one_and_a_list(hub: Hub) -> None:
    staff(hub, days=1)
    numbers = [f"+3247000010{one}" for one in range(8)]
    orders = [receive(hub, language="en", citizen_phone=number) for number in numbers]
    lists = {send_offer(hub, order) for order in orders}
    assert len(lists) == 1
    with ThreadPoolExecutor(4) as pool:
        replies = list(pool.map(lambda number: text(hub, "1", sender=number), numbers))
    words = [reply.text for reply in replies if reply is not None]
    assert len(words) == len(numbers)
    booked = [one for one in words if one.startswith("Agreed: ")]
    others = [one for one in words if not one.startswith("Agreed: ")]
    assert booked
    assert all("Still free: 1) " in one or one.startswith("No time is free") for one in others)
    with hub.reading() as connection:
        held = connection.execute(
            select(func.count()).select_from(tables.appointment).where(tables.appointment.c.status == "confirmed")
        ).scalar_one()
    assert held == len(booked)


def test_a_stop_between_the_message_and_its_answer_leaves_it_in_the_inbox(
    hub: Hub, order: WorkOrder, monkeypatch: pytest.MonkeyPatch
) -> None:
    send_offer(hub, order)

    def away(*_: object, **__: object) -> Appointment:
        raise DatabaseUnavailableError("the test")

    with monkeypatch.context() as patch:
        patch.setattr(answers, "confirm_appointment", away)
        with pytest.raises(DatabaseUnavailableError):
            text(hub, "2", provider_id="SM-cut")
    [thread] = threads(hub)
    assert (thread.status, [one.settled for one in said(hub)]) == (ConversationStatus.OPEN, [False])
    # The provider tries again: the work goes on where it stopped.
    reply = text(hub, "2", provider_id="SM-cut")
    assert reply is not None
    assert reply.text.startswith("Agreed: ")
    [thread] = threads(hub)
    assert thread.status is ConversationStatus.CLOSED
    assert len(said(hub, Direction.IN)) == 1


def test_of_several_live_orders_the_one_written_to_last_is_meant(hub: Hub, clock: FixedClock) -> None:
    staff(hub, technicians=2)
    first, second = receive(hub, language="en"), receive(hub, language="en", street="Kouter 2")
    write_to(hub, first)
    clock.advance(timedelta(hours=1))
    send_offer(hub, second)
    reply = text(hub, "1")
    assert reply is not None
    assert ", Kouter 2. " in reply.text, "the answer says which place it speaks of"
    assert present(hub, second.id).status is WorkOrderStatus.BOOKED
    assert present(hub, first.id).status is WorkOrderStatus.CONTACTING


@pytest.mark.parametrize("words", ["2", "JA"])
@pytest.mark.parametrize("reminded", [False, True])
def test_where_times_of_several_live_orders_were_listed_a_person_asks_which(
    hub: Hub, clock: FixedClock, words: str, *, reminded: bool
) -> None:
    staff(hub, technicians=2)
    first, second = receive(hub, language="en"), receive(hub, language="en", street="Kouter 2")
    for order in (first, second):
        send_offer(hub, order)
        clock.advance(timedelta(hours=1))
    if reminded:
        # The list the citizen saw last is the second one's, the message the first one's.
        write_to(hub, first)
        clock.advance(timedelta(minutes=1))
    reply = text(hub, words)
    assert reply is not None
    assert reply.text.startswith("Thank you for your message.")
    assert [current_appointment(hub, order.id) for order in (first, second)] == [None, None]
    [thread] = threads(hub)
    assert thread.status is ConversationStatus.OPEN
    # Once only one of them is left, its list is meant.
    advance(hub, second, Action.CANCEL)
    clock.advance(timedelta(minutes=1))
    text(hub, "2")
    assert present(hub, first.id).status is WorkOrderStatus.BOOKED


def test_an_order_that_ended_is_not_meant_as_long_as_another_lives(hub: Hub, clock: FixedClock) -> None:
    staff(hub, technicians=2)
    first, second = receive(hub, language="en"), receive(hub, language="en", street="Kouter 2")
    send_offer(hub, first)
    clock.advance(timedelta(hours=1))
    send_offer(hub, second)
    advance(hub, second, Action.CANCEL)
    text(hub, "1")
    assert present(hub, first.id).status is WorkOrderStatus.BOOKED
    advance(hub, first, Action.CANCEL)
    # Nobody lives any more: a person reads it beside the order, and no machine answers with anything of it.
    reply = text(hub, "2")
    assert reply is not None
    assert reply.text.startswith("Thank you for your message.")


def test_a_strangers_text_is_kept_without_an_order_and_answered_with_nothing(hub: Hub, order: WorkOrder) -> None:
    send_offer(hub, order)
    for words in ("JA", "3", f"{order.external_id} ja", "Wie zijn jullie?"):
        assert text(hub, words, sender=STRANGER) is None
    [thread] = threads(hub)
    assert (thread.work_order_id, thread.sender, thread.status) == (None, STRANGER, ConversationStatus.OPEN)
    assert current_appointment(hub, order.id) is None
    assert "citizen wrote" not in entry_kinds(hub, order)


def test_a_number_that_was_never_written_to_is_a_stranger_even_if_an_order_has_it(hub: Hub) -> None:
    receive(hub, citizen_phone=STRANGER)
    assert text(hub, "JA", sender=STRANGER) is None
    assert threads(hub)[0].work_order_id is None


def test_nobody_reaches_another_citizens_order_by_naming_it(hub: Hub, order: WorkOrder) -> None:
    other = receive(hub, citizen_phone="+32470000002", language="en")
    write_to(hub, other)
    send_offer(hub, order)
    for words in (f"{order.external_id} 1", f"JA {order.external_id}", f"1 {order.id}"):
        text(hub, words, sender="+32470000002")
    assert current_appointment(hub, order.id) is None
    assert {one.work_order_id for one in threads(hub)} == {other.id}


def test_a_number_that_is_no_longer_the_citizens_decides_nothing(hub: Hub, order: WorkOrder) -> None:
    send_offer(hub, order)
    with hub.unit_of_work() as work:
        before = work.work_orders.get(order.id)
        work.work_orders.swap(before, replace(before, citizen_phone="+32470000077"))
        work.commit()
    reply = text(hub, "1")
    assert reply is not None
    assert reply.text.startswith("Thank you for your message.")
    assert current_appointment(hub, order.id) is None
    assert threads(hub)[0].status is ConversationStatus.OPEN


def test_a_number_that_changed_hands_means_the_order_that_has_it_now(hub: Hub, clock: FixedClock) -> None:
    staff(hub, technicians=2)
    mine = receive(hub, language="en", street="Kouter 2")
    send_offer(hub, mine)
    clock.advance(timedelta(minutes=1))
    old = receive(hub, language="en")
    send_offer(hub, old)
    with hub.unit_of_work() as work:
        before = work.work_orders.get(old.id)
        work.work_orders.swap(before, replace(before, citizen_phone="+32470000077"))
        work.commit()
    text(hub, "1")
    assert present(hub, mine.id).status is WorkOrderStatus.BOOKED
    assert current_appointment(hub, old.id) is None


def test_an_answer_after_two_months_is_a_strangers(hub: Hub, order: WorkOrder, clock: FixedClock) -> None:
    clock.advance(timedelta(days=61))
    assert text(hub, "JA") is None
    assert threads(hub)[0].work_order_id is None


def test_texts_are_kept_as_they_came_as_far_as_the_database_can(hub: Hub, order: WorkOrder) -> None:
    for words, kept in (
        ("<script>alert('x')</script> & \"y\"", "<script>alert('x')</script> & \"y\""),
        ("{{ 7 * 7 }} %s {0}", "{{ 7 * 7 }} %s {0}"),
        ("a\x00b", "a\N{REPLACEMENT CHARACTER}b"),
        ("half \ud800 sign", "half ? sign"),
        ("two\r\nlines", "two\r\nlines"),
        ("'; DROP TABLE conversation; --", "'; DROP TABLE conversation; --"),
    ):
        text(hub, words)
        assert kept in [one.text for one in said(hub, Direction.IN)]


def test_ten_thousand_signs_are_cut_and_said_to_be_cut(hub: Hub, order: WorkOrder) -> None:
    reply = text(hub, "ja " * 3334)
    assert reply is not None
    assert reply.text.startswith("Thank you for your message.")
    [one] = said(hub, Direction.IN)
    assert (len(one.text), one.cut) == (LONGEST_TEXT, True)


def test_a_sender_who_floods_us_is_counted_and_not_kept(hub: Hub, order: WorkOrder, clock: FixedClock) -> None:
    for _ in range(MOST_PER_HOUR + 7):
        text(hub, "hello")
    assert len(said(hub, Direction.IN)) == MOST_PER_HOUR
    assert threads(hub)[0].dropped == 7
    send_offer(hub, order)
    assert text(hub, "1") is None
    assert current_appointment(hub, order.id) is None
    clock.advance(timedelta(hours=1, seconds=1))
    assert text(hub, "1") is not None
    confirmed(hub, order)


def test_who_asked_for_silence_gets_no_answer_and_a_person_reads_the_text(hub: Hub, order: WorkOrder) -> None:
    send_offer(hub, order)
    with hub.unit_of_work() as work:
        opt_out(work, Channel.SMS, NUMBER, "The citizen said so by SMS.")
        work.commit()
    assert text(hub, "2") is None
    assert current_appointment(hub, order.id) is None
    assert threads(hub)[0].status is ConversationStatus.OPEN
    with hub.unit_of_work() as work:
        opt_in(work, Channel.SMS, NUMBER)
        work.commit()
    assert text(hub, "2") is not None
    confirmed(hub, order)


def test_no_time_free_is_said_and_left_to_a_person(hub: Hub) -> None:
    order = receive(hub, language="en")
    write_to(hub, order)
    reply = text(hub, "yes")
    assert reply is not None
    assert reply.text.startswith("No time is free just now.")
    assert threads(hub)[0].status is ConversationStatus.OPEN


def test_the_answer_is_in_the_citizens_language(hub: Hub) -> None:
    staff(hub)
    for number, (language, begins) in enumerate(
        {"nl": "Welk moment", "fr": "Quel moment", "de": "Welche Zeit", "pl": "Which time"}.items()
    ):
        phone = f"+3247000020{number}"
        write_to(hub, receive(hub, language=language, citizen_phone=phone))
        reply = text(hub, "OK", sender=phone)
        assert reply is not None
        assert reply.text.startswith(begins)


def test_a_call_back_is_asked_once_and_waits_for_a_person(hub: Hub, order: WorkOrder) -> None:
    for name in ("CA1", "CA1", "CA2"):
        receive_call_back(hub, CallBackAsked(name, NUMBER, order.id))
    [thread] = threads(hub)
    assert (thread.topic, thread.work_order_id, thread.status) == (
        Topic.CALL_BACK,
        order.id,
        ConversationStatus.OPEN,
    )
    assert len(said(hub)) == 2
    assert entry_kinds(hub, order).count("call back asked") == 1
    with hub.unit_of_work() as work:
        whole = "".join(one.content for one in read_entries(work, order.id))
    assert NUMBER not in whole
    assert "+32…01" in whole


def test_a_call_back_without_an_order_is_threaded_by_its_number(hub: Hub, order: WorkOrder) -> None:
    receive_call_back(hub, CallBackAsked("CA1", NUMBER))
    receive_call_back(hub, CallBackAsked("CA2", STRANGER))
    # Both were opened at the same instant.
    one, other = threads(hub)
    assert {one.work_order_id, other.work_order_id} == {order.id, None}


def test_no_number_and_no_text_goes_into_the_logs(hub: Hub, order: WorkOrder, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    send_offer(hub, order)
    for words in ("secret-words-1", "2", "nee secret-words-2"):
        text(hub, words)
    text(hub, "secret-words-3", sender=STRANGER)
    for _ in range(MOST_PER_HOUR + 1):
        text(hub, "secret-words-4")
    receive_call_back(hub, CallBackAsked("CA1", NUMBER, order.id))
    logged = " ".join(record.getMessage() for record in caplog.records if record.name.startswith("portal"))
    assert logged
    assert "secret-words" not in logged
    assert NUMBER not in logged


def test_an_offer_is_remembered_with_the_message_that_carries_it(hub: Hub, order: WorkOrder) -> None:
    times = send_offer(hub, order)
    with hub.reading() as connection:
        [row] = connection.execute(select(slot_list_offer)).all()
        sent = connection.execute(
            select(tables.notification).where(tables.notification.c.id == row.notification_id)
        ).one()
        recorded = connection.execute(
            select(tables.recorded_message.c.body).where(tables.recorded_message.c.notification_id == sent.id)
        ).scalar_one()
    assert tuple(row.times) == times
    assert (sent.kind, sent.channel, sent.status) == ("offer", Channel.SMS, NotificationStatus.SENT)
    assert "1) Tue 5 May 08:00-" in recorded
    assert "5) " in recorded


def test_an_unknown_order_id_is_no_way_in(hub: Hub) -> None:
    nobody = WorkOrderId(uuid4())
    with pytest.raises(Exception, match="fk_conversation_work_order_id"):
        receive_call_back(hub, CallBackAsked("CA1", NUMBER, nobody))
    assert threads(hub) == []
