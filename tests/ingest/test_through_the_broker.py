"""The whole way of a message with the real SDK: the utility sends, the hub imports and answers, the utility hears."""

import asyncio
import itertools
import json
from collections import Counter
from collections.abc import Iterator
from datetime import date

import pytest

from hub.bootstrap import Hub
from hub.messaging.service_bus import (
    ReceivedMessage,
    ServiceBusPublisher,
    Settlement,
    consume,
    receive_dead_letters,
    receive_events,
    send_batch,
)
from infra.local.running import broker_thread
from ingest.inbox import InboxOutcome
from ingest.relay import relay_outbox
from ingest.sample_feed import generate
from ingest.service import receive_message
from tests.ingest.reading import outbox, outcomes

_PATIENCE_SECONDS = 60.0


async def _take_in(hub: Hub, bus: str, count: int) -> None:
    """Consume as the worker does until `count` messages are settled."""
    stop, loop, numbers = asyncio.Event(), asyncio.get_running_loop(), itertools.count(1)

    def handle(message: ReceivedMessage) -> Settlement:
        settlement = receive_message(hub, message)
        if next(numbers) == count:
            loop.call_soon_threadsafe(stop.set)
        return settlement

    await asyncio.wait_for(consume(bus, hub.settings.orders_queue, handle, stop), _PATIENCE_SECONDS)


async def _send_out(hub: Hub, bus: str) -> int:
    async with ServiceBusPublisher(bus, hub.settings.events_topic) as publisher:
        return await relay_outbox(hub, publisher.publish)


@pytest.fixture
def bus() -> Iterator[str]:
    with broker_thread() as connection_string:
        yield connection_string


def test_a_feed_goes_in_and_every_state_comes_out(ingest_hub: Hub, bus: str) -> None:
    hub, feed = ingest_hub, generate(150, 2, date(2026, 5, 4))
    assert send_batch(bus, hub.settings.orders_queue, feed.messages) == 150
    asyncio.run(_take_in(hub, bus, 150))
    assert outcomes(hub) == {name.value: number for name, number in feed.expected.items() if number}
    letters = list(receive_dead_letters(bus, hub.settings.orders_queue))
    expected = [one.message_id for one in feed.messages if one.expected is InboxOutcome.DEAD_LETTERED]
    assert Counter(letter.message_id for letter in letters) == Counter(expected)
    assert all(letter.dead_letter_reason == "Unreadable order" for letter in letters)
    assert all((letter.dead_letter_description or "").endswith(".") for letter in letters)
    assert asyncio.run(_send_out(hub, bus)) == len(outbox(hub))
    heard = list(receive_events(bus, hub.settings.events_topic, hub.settings.utility_subscription, idle_seconds=0.5))
    assert [message.message_id for message in heard] == [str(row["id"]) for row in outbox(hub)]
    told = Counter(json.loads(message.body)["data"]["event"]["workOrder"]["state"] for message in heard)
    assert told == {
        "acknowledged": feed.expected[InboxOutcome.IMPORTED],
        "rejected": feed.expected[InboxOutcome.REJECTED],
    }
