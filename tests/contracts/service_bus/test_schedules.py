"""Scheduled messages: they arrive at their time, and can be called off until then."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from azure.servicebus import ServiceBusMessage, ServiceBusMessageState
from azure.servicebus.exceptions import MessageNotFoundError

from tests.contracts.service_bus.driver import Bus, bodies, body


def soon(seconds: float) -> datetime:
    """An instant so many seconds from now."""
    return datetime.now(UTC) + timedelta(seconds=seconds)


def test_a_scheduled_message_arrives_at_its_time_and_not_before(bus: Bus, queue: str) -> None:
    receiver, sender = bus.receiver(queue), bus.sender(queue)
    due = soon(3.0)
    [number] = sender.schedule_messages(ServiceBusMessage(b"later"), due)
    bus.send(queue, b"now")
    [now] = receiver.take(1)
    assert body(now) == b"now"
    receiver.complete_message(now)
    [waiting] = receiver.peek_messages(5, sequence_number=1)
    assert (waiting.sequence_number, waiting.state) == (number, ServiceBusMessageState.SCHEDULED)
    [later] = receiver.take(1)
    assert body(later) == b"later"
    assert later.state is ServiceBusMessageState.ACTIVE
    assert later.enqueued_time_utc >= due - timedelta(milliseconds=50)
    assert later.scheduled_enqueue_time_utc is not None
    receiver.complete_message(later)


def test_a_message_sent_with_a_time_is_scheduled_too(bus: Bus, queue: str) -> None:
    receiver, sender = bus.receiver(queue), bus.sender(queue)
    sender.send_messages(ServiceBusMessage(b"later", scheduled_enqueue_time_utc=soon(2.0)))
    assert receiver.is_empty()
    [later] = receiver.take(1)
    receiver.complete_message(later)
    assert body(later) == b"later"


def test_what_is_called_off_never_arrives(bus: Bus, queue: str) -> None:
    sender = bus.sender(queue)
    messages = [ServiceBusMessage(name) for name in (b"a", b"b", b"c")]
    first, second, third = sender.schedule_messages(messages, soon(2.0))
    sender.cancel_scheduled_messages([first, third])
    with pytest.raises(MessageNotFoundError):
        sender.cancel_scheduled_messages(first)
    receiver = bus.receiver(queue)
    [left] = receiver.take(1)
    receiver.complete_message(left)
    assert body(left) == b"b"
    with pytest.raises(MessageNotFoundError):
        sender.cancel_scheduled_messages(second)
    assert receiver.is_empty()


def test_scheduled_messages_come_in_the_order_of_their_times(bus: Bus, queue: str) -> None:
    sender = bus.sender(queue)
    now = datetime.now(UTC)
    sender.schedule_messages(ServiceBusMessage(b"second"), now + timedelta(seconds=2.2))
    sender.schedule_messages(ServiceBusMessage(b"first"), now + timedelta(seconds=2.0))
    sender.schedule_messages(ServiceBusMessage(b"past"), soon(-60))
    receiver = bus.receiver(queue)
    got = receiver.take(3)
    for message in got:
        receiver.complete_message(message)
    assert bodies(got) == [b"past", b"first", b"second"]


def test_a_topic_schedules_for_its_subscriptions(bus: Bus) -> None:
    sender = bus.sender("contract-events")
    name = str(uuid4())
    kept, dropped = (ServiceBusMessage(text, subject="held", session_id=name) for text in (b"kept", b"dropped"))
    _, number = sender.schedule_messages([kept, dropped], soon(2.0))
    sender.cancel_scheduled_messages(number)
    for subscription in ("everything", "of-one-utility"):
        receiver = bus.receiver(f"contract-events/{subscription}")
        [got] = receiver.take(1)
        assert (body(got), got.session_id) == (b"kept", name)
        receiver.complete_message(got)
        assert receiver.is_empty()
    with bus.open("contract-events/in-sessions", session_id=name) as in_session:
        [got] = in_session.take(1)
        in_session.complete_message(got)
