"""Which message ids an entity took lately: a message whose id it took within the window is accepted and dropped."""

from collections import OrderedDict
from collections.abc import Iterable
from datetime import timedelta

from infra.local.journal import Journal


class DuplicateHistory:
    """The message ids of one queue or topic, each remembered for `window` after it first came.

    The ids outlive the broker, and outlive their messages: a message that was completed long ago is still a duplicate
    within the window.
    """

    def __init__(self, name: str, window: timedelta, journal: Journal) -> None:
        self._name = name
        self._window_ms = int(window.total_seconds() * 1000)
        self._journal = journal
        # In the order in which they fall out of the window, because all stay equally long.
        self._forgotten_ms: OrderedDict[str, int] = OrderedDict()

    def __len__(self) -> int:
        return len(self._forgotten_ms)

    def restore(self, ids: Iterable[tuple[str, int]]) -> None:
        """Ids the journal kept, each with the instant at which it is forgotten, the earliest first."""
        self._forgotten_ms.update(ids)

    def is_new(self, message_id: str, now_ms: int) -> bool:
        """Whether the id did not come within the window; it has come now. A message without id is always new."""
        self._forget(now_ms)
        if not message_id:
            return True
        if message_id in self._forgotten_ms:
            return False
        self._forgotten_ms[message_id] = now_ms + self._window_ms
        self._journal.remember_id(self._name, message_id, now_ms + self._window_ms)
        return True

    def _forget(self, now_ms: int) -> None:
        while self._forgotten_ms:
            message_id, until_ms = next(iter(self._forgotten_ms.items()))
            if until_ms > now_ms:
                return
            del self._forgotten_ms[message_id]
            self._journal.forget_id(self._name, message_id)
