"""Deferred messages: put aside, and taken again only by their sequence number."""

import pytest
from azure.servicebus import ServiceBusMessageState, ServiceBusReceiveMode
from azure.servicebus.exceptions import MessageNotFoundError

from tests.contracts.service_bus.driver import Bus, bodies, body


def test_a_deferred_message_is_taken_by_its_number_and_only_so(bus: Bus, queue: str) -> None:
    bus.send(queue, b"later", b"now")
    receiver = bus.receiver(queue)
    later, now = receiver.take(2)
    receiver.defer_message(later)
    receiver.complete_message(now)
    assert receiver.is_empty()
    [peeked] = receiver.peek_messages(5, sequence_number=1)
    assert (body(peeked), peeked.state) == (b"later", ServiceBusMessageState.DEFERRED)
    [again] = receiver.receive_deferred_messages(later.sequence_number)
    assert body(again) == b"later"
    receiver.complete_message(again)
    with pytest.raises(MessageNotFoundError):
        receiver.receive_deferred_messages(later.sequence_number)


def test_several_at_once_and_all_or_none(bus: Bus, queue: str) -> None:
    bus.send(queue, b"a", b"b", b"c")
    receiver = bus.receiver(queue)
    numbers = []
    for message in receiver.take(3):
        numbers.append(message.sequence_number)
        receiver.defer_message(message)
    with pytest.raises(MessageNotFoundError):
        receiver.receive_deferred_messages([numbers[0], numbers[-1] + 1_000_000])
    got = receiver.receive_deferred_messages(numbers)
    assert sorted(bodies(got)) == [b"a", b"b", b"c"]
    for message in got:
        receiver.complete_message(message)


def test_an_abandoned_deferred_message_stays_deferred_and_can_be_dead_lettered(bus: Bus, queue: str) -> None:
    bus.send(queue, b"later")
    receiver = bus.receiver(queue)
    [message] = receiver.take(1)
    receiver.defer_message(message)
    [got] = receiver.receive_deferred_messages(message.sequence_number)
    receiver.abandon_message(got)
    assert receiver.is_empty()
    [got] = receiver.receive_deferred_messages(message.sequence_number)
    receiver.dead_letter_message(got, reason="Too late")
    dead_letters = bus.dead_letters(queue)
    [dead] = dead_letters.take(1)
    assert (body(dead), dead.dead_letter_reason) == (b"later", "Too late")
    dead_letters.complete_message(dead)


def test_a_deferred_message_is_received_and_deleted(bus: Bus, queue: str) -> None:
    bus.send(queue, b"later")
    receiver = bus.receiver(queue)
    [message] = receiver.take(1)
    receiver.defer_message(message)
    with bus.open(queue, receive_mode=ServiceBusReceiveMode.RECEIVE_AND_DELETE) as deleting:
        [got] = deleting.receive_deferred_messages(message.sequence_number)
        assert body(got) == b"later"
        with pytest.raises(MessageNotFoundError):
            deleting.receive_deferred_messages(message.sequence_number)
