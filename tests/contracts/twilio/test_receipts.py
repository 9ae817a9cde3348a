"""What the provider says of a message: signed, settled once, whenever it comes; and what follows for the citizen."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import select

from hub.db.channel_tables import contact_address
from hub.domain.contact import AddressState, Channel, Notification, NotificationStatus
from hub.domain.work_orders import WorkOrder
from hub.notifications.entries import text_hmac, text_key, words_of
from hub.notifications.service import retry_notifications, settle_unknown
from portal.contact.service import run_due_contacts
from tests.contracts.twilio.conftest import PUBLIC, Twilio
from tests.contracts.twilio.fake import sign
from tests.contracts.twilio.steps import PHONE, SMS_ADDRESS, entries, messages, request, sent, told
from tests.portal.test_ladder import case_of, messages_of


def test_a_delivered_message_is_settled_once_by_its_receipt(twilio: Twilio) -> None:
    one = request(twilio)
    taken = sent(twilio, one)
    assert taken.form["StatusCallback"] == f"{PUBLIC}/webhooks/twilio/status?message={one.id}&try=1"
    assert [twilio.fake.call_back(taken, word).status_code for word in ("sent", "delivered", "delivered")] == [204] * 3
    after = twilio.present(one)
    assert (after.status, after.provider_id, after.receipt) == (NotificationStatus.DELIVERED, taken.sid, "delivered")
    # The first final word stands.
    assert twilio.fake.call_back(taken, "undelivered", ErrorCode="30005").status_code == 204
    assert twilio.present(one) == after
    assert told(twilio, one) == ["notification.delivered"]
    kinds = [kind for kind, _ in entries(twilio, one.work_order_id)]
    assert kinds == ["message.requested", "message.sent", "message.delivered"]


def test_the_words_are_kept_without_the_link_and_the_record_holds_their_hash(twilio: Twilio) -> None:
    one = request(twilio)
    taken = sent(twilio, one)
    after = twilio.present(one)
    link = taken.form["Body"][taken.form["Body"].index("https://") :]
    assert after.body == taken.form["Body"].replace(link, "[link]")
    assert "survey/" not in after.body
    written = entries(twilio, one.work_order_id)
    assert PHONE not in str(written)
    assert written[1][1]["textHmac"]


def proven_words(twilio: Twilio, one: Notification) -> list[str]:
    """The kinds of entry of a message's way, once the one that holds its words' hash was seen to be about these words."""
    written = [entry for entry in entries(twilio, one.work_order_id) if entry[1].get("message") == str(one.id)]
    after = twilio.present(one)
    words = text_hmac(text_key(twilio.hub.settings, one.id), words_of(after.subject, after.body))
    assert after.body
    assert [(kind, content["textHmac"]) for kind, content in written if "textHmac" in content] == [
        ("message.sent", words)
    ]
    return [kind for kind, _ in written]


def test_a_receipt_that_comes_before_our_own_call_returned_counts(twilio: Twilio) -> None:
    one = request(twilio)
    twilio.fake.behave[PHONE] = ["early"]
    after = twilio.deliver(one)
    assert (after.status, after.provider_id) == (NotificationStatus.DELIVERED, twilio.fake.taken[0].sid)
    assert told(twilio, one) == ["notification.delivered"]
    assert proven_words(twilio, one) == ["message.requested", "message.sent", "message.delivered"]


@pytest.mark.parametrize("plan", ["silent", "hang", "500 taken"])
def test_an_answer_that_never_came_is_unknown_until_the_receipt_tells(twilio: Twilio, plan: str) -> None:
    one = request(twilio, Channel.SMS, Channel.EMAIL)
    twilio.fake.behave[PHONE] = [plan]
    twilio.client.timeout = 0.3 if plan == "hang" else 30
    assert twilio.deliver(one).status is NotificationStatus.UNKNOWN
    twilio.clock.advance(timedelta(days=1))
    retry_notifications(twilio.hub, twilio.clock.now())
    twilio.run_jobs()
    # Neither again nor by another channel: it may have arrived.
    assert len(twilio.fake.taken) == 1
    assert len(messages(twilio, one)) == 1
    twilio.fake.call_back(twilio.fake.taken[0], "delivered")
    assert twilio.present(one).status is NotificationStatus.DELIVERED
    way = ["message.requested", "message.unknown", "message.sent", "message.delivered"]
    assert proven_words(twilio, one) == way


def test_words_that_an_erasure_took_before_the_receipt_came_are_proven_by_nothing(twilio: Twilio) -> None:
    one = request(twilio)
    twilio.fake.behave[PHONE] = ["silent"]
    twilio.deliver(one)
    with twilio.hub.unit_of_work() as work:
        present = work.notifications.get(one.id, lock=True)
        work.notifications.swap(present, replace(present, subject="", body=""))
        work.commit()
    for word in ("sent", "delivered"):
        twilio.fake.call_back(twilio.fake.taken[0], word)
    written = entries(twilio, one.work_order_id)
    assert [kind for kind, _ in written][-2:] == ["message.sent", "message.delivered"]
    assert not any("textHmac" in content for _, content in written)


def test_an_unknown_message_that_never_arrived_goes_by_the_next_channel_when_its_receipt_says_so(
    twilio: Twilio,
) -> None:
    one = request(twilio, Channel.SMS, Channel.EMAIL)
    twilio.fake.behave[PHONE] = ["silent"]
    twilio.deliver(one)
    for _ in range(2):
        twilio.fake.call_back(twilio.fake.taken[0], "undelivered", ErrorCode="30006")
    first, second = messages(twilio, one)
    assert (first.status, first.receipt) == (
        NotificationStatus.UNDELIVERED,
        "The number is a landline or cannot be reached.",
    )
    way = ["message.requested", "message.unknown", "message.sent", "message.undelivered"]
    assert proven_words(twilio, first) == way
    assert (second.channel, second.failover_of, second.kind) == (Channel.EMAIL, first.id, first.kind)


def test_a_number_that_takes_no_sms_fails_over_to_email_at_once_and_is_not_texted_again(twilio: Twilio) -> None:
    one = request(twilio, Channel.SMS, Channel.EMAIL)
    twilio.fake.behave[PHONE] = ["refuse 21614"]
    assert twilio.deliver(one).status is NotificationStatus.FAILED
    twilio.run_jobs()
    first, second = messages(twilio, one)
    assert (second.channel, second.hop, second.status) == (Channel.EMAIL, 1, NotificationStatus.SENT)
    assert told(twilio, first) == ["notification.failed_over"]
    with twilio.hub.reading() as connection:
        closed = [tuple(row) for row in connection.execute(select(contact_address.c.channel, contact_address.c.state))]
    # A landline takes no text, but it rings.
    assert closed == [(Channel.SMS, AddressState.BAD)]
    again = request(twilio, Channel.SMS, Channel.VOICE)
    assert again.channel is Channel.VOICE
    assert "address.bad" in [kind for kind, _ in entries(twilio, one.work_order_id)]


def test_a_telephone_that_is_off_is_no_reason_to_think_the_number_bad(twilio: Twilio) -> None:
    one = request(twilio)
    twilio.fake.call_back(sent(twilio, one), "undelivered", ErrorCode="30003")
    assert told(twilio, one) == ["notification.undelivered"]
    assert request(twilio).channel is Channel.SMS


def test_too_many_requests_stop_all_messages_for_as_long_as_the_provider_asks(twilio: Twilio) -> None:
    first, second = request(twilio), request(twilio, citizen_phone="+32470000002")
    twilio.fake.behave[PHONE] = ["429"]
    refused = twilio.deliver(first)
    assert (refused.status, refused.retry_at) == (NotificationStatus.QUEUED, twilio.clock.now() + timedelta(minutes=2))
    waiting = twilio.deliver(second)
    assert (waiting.status, waiting.tries) == (NotificationStatus.QUEUED, 0)
    assert twilio.fake.taken == []
    twilio.clock.advance(timedelta(minutes=2))
    assert retry_notifications(twilio.hub, twilio.clock.now()) == 2
    twilio.run_jobs()
    assert [twilio.present(one).status for one in (first, second)] == [NotificationStatus.SENT] * 2
    # The second handing over has a number of its own, and a receipt of the first one's says nothing about it.
    taken = next(one for one in twilio.fake.taken if one.form["To"] == PHONE)
    assert taken.form["StatusCallback"].endswith("try=2")
    stale = {"MessageSid": taken.sid, "MessageStatus": "failed", "ErrorCode": "30007"}
    assert twilio.fake.tell(taken.form["StatusCallback"].replace("try=2", "try=1"), stale).status_code == 204
    assert twilio.present(first).status is NotificationStatus.SENT


@pytest.mark.parametrize(
    "forge",
    [
        pytest.param(lambda address, form: "", id="no signature"),
        pytest.param(lambda address, form: sign(address, form, token="guessed"), id="another secret"),
        pytest.param(
            lambda address, form: sign(address.replace("https://doorstep.example", "http://inside.invalid:8080"), form),
            id="the host of the request",
        ),
        pytest.param(lambda address, form: sign(address.split("?", maxsplit=1)[0], form), id="without the query"),
        pytest.param(lambda address, form: sign(address, {**form, "MessageStatus": "sent"}), id="another word"),
    ],
)
def test_a_forged_receipt_is_refused_and_changes_nothing(twilio: Twilio, forge: Any) -> None:
    one = request(twilio)
    taken = sent(twilio, one)
    before = twilio.present(one)
    form = {"MessageSid": taken.sid, "MessageStatus": "undelivered", "ErrorCode": "30005"}
    address = taken.form["StatusCallback"]
    answer = twilio.post(address, form, {"X-Twilio-Signature": forge(address, form), "Host": "doorstep.example"})
    assert answer.status_code == 403
    assert "not signed by our provider" in answer.text
    assert twilio.present(one) == before


def test_without_an_account_every_signature_is_refused(twilio: Twilio) -> None:
    """An empty token is a key everybody knows."""
    form = {"MessageSid": "SM1", "From": PHONE, "To": "+1", "Body": "STOP"}
    object.__setattr__(twilio.hub.settings, "twilio_auth_token", SecretStr(""))
    answer = twilio.post(SMS_ADDRESS, form, {"X-Twilio-Signature": sign(SMS_ADDRESS, form, token="")})
    assert answer.status_code == 403


def test_a_receipt_about_nothing_of_ours_is_taken_without_a_word(twilio: Twilio) -> None:
    strange = f"{PUBLIC}/webhooks/twilio/status?message=00000000-0000-4000-8000-000000000000&try=1"
    assert twilio.fake.tell(strange, {"MessageSid": "SM1", "MessageStatus": "delivered"}).status_code == 204
    for address in (f"{PUBLIC}/webhooks/twilio/status", f"{PUBLIC}/webhooks/twilio/status?message=x&try=y"):
        assert twilio.fake.tell(address, {"MessageSid": "SM1", "MessageStatus": "delivered"}).status_code == 400


def test_the_ladder_lives_through_everything_the_provider_does(twilio: Twilio, order: WorkOrder) -> None:
    """Silence, a refusal, too many requests and a server's error, one step after the other; each step is sent at most once."""
    with twilio.hub.unit_of_work() as work:
        changed = work.work_orders.get(order.id)
        work.work_orders.swap(changed, replace(changed, citizen_email=""))
        work.commit()
    plans = ["", "silent", "429", "500"]
    for step, plan in enumerate(plans):
        twilio.fake.behave[PHONE] = [plan] if plan else []
        due = case_of(twilio.hub, order).next_due_at
        assert due is not None
        twilio.clock.set(due)
        assert run_due_contacts(twilio.hub, twilio.clock.now()) == 1
        twilio.run_jobs()
        if plan == "":
            twilio.fake.call_back(twilio.fake.taken[-1], "delivered")
        if plan == "429":
            twilio.clock.advance(timedelta(minutes=2))
            retry_notifications(twilio.hub, twilio.clock.now())
            twilio.run_jobs()
            twilio.fake.call_back(twilio.fake.taken[-1], "undelivered", ErrorCode="30008")
            twilio.run_jobs()
        assert len(messages_of(twilio.hub, order)) == step + 1
    assert [one.status for one in messages_of(twilio.hub, order)] == [
        NotificationStatus.DELIVERED,
        NotificationStatus.UNKNOWN,
        NotificationStatus.UNDELIVERED,
        NotificationStatus.UNKNOWN,
    ]
    assert len(twilio.fake.taken) == 3
    assert entries(twilio, order.id)[0][1]


def test_a_killed_program_leaves_the_timer_to_say_that_nobody_knows(twilio: Twilio) -> None:
    one = request(twilio)

    class Died(BaseException):
        pass

    sender = twilio.hub.senders[Channel.SMS]
    twilio.fake.behave[PHONE] = ["silent"]
    original = sender.send

    def send_and_die(message: Any) -> str:
        try:
            original(message)
        finally:
            raise Died

    sender.send = send_and_die  # type: ignore[method-assign]
    with pytest.raises(Died):
        twilio.deliver(one)
    assert twilio.present(one).status is NotificationStatus.SENDING
    twilio.clock.advance(timedelta(minutes=6))
    assert [settle_unknown(twilio.hub, twilio.clock.now()) for _ in range(2)] == [1, 0]
    twilio.fake.call_back(twilio.fake.taken[0], "delivered")
    assert twilio.present(one).status is NotificationStatus.DELIVERED
