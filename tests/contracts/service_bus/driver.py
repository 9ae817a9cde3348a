"""One way of writing a test for both clients of the SDK: calls that block, whatever the client is."""

import asyncio
import inspect
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import Any, Protocol

from azure.servicebus import (
    ServiceBusClient,
    ServiceBusMessage,
    ServiceBusReceivedMessage,
    ServiceBusReceiveMode,
    ServiceBusSubQueue,
)
from azure.servicebus.aio import ServiceBusClient as AioClient

# A call of the SDK that takes longer has hung: the synchronous client waits for ever on a silent broker.
MOST_SECONDS = 40.0
DEAD: dict[str, Any] = {"sub_queue": ServiceBusSubQueue.DEAD_LETTER}
Call = Callable[..., Any]


class Way(Protocol):
    """How calls reach the SDK: `call` runs one and gives what it gives, or raises what it raises."""

    client: Any

    def call(self, function: Call, *values: Any, **options: Any) -> Any:
        """Run one function of the SDK to its end."""

    def close(self) -> None:
        """Let go of the client."""


class SyncWay:
    """The synchronous client, in threads of its own, so that a call that hangs fails its test and no more."""

    def __init__(self, connection_string: str) -> None:
        self._threads = ThreadPoolExecutor(8, "service-bus-contract")
        self.client: Any = ServiceBusClient.from_connection_string(connection_string, retry_total=0)

    def call(self, function: Call, *values: Any, **options: Any) -> Any:
        return self._threads.submit(function, *values, **options).result(MOST_SECONDS)

    def close(self) -> None:
        self.call(self.client.close)
        self._threads.shutdown(wait=False)


class AioWay:
    """The asynchronous client, on an event loop that runs beside the test as it would in a worker."""

    def __init__(self, connection_string: str) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="service-bus-contract", daemon=True)
        self._thread.start()
        self.client: Any = self.call(self._connect, connection_string)

    @staticmethod
    async def _connect(connection_string: str) -> AioClient:
        return AioClient.from_connection_string(connection_string, retry_total=0)

    def call(self, function: Call, *values: Any, **options: Any) -> Any:
        async def run() -> Any:
            found = function(*values, **options)
            return await found if inspect.isawaitable(found) else found

        return asyncio.run_coroutine_threadsafe(run(), self._loop).result(MOST_SECONDS)

    def close(self) -> None:
        self.call(self.client.close)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(MOST_SECONDS)
        self._loop.close()


class Link:
    """A sender, a receiver or a receiver's session, with blocking verbs of the same names."""

    def __init__(self, way: Way, thing: Any) -> None:
        self._way = way
        self._thing = thing

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._thing, name)
        if name == "session":
            return Link(self._way, found)
        if not callable(found):
            return found
        return lambda *values, **options: self._way.call(found, *values, **options)

    @property
    def raw(self) -> Any:
        """The SDK's own object."""
        return self._thing

    def open(self) -> "Link":
        """Attach the link now."""
        name = "__aenter__" if hasattr(self._thing, "__aenter__") else "__enter__"
        self._way.call(getattr(self._thing, name))
        return self

    def take(self, count: int, seconds: float = 8.0) -> list[Any]:
        """Exactly `count` messages, or as many as came in time. (`Any`: by its types the SDK may leave out everything.)"""
        taken: list[Any] = []
        deadline = time.monotonic() + seconds
        while len(taken) < count and (left := deadline - time.monotonic()) > 0:
            taken += self.receive_messages(max_message_count=count - len(taken), max_wait_time=left)
        return taken

    def is_empty(self) -> bool:
        """Whether nothing comes for a moment."""
        return not self.take(1, 0.6)


class Bus:
    """One client of the namespace. Links stay open from test to test, because the SDK takes a second to close one."""

    def __init__(self, way: Way) -> None:
        self._way = way
        self._kept: dict[tuple[str, ...], Link] = {}
        self._closing: list[tuple[str, Future[None]]] = []
        self._threads = ThreadPoolExecutor(16, "service-bus-closing")
        self.client = Link(way, way.client)

    def sender(self, name: str) -> Link:
        """The sender to a queue or topic."""
        is_topic = name == "contract-events"
        make = self._way.client.get_topic_sender if is_topic else self._way.client.get_queue_sender
        return self._keep(("send", name), make, name)

    def receiver(self, name: str, **options: Any) -> Link:
        """The one receiver of a queue or of a subscription (`topic/subscription`), opened once for each set of options."""
        key = ("receive", name, *(f"{option}={value}" for option, value in sorted(options.items())))
        make, *names = self._receiver(name)
        return self._keep(key, make, *names, **options)

    def dead_letters(self, name: str) -> Link:
        """The receiver of a queue's dead letters."""
        return self.receiver(name, **DEAD)

    @contextmanager
    def open(self, name: str, **options: Any) -> Iterator[Link]:
        """A receiver for the length of the block.

        The one that is kept open is closed before: it may have asked for messages that have not come yet. Closing goes
        on beside the test; who opens a receiver of the same queue waits for it.
        """
        for key in [key for key in self._kept if key[:2] == ("receive", name)]:
            _close(self._kept.pop(key))
        for _, closing in [each for each in self._closing if each[0] == name]:
            closing.result(MOST_SECONDS)
        self._closing = [each for each in self._closing if each[0] != name]
        make, *names = self._receiver(name)
        link = Link(self._way, self._way.call(make, *names, **options))
        try:
            yield link.open()
        finally:
            self._closing.append((name, self._threads.submit(_close, link)))

    def send(self, name: str, *messages: ServiceBusMessage | bytes) -> None:
        """Send these as one batch; a body alone is a message too."""
        self.sender(name).send_messages(
            [each if isinstance(each, ServiceBusMessage) else ServiceBusMessage(each) for each in messages]
        )

    def empty(self, name: str, **options: Any) -> None:
        """Throw away what an earlier run left in a queue or subscription without sessions, or in its dead letters."""
        with self.open(name, receive_mode=ServiceBusReceiveMode.RECEIVE_AND_DELETE, **options) as receiver:
            while receiver.receive_messages(max_message_count=100, max_wait_time=1.5):
                pass

    def close(self) -> None:
        """Close every link, all at once, and the client."""
        list(self._threads.map(_close, self._kept.values()))
        self._threads.shutdown()
        self._way.close()

    def _receiver(self, name: str) -> tuple[Any, ...]:
        if "/" in name:
            return (self._way.client.get_subscription_receiver, *name.split("/"))
        return (self._way.client.get_queue_receiver, name)

    def _keep(self, key: tuple[str, ...], make: Call, *names: str, **options: Any) -> Link:
        if key not in self._kept:
            self._kept[key] = Link(self._way, self._way.call(make, *names, **options)).open()
        return self._kept[key]


def _close(link: Link) -> None:
    with suppress(Exception):
        link.close()


def body(message: ServiceBusReceivedMessage) -> bytes:
    """The bytes of a message's body."""
    return b"".join(message.body)


def bodies(messages: list[ServiceBusReceivedMessage]) -> list[bytes]:
    """The bytes of each message's body."""
    return [body(message) for message in messages]
