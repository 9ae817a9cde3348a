"""From a list of times that went out by Twilio to the answer that books one: signed, once, and for nobody else."""

import xml.etree.ElementTree as ET

from hub.domain.contact import Channel
from hub.notifications.service import request_notification
from portal.conversations.offers import prepare_offer, request_offer
from portal.queries import read_booking
from scheduling.service import current_appointment
from tests.contracts.twilio.conftest import Twilio
from tests.contracts.twilio.fake import sign
from tests.contracts.twilio.steps import PHONE, SMS_ADDRESS, sent
from tests.portal.test_conversations import STRANGER, confirmed, said, staff, threads
from tests.portal.test_ladder import receive


def words_of(answer: object) -> str:
    """What our answer lets the provider send."""
    document = ET.fromstring(str(getattr(answer, "text", "")))  # noqa: S314 - our own answer
    assert document.tag == "Response"
    found = document.find("Message")
    return (found.text or "") if found is not None else ""


def test_a_number_answered_to_a_list_books_the_time_once(twilio: Twilio) -> None:
    staff(twilio.hub)
    order = receive(twilio.hub, language="en", citizen_phone=PHONE)
    with twilio.hub.snapshot() as work:
        prepared = prepare_offer(twilio.hub, read_booking(work, order))
    assert prepared is not None
    with twilio.hub.unit_of_work() as work:
        queued = request_offer(work, order, prepared)
        work.commit()
    assert queued is not None
    assert prepared.words in sent(twilio, queued).form["Body"]

    assert words_of(twilio.fake.text(SMS_ADDRESS, STRANGER, "2")) == ""
    forged = {"MessageSid": "SM" + "7" * 32, "From": PHONE, "To": "+1", "Body": "2"}
    for signature in ("", "x", sign(SMS_ADDRESS, forged, "another token"), sign(SMS_ADDRESS, {**forged, "Body": "3"})):
        assert twilio.post(SMS_ADDRESS, forged, {"X-Twilio-Signature": signature}).status_code == 403
    assert current_appointment(twilio.hub, order.id) is None

    first = twilio.fake.text(SMS_ADDRESS, PHONE, "2", sid="SM" + "1" * 32)
    assert words_of(first).startswith("Agreed: ")
    booked = confirmed(twilio.hub, order)
    again = twilio.fake.text(SMS_ADDRESS, PHONE, "2", sid="SM" + "1" * 32)
    assert again.text == first.text
    assert confirmed(twilio.hub, order) == booked
    assert len([one for one in said(twilio.hub) if one.provider_id == "SM" + "1" * 32]) == 1


def test_whatever_is_written_the_answer_is_sound_xml_without_it(twilio: Twilio) -> None:
    order = receive(twilio.hub, language="en", citizen_phone=PHONE)
    with twilio.hub.unit_of_work() as work:
        queued = request_notification(work, order, kind="reminder", channel=Channel.SMS)
        work.commit()
    assert queued is not None
    sent(twilio, queued)
    hostile = "</Message><Redirect>https://elsewhere.example</Redirect>\x00<Message>"
    answer = twilio.fake.text(SMS_ADDRESS, PHONE, hostile)
    assert words_of(answer).startswith("Thank you for your message.")
    assert "elsewhere" not in answer.text
    assert twilio.fake.text(SMS_ADDRESS, PHONE, "x" * 10_000).status_code == 200
    [thread] = threads(twilio.hub)
    assert thread.work_order_id == order.id
