"""The link on which a client receives messages, and how receivers of one queue share them."""

from collections import deque
from collections.abc import Callable
from typing import Any
from uuid import UUID

from proton import Condition, Delivery, Link, Sender

from infra.local.management import LOCK_LOST, LOCK_LOST_SENTENCE
from infra.local.message_queue import LockLost, MessageQueue


class Outlet:
    """Delivers a queue's messages to one receiver and settles them as the receiver says.

    The answer to a settlement echoes the outcome, settled: the SDK compares. A lost lock is answered `rejected`.
    """

    def __init__(self, link: Sender, queue: MessageQueue) -> None:
        self._link = link
        self._queue = queue
        self._receive_and_delete = link.remote_snd_settle_mode == Link.SND_SETTLED
        self._held: dict[Delivery, UUID] = {}

    @property
    def wants_more(self) -> bool:
        """Whether the receiver gave credit that is not used yet."""
        return bool(self._link.credit > 0)

    def deliver_next(self, now_ms: int) -> bool:
        """Send the queue's next message; False when there is none."""
        if self._receive_and_delete:
            message = self._queue.take_next(now_ms)
            if message is None:
                return False
            delivery = self._link.delivery(self._link.delivery_tag())
            self._link.stream(message.for_receiver(None))
            self._link.advance()
            delivery.settle()
            return True
        lock = self._queue.lock_next(now_ms)
        if lock is None:
            return False
        # The SDK reads the lock token out of the delivery tag, in the byte order of Windows.
        tag: Any = lock.token.bytes_le
        delivery = self._link.delivery(tag)
        self._held[delivery] = lock.token
        self._link.stream(lock.message.for_receiver(lock.until_ms))
        self._link.advance()
        return True

    def finish_drain(self) -> None:
        """Tell a receiver that drains its link that there is nothing more."""
        if self._link.drain_mode and self._link.credit > 0:
            self._link.drained()

    def on_flow(self) -> None:
        """Credit is used at the end of the loop's turn, see Dispatch."""

    def on_delivery(self, delivery: Delivery) -> None:
        """Settle a message as its receiver says."""
        outcome = delivery.remote_state
        if not outcome and not delivery.settled:
            return
        token = self._held.pop(delivery, None)
        if token is None:
            delivery.settle()
            return
        problem = self._apply(delivery, int(outcome), token)
        if problem is None:
            delivery.update(outcome)
        else:
            delivery.local.condition = problem
            delivery.update(Delivery.REJECTED)
        delivery.settle()

    def _apply(self, delivery: Delivery, outcome: int, token: UUID) -> Condition | None:
        try:
            if outcome == Delivery.ACCEPTED:
                self._queue.complete(token)
            elif outcome == Delivery.REJECTED:
                self._queue.dead_letter(token, *_reason(delivery.remote.condition))
            elif outcome == Delivery.MODIFIED and delivery.remote.undeliverable:
                self._queue.release(token)
                sentence = "This broker cannot defer a message. Abandon or complete it."
                return Condition("amqp:not-implemented", sentence, {"operation": "defer"})
            elif outcome == Delivery.MODIFIED:
                self._queue.abandon(token)
            else:
                self._queue.release(token)
        except LockLost:
            return Condition(LOCK_LOST, LOCK_LOST_SENTENCE, {"lock-token": str(token)})
        return None


def _reason(condition: Condition | None) -> tuple[str, str]:
    info = condition.info if condition is not None and isinstance(condition.info, dict) else {}
    told = {str(key): value for key, value in info.items()}
    return str(told.get("DeadLetterReason") or ""), str(told.get("DeadLetterErrorDescription") or "")


class Dispatch:
    """Gives each queue's messages to its receivers in turn."""

    def __init__(self, now_ms: Callable[[], int]) -> None:
        self._now_ms = now_ms
        self._outlets: dict[MessageQueue, deque[Outlet]] = {}

    def add(self, queue: MessageQueue, outlet: Outlet) -> None:
        """The outlet takes part."""
        self._outlets.setdefault(queue, deque()).append(outlet)

    def remove(self, outlet: Outlet) -> None:
        """The outlet's link is gone; what its receiver held stays locked until the lock expires, as on Service Bus."""
        for outlets in self._outlets.values():
            if outlet in outlets:
                outlets.remove(outlet)

    def deliver(self) -> None:
        """Send what is ready to whoever has credit."""
        now_ms = self._now_ms()
        for queue, outlets in self._outlets.items():
            while queue.has_ready and self._deliver_one(outlets, now_ms):
                pass
            for outlet in outlets:
                outlet.finish_drain()

    @staticmethod
    def _deliver_one(outlets: deque[Outlet], now_ms: int) -> bool:
        for _ in range(len(outlets)):
            outlets.rotate(-1)
            if outlets[0].wants_more:
                return outlets[0].deliver_next(now_ms)
        return False
