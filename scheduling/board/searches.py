"""Plannings that run in this process, so that a page can show how far they are."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotDone
from dataclasses import dataclass, field
from datetime import date
from uuid import UUID, uuid4

from hub.domain.errors import DoorstepError, ErrorKind
from hub.domain.ids import PlanId
from scheduling.engine.solver import Progress

MOST_AT_ONCE = 4
"""More plannings at a time would only slow each other down."""
KEPT_SECONDS = 600.0
"""So long after its end a planning can still be asked for."""

type Work = Callable[[Callable[[Progress], None]], PlanId]


class TooManySearchesError(DoorstepError):
    """As many plannings run as may at once."""

    kind = ErrorKind.CONFLICT
    code = "too-many-searches"

    def __init__(self) -> None:
        super().__init__(f"{MOST_AT_ONCE} plannings run already. Wait for one to end, then plan again.")


@dataclass
class Search:
    """One planning of a territory's days that may take `seconds`; `best` is the best it has told of."""

    territory: str
    first_day: date
    last_day: date
    seconds: float
    began: float = field(default_factory=time.monotonic)
    best: Progress | None = None
    ended: float | None = None
    id: UUID = field(default_factory=uuid4)
    future: Future[PlanId] = field(default_factory=Future)

    @property
    def gone(self) -> float:
        """Seconds since it began, or that it took."""
        return (self.ended or time.monotonic()) - self.began

    @property
    def done(self) -> bool:
        """Whether `plan` answers at once."""
        return self.future.done()

    @property
    def failed(self) -> bool:
        """Whether `plan` raises at once."""
        return self.future.done() and self.future.exception() is not None

    def plan(self) -> PlanId:
        """The draft; waits for it, and raises what planning raised."""
        return self.future.result()

    def wait(self, seconds: float) -> bool:
        """Wait so long at most; whether it is done. What planning raised is for `plan` to say."""
        try:
            self.future.exception(seconds)
        except NotDone:
            return False
        return True


class Searches:
    """The plannings of this process by their ids. Threads start with the first one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._found: dict[UUID, Search] = {}
        self._executor: ThreadPoolExecutor | None = None

    def start(self, territory: str, days: tuple[date, date], seconds: float, work: Work) -> Search:
        """Run `work` in a thread of its own. Raises TooManySearchesError."""
        search = Search(territory, *days, seconds)
        with self._lock:
            self._forget()
            if sum(not one.done for one in self._found.values()) >= MOST_AT_ONCE:
                raise TooManySearchesError
            if self._executor is None:
                self._executor = ThreadPoolExecutor(MOST_AT_ONCE, thread_name_prefix="planning")
            self._found[search.id] = search
            self._executor.submit(_run, search, work)
        return search

    def find(self, search: UUID) -> Search | None:
        """The planning, or None when this process does not know it (any more)."""
        with self._lock:
            return self._found.get(search)

    def _forget(self) -> None:
        now = time.monotonic()
        over = [key for key, one in self._found.items() if one.ended is not None and now - one.ended > KEPT_SECONDS]
        for key in over:
            del self._found[key]


def _run(search: Search, work: Work) -> None:
    def hear(progress: Progress) -> None:
        search.best = progress

    try:
        plan = work(hear)
    except BaseException as error:  # noqa: BLE001 - whoever asks for the plan hears of it
        search.ended = time.monotonic()
        search.future.set_exception(error)
    else:
        search.ended = time.monotonic()
        search.future.set_result(plan)
