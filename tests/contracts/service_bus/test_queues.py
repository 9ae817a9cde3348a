"""Queues: what is sent is what arrives, and each way of settling does what its name says."""

import json
import time
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from azure.servicebus import ServiceBusMessage, ServiceBusReceiveMode
from azure.servicebus.exceptions import MessageSizeExceededError

from tests.contracts.service_bus.conftest import Durations
from tests.contracts.service_bus.driver import Bus, bodies, body


def test_what_was_sent_is_what_arrives(bus: Bus, queue: str) -> None:
    key = uuid4()
    bus.sender(queue).send_messages(
        ServiceBusMessage(
            b'{"a": 1}',
            message_id="id-1",
            subject="completed",
            correlation_id="c-1",
            content_type="application/cloudevents+json",
            reply_to="elsewhere",
            session_id="not-looked-at-here",
            application_properties={"text": "ö", "number": 7, "yes": True, "key": key},
        )
    )
    receiver = bus.receiver(queue)
    [got] = receiver.take(1)
    locked_until = got.locked_until_utc
    receiver.complete_message(got)
    assert body(got) == b'{"a": 1}'
    assert (got.message_id, got.subject, got.correlation_id) == ("id-1", "completed", "c-1")
    assert (got.content_type, got.reply_to) == ("application/cloudevents+json", "elsewhere")
    assert got.session_id == "not-looked-at-here"
    assert got.application_properties == {b"text": "ö".encode(), b"number": 7, b"yes": True, b"key": key}
    assert got.delivery_count == 0
    assert got.sequence_number is not None
    assert got.enqueued_time_utc is not None
    assert abs(datetime.now(UTC) - got.enqueued_time_utc) < timedelta(seconds=20)
    assert locked_until is not None
    assert locked_until - datetime.now(UTC) > timedelta(seconds=15)


def test_iterating_a_receiver_gives_one_message_after_the_other(bus: Bus, queue: str) -> None:
    bus.send(queue, b"one", b"two")
    with bus.open(queue, max_wait_time=2) as receiver:
        step = "__anext__" if hasattr(receiver.raw, "__anext__") else "__next__"
        got = [getattr(receiver, step)() for _ in range(2)]
        for message in got:
            receiver.complete_message(message)
    assert bodies(got) == [b"one", b"two"]


def test_a_completed_message_is_gone_and_an_abandoned_one_comes_again(bus: Bus, queue: str) -> None:
    bus.send(queue, b"done", b"again")
    receiver = bus.receiver(queue)
    done, again = receiver.take(2)
    receiver.complete_message(done)
    receiver.abandon_message(again)
    [once_more] = receiver.take(1)
    assert (body(once_more), once_more.delivery_count) == (b"again", 1)
    receiver.complete_message(once_more)
    assert receiver.is_empty()


def test_a_dead_letter_tells_why(bus: Bus, queue: str) -> None:
    bus.send(queue, ServiceBusMessage(b"bad", application_properties={"kept": "yes"}))
    receiver = bus.receiver(queue)
    [bad] = receiver.take(1)
    receiver.dead_letter_message(bad, reason="Unknown work type", error_description="“Dachdecken” ø")
    assert receiver.is_empty()
    dead_letters = bus.dead_letters(queue)
    [dead] = dead_letters.take(1)
    assert body(dead) == b"bad"
    assert dead.dead_letter_reason == "Unknown work type"
    assert dead.dead_letter_error_description == "“Dachdecken” ø"
    assert dead.application_properties[b"kept"] == b"yes"
    dead_letters.abandon_message(dead)
    [again] = dead_letters.take(1)
    dead_letters.complete_message(again)
    assert dead_letters.is_empty()


def test_a_message_that_keeps_failing_is_dead_lettered(bus: Bus) -> None:
    bus.send("contract-three-tries", b"hopeless", b"fine")
    receiver = bus.receiver("contract-three-tries")
    counts = []
    for _ in range(4):
        [message] = receiver.take(1)
        if body(message) == b"fine":
            receiver.complete_message(message)
        else:
            counts.append(message.delivery_count)
            receiver.abandon_message(message)
    assert receiver.is_empty()
    assert counts == [0, 1, 2]
    dead_letters = bus.dead_letters("contract-three-tries")
    [dead] = dead_letters.take(1)
    assert (body(dead), dead.dead_letter_reason) == (b"hopeless", "MaxDeliveryCountExceeded")
    dead_letters.complete_message(dead)


def test_what_nobody_takes_in_time_is_dead_lettered_by_the_queues_limit_or_the_messages(
    bus: Bus, durations: Durations
) -> None:
    queue = "contract-short-lived"
    bus.send(queue, ServiceBusMessage(b"own limit", time_to_live=timedelta(milliseconds=300)), b"queue's limit")
    time.sleep(durations.life + 0.2)
    assert bus.receiver(queue).is_empty()
    dead_letters = bus.dead_letters(queue)
    dead = dead_letters.take(2)
    assert sorted(bodies(dead)) == [b"own limit", b"queue's limit"]
    assert {each.dead_letter_reason for each in dead} == {"TTLExpiredException"}
    for each in dead:
        dead_letters.complete_message(each)


def test_a_queue_that_keeps_no_expired_messages_forgets_them(bus: Bus) -> None:
    queue = "contract-forgets"
    bus.send(queue, ServiceBusMessage(b"late", time_to_live=timedelta(milliseconds=200)), b"in time")
    time.sleep(0.5)
    receiver = bus.receiver(queue)
    [left] = receiver.take(1)
    assert body(left) == b"in time"
    receiver.complete_message(left)
    assert receiver.is_empty()
    assert bus.dead_letters(queue).is_empty()


def test_a_batch_of_a_thousand_arrives_in_order_and_once(bus: Bus, queue: str) -> None:
    sender = bus.sender(queue)
    batch = sender.create_message_batch()
    batches = 1
    for number in range(1000):
        message = ServiceBusMessage(json.dumps({"number": number, "filler": "x" * 400}).encode())
        try:
            batch.add_message(message)
        except MessageSizeExceededError:
            sender.send_messages(batch)
            batch = sender.create_message_batch()
            batch.add_message(message)
            batches += 1
    sender.send_messages(batch)
    assert 1 < batches < 10
    receiver = bus.receiver(queue)
    got: list[int] = []
    while len(got) < 1000:
        page = receiver.take(min(200, 1000 - len(got)))
        assert page
        for message in page:
            got.append(json.loads(body(message))["number"])
            receiver.complete_message(message)
    assert got == list(range(1000))
    assert receiver.is_empty()


def test_two_receivers_share_a_queue_and_get_different_messages(bus: Bus, queue: str) -> None:
    sent = [str(number).encode() for number in range(40)]
    bus.send(queue, *sent)
    got: list[list[bytes]] = [[], []]
    with bus.open(queue) as other:
        for _ in range(4):
            for mine, receiver in zip(got, (bus.receiver(queue), other), strict=True):
                for message in receiver.take(5):
                    mine.append(body(message))
                    receiver.complete_message(message)
    assert sorted(got[0] + got[1]) == sorted(sent)
    assert len(got[0]) == len(got[1]) == 20


def test_a_large_message_passes_and_one_too_large_is_refused(bus: Bus, queue: str) -> None:
    large = bytes(range(256)) * 800
    bus.sender(queue).send_messages(ServiceBusMessage(large))
    with pytest.raises(MessageSizeExceededError):
        bus.sender(queue).send_messages(ServiceBusMessage(b"x" * 300_000))
    receiver = bus.receiver(queue)
    [got] = receiver.take(1)
    assert body(got) == large
    receiver.complete_message(got)


def test_receive_and_delete_takes_without_settling(bus: Bus, queue: str) -> None:
    bus.send(queue, b"a", b"b")
    with bus.open(queue, receive_mode=ServiceBusReceiveMode.RECEIVE_AND_DELETE) as receiver:
        assert bodies(receiver.take(2)) == [b"a", b"b"]
    assert bus.receiver(queue).is_empty()


def test_peeking_takes_nothing_and_goes_on_from_where_it_was(bus: Bus, queue: str) -> None:
    bus.send(queue, b"a", b"b", b"c")
    receiver = bus.receiver(queue)
    first = receiver.peek_messages(2, sequence_number=1)
    numbers = [each.sequence_number for each in first]
    assert bodies(first) == [b"a", b"b"]
    assert bodies(receiver.peek_messages(5, sequence_number=numbers[-1] + 1)) == [b"c"]
    taken = receiver.take(3)
    assert [each.sequence_number for each in taken[:2]] == numbers
    for message in taken:
        receiver.complete_message(message)
    assert receiver.peek_messages(5, sequence_number=1) == []


def test_closing_a_receiver_gives_back_what_it_fetched_and_nobody_saw(bus: Bus, queue: str) -> None:
    bus.send(queue, b"a", b"b")
    with bus.open(queue, prefetch_count=10) as prefetching:
        assert len(prefetching.peek_messages(5)) == 2
        time.sleep(0.3)
    receiver = bus.receiver(queue)
    messages = receiver.take(2)
    assert [(body(message), message.delivery_count) for message in messages] == [(b"a", 0), (b"b", 0)]
    for message in messages:
        receiver.complete_message(message)
