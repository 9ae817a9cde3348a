"""Duplicate detection: a message id that came within the window is accepted and dropped."""

import time
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from azure.servicebus import ServiceBusMessage

from tests.contracts.service_bus.conftest import Durations
from tests.contracts.service_bus.driver import Bus, bodies, body

QUEUE = "contract-no-duplicates"


def test_the_same_id_comes_once_within_the_window_also_after_it_was_completed(bus: Bus, durations: Durations) -> None:
    name = str(uuid4())
    receiver = bus.receiver(QUEUE)
    bus.send(QUEUE, ServiceBusMessage(b"first", message_id=name), ServiceBusMessage(b"twin", message_id=name))
    sent = time.monotonic()
    [first] = receiver.take(1)
    receiver.complete_message(first)
    bus.send(QUEUE, ServiceBusMessage(b"second", message_id=name))
    assert receiver.is_empty()
    time.sleep(max(0.0, durations.window - (time.monotonic() - sent)) + 0.3)
    bus.send(QUEUE, ServiceBusMessage(b"after the window", message_id=name))
    [after] = receiver.take(1)
    receiver.complete_message(after)
    assert bodies([first, after]) == [b"first", b"after the window"]


def test_a_scheduled_message_counts_from_when_it_was_scheduled(bus: Bus) -> None:
    name = str(uuid4())
    receiver, sender = bus.receiver(QUEUE), bus.sender(QUEUE)
    due = datetime.now(UTC) + timedelta(seconds=2)
    sender.schedule_messages(ServiceBusMessage(b"planned", message_id=name), due)
    bus.send(QUEUE, ServiceBusMessage(b"now", message_id=name), ServiceBusMessage(b"other", message_id=name + "x"))
    got = receiver.take(2)
    for message in got:
        receiver.complete_message(message)
    assert bodies(got) == [b"other", b"planned"]
    assert receiver.is_empty()


def test_a_message_that_comes_again_after_a_failure_is_no_duplicate(bus: Bus) -> None:
    bus.send(QUEUE, ServiceBusMessage(b"shaky", message_id=str(uuid4())))
    receiver = bus.receiver(QUEUE)
    [message] = receiver.take(1)
    receiver.abandon_message(message)
    [again] = receiver.take(1)
    assert body(again) == b"shaky"
    receiver.complete_message(again)
