"""The bus by itself, and the consumer on it: messages a second from a full queue to an empty one."""

import asyncio
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from unittest.mock import patch

from azure.servicebus import ServiceBusReceivedMessage
from azure.servicebus.aio import ServiceBusClient, ServiceBusReceiver

from hub.bootstrap import Hub
from hub.messaging.service_bus import (
    Complete,
    HandleMany,
    ReceivedMessage,
    Retry,
    ServiceBusPublisher,
    Settlement,
    consume_together,
)
from ingest.relay import relay_outbox

BATCH = 100
"""Messages received at once, by the raw SDK and by the consumer alike."""
LIMIT_SECONDS = 300.0
_WAIT_SECONDS = 0.2


@dataclass
class Watch:
    """When the first message came and when the latest was completed, by `time.perf_counter`."""

    first: float = 0.0
    latest: float = 0.0
    completed: int = 0

    def rate(self, number: int) -> float:
        """Messages a second; raises AssertionError when not all of them were completed."""
        if self.completed != number:
            raise AssertionError(f"{self.completed} of {number} messages were completed")
        return number / (self.latest - self.first)


@contextmanager
def watching() -> Iterator[Watch]:
    """Watch every receiver of the SDK: connections take a second or two to open and to close, which says nothing of the rate."""
    watch = Watch()
    receive, complete = ServiceBusReceiver.receive_messages, ServiceBusReceiver.complete_message

    async def watched_receive(
        receiver: ServiceBusReceiver, max_message_count: int | None = 1, max_wait_time: float | None = None
    ) -> list[ServiceBusReceivedMessage]:
        got = await receive(receiver, max_message_count, max_wait_time)
        if got and not watch.first:
            watch.first = time.perf_counter()
        return got

    async def watched_complete(receiver: ServiceBusReceiver, message: ServiceBusReceivedMessage) -> None:
        await complete(receiver, message)
        watch.completed += 1
        watch.latest = time.perf_counter()

    with (
        patch.object(ServiceBusReceiver, "receive_messages", watched_receive),
        patch.object(ServiceBusReceiver, "complete_message", watched_complete),
    ):
        yield watch


def drain_raw(bus: str, queue: str, number: int, *, receivers: int, at_once: bool) -> float:
    """Receive and complete `number` messages with nothing but the SDK; returns messages a second.

    `receivers` have a connection each. The messages of a batch are completed one after the other, or with `at_once` all are on their way
    together. Counted from the first message that comes to the last that is completed.
    """
    left = number

    async def drain() -> None:
        nonlocal left
        async with (
            ServiceBusClient.from_connection_string(bus) as client,
            client.get_queue_receiver(queue, prefetch_count=0) as receiver,
        ):
            while left > 0:
                messages = await receiver.receive_messages(max_message_count=BATCH, max_wait_time=_WAIT_SECONDS)
                left -= len(messages)
                if at_once:
                    await asyncio.gather(*(receiver.complete_message(message) for message in messages))
                else:
                    for message in messages:
                        await receiver.complete_message(message)

    async def drain_all() -> None:
        await asyncio.gather(*(drain() for _ in range(receivers)))

    with watching() as watch:
        asyncio.run(asyncio.wait_for(drain_all(), LIMIT_SECONDS))
    return watch.rate(number)


def only_complete(messages: Sequence[ReceivedMessage]) -> Sequence[Settlement | Retry]:
    """A handler that does nothing: what is left is the consumer's own cost."""
    return [Complete()] * len(messages)


def consume_all(handle_many: HandleMany, bus: str, queue: str, number: int) -> float:
    """Consume `number` messages as the worker does, until all are handled and completed; returns messages a second, counted alike."""

    async def run() -> None:
        stop, loop, done = asyncio.Event(), asyncio.get_running_loop(), 0

        def handle(messages: Sequence[ReceivedMessage]) -> Sequence[Settlement | Retry]:
            nonlocal done
            answers = handle_many(messages)
            done += len(messages)
            if done >= number:
                loop.call_soon_threadsafe(stop.set)
            return answers

        consuming = consume_together(bus, queue, handle, stop, batch_size=BATCH, wait_seconds=_WAIT_SECONDS)
        await asyncio.wait_for(consuming, LIMIT_SECONDS)

    with watching() as watch:
        asyncio.run(run())
    return watch.rate(number)


def relay_all(hub: Hub, bus: str, topic: str, number: int) -> float:
    """Hand `number` waiting events to the bus as the worker does; returns events a second."""

    async def run() -> float:
        async with ServiceBusPublisher(bus, topic) as publisher:
            began = time.perf_counter()
            sent = 0
            while sent < number:
                sent += await relay_outbox(hub, partial(publisher.publish))
            return sent / (time.perf_counter() - began)

    return asyncio.run(asyncio.wait_for(run(), LIMIT_SECONDS))
