"""Consuming a queue for as long as the host lives.

A message is completed after `handle` returned, so whatever `handle` does must be committed by then and must be safe to
do twice: the bus delivers at least once. A message that can never succeed is dead-lettered with a reason. When `handle`
raises, the message is abandoned after a pause that grows with its deliveries, so that a database that is away for a
minute does not use up the deliveries a message has.

On a queue with sessions each receiver takes one session after the other: the messages of one session come in their order, and
never at two places at once.
"""

import asyncio
import logging
import math
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import batched

from azure.servicebus import NEXT_AVAILABLE_SESSION, ServiceBusReceivedMessage, ServiceBusSubQueue
from azure.servicebus.aio import ServiceBusClient, ServiceBusReceiver
from azure.servicebus.exceptions import (
    MessageAlreadySettled,
    MessageLockLostError,
    OperationTimeoutError,
    SessionLockLostError,
)

from hub.logs import in_one_line
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
_TOGETHER_SECONDS = 0.1
"""Settlements one after the other may take so long; what would take longer is settled all at once.

At once is right when the bus is far away. When it is near it is slower: each waiter in the SDK reads on for as long as this although
another one has read its answer.
"""
_PROBES = 3
"""Settlements of each batch that show how near the bus is."""
_SESSION_IS_EMPTY_AFTER = 0.2
"""Seconds without a message after which a receiver gives a session back and takes the next."""
_LONGEST_PAUSE_IN_SESSION = 5.0
"""Seconds before a message of a session that failed is given back: until then its receiver takes no other session."""
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
HandleMany = Callable[[Sequence[ReceivedMessage]], Sequence[Settlement | Retry]]
"""Handles messages together; an answer for each, at its place. What it raises holds for all of them."""


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
    dead_letters: bool = False,
) -> None:
    """Give each message of the queue to `handle`, in a thread, one after the other, until `stop` is set.

    `batch_size` messages are locked at a time; locks are renewed while they wait. A bus that is away is tried again for
    ever with pauses of up to ten seconds. On stop the message at hand is finished, the others go back to the queue.
    After a failure `is_ready` is asked, in a thread; as long as it says no, nothing is received: what `handle` needs may
    be away for hours, and each delivery that fails brings a message nearer to the dead letters.
    With `dead_letters` it is the queue's dead letters that are consumed.
    Raises BusUnavailable only for a connection string that cannot be read.
    """

    def handle_each(messages: Sequence[ReceivedMessage]) -> list[Settlement | Retry]:
        return [handle(message) for message in messages]

    way = _Way(handle_each, stop, pause, is_ready, together=1)
    await _consume(connection_string, queue, way, batch_size, wait_seconds, dead_letters=dead_letters)


async def consume_together(
    connection_string: str,
    queue: str,
    handle: HandleMany,
    stop: asyncio.Event,
    *,
    batch_size: int = 100,
    receivers: int = 2,
    sessions: bool = False,
    wait_seconds: float = 1.0,
    pause: Callable[[int], float] = pause_before_redelivery,
    is_ready: Callable[[], bool] = lambda: True,
) -> None:
    """The same, but messages are handled `batch_size` at a time, by `receivers` with a connection of their own each.

    While one batch is handled, the next is received, and by a bus that is far the one before is settled. With `sessions` the queue must
    be one that has them: what is handled together is then of one session. On stop the batches at hand are finished.
    """
    way = _Way(handle, stop, pause, is_ready, together=batch_size)
    async with asyncio.TaskGroup() as group:
        for _ in range(receivers):
            group.create_task(_consume(connection_string, queue, way, batch_size, wait_seconds, sessions=sessions))


@dataclass(frozen=True)
class _Way:
    """How messages are handled: by what, how many at a time, until when, and what is done after a failure."""

    handle: HandleMany
    stop: asyncio.Event
    pause: Callable[[int], float]
    is_ready: Callable[[], bool]
    together: int


async def _consume(
    connection_string: str,
    queue: str,
    way: _Way,
    batch_size: int,
    wait_seconds: float,
    *,
    sessions: bool = False,
    dead_letters: bool = False,
) -> None:
    pauses = Pauses()
    while not way.stop.is_set():
        client = new_client(connection_string)
        try:
            if sessions:
                await _take_sessions(client, queue, way, batch_size, wait_seconds, pauses)
            else:
                sub_queue = ServiceBusSubQueue.DEAD_LETTER if dead_letters else None
                receiver = client.get_queue_receiver(queue, prefetch_count=0, sub_queue=sub_queue)
                await _receive(receiver, way, batch_size, wait_seconds, pauses)
        except UNREACHABLE as error:
            seconds = pauses.next()
            _log.warning("%s The consumer does so in %.1f s.", unavailable(connection_string, queue, error), seconds)
            with suppress(TimeoutError):
                await within(seconds, way.stop.wait())
        finally:
            await close_quietly(client.close())


async def _receive(
    receiver: ServiceBusReceiver, way: _Way, batch_size: int, wait_seconds: float, pauses: Pauses
) -> None:
    try:
        await within(OPEN_SECONDS, receiver.__aenter__())
        await _Consumption(receiver, way).run(batch_size, wait_seconds, pauses)
    finally:
        await close_quietly(receiver.close())


async def _take_sessions(
    client: ServiceBusClient, queue: str, way: _Way, batch_size: int, wait_seconds: float, pauses: Pauses
) -> None:
    """One session after the other, each until it is empty; raises what the SDK raises when the link breaks."""
    while not way.stop.is_set():
        receiver = client.get_queue_receiver(
            queue, session_id=NEXT_AVAILABLE_SESSION, prefetch_count=0, max_wait_time=wait_seconds
        )
        try:
            await within(wait_seconds + OPEN_SECONDS, receiver.__aenter__())
            await _Consumption(receiver, way, in_session=True).run(batch_size, _SESSION_IS_EMPTY_AFTER, pauses)
        except OperationTimeoutError:
            # No session has a message: the bus waited for one as long as it was asked to.
            pauses.reset()
        except SessionLockLostError:
            _log.warning("A session's lock was lost; its messages come again.")
        finally:
            await close_quietly(receiver.close())


class _Consumption:
    """One receiver's life: from an open link to a broken one, to the end of its session, or to the stop."""

    def __init__(self, receiver: ServiceBusReceiver, way: _Way, *, in_session: bool = False) -> None:
        self._receiver = receiver
        self._way = way
        self._stop = way.stop
        self._in_session = in_session
        self._has_failed = False
        self._has_ended = False
        # The SDK's receiver does not renew while it settles.
        self._turn = asyncio.Lock()
        self._locks = HeldLocks(receiver, self._turn)
        self._held: set[asyncio.Task[None]] = set()
        self._settling: asyncio.Task[None] | None = None
        self._round_trip = math.inf
        """Seconds the bus took to answer one settlement, at the best of the latest probes."""

    async def run(self, batch_size: int, wait_seconds: float, pauses: Pauses) -> None:
        """Receive and handle until the stop, or the end of the session; raises what the SDK raises when the link breaks."""
        keeper = asyncio.create_task(self._locks.keep())
        try:
            while await self._wait_until_ready():
                messages = await within(
                    wait_seconds + OPEN_SECONDS,
                    self._receiver.receive_messages(max_message_count=batch_size, max_wait_time=wait_seconds),
                )
                pauses.reset()
                if self._in_session and (not messages or self._has_failed):
                    self._has_ended = True
                    return
                for message in messages:
                    self._locks.hold(message)
                await self._handle_batch(messages)
                await self._limit_held(batch_size)
        finally:
            await self._let_go()
            keeper.cancel()

    async def _handle_batch(self, messages: list[ServiceBusReceivedMessage]) -> None:
        waiting = list(messages)
        for some in batched(messages, self._way.together):
            if self._stop.is_set() or not await self._may_go_on():
                break
            del waiting[: len(some)]
            await self._handle(some)
        for unread in waiting:
            await self._abandon(unread)

    async def _may_go_on(self) -> bool:
        """Whether the next message has a chance, as far as anybody knows."""
        if self._has_failed:
            self._has_failed = not await asyncio.to_thread(self._way.is_ready)
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

    async def _handle(self, messages: Sequence[ServiceBusReceivedMessage]) -> None:
        """Let the handler do its part and settle each message as it says."""
        received = [from_sdk(message) for message in messages]
        try:
            answers = await asyncio.to_thread(self._way.handle, received)
        except Exception as error:  # noqa: BLE001 - whatever it is, the messages come again, and the log says why
            answers = [Retry(error)] * len(messages)
        settling = list[tuple[ServiceBusReceivedMessage, Settlement]]()
        for message, one, answer in zip(messages, received, answers, strict=True):
            if isinstance(answer, Retry):
                self._give_back_later(message, one, answer.error)
            else:
                settling.append((message, answer))
        await self._finish_settling()
        near = self._is_near(len(settling))
        self._settling = asyncio.create_task(self._settle_all(settling))
        if near or self._way.together == 1:
            await self._finish_settling()

    def _is_near(self, settlements: int) -> bool:
        """Whether the bus answered so fast that these can be settled one after the other."""
        return self._round_trip * settlements < _TOGETHER_SECONDS

    async def _finish_settling(self) -> None:
        """Wait until the messages handled last are settled; raises what the SDK raises when the link breaks.

        By a bus that is far they are settled while the next are received and handled: its answers are waited for meanwhile. By one that is
        near there is hardly anything to wait for, and the two would only take the interpreter from each other, by turns of milliseconds.
        """
        settling, self._settling = self._settling, None
        if settling is not None:
            await settling

    def _give_back_later(self, message: ServiceBusReceivedMessage, received: ReceivedMessage, error: Exception) -> None:
        _log.error(
            "Message %s failed for now and will be delivered again.", in_one_line(received.message_id), exc_info=error
        )
        self._has_failed = True
        seconds = self._way.pause(received.delivery_count)
        if self._in_session:
            seconds = min(seconds, _LONGEST_PAUSE_IN_SESSION)
        task = asyncio.create_task(self._abandon_later(message, seconds))
        self._held.add(task)
        task.add_done_callback(self._held.discard)

    async def _settle_all(self, settling: Sequence[tuple[ServiceBusReceivedMessage, Settlement]]) -> None:
        async with self._turn:
            for message, _ in settling:
                self._locks.let_go(message)
            waiting = deque(settling)
            # Of these messages alone: a bus that was near may be slow now.
            best, tried = math.inf, 0
            while waiting and (tried < _PROBES or self._is_near(len(waiting))):
                began = time.monotonic()
                await self._settle(*waiting.popleft())
                best = min(best, time.monotonic() - began)
                self._round_trip = best
                tried += 1
            done = await asyncio.gather(*(self._settle(*one) for one in waiting), return_exceptions=True)
        for result in done:
            if isinstance(result, BaseException):
                raise result

    async def _settle(self, message: ServiceBusReceivedMessage, settlement: Settlement) -> None:
        try:
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
        with suppress(*UNREACHABLE):
            await self._finish_settling()
        # A session that is closed gives its messages back without counting the delivery: one that fails for ever would
        # come back for ever, and at once. So its pause is waited for.
        if not self._stop.is_set() and not self._has_ended:
            for task in self._held:
                task.cancel()
        if self._held:
            await asyncio.wait(self._held, timeout=_SETTLE_SECONDS)
