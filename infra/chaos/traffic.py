"""The utility on both ends of the bus: a sender that repeats until the bus has taken everything, and a listener that writes down all it hears."""

import asyncio
import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import batched

from azure.servicebus.aio import ServiceBusClient
from azure.servicebus.exceptions import ServiceBusError

from hub.messaging.service_bus import BusUnavailable, OutgoingMessage, receive_events, send_batch

_CHUNK = 100
_AHEAD = 1_500
"""How many messages may wait in the queue: sending, taking in and answering then happen side by side for the whole run."""
_PATIENCE_SECONDS = 5.0
_IDLE_SECONDS = 1.0
_PEEK_SECONDS = 5.0


class Sender:
    """Sends the messages in order, at least once each: a chunk that may not have arrived whole is sent whole again."""

    def __init__(self, bus: str, queue: str, messages: Sequence[OutgoingMessage], settled: Callable[[], int]) -> None:
        self._bus, self._queue, self._messages, self._settled = bus, queue, messages, settled
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._send, name="utility sending")
        self.sent = 0
        self.repeated = 0

    @property
    def is_done(self) -> bool:
        """Whether the bus has everything."""
        return self.sent == len(self._messages)

    def start(self) -> None:
        """Begin to send."""
        self._thread.start()

    def stop(self) -> None:
        """Send no more."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    def _send(self) -> None:
        for chunk in batched(self._messages, _CHUNK):
            while self.sent - self._settled() > _AHEAD and not self._stopping.wait(0.05):
                pass
            while not self._stopping.is_set():
                try:
                    send_batch(self._bus, self._queue, chunk, patience_seconds=_PATIENCE_SECONDS)
                except BusUnavailable:
                    self.repeated += 1
                else:
                    self.sent += len(chunk)
                    break


@dataclass(frozen=True)
class HeardEvent:
    """One event as the utility heard it: its CloudEvent's id, the order's external id, the sequence, and the order's status in the
    hub's own words ("" when the event is no change of state)."""

    id: str
    external_id: str
    sequence: str
    status: str


class Listener:
    """Reads the utility's subscription for as long as the run lasts. An event is taken off the bus after it was written down."""

    def __init__(self, bus: str, topic: str, subscription: str) -> None:
        self._bus, self._topic, self._subscription = bus, topic, subscription
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._listen, name="utility listening")
        self.heard: list[HeardEvent] = []
        self.ids: Counter[str] = Counter()

    def start(self) -> None:
        """Begin to listen."""
        self._thread.start()

    def stop(self) -> None:
        """Listen no more."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    def _listen(self) -> None:
        while not self._stopping.is_set():
            try:
                for message in receive_events(self._bus, self._topic, self._subscription, idle_seconds=_IDLE_SECONDS):
                    self._note(message.body)
                    if self._stopping.is_set():
                        break
            except BusUnavailable:
                time.sleep(0.2)

    def _note(self, body: bytes) -> None:
        event = json.loads(body)
        data = event.get("data")
        order = data.get("event", {}).get("workOrder", {}) if isinstance(data, dict) else {}
        status = str(order.get("status", "")) if str(event["type"]).endswith("state-changed.v1") else ""
        one = HeardEvent(str(event["id"]), str(event.get("subject") or ""), str(event.get("sequence", "")), status)
        self.heard.append(one)
        self.ids[one.id] += 1


def queue_is_empty(bus: str, queue: str) -> bool:
    """Whether nothing is left in the queue, locked or not; False also when the bus does not answer."""

    async def peek() -> bool:
        client = ServiceBusClient.from_connection_string(bus, retry_total=0)
        async with client, client.get_queue_receiver(queue) as receiver:
            return not await receiver.peek_messages(1)

    try:
        return asyncio.run(asyncio.wait_for(peek(), _PEEK_SECONDS))
    except (ServiceBusError, OSError, TimeoutError, ValueError, RuntimeError):
        return False
