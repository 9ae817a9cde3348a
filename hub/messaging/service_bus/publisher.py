"""Sending to a queue or topic, in order and at least once."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Sequence
from typing import Self

from azure.servicebus import ServiceBusMessageBatch
from azure.servicebus.aio import ServiceBusClient, ServiceBusSender
from azure.servicebus.exceptions import MessageSizeExceededError

from hub.messaging.service_bus.connection import (
    OPEN_SECONDS,
    UNREACHABLE,
    Pauses,
    close_quietly,
    new_client,
    unavailable,
    within,
)
from hub.messaging.service_bus.messages import MessageTooLarge, OutgoingMessage

_log = logging.getLogger(__name__)
_SEND_SECONDS = 30.0


class ServiceBusPublisher:
    """Sends to one queue or topic over one long-lived link, which it opens again whenever it breaks.

    Use as `async with`. `publish` may be called from several tasks; calls are served one after the other, because the
    SDK's sender fails when its first use is concurrent, and so that messages keep their order.
    """

    def __init__(self, connection_string: str, entity: str, *, patience_seconds: float = 30.0) -> None:
        self._connection_string = connection_string
        self._entity = entity
        self._patience_seconds = patience_seconds
        self._turn = asyncio.Lock()
        self._client: ServiceBusClient | None = None
        self._sender: ServiceBusSender | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._close()

    async def publish(self, messages: Sequence[OutgoingMessage]) -> None:
        """Send all messages in order; returns when the bus has them all.

        Raises BusUnavailable when the bus did not take them in `patience_seconds` of trying; a first part may have been
        sent then, and sending all again is safe for receivers that know a message by its id. Raises MessageTooLarge for
        a message it never takes, when the bus has all before that one.
        """
        async with self._turn:
            rest = list(messages)
            deadline = time.monotonic() + self._patience_seconds
            pauses = Pauses(first=0.1, longest=5.0)
            while rest:
                try:
                    sender = await self._opened()
                    async for batch, count in _batches(sender, rest):
                        await within(_SEND_SECONDS, sender.send_messages(batch))
                        del rest[:count]
                        deadline = time.monotonic() + self._patience_seconds
                        pauses.reset()
                except UNREACHABLE as error:
                    await self._close()
                    pause = pauses.next()
                    if time.monotonic() + pause > deadline:
                        raise unavailable(self._connection_string, self._entity, error) from error
                    refusal = unavailable(self._connection_string, self._entity, error)
                    _log.warning("%s The publisher does so in %.1f s.", refusal, pause)
                    await asyncio.sleep(pause)

    async def _opened(self) -> ServiceBusSender:
        if self._sender is None:
            self._client = new_client(self._connection_string)
            # A sender's address is the entity's name alone, so this serves topics too.
            self._sender = self._client.get_queue_sender(self._entity)
            await within(OPEN_SECONDS, self._sender.__aenter__())
        return self._sender

    async def _close(self) -> None:
        sender, client = self._sender, self._client
        self._sender = self._client = None
        if sender is not None:
            await close_quietly(sender.close())
        if client is not None:
            await close_quietly(client.close())


async def _batches(
    sender: ServiceBusSender, messages: Sequence[OutgoingMessage]
) -> AsyncIterator[tuple[ServiceBusMessageBatch, int]]:
    """The messages in as few batches as the link takes, each with its count of messages."""
    waiting = list(messages)
    while waiting:
        batch = await within(OPEN_SECONDS, sender.create_message_batch())
        count = 0
        for message in waiting:
            try:
                batch.add_message(message.for_sdk())
            except MessageSizeExceededError:
                break
            count += 1
        if count == 0:
            raise MessageTooLarge(waiting[0].message_id, len(waiting[0].body))
        del waiting[:count]
        yield batch, count
