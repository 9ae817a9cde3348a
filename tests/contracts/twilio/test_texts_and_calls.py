"""What citizens do: text STOP, answer a call, press a key, press "unsubscribe"; and what a scanner or a replay does not do."""

import re
from datetime import timedelta
from html import unescape
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from sqlalchemy import func, select

from hub.db import tables
from hub.db.channel_tables import contact_address
from hub.db.conversation_tables import conversation, conversation_message
from hub.domain.contact import Channel, Notification, NotificationStatus
from hub.domain.conversations import ConversationStatus, Direction
from hub.domain.events import SYSTEM
from hub.domain.lifecycle import Action
from hub.notifications.service import request_notification
from hub.notifications.webhook_calls import forget_webhook_calls
from tests.contracts.twilio.conftest import PUBLIC, Twilio
from tests.contracts.twilio.fake import Taken
from tests.contracts.twilio.steps import PHONE, SMS_ADDRESS, entries, messages, request, told
from tests.samples import a_work_order


def count(twilio: Twilio, table: Any) -> int:
    with twilio.hub.reading() as connection:
        return int(connection.execute(select(func.count()).select_from(table)).scalar_one())


def said(twilio: Twilio) -> list[str]:
    """What citizens wrote, as the conversations keep it."""
    table = conversation_message.c
    with twilio.hub.reading() as connection:
        incoming = select(table.text).where(table.direction == Direction.IN)
        return list(connection.execute(incoming).scalars())


@pytest.mark.parametrize("word", ["STOP", "stop.", "Stopp", "ARRÊT", "arret svp", "  Unsubscribe "])
def test_stop_is_heeded_at_once_and_ends_texts_and_calls(twilio: Twilio, word: str) -> None:
    one = twilio.deliver(request(twilio))
    waiting = request(twilio)
    answer = twilio.fake.text(SMS_ADDRESS, PHONE, word)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/xml")
    assert list(ET.fromstring(answer.text)) == []  # noqa: S314 - our own answer
    assert told(twilio, one) == ["notification.opted_out"]
    assert "address.opted_out" in [kind for kind, _ in entries(twilio, one.work_order_id)]
    # What waited is not sent any more, and nothing else is asked for by telephone.
    taken = len(twilio.fake.taken)
    assert twilio.deliver(waiting).status is NotificationStatus.FAILED
    assert len(twilio.fake.taken) == taken
    assert request(twilio, Channel.SMS, Channel.VOICE, Channel.EMAIL).channel is Channel.EMAIL
    assert count(twilio, conversation) == 0


def test_the_opt_out_is_kept_without_the_number_and_ends_with_start(twilio: Twilio) -> None:
    twilio.deliver(request(twilio))
    for _ in range(2):
        twilio.fake.text(SMS_ADDRESS, PHONE, "STOP", sid="SM" + "1" * 32)
    with twilio.hub.reading() as connection:
        kept = [tuple(row) for row in connection.execute(select(contact_address))]
    assert len(kept) == 2
    assert "470000001" not in str(kept)
    assert told(twilio, messages(twilio, request(twilio, Channel.EMAIL))[0]) == []
    twilio.fake.text(SMS_ADDRESS, PHONE, "Start")
    assert count(twilio, contact_address) == 0
    assert twilio.deliver(request(twilio)).status is NotificationStatus.SENT


def test_yes_from_somebody_who_opted_out_opens_the_channel_and_is_an_answer_too(twilio: Twilio) -> None:
    twilio.deliver(request(twilio))
    twilio.fake.text(SMS_ADDRESS, PHONE, "STOP")
    twilio.fake.text(SMS_ADDRESS, PHONE, "YES")
    assert count(twilio, contact_address) == 0
    assert said(twilio) == ["YES"]


def test_what_the_provider_takes_for_stop_is_stop(twilio: Twilio) -> None:
    """With words of its own (Advanced Opt-Out) it blocks the number, whatever the words are."""
    twilio.deliver(request(twilio))
    form = {"MessageSid": "SM" + "3" * 32, "From": PHONE, "To": "+1", "Body": "Genug davon!", "OptOutType": "STOP"}
    assert twilio.fake.tell(SMS_ADDRESS, form).status_code == 200
    assert count(twilio, contact_address) == 2
    assert said(twilio) == []


@pytest.mark.parametrize(
    ("words", "provider_says"), [("Cancel", ""), ("CANCEL please", ""), ("annuler", "STOP"), ("Absage", "STOP")]
)
def test_a_cancel_that_may_be_about_the_visit_stops_messages_and_is_read_by_a_person(
    twilio: Twilio, words: str, provider_says: str
) -> None:
    twilio.deliver(request(twilio))
    form = {"MessageSid": "SM" + "4" * 32, "From": PHONE, "To": "+1", "Body": words, "OptOutType": provider_says}
    for _ in range(2):
        answer = twilio.fake.tell(SMS_ADDRESS, form)
        assert list(ET.fromstring(answer.text)) == []  # noqa: S314 - our own answer
    assert count(twilio, contact_address) == 2
    assert said(twilio) == [words]
    with twilio.hub.reading() as connection:
        assert connection.execute(select(conversation.c.status)).scalar_one() is ConversationStatus.OPEN


@pytest.mark.parametrize("word", ["START", "YES"])
def test_a_start_that_is_played_back_opens_nothing_that_was_closed_after_it(twilio: Twilio, word: str) -> None:
    twilio.deliver(request(twilio))
    twilio.fake.text(SMS_ADDRESS, PHONE, "STOP")
    twilio.fake.text(SMS_ADDRESS, PHONE, word, sid="SM" + "5" * 32)
    assert count(twilio, contact_address) == 0
    twilio.fake.text(SMS_ADDRESS, PHONE, "STOP")
    twilio.fake.text(SMS_ADDRESS, PHONE, word, sid="SM" + "5" * 32)
    assert count(twilio, contact_address) == 2
    # Neither years later: the signature of a request does not age, so what was heeded is not forgotten.
    twilio.clock.advance(timedelta(days=400))
    assert forget_webhook_calls(twilio.hub, twilio.clock.now()) == 0
    twilio.fake.text(SMS_ADDRESS, PHONE, word, sid="SM" + "5" * 32)
    assert count(twilio, contact_address) == 2
    # A new one is the citizen's wish.
    twilio.fake.text(SMS_ADDRESS, PHONE, word)
    assert count(twilio, contact_address) == 0


@pytest.mark.parametrize(
    "words", ["stop by tomorrow at 9", "Ik wil niet stoppen met wachten", "cancel my appointment", "ja", "2"]
)
def test_everything_else_is_for_the_conversation(twilio: Twilio, words: str) -> None:
    twilio.deliver(request(twilio))
    assert twilio.fake.text(SMS_ADDRESS, PHONE, words).status_code == 200
    assert count(twilio, contact_address) == 0
    assert said(twilio) == [words]


def test_a_provider_that_knows_of_an_opt_out_before_us_tells_us_by_its_refusal(twilio: Twilio) -> None:
    twilio.fake.opted_out.add(PHONE)
    one = request(twilio, Channel.SMS, Channel.EMAIL)
    assert twilio.deliver(one).status is NotificationStatus.FAILED
    assert [message.channel for message in messages(twilio, one)] == [Channel.SMS, Channel.EMAIL]
    assert request(twilio, Channel.SMS, Channel.VOICE, Channel.EMAIL).channel is Channel.EMAIL


def called(twilio: Twilio, **changes: str) -> tuple[Notification, Taken]:
    """A call that rings."""
    with twilio.hub.unit_of_work() as work:
        order = work.work_orders.add(a_work_order(**changes))
        queued = request_notification(work, order, kind="invitation", channels=(Channel.VOICE,))
        work.commit()
    assert queued is not None
    assert twilio.deliver(queued).status is NotificationStatus.SENT
    return queued, twilio.fake.taken[-1]


def lift(twilio: Twilio, taken: Taken, answered_by: str = "human") -> ET.Element:
    form = {"CallSid": taken.sid, "CallStatus": "in-progress", "AnsweredBy": answered_by, "To": PHONE}
    answer = twilio.fake.tell(taken.form["Url"], form)
    assert answer.status_code == 200
    return ET.fromstring(answer.text)  # noqa: S314 - our own answer


def press(twilio: Twilio, heard: ET.Element, taken: Taken, digits: str) -> ET.Element:
    gather = heard.find("Gather")
    assert gather is not None
    form = {"CallSid": taken.sid, "Digits": digits, "To": PHONE, "From": taken.form["From"]}
    answer = twilio.fake.tell(PUBLIC + gather.attrib["action"], form)
    assert answer.status_code == 200
    return ET.fromstring(answer.text)  # noqa: S314 - our own answer


@pytest.mark.parametrize(("language", "locale"), [("nl", "nl-NL"), ("fr", "fr-FR"), ("de", "de-DE"), ("en", "en-GB")])
def test_a_person_hears_the_matter_and_the_menu_in_their_language_and_no_name(
    twilio: Twilio, language: str, locale: str
) -> None:
    one, taken = called(twilio, language=language)
    assert taken.form["MachineDetection"] == "DetectMessageEnd"
    heard = lift(twilio, taken)
    said = [element.text or "" for element in heard.iter("Say")]
    assert {element.attrib["language"] for element in heard.iter("Say")} == {locale}
    assert twilio.present(one).body in said[0]
    assert "1" in said[0]
    assert "2" in said[0]
    assert "Peeters" not in "".join(said)
    assert "Veldstraat" not in "".join(said)
    assert "/a/" not in "".join(said)
    assert len(heard.findall("Gather")) == 2


@pytest.mark.parametrize("answered_by", ["machine_start", "machine_end_beep", "machine_end_silence", "fax"])
def test_a_machine_hears_neither_the_matter_nor_a_menu_and_has_not_been_reached(
    twilio: Twilio, answered_by: str
) -> None:
    one, taken = called(twilio)
    heard = lift(twilio, taken, answered_by)
    assert heard.find("Gather") is None
    assert "meter" not in "".join(heard.itertext())
    twilio.fake.call_back(taken, "completed", AnsweredBy=answered_by)
    after = twilio.present(one)
    assert (after.status, after.receipt) == (NotificationStatus.UNDELIVERED, "A machine answered the telephone.")


def test_a_call_that_a_person_took_has_arrived_and_one_nobody_took_has_not(twilio: Twilio) -> None:
    one, taken = called(twilio)
    for word in ("initiated", "ringing", "in-progress"):
        twilio.fake.call_back(taken, word)
    assert twilio.present(one).status is NotificationStatus.SENT
    twilio.fake.call_back(taken, "completed", AnsweredBy="human")
    assert twilio.present(one).status is NotificationStatus.DELIVERED
    other, taken = called(twilio)
    twilio.fake.call_back(taken, "no-answer")
    assert told(twilio, other) == ["notification.undelivered"]


def test_one_sends_the_link_in_writing_once_however_often_the_key_is_heard(twilio: Twilio) -> None:
    one, taken = called(twilio)
    heard = lift(twilio, taken)
    for _ in range(2):
        answer = press(twilio, heard, taken, "1")
        assert answer.find("Hangup") is not None
    sent = [message for message in messages(twilio, one) if message.kind == "new_link"]
    assert [(message.channel, message.step) for message in sent] == [(Channel.SMS, None)]
    twilio.run_jobs()
    assert re.search(r"https://doorstep\.example/a/[\w-]{43}", twilio.fake.taken[-1].form["Body"])


def test_a_claim_is_forgotten_when_nobody_can_repeat_it_any_more(twilio: Twilio) -> None:
    _, taken = called(twilio)
    press(twilio, lift(twilio, taken), taken, "1")
    assert forget_webhook_calls(twilio.hub, twilio.clock.now()) == 0
    twilio.clock.advance(timedelta(days=91))
    assert [forget_webhook_calls(twilio.hub, twilio.clock.now()) for _ in range(2)] == [1, 0]


def test_without_a_page_to_open_one_asks_for_a_person(twilio: Twilio) -> None:
    one, taken = called(twilio)
    with twilio.hub.unit_of_work() as work:
        order = work.work_orders.get(one.work_order_id)
        work.advance_work_order(order, Action.CANCEL, by=SYSTEM)
        work.commit()
    press(twilio, lift(twilio, taken), taken, "1")
    assert "new_link" not in [message.kind for message in messages(twilio, one)]
    assert count(twilio, conversation) == 1


def test_two_asks_for_a_person_once(twilio: Twilio) -> None:
    _, taken = called(twilio)
    heard = lift(twilio, taken)
    for _ in range(2):
        press(twilio, heard, taken, "2")
    assert count(twilio, conversation) == 1


def test_another_key_offers_the_menu_once_more(twilio: Twilio) -> None:
    _, taken = called(twilio)
    heard = press(twilio, lift(twilio, taken), taken, "7")
    assert heard.find("Gather") is not None
    assert count(twilio, conversation) == 0


def unsubscribe_address(twilio: Twilio) -> tuple[Notification, str]:
    from hub.notifications.unsubscribe import unsubscribe_address as address_for

    one = request(twilio, Channel.EMAIL)
    return twilio.deliver(one), address_for(twilio.hub.settings, one).removeprefix(PUBLIC)


def test_a_mail_programs_button_stops_emails_and_following_the_address_does_not(twilio: Twilio) -> None:
    one, address = unsubscribe_address(twilio)
    for method in ("GET", "HEAD"):
        assert twilio.web.request(method, address).status_code == 200
    assert count(twilio, contact_address) == 0
    page = unescape(twilio.web.get(address, headers={"Accept-Language": "fr"}).text)
    assert 'lang="fr"' in page
    assert f'action="{address}?lang=fr"' in page
    answer = twilio.web.post(
        address,
        data={"List-Unsubscribe": "One-Click"},
        headers={"Origin": "https://mail.example", "Sec-Fetch-Site": "cross-site"},
    )
    assert answer.status_code == 200
    assert told(twilio, one) == ["notification.opted_out"]
    assert request(twilio, Channel.EMAIL, Channel.SMS).channel is Channel.SMS


def test_a_guessed_address_says_the_same_and_stops_nothing(twilio: Twilio) -> None:
    _, address = unsubscribe_address(twilio)
    right = twilio.web.post(address[:-3] + ("abc" if not address.endswith("abc") else "abd"))
    assert right.status_code == 200
    assert count(twilio, contact_address) == 0
    assert count(twilio, tables.citizen_link) == 1


def test_an_endless_or_odd_request_is_refused_before_it_is_read(twilio: Twilio) -> None:
    assert twilio.web.post("/webhooks/twilio/sms", content=b"Body=" + b"x" * 70_000).status_code in {403, 413}
    odd = twilio.web.post("/webhooks/twilio/sms", files={"Body": ("x.txt", b"STOP")})
    assert odd.status_code in {400, 403}
    assert twilio.web.get("/webhooks/twilio/sms").status_code == 405
    assert count(twilio, contact_address) == 0
