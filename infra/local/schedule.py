"""Messages that a queue or topic holds back until their time has come."""

import heapq
from collections.abc import Iterator, Mapping, Sequence

from infra.local.journal import Journal
from infra.local.message import StoredMessage
from infra.local.wakeups import Wakeups

# Cancelled messages leave an entry behind in the heap; from this many on the heap is rebuilt when most are.
_STALE_ENTRIES = 1000


class MessageNotFound(Exception):
    """No message of this kind has the sequence number: it was cancelled, delivered or settled, or it never was."""


class Schedule:
    """The scheduled messages of one queue or topic, each known by the sequence number its sender was told."""

    def __init__(self, name: str, journal: Journal, wakeups: Wakeups) -> None:
        self._name = name
        self._journal = journal
        self._wakeups = wakeups
        self._messages: dict[int, StoredMessage] = {}
        self._order: list[tuple[int, int]] = []

    @property
    def messages(self) -> Mapping[int, StoredMessage]:
        """What waits for its time, by sequence number."""
        return self._messages

    def restore(self, message: StoredMessage) -> None:
        """A scheduled message the journal kept."""
        assert message.due_ms is not None
        self._messages[message.sequence] = message
        heapq.heappush(self._order, (message.due_ms, message.sequence))
        self._wakeups.at(message.due_ms)

    def put(self, message: StoredMessage) -> None:
        """Hold the message back until its `due_ms`."""
        self.restore(message)
        self._journal.keep(self._name, message)

    def cancel(self, sequences: Sequence[int]) -> None:
        """Drop these messages; all or, when one of them is not scheduled any more, none. Raises MessageNotFound."""
        if any(sequence not in self._messages for sequence in sequences):
            raise MessageNotFound
        for sequence in set(sequences):
            self._journal.remove(self._messages.pop(sequence))
        if len(self._order) > 2 * len(self._messages) + _STALE_ENTRIES:
            self._order = [(due, sequence) for due, sequence in self._order if sequence in self._messages]
            heapq.heapify(self._order)

    def take_due(self, now_ms: int) -> Iterator[StoredMessage]:
        """The messages whose time has come, in order of that time; they are scheduled no more."""
        while self._order and self._order[0][0] <= now_ms:
            _, sequence = heapq.heappop(self._order)
            message = self._messages.pop(sequence, None)
            if message is not None:
                self._journal.remove(message)
                yield message
        if self._order:
            self._wakeups.at(self._order[0][0])
