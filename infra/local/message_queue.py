"""A queue: who may have which message, for how long, and what becomes of one that fails too often.

A message is ready, locked (one receiver holds it until an instant) or gone. The queue knows no sockets and no clock:
every verb takes `now_ms`, milliseconds since the epoch.
"""

import heapq
from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID, uuid4

from infra.local import wire
from infra.local.config import QueueProperties
from infra.local.journal import Journal
from infra.local.message import StoredMessage

DEAD_LETTER_SUFFIX = "/$deadletterqueue"


class LockLost(Exception):
    """The lock token holds no message any more: it expired, or the message is settled."""


@dataclass(slots=True)
class Lock:
    """A message in one receiver's hands until `until_ms`; `token` is what the receiver settles by."""

    token: UUID
    message: StoredMessage
    until_ms: int


class MessageQueue:
    """One queue, subscription or dead-letter queue, named by its address in lower case."""

    def __init__(self, name: str, properties: QueueProperties, journal: Journal, *, dead_letter_of: str = "") -> None:
        self.name = name
        self._lock_ms = int(properties.lock_duration.total_seconds() * 1000)
        self._max_delivery_count = properties.max_delivery_count
        self._dead_letter_expired = properties.dead_lettering_on_message_expiration
        self._journal = journal
        self._messages: dict[int, StoredMessage] = {}
        self._ready: list[int] = []
        self._locks: dict[UUID, Lock] = {}
        self._deadlines: list[tuple[int, UUID]] = []
        self.dead_letters: MessageQueue | None = None
        if not dead_letter_of:
            self.dead_letters = MessageQueue(name + DEAD_LETTER_SUFFIX, properties, journal, dead_letter_of=name)

    def __len__(self) -> int:
        return len(self._messages)

    @property
    def has_ready(self) -> bool:
        """Whether a message may be waiting for a receiver."""
        return bool(self._ready)

    def restore(self, message: StoredMessage) -> None:
        """A message the journal kept is ready again."""
        self._messages[message.sequence] = message
        heapq.heappush(self._ready, message.sequence)

    def put(self, message: StoredMessage) -> None:
        """The message is ready for a receiver, after those with lower sequence numbers."""
        self.restore(message)
        self._journal.put(self.name, message)

    def lock_next(self, now_ms: int) -> Lock | None:
        """The first ready message, locked; None when there is none."""
        message = self._next_ready(now_ms)
        if message is None:
            return None
        lock = Lock(uuid4(), message, now_ms + self._lock_ms)
        self._locks[lock.token] = lock
        heapq.heappush(self._deadlines, (lock.until_ms, lock.token))
        return lock

    def take_next(self, now_ms: int) -> StoredMessage | None:
        """The first ready message, taken out at once (receive and delete)."""
        message = self._next_ready(now_ms)
        if message is not None:
            self._remove(message)
        return message

    def _next_ready(self, now_ms: int) -> StoredMessage | None:
        while self._ready:
            message = self._messages[heapq.heappop(self._ready)]
            if not message.is_expired(now_ms):
                return message
            if self.dead_letters is not None and self._dead_letter_expired:
                self._move_to_dead_letters(message, "TTLExpiredException", "The message expired and was dead lettered.")
            else:
                self._remove(message)
        return None

    def complete(self, token: UUID) -> None:
        """The message is done. Raises LockLost."""
        self._remove(self._unlock(token))

    def release(self, token: UUID) -> None:
        """The receiver did not look at the message: ready again, nothing counted. Raises LockLost."""
        heapq.heappush(self._ready, self._unlock(token).sequence)

    def abandon(self, token: UUID) -> None:
        """The receiver failed for now: ready again, or dead-lettered after the last delivery. Raises LockLost."""
        self._deliver_again(self._unlock(token))

    def dead_letter(self, token: UUID, reason: str, description: str) -> None:
        """The receiver will never manage: to the dead-letter queue, with why. Raises LockLost."""
        if self.dead_letters is None:
            self.complete(token)
            return
        self._move_to_dead_letters(self._unlock(token), reason, description)

    def renew(self, token: UUID, now_ms: int) -> int:
        """The receiver needs longer; returns until when it has the message now. Raises LockLost."""
        lock = self._locks.get(token)
        if lock is None:
            raise LockLost
        lock.until_ms = now_ms + self._lock_ms
        heapq.heappush(self._deadlines, (lock.until_ms, token))
        return lock.until_ms

    def free_expired_locks(self, now_ms: int) -> None:
        """Each message held too long is ready again, or dead-lettered after the last delivery."""
        while self._deadlines and self._deadlines[0][0] <= now_ms:
            _, token = heapq.heappop(self._deadlines)
            lock = self._locks.get(token)
            # A renewed lock has a later deadline further down the heap.
            if lock is not None and lock.until_ms <= now_ms:
                del self._locks[token]
                self._deliver_again(lock.message)

    def next_deadline_ms(self) -> int | None:
        """When the next lock may expire."""
        return self._deadlines[0][0] if self._deadlines else None

    def peek(self, from_sequence: int, count: int) -> Iterator[StoredMessage]:
        """Up to `count` messages from that sequence number on, ready or locked, none of them touched."""
        found = sorted(sequence for sequence in self._messages if sequence >= from_sequence)
        return (self._messages[sequence] for sequence in found[:count])

    def _unlock(self, token: UUID) -> StoredMessage:
        lock = self._locks.pop(token, None)
        if lock is None:
            raise LockLost
        return lock.message

    def _deliver_again(self, message: StoredMessage) -> None:
        message.delivery_count += 1
        if self.dead_letters is not None and message.delivery_count >= self._max_delivery_count:
            self._move_to_dead_letters(
                message,
                "MaxDeliveryCountExceeded",
                f"Message could not be consumed after {message.delivery_count} delivery attempts.",
            )
            return
        self._journal.count_delivery(message)
        heapq.heappush(self._ready, message.sequence)

    def _move_to_dead_letters(self, message: StoredMessage, reason: str, description: str) -> None:
        assert self.dead_letters is not None
        del self._messages[message.sequence]
        message.encoded = wire.with_application_properties(
            message.encoded, {"DeadLetterReason": reason, "DeadLetterErrorDescription": description}
        )
        message.dead_letter_source = self.name
        message.expires_ms = None
        self.dead_letters.put(message)

    def _remove(self, message: StoredMessage) -> None:
        del self._messages[message.sequence]
        self._journal.remove(message)
