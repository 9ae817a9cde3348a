"""The bus by itself, and the consumer on it: messages a second from a full queue to an empty one."""

import asyncio
import time
from collections.abc import Sequence
from functools import partial

from azure.servicebus.aio import ServiceBusClient

from hub.bootstrap import Hub
from hub.messaging.service_bus import (
    ReceivedMessage,
    Retry,
    ServiceBusPublisher,
    Settlement,
    consume_together,
)
from ingest.relay import relay_outbox
from ingest.service import receive_messages

BATCH = 100
"""Messages received at once, by the raw SDK and by the consumer alike."""
_LIMIT_SECONDS = 300.0
_WAIT_SECONDS = 0.2


def drain_raw(bus: str, queue: str, number: int, *, receivers: int, at_once: bool) -> float:
    """Receive and complete `number` messages with nothing but the SDK; returns messages a second.

    `receivers` have a connection each. The messages of a batch are completed one after the other, or with `at_once` all are on their way
    together, which the SDK allows and which is faster.
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

    began = time.perf_counter()
    asyncio.run(asyncio.wait_for(drain_all(), _LIMIT_SECONDS))
    return number / (time.perf_counter() - began)


def consume_all(hub: Hub, bus: str, queue: str, number: int) -> float:
    """Take in `number` messages as the worker does, until all are committed and completed; returns messages a second."""

    async def run() -> float:
        stop, loop, done = asyncio.Event(), asyncio.get_running_loop(), 0

        def handle(messages: Sequence[ReceivedMessage]) -> Sequence[Settlement | Retry]:
            nonlocal done
            answers = receive_messages(hub, messages)
            done += len(messages)
            if done >= number:
                loop.call_soon_threadsafe(stop.set)
            return answers

        began = time.perf_counter()
        consuming = consume_together(bus, queue, handle, stop, batch_size=BATCH, wait_seconds=_WAIT_SECONDS)
        await asyncio.wait_for(consuming, _LIMIT_SECONDS)
        return number / (time.perf_counter() - began)

    return asyncio.run(run())


def relay_all(hub: Hub, bus: str, topic: str, number: int) -> float:
    """Hand `number` waiting events to the bus as the worker does; returns events a second."""

    async def run() -> float:
        async with ServiceBusPublisher(bus, topic) as publisher:
            began = time.perf_counter()
            sent = 0
            while sent < number:
                sent += await relay_outbox(hub, partial(publisher.publish))
            return sent / (time.perf_counter() - began)

    return asyncio.run(asyncio.wait_for(run(), _LIMIT_SECONDS))
