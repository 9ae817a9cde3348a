"""A queue of sessions: messages of one session id go, in order, to the one receiver that has the session locked."""

from collections import OrderedDict
from collections.abc import Iterator

from infra.local.config import QueueProperties
from infra.local.journal import Journal
from infra.local.message import StoredMessage
from infra.local.message_queue import Lane, Lock, LockLost, MessageQueue
from infra.local.wakeups import Wakeups


class SessionTaken(Exception):
    """Another receiver has the session locked."""


class SessionQueue(MessageQueue):
    """One queue or subscription that requires sessions.

    A receiver locks a session, and by that every message it is given of it; the messages have no locks of their own.
    A session exists while it has messages, a state or a receiver.
    """

    requires_session = True

    def __init__(
        self,
        name: str,
        properties: QueueProperties,
        journal: Journal,
        wakeups: Wakeups,
        dead_letters: MessageQueue,
    ) -> None:
        super().__init__(name, properties, journal, wakeups, dead_letters)
        self._sessions: dict[str, Lane] = {}
        # Sessions with ready messages and no receiver, the longest waiting first.
        self._available: OrderedDict[str, Lane] = OrderedDict()
        # Locked sessions in the order in which their locks expire.
        self._taken: OrderedDict[str, Lane] = OrderedDict()

    @property
    def has_available(self) -> bool:
        """Whether a session waits for a receiver."""
        return bool(self._available)

    def restore_state(self, session_id: str, state: bytes, changed_ms: int) -> None:
        """A session's state that the journal kept."""
        lane = self._session(session_id)
        lane.state, lane.state_changed_ms = state, changed_ms

    def lane_of(self, message: StoredMessage) -> Lane:
        """The message's session; it comes into being with its first message."""
        return self._session(message.session_id)

    def accept_session(self, session_id: str, owner: object, now_ms: int) -> Lane:
        """Lock this session for a receiver, also when it has no messages yet. Raises SessionTaken."""
        lane = self._session(session_id)
        if lane.owner is not None:
            raise SessionTaken
        return self._take(lane, owner, now_ms)

    def accept_next(self, owner: object, now_ms: int) -> Lane | None:
        """Lock the session whose messages have waited longest for a receiver; None when none waits."""
        if not self._available:
            return None
        return self._take(next(iter(self._available.values())), owner, now_ms)

    def close_session(self, lane: Lane) -> None:
        """The receiver leaves: what it held is ready again, in its place, and not counted as a failure."""
        for token in list(lane.held):
            self.release(token)
        self._let_go(lane)

    def find_session(self, session_id: str) -> Lane:
        """The session in a receiver's hands. Raises LockLost."""
        lane = self._sessions.get(session_id)
        if lane is None or lane.owner is None:
            raise LockLost
        return lane

    def renew_session(self, lane: Lane, now_ms: int) -> int:
        """The receiver needs longer; returns until when it has the session now."""
        lane.until_ms = now_ms + self._lock_ms
        self._taken.move_to_end(lane.session_id)
        return lane.until_ms

    def set_state(self, lane: Lane, state: bytes | None, now_ms: int) -> None:
        """Keep what the receiver wants to know of the session next time; None forgets it."""
        lane.state, lane.state_changed_ms = state, now_ms
        self._journal.set_session_state(self.name, lane.session_id, state, now_ms)

    def session_ids(self, changed_after_ms: int | None) -> Iterator[str]:
        """Sessions with messages or a state; or only those whose state was set after the instant."""
        for session_id, lane in self._sessions.items():
            if changed_after_ms is None:
                if lane.count or lane.state is not None:
                    yield session_id
            elif lane.state_changed_ms > changed_after_ms:
                yield session_id

    def renew(self, token: bytes, now_ms: int) -> int:
        """A message of a session has no lock of its own to renew; raises LockLost."""
        raise LockLost

    def free_expired_locks(self, now_ms: int) -> list[object]:
        """Each session held too long is free again, and its messages count as failed; returns who lost them."""
        lost: list[object] = []
        while self._taken:
            lane = next(iter(self._taken.values()))
            if lane.until_ms > now_ms:
                self._wakeups.at(lane.until_ms)
                break
            lost.append(lane.owner)
            for token in list(lane.held):
                self._deliver_again(self._unlock(token))
            self._let_go(lane)
        return lost

    def _session(self, session_id: str) -> Lane:
        lane = self._sessions.get(session_id)
        if lane is None:
            lane = self._sessions[session_id] = Lane(session_id)
        return lane

    def _take(self, lane: Lane, owner: object, now_ms: int) -> Lane:
        lane.owner = owner
        lane.until_ms = now_ms + self._lock_ms
        self._available.pop(lane.session_id, None)
        self._taken[lane.session_id] = lane
        self._wakeups.at(lane.until_ms)
        return lane

    def _let_go(self, lane: Lane) -> None:
        lane.owner = None
        self._taken.pop(lane.session_id, None)
        if lane.ready:
            self._available[lane.session_id] = lane
            self._wakeups.queues.add(self)
        self._forget_if_empty(lane)

    def _lock(self, message: StoredMessage, now_ms: int) -> Lock:
        lock = super()._lock(message, now_ms)
        lane = self.lane_of(message)
        lane.held.add(lock.token)
        lock.until_ms = lane.until_ms
        return lock

    def _unlock(self, token: bytes) -> StoredMessage:
        message = super()._unlock(token)
        self.lane_of(message).held.discard(token)
        return message

    def _make_ready(self, message: StoredMessage) -> None:
        super()._make_ready(message)
        lane = self.lane_of(message)
        if lane.ready and lane.owner is None:
            self._available.setdefault(lane.session_id, lane)

    def _forget(self, message: StoredMessage) -> None:
        super()._forget(message)
        lane = self._sessions.get(message.session_id)
        if lane is not None:
            self._forget_if_empty(lane)

    def _forget_if_empty(self, lane: Lane) -> None:
        if not lane.count and lane.state is None and lane.owner is None:
            self._sessions.pop(lane.session_id, None)
            self._available.pop(lane.session_id, None)
