"""Receivers that asked for any session and wait until one has messages."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from proton import Condition

from infra.local.outlet import Outlet
from infra.local.session_queue import SessionQueue
from infra.local.wakeups import Wakeups


@dataclass(slots=True)
class Waiter:
    """A receiver whose link is not answered yet; `accept` answers it once it has its session, `refuse` else."""

    outlet: Outlet
    until_ms: int
    accept: Callable[[], None]
    refuse: Callable[[Condition], None]


class WaitingRoom:
    """Gives sessions that become free to those who wait, in the order of their coming."""

    def __init__(self, wakeups: Wakeups) -> None:
        self._wakeups = wakeups
        self._waiters: dict[SessionQueue, deque[Waiter]] = {}

    def enter(self, queue: SessionQueue, waiter: Waiter) -> None:
        """The receiver waits until a session is free or its patience ends."""
        self._waiters.setdefault(queue, deque()).append(waiter)
        self._wakeups.at(waiter.until_ms)
        self._wakeups.queues.add(queue)

    def leave(self, outlet: Outlet) -> None:
        """The receiver's link is gone."""
        for waiters in self._waiters.values():
            for waiter in [waiter for waiter in waiters if waiter.outlet is outlet]:
                waiters.remove(waiter)

    def serve(self, queue: SessionQueue, now_ms: int) -> None:
        """Give the queue's free sessions away."""
        waiters = self._waiters.get(queue)
        while waiters and queue.has_available:
            waiter = waiters.popleft()
            waiter.outlet.lane = queue.accept_next(waiter.outlet, now_ms)
            waiter.accept()

    def send_away(self, now_ms: int) -> None:
        """Refuse those who waited as long as they wanted to."""
        for queue, waiters in self._waiters.items():
            for waiter in [waiter for waiter in waiters if waiter.until_ms <= now_ms]:
                waiters.remove(waiter)
                sentence = f"No session of {queue.name} had messages in time. Ask again later."
                waiter.refuse(Condition("com.microsoft:timeout", sentence))
            for waiter in waiters:
                self._wakeups.at(waiter.until_ms)
