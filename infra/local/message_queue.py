"""A queue: who may have which message, for how long, and what becomes of one that fails too often.

A message is ready, locked (one receiver holds it until an instant), deferred (it is given out only by its sequence
number) or gone. The queue knows no sockets and no clock: every verb takes `now_ms`, milliseconds since the epoch.
"""

import heapq
import os
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from infra.local import wire
from infra.local.config import QueueProperties
from infra.local.journal import Journal
from infra.local.message import MessageState, StoredMessage
from infra.local.schedule import MessageNotFound
from infra.local.wakeups import Wakeups

DEAD_LETTER_SUFFIX = "/$deadletterqueue"
Properties = Mapping[str, object]
"""Application properties that a receiver sets on a message it gives back."""
NOTHING: Properties = {}


class LockLost(Exception):
    """The lock token holds no message any more: it expired, or the message is settled."""


@dataclass(slots=True)
class Lane:
    """Messages that are given out one after the other, in order of arrival: those of a plain queue, or of a session.

    `ready` is a heap of sequence numbers; `held` are the lock tokens of messages in a receiver's hands, `count` all
    messages, ready or not. The rest is for sessions: who has it locked, until when, and its state.
    """

    session_id: str = ""
    ready: list[int] = field(default_factory=list)
    held: set[bytes] = field(default_factory=set)
    count: int = 0
    owner: object = None
    until_ms: int = 0
    state: bytes | None = None
    state_changed_ms: int = 0


@dataclass(slots=True)
class Lock:
    """A message in one receiver's hands until `until_ms`; the receiver settles by `token`, a UUID's 16 bytes in the
    order of Windows.
    """

    token: bytes
    message: StoredMessage
    until_ms: int


class MessageQueue:
    """One queue or subscription without sessions, or a dead-letter queue, named by its address in lower case."""

    requires_session = False

    def __init__(
        self,
        name: str,
        properties: QueueProperties,
        journal: Journal,
        wakeups: Wakeups,
        dead_letters: "MessageQueue | None" = None,
    ) -> None:
        self.name = name
        self.dead_letters = dead_letters
        self.on_dead_letter: Callable[[StoredMessage], bool] = lambda _: False
        """May take a dead letter elsewhere; it stays out of the dead-letter queue when the answer is true."""
        self.scheduled: Mapping[int, StoredMessage] = {}
        """What peeking shows beside the messages of the queue."""
        self.forwards_to = properties.forward_to
        self._lock_ms = int(properties.lock_duration.total_seconds() * 1000)
        self._max_delivery_count = properties.max_delivery_count
        self._dead_letter_expired = properties.dead_lettering_on_message_expiration
        self._journal = journal
        self._wakeups = wakeups
        self._messages: dict[int, StoredMessage] = {}
        # In the order in which they expire, because all locks of a queue last equally long.
        self._locks: OrderedDict[bytes, Lock] = OrderedDict()
        self._only_lane = Lane()

    def __len__(self) -> int:
        return len(self._messages)

    def restore(self, message: StoredMessage) -> None:
        """A message the journal kept is ready again, or deferred as it was."""
        self._messages[message.sequence] = message
        self.lane_of(message).count += 1
        self._make_ready(message)

    def put(self, message: StoredMessage) -> None:
        """The message is ready for a receiver, after those with lower sequence numbers."""
        self.restore(message)
        self._journal.keep(self.name, message)

    def lane_of(self, message: StoredMessage) -> Lane:
        """The lane in which the message waits for its turn."""
        return self._only_lane

    def lock_next(self, now_ms: int, lane: Lane | None = None) -> Lock | None:
        """The first ready message of the lane, locked; None when there is none."""
        message = self._next_ready(lane or self._only_lane, now_ms)
        return None if message is None else self._lock(message, now_ms)

    def take_next(self, now_ms: int, lane: Lane | None = None) -> StoredMessage | None:
        """The first ready message of the lane, taken out at once (receive and delete)."""
        message = self._next_ready(lane or self._only_lane, now_ms)
        if message is not None:
            self._remove(message)
        return message

    def lock_deferred(self, sequences: Sequence[int], now_ms: int, lane: Lane | None = None) -> list[Lock]:
        """These deferred messages, locked. Raises MessageNotFound, and locks none, when one of them is not there."""
        return [self._lock(message, now_ms) for message in self._deferred(sequences, now_ms, lane)]

    def take_deferred(self, sequences: Sequence[int], now_ms: int, lane: Lane | None = None) -> list[StoredMessage]:
        """These deferred messages, taken out at once. Raises MessageNotFound as `lock_deferred` does."""
        taken = self._deferred(sequences, now_ms, lane)
        for message in taken:
            self._remove(message)
        return taken

    def complete(self, token: bytes) -> None:
        """The message is done. Raises LockLost."""
        self._remove(self._unlock(token))

    def release(self, token: bytes) -> None:
        """The receiver did not look at the message: ready again, nothing counted. Raises LockLost."""
        self._make_ready(self._unlock(token))

    def abandon(self, token: bytes, changes: Properties = NOTHING) -> None:
        """The receiver failed for now: ready again, or dead-lettered after the last delivery.

        Raises LockLost, and ValueError for changes that no message can carry; the receiver then has the message still.
        """
        self._change(token, changes)
        self._deliver_again(self._unlock(token))

    def defer(self, token: bytes, changes: Properties = NOTHING) -> None:
        """The receiver comes back to the message later, by its sequence number. Raises as `abandon` does."""
        self._change(token, changes)
        message = self._unlock(token)
        message.state = MessageState.DEFERRED
        self._journal.keep(self.name, message)

    def dead_letter(self, token: bytes, reason: str, description: str, changes: Properties = NOTHING) -> None:
        """The receiver will never manage: to the dead-letter queue, with why. Raises as `abandon` does.

        A message of a dead-letter queue has nowhere to fall; it is ready there again.
        """
        self._change(token, changes)
        message = self._unlock(token)
        if self.dead_letters is None:
            self._deliver_again(message)
        else:
            self.drop(message, reason, description)

    def drop(self, message: StoredMessage, reason: str, description: str) -> None:
        """Put a message that no lock holds among the dead letters, whether it was in this queue before or not."""
        assert self.dead_letters is not None
        self._forget(message)
        message.encoded = wire.with_application_properties(
            message.encoded, {"DeadLetterReason": reason, "DeadLetterErrorDescription": description}
        )
        message.dead_letter_source = self.name
        message.expires_ms = None
        message.state = MessageState.ACTIVE
        if self.on_dead_letter(message):
            self._journal.remove(message)
        else:
            self.dead_letters.put(message)

    def renew(self, token: bytes, now_ms: int) -> int:
        """The receiver needs longer; returns until when it has the message now. Raises LockLost."""
        lock = self._locks.get(token)
        if lock is None:
            raise LockLost
        lock.until_ms = now_ms + self._lock_ms
        self._locks.move_to_end(token)
        return lock.until_ms

    def free_expired_locks(self, now_ms: int) -> list[object]:
        """Each message held too long is ready again, or dead-lettered after the last delivery.

        Returns the owners of sessions that are lost; a queue without sessions has none.
        """
        while self._locks:
            lock = next(iter(self._locks.values()))
            if lock.until_ms > now_ms:
                self._wakeups.at(lock.until_ms)
                break
            self._deliver_again(self._unlock(lock.token))
        return []

    def peek(self, from_sequence: int, count: int, session_id: str | None = None) -> list[StoredMessage]:
        """Up to `count` messages from that sequence number on, in whatever state, none of them touched."""
        found = (
            sequence
            for messages in (self._messages, self.scheduled)
            for sequence, message in messages.items()
            if sequence >= from_sequence and session_id in {None, message.session_id}
        )
        first = heapq.nsmallest(count, found)
        return [self._messages.get(sequence) or self.scheduled[sequence] for sequence in first]

    def _next_ready(self, lane: Lane, now_ms: int) -> StoredMessage | None:
        while lane.ready:
            message = self._messages[heapq.heappop(lane.ready)]
            if not message.is_expired(now_ms):
                return message
            self._expire(message)
        return None

    def _deferred(self, sequences: Sequence[int], now_ms: int, lane: Lane | None) -> list[StoredMessage]:
        held = {lock.message.sequence for lock in self._locks.values()}
        found = []
        for sequence in dict.fromkeys(sequences):
            message = self._messages.get(sequence)
            if message is None or message.state is not MessageState.DEFERRED or sequence in held:
                raise MessageNotFound
            if lane is not None and message.session_id != lane.session_id:
                raise MessageNotFound
            if message.is_expired(now_ms):
                self._expire(message)
                raise MessageNotFound
            found.append(message)
        return found

    def _lock(self, message: StoredMessage, now_ms: int) -> Lock:
        lock = Lock(os.urandom(16), message, now_ms + self._lock_ms)
        self._locks[lock.token] = lock
        self._wakeups.at(lock.until_ms)
        return lock

    def _change(self, token: bytes, changes: Properties) -> None:
        lock = self._locks.get(token)
        if lock is None:
            raise LockLost
        if changes:
            lock.message.encoded = wire.with_application_properties(lock.message.encoded, changes)

    def _unlock(self, token: bytes) -> StoredMessage:
        lock = self._locks.pop(token, None)
        if lock is None:
            raise LockLost
        return lock.message

    def _make_ready(self, message: StoredMessage) -> None:
        if message.state is MessageState.ACTIVE:
            heapq.heappush(self.lane_of(message).ready, message.sequence)
            self._wakeups.queues.add(self)

    def _deliver_again(self, message: StoredMessage) -> None:
        message.delivery_count += 1
        if self.dead_letters is not None and message.delivery_count >= self._max_delivery_count:
            sentence = f"Message could not be consumed after {message.delivery_count} delivery attempts."
            self.drop(message, "MaxDeliveryCountExceeded", sentence)
            return
        self._journal.keep(self.name, message)
        self._make_ready(message)

    def _expire(self, message: StoredMessage) -> None:
        if self.dead_letters is not None and self._dead_letter_expired:
            self.drop(message, "TTLExpiredException", "The message expired and was dead lettered.")
        else:
            self._remove(message)

    def _remove(self, message: StoredMessage) -> None:
        self._forget(message)
        self._journal.remove(message)

    def _forget(self, message: StoredMessage) -> None:
        if self._messages.pop(message.sequence, None) is not None:
            self.lane_of(message).count -= 1
