"""Locks on messages: they end, they can be renewed, and whoever lost one cannot settle."""

import time

import pytest
from azure.servicebus.exceptions import MessageLockLostError, ServiceBusError

from tests.contracts.service_bus.conftest import Durations
from tests.contracts.service_bus.driver import Bus, body


def test_a_lock_that_expires_gives_the_message_to_the_next_and_refuses_the_first(
    bus: Bus, durations: Durations
) -> None:
    bus.send("contract-short-lock", b"slow")
    receiver = bus.receiver("contract-short-lock")
    [first] = receiver.take(1)
    [second] = receiver.take(1, durations.lock + 5)
    assert (body(second), second.delivery_count) == (b"slow", 1)
    with pytest.raises(MessageLockLostError):
        receiver.complete_message(first)
    with pytest.raises(MessageLockLostError):
        receiver.renew_message_lock(first)
    receiver.complete_message(second)
    assert receiver.is_empty()


def test_the_bus_itself_refuses_a_lost_lock_on_the_link_and_by_request(bus: Bus, durations: Durations) -> None:
    """The SDK refuses by its own clock before it asks; here it is made to ask."""
    bus.send("contract-short-lock", b"slow")
    receiver = bus.receiver("contract-short-lock")
    [message] = receiver.take(1)
    token = message.lock_token
    time.sleep(durations.lock + 0.3)
    with pytest.raises(Exception, match="lock"):
        receiver._settle_message(message, "complete")
    with pytest.raises(MessageLockLostError):
        receiver._renew_locks(token)
    with pytest.raises(MessageLockLostError):
        receiver._settle_message_via_mgmt_link("completed", [token])
    [again] = receiver.take(1)
    receiver.complete_message(again)


def test_a_renewed_lock_keeps_the_message(bus: Bus, durations: Durations) -> None:
    bus.send("contract-short-lock-renewed", b"long work")
    receiver = bus.receiver("contract-short-lock-renewed")
    [held] = receiver.take(1)
    first_until = held.locked_until_utc
    for _ in range(4):
        time.sleep(durations.lock * 0.4)
        assert receiver.renew_message_lock(held) > first_until
    receiver.complete_message(held)
    assert not receiver.take(1, durations.lock + 0.5)


@pytest.mark.parametrize("status", ["completed", "abandoned", "suspended", "defered"])
def test_a_message_is_settled_by_request_too(bus: Bus, queue: str, status: str) -> None:
    """What the SDK does when the link under a settlement is gone."""
    bus.send(queue, b"by token")
    receiver = bus.receiver(queue)
    [message] = receiver.take(1)
    details = {"deadletter-reason": "Why", "deadletter-description": "Because."} if status == "suspended" else None
    receiver._settle_message_via_mgmt_link(status, [message.lock_token], details)
    if status == "abandoned":
        [again] = receiver.take(1)
        assert again.delivery_count == 1
        receiver.complete_message(again)
    elif status == "suspended":
        dead_letters = bus.dead_letters(queue)
        [dead] = dead_letters.take(1)
        assert (dead.dead_letter_reason, dead.dead_letter_error_description) == ("Why", "Because.")
        dead_letters.complete_message(dead)
    elif status == "defered":
        [deferred] = receiver.receive_deferred_messages(message.sequence_number)
        receiver.complete_message(deferred)
    assert receiver.is_empty()
    with pytest.raises(ServiceBusError):
        receiver._settle_message_via_mgmt_link("completed", [message.lock_token])
