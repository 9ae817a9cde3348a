"""What the next turn of the broker's loop must look at."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from infra.local.message_queue import MessageQueue


class Wakeups:
    """Queues with something new for their receivers, and the earliest instant at which something falls due.

    Queues note both as they change, so that a turn costs what happened in it and not what exists. Instants are
    milliseconds since the epoch.
    """

    def __init__(self) -> None:
        self.queues: set[MessageQueue] = set()
        self.next_ms: int | None = None

    def at(self, instant_ms: int) -> None:
        """Something falls due at this instant: a lock, a session, a scheduled message, a receiver's patience."""
        if self.next_ms is None or instant_ms < self.next_ms:
            self.next_ms = instant_ms

    def ring(self, now_ms: int) -> bool:
        """Whether something is due; whoever acts on it notes the following instant again."""
        if self.next_ms is None or self.next_ms > now_ms:
            return False
        self.next_ms = None
        return True

    def take_queues(self) -> set[MessageQueue]:
        """The queues with something new, once."""
        taken, self.queues = self.queues, set()
        return taken
