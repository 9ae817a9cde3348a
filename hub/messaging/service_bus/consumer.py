"""Consuming a queue for as long as the host lives.

A message is completed after `handle` returned, so whatever `handle` does must be committed by then and must be safe to
do twice: the bus delivers at least once. A message that can never succeed is dead-lettered with a reason. When `handle`
raises, the message is abandoned after a pause that grows with its deliveries, so that a database that is away for a
minute does not use up the deliveries a message has.
"""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from azure.servicebus import ServiceBusReceivedMessage
from azure.servicebus.aio import ServiceBusReceiver
from azure.servicebus.exceptions import MessageAlreadySettled, MessageLockLostError

from hub.messaging.service_bus.connection import (
    OPEN_SECONDS,
    UNREACHABLE,
    Pauses,
    close_quietly,
    new_client,
    unavailable,
    within,
)
from hub.messaging.service_bus.locks import HeldLocks
from hub.messaging.service_bus.messages import ReceivedMessage, from_sdk

_log = logging.getLogger(__name__)
_SETTLE_SECONDS = 15.0
# Service Bus takes no longer texts beside a dead letter.
_LONGEST_TEXT = 1024


@dataclass(frozen=True, slots=True)
class Complete:
    """The message is done."""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """The message will never succeed: `reason` in a word or two, `description` in a sentence for its sender."""

    reason: str
    description: str


@dataclass(frozen=True, slots=True)
class Retry:
    """The message cannot be done for now, because of `error`; it comes again."""

    error: Exception


Settlement = Complete | DeadLetter
Handle = Callable[[ReceivedMessage], Settlement]


def pause_before_redelivery(delivery_count: int) -> float:
    """Seconds to hold a message that failed for the time being: half a second, doubled each time, a minute at most."""
    return min(60.0, 0.5 * 2.0 ** min(delivery_count, 10))


async def consume(
    connection_string: str,
    queue: str,
    handle: Handle,
    stop: asyncio.Event,
    *,
    batch_size: int = 20,
    wait_seconds: float = 1.0,
    pause: Callable[[int], float] = pause_before_redelivery,
    is_ready: Callable[[], bool] = lambda: True,
) -> None:
    """Give each message of the queue to `handle`, in a thread, one after the other, until `stop` is set.

    `batch_size` messages are locked at a time; locks are renewed while they wait. A bus that is away is tried again for
    ever with pauses of up to ten seconds. On stop the message at hand is finished, the others go back to the queue.
    After a failure `is_ready` is asked, in a thread; as long as it says no, nothing is received: what `handle` needs may
    be away for hours, and each delivery that fails brings a message nearer to the dead letters.
    Raises BusUnavailable only for a connection string that cannot be read.
    """
    pauses = Pauses()
    while not stop.is_set():
        client = new_client(connection_string)
        receiver = client.get_queue_receiver(queue, prefetch_count=0)
        try:
            await within(OPEN_SECONDS, receiver.__aenter__())
            await _Consumption(receiver, handle, stop, pause, is_ready).run(batch_size, wait_seconds, pauses)
        except UNREACHABLE as error:
            seconds = pauses.next()
            _log.warning("%s The consumer does so in %.1f s.", unavailable(connection_string, queue, error), seconds)
            with suppress(TimeoutError):
                await within(seconds, stop.wait())
        finally:
            await close_quietly(receiver.close(), client.close())


class _Consumption:
    """One receiver's life: from an open link to a broken one, or to the stop."""

    def __init__(
        self,
        receiver: ServiceBusReceiver,
        handle: Handle,
        stop: asyncio.Event,
        pause: Callable[[int], float],
        is_ready: Callable[[], bool],
    ) -> None:
        self._receiver = receiver
        self._handle = handle
        self._stop = stop
        self._pause = pause
        self._is_ready = is_ready
        self._has_failed = False
        # The SDK's receiver settles and renews one message at a time.
        self._turn = asyncio.Lock()
        self._locks = HeldLocks(receiver, self._turn)
        self._held: set[asyncio.Task[None]] = set()

    async def run(self, batch_size: int, wait_seconds: float, pauses: Pauses) -> None:
        """Receive and handle until the stop; raises what the SDK raises when the link breaks."""
        keeper = asyncio.create_task(self._locks.keep())
        try:
            while await self._wait_until_ready():
                messages = await within(
                    wait_seconds + OPEN_SECONDS,
                    self._receiver.receive_messages(max_message_count=batch_size, max_wait_time=wait_seconds),
                )
                pauses.reset()
                for message in messages:
                    self._locks.hold(message)
                await self._handle_batch(messages)
                await self._limit_held(batch_size)
        finally:
            await self._let_go()
            keeper.cancel()

    async def _handle_batch(self, messages: list[ServiceBusReceivedMessage]) -> None:
        for at, message in enumerate(messages):
            if self._stop.is_set() or not await self._may_go_on():
                for unread in messages[at:]:
                    await self._abandon(unread)
                return
            await self._handle_one(message)

    async def _may_go_on(self) -> bool:
        """Whether the next message has a chance, as far as anybody knows."""
        if self._has_failed:
            self._has_failed = not await asyncio.to_thread(self._is_ready)
        return not self._has_failed

    async def _wait_until_ready(self) -> bool:
        """Wait, after a failure, for what the handler needs; False at the stop."""
        pauses = Pauses()
        while not self._stop.is_set():
            if await self._may_go_on():
                return True
            with suppress(TimeoutError):
                await within(pauses.next(), self._stop.wait())
        return False

    async def _handle_one(self, message: ServiceBusReceivedMessage) -> None:
        received = from_sdk(message)
        try:
            settlement = await asyncio.to_thread(self._handle, received)
        except Exception:  # noqa: BLE001 - whatever it is, the message comes again, and the log says why
            _log.exception("Message %s failed for now and will be delivered again.", received.message_id)
            self._has_failed = True
            task = asyncio.create_task(self._abandon_later(message, self._pause(received.delivery_count)))
            self._held.add(task)
            task.add_done_callback(self._held.discard)
            return
        await self._settle(message, settlement)

    async def _settle(self, message: ServiceBusReceivedMessage, settlement: Settlement) -> None:
        try:
            async with self._turn:
                self._locks.let_go(message)
                if isinstance(settlement, DeadLetter):
                    reason, description = settlement.reason[:_LONGEST_TEXT], settlement.description[:_LONGEST_TEXT]
                    work = self._receiver.dead_letter_message(message, reason=reason, error_description=description)
                else:
                    work = self._receiver.complete_message(message)
                await within(_SETTLE_SECONDS, work)
        except (MessageLockLostError, MessageAlreadySettled):
            # It comes again, and its handler finds that it was done.
            _log.warning(
                "Message %s was handled, but its lock was lost before it could be settled.", message.message_id
            )

    async def _abandon(self, message: ServiceBusReceivedMessage) -> None:
        with suppress(MessageLockLostError, MessageAlreadySettled):
            async with self._turn:
                self._locks.let_go(message)
                await within(_SETTLE_SECONDS, self._receiver.abandon_message(message))

    async def _abandon_later(self, message: ServiceBusReceivedMessage, seconds: float) -> None:
        """Hold the message for a while, or until the stop, and give it back. A broken link gives it back by itself."""
        with suppress(TimeoutError):
            await within(seconds, self._stop.wait())
        with suppress(*UNREACHABLE):
            await self._abandon(message)

    async def _limit_held(self, batch_size: int) -> None:
        """While as many messages wait for their next delivery as a batch has, receive no more: all is failing."""
        while len(self._held) >= batch_size and not self._stop.is_set():
            await asyncio.wait(self._held, timeout=1.0, return_when=asyncio.FIRST_COMPLETED)

    async def _let_go(self) -> None:
        if not self._stop.is_set():
            for task in self._held:
                task.cancel()
        if self._held:
            await asyncio.wait(self._held, timeout=_SETTLE_SECONDS)
