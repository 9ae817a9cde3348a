"""The link on which a client receives messages, and how receivers of one queue share them."""

from collections import deque
from collections.abc import Callable
from typing import Any

from proton import Condition, Connection, Delivery, Link, Sender

from infra.local.management import LOCK_LOST, LOCK_LOST_SENTENCE, SESSION_LOST, SESSION_LOST_SENTENCE
from infra.local.message_queue import Lane, LockLost, MessageQueue
from infra.local.wakeups import Wakeups


class Outlet:
    """Delivers a queue's messages, or those of one session, to one receiver and settles them as the receiver says.

    The answer to a settlement echoes the outcome, settled: the SDK compares. A lost lock is answered `rejected`.
    """

    def __init__(self, link: Sender, queue: MessageQueue, wakeups: Wakeups) -> None:
        self.queue = queue
        self.lane: Lane | None = None
        """The session the receiver has; None on a queue without sessions, and once the session is lost."""
        self._link = link
        self._wakeups = wakeups
        self._receive_and_delete = link.remote_snd_settle_mode == Link.SND_SETTLED
        self._held: dict[Delivery, bytes] = {}

    @property
    def wants_more(self) -> bool:
        """Whether the receiver gave credit that is not used yet."""
        return bool(self._link.credit > 0)

    def is_on(self, connection: Connection, link_name: str | None) -> bool:
        """Whether this is a receiver of that connection, and that link if one is named."""
        return self._link.connection == connection and link_name in {None, "", self._link.name}

    def deliver_next(self, now_ms: int) -> bool:
        """Send the next message; False when there is none."""
        if self._receive_and_delete:
            message = self.queue.take_next(now_ms, self.lane)
            if message is None:
                return False
            delivery = self._link.delivery(self._link.delivery_tag())
            self._link.stream(message.for_receiver(None))
            self._link.advance()
            delivery.settle()
            return True
        lock = self.queue.lock_next(now_ms, self.lane)
        if lock is None:
            return False
        # The SDK reads the lock token out of the delivery tag, in the byte order of Windows.
        tag: Any = lock.token
        delivery = self._link.delivery(tag)
        self._held[delivery] = lock.token
        self._link.stream(lock.message.for_receiver(lock.until_ms))
        self._link.advance()
        return True

    def finish_drain(self) -> None:
        """Tell a receiver that drains its link that there is nothing more."""
        if self._link.drain_mode and self._link.credit > 0:
            self._link.drained()

    def lose_session(self) -> None:
        """The session's lock expired: the link ends, saying so."""
        self.lane = None
        self._held.clear()
        self._link.condition = Condition(SESSION_LOST, SESSION_LOST_SENTENCE)
        self._link.close()

    def on_flow(self) -> None:
        """Credit is used at the end of the loop's turn, see Dispatch."""
        self._wakeups.queues.add(self.queue)

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

    def _apply(self, delivery: Delivery, outcome: int, token: bytes) -> Condition | None:
        try:
            if outcome == Delivery.ACCEPTED:
                self.queue.complete(token)
            elif outcome == Delivery.REJECTED:
                self.queue.dead_letter(token, *_reason(delivery.remote.condition))
            elif outcome == Delivery.MODIFIED and delivery.remote.undeliverable:
                self.queue.defer(token, _changes(delivery.remote.annotations))
            elif outcome == Delivery.MODIFIED:
                self.queue.abandon(token, _changes(delivery.remote.annotations))
            else:
                self.queue.release(token)
        except LockLost:
            info: Any = {"lock-token": token.hex()}
            if self.queue.requires_session:
                return Condition(SESSION_LOST, SESSION_LOST_SENTENCE, info)
            return Condition(LOCK_LOST, LOCK_LOST_SENTENCE, info)
        except ValueError as error:
            return Condition("amqp:invalid-field", f"The message cannot be settled so: {error}.", {"size": 0})
        return None


def _reason(condition: Condition | None) -> tuple[str, str]:
    info = condition.info if condition is not None and isinstance(condition.info, dict) else {}
    told = {str(key): value for key, value in info.items()}
    return str(told.get("DeadLetterReason") or ""), str(told.get("DeadLetterErrorDescription") or "")


def _changes(annotations: Any) -> dict[str, object]:
    return {str(key): value for key, value in annotations.items()} if isinstance(annotations, dict) else {}


class Dispatch:
    """Gives each queue's messages to its receivers in turn."""

    def __init__(self, wakeups: Wakeups, now_ms: Callable[[], int]) -> None:
        self._wakeups = wakeups
        self._now_ms = now_ms
        self._outlets: dict[MessageQueue, deque[Outlet]] = {}

    def add(self, outlet: Outlet) -> None:
        """The outlet takes part."""
        self._outlets.setdefault(outlet.queue, deque()).append(outlet)
        self._wakeups.queues.add(outlet.queue)

    def remove(self, outlet: Outlet) -> None:
        """The outlet's link is gone; what its receiver held stays locked until the lock expires, as on Service Bus."""
        outlets = self._outlets.get(outlet.queue)
        if outlets is not None and outlet in outlets:
            outlets.remove(outlet)

    def deliver(self, queue: MessageQueue) -> None:
        """Send what is ready in a queue to whoever has credit."""
        outlets = self._outlets.get(queue)
        if not outlets:
            return
        now_ms = self._now_ms()
        if queue.requires_session:
            for outlet in outlets:
                while outlet.wants_more and outlet.deliver_next(now_ms):
                    pass
        else:
            while _deliver_one(outlets, now_ms):
                pass
        for outlet in outlets:
            outlet.finish_drain()


def _deliver_one(outlets: deque[Outlet], now_ms: int) -> bool:
    for _ in range(len(outlets)):
        outlets.rotate(-1)
        if outlets[0].wants_more:
            return outlets[0].deliver_next(now_ms)
    return False
