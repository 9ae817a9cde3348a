"""Topics: each subscription has its own copy of what its filters take; and queues that pass messages on."""

from uuid import uuid4

import pytest
from azure.servicebus import ServiceBusMessage
from azure.servicebus.exceptions import ServiceBusError

from tests.contracts.service_bus.driver import Bus, bodies, body


def test_each_subscription_has_its_own_copy_and_filters_choose(bus: Bus) -> None:
    session = str(uuid4())
    bus.send(
        "contract-events",
        ServiceBusMessage(b"f", subject="completed", application_properties={"kind": "fibre"}, session_id=session),
        ServiceBusMessage(b"m", subject="completed", application_properties={"kind": "meter"}, session_id=session),
        ServiceBusMessage(b"h", subject="held", application_properties={"kind": "fibre"}, session_id=session),
        ServiceBusMessage(b"u", correlation_id="fluvius", session_id=session),
    )
    expected = {"everything": [b"f", b"m", b"h", b"u"], "fibre-done": [b"f"], "of-one-utility": [b"h", b"u"]}
    for subscription, texts in expected.items():
        receiver = bus.receiver(f"contract-events/{subscription}")
        got = receiver.take(len(texts))
        assert bodies(got) == texts
        for message in got:
            receiver.complete_message(message)
        assert receiver.is_empty()
    with bus.open("contract-events/in-sessions", session_id=session) as receiver:
        got = receiver.take(4)
        for message in got:
            receiver.complete_message(message)
    assert bodies(got) == expected["everything"]


def test_a_subscription_with_sessions_keeps_a_message_without_one_among_its_dead_letters(bus: Bus) -> None:
    bus.send("contract-events", b"of no session")
    plain = bus.receiver("contract-events/everything")
    [copy] = plain.take(1)
    plain.complete_message(copy)
    dead_letters = bus.dead_letters("contract-events/in-sessions")
    [dead] = dead_letters.take(1)
    assert (body(dead), dead.dead_letter_reason) == (b"of no session", "Session ID is null.")
    dead_letters.complete_message(dead)


def test_a_subscription_has_dead_letters_of_its_own(bus: Bus) -> None:
    bus.send("contract-events", ServiceBusMessage(b"bad", session_id=str(uuid4())))
    receiver = bus.receiver("contract-events/everything")
    [bad] = receiver.take(1)
    receiver.dead_letter_message(bad, reason="Unreadable")
    dead_letters = bus.dead_letters("contract-events/everything")
    [dead] = dead_letters.take(1)
    assert (body(dead), dead.dead_letter_reason) == (b"bad", "Unreadable")
    dead_letters.complete_message(dead)


def test_a_queue_forwards_messages_and_another_its_dead_letters(bus: Bus) -> None:
    bus.send("contract-forwards", ServiceBusMessage(b"on its way", application_properties={"kept": 1}))
    receiver = bus.receiver("contract-forwarded-to")
    [got] = receiver.take(1)
    assert body(got) == b"on its way"
    receiver.dead_letter_message(got, reason="Lost")
    graveyard = bus.receiver("contract-graveyard")
    [dead] = graveyard.take(1)
    assert (body(dead), dead.dead_letter_reason) == (b"on its way", "Lost")
    assert dead.application_properties[b"kept"] == 1
    graveyard.complete_message(dead)
    with pytest.raises(ServiceBusError), bus.open("contract-forwards") as forwarding:
        forwarding.take(1, 1)
