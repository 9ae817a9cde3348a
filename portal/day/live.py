"""Server-sent events: a citizen's page hears when something of its visit has changed.

One question every two seconds asks, for all pages of this process together, whether anything changed; only then is an order read
again, in a snapshot of its own that is over before a word is sent. So a page that listens holds neither a thread nor a transaction.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator, Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from uuid import UUID

from anyio import to_thread
from sqlalchemy.exc import SQLAlchemyError

from hub.bootstrap import Hub
from hub.domain.errors import DoorstepError
from portal.day.queries import Looked, read_marks

_log = logging.getLogger(__name__)

MOST_PER_LINK = 4
"""Streams of one link in one web process; with several processes a link may have as many in each of them."""
MOST_IN_ALL = 500
"""Streams of all links in one web process; with several processes as many in each of them.

Each process counts its own: the limit guards that process's memory. Whoever comes later still sees the page, and looks again by a link.
"""


@dataclass(frozen=True)
class Pace:
    """How often is asked whether anything changed, how long is silence before a sign of life, and when a stream ends by itself."""

    asked_every: float = 2.0
    heartbeat: float = 20.0
    longest: float = 15 * 60.0
    again_after: float = 5.0
    """What the browser is told to wait before it comes again. All in seconds."""


class Watch:
    """Who listens in this process. It belongs to one event loop."""

    def __init__(self, hub: Hub, pace: Pace | None = None) -> None:
        self.pace = pace or Pace()
        self._hub = hub
        self._by_link: Counter[str] = Counter()
        self._waiting: dict[UUID, set[asyncio.Event]] = {}
        self._marks: dict[UUID, str] = {}
        self._asking: asyncio.Task[None] | None = None

    @property
    def listeners(self) -> int:
        """How many streams are open in this process."""
        return self._by_link.total()

    def has_room(self, link: str) -> bool:
        """Whether this process may open one more stream of this link (named by its token's hash); it knows of no other process's."""
        return self._by_link[link] < MOST_PER_LINK and self.listeners < MOST_IN_ALL

    @contextmanager
    def listening(self, link: str, order_id: UUID, mark: str) -> Iterator[asyncio.Event]:
        """An event that is set whenever the order's mark is no longer the last one seen."""
        changed = asyncio.Event()
        self._by_link[link] += 1
        self._waiting.setdefault(order_id, set()).add(changed)
        self._marks.setdefault(order_id, mark)
        if self._marks[order_id] != mark:
            changed.set()
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._ask())
        try:
            yield changed
        finally:
            self._leave(link, order_id, changed)

    def _leave(self, link: str, order_id: UUID, changed: asyncio.Event) -> None:
        self._by_link[link] -= 1
        if self._by_link[link] <= 0:
            del self._by_link[link]
        self._waiting[order_id].discard(changed)
        if not self._waiting[order_id]:
            del self._waiting[order_id]
            self._marks.pop(order_id, None)

    async def _ask(self) -> None:
        """Ask for all of them until nobody listens any more."""
        while self._waiting:
            await asyncio.sleep(self.pace.asked_every)
            try:
                marks = await to_thread.run_sync(self._read, tuple(self._waiting))
            except (SQLAlchemyError, DoorstepError) as error:
                # The streams stay open and show their signs of life; the next question may be answered.
                _log.warning("whether visits changed could not be asked: %s", type(error).__name__)
                continue
            for order_id, mark in marks.items():
                if order_id in self._waiting and self._marks.get(order_id) != mark:
                    self._marks[order_id] = mark
                    for changed in self._waiting[order_id]:
                        changed.set()

    def _read(self, order_ids: Collection[UUID]) -> dict[UUID, str]:
        with self._hub.reading() as connection:
            return read_marks(connection, order_ids, self._hub.clock.now())


async def follow(
    hub: Hub, watch: Watch, link: str, look: Callable[[], Looked], show: Callable[[Looked], str]
) -> AsyncIterator[str]:
    """What the stream says: where the visit stands now, and again after each change, until the day has nothing more to tell.

    `look` reads (and raises when the link has ended), `show` renders. A stream too many ends at once.
    """
    yield f"retry: {round(watch.pace.again_after * 1000)}\n\n"
    try:
        async for one in _tell(hub, watch, link, look, show):
            yield one
    except SQLAlchemyError as error:
        # The stream breaks off without an end, so the browser comes again after a while.
        _log.warning("a visit could not be read for its page: %s", type(error).__name__)


async def _tell(
    hub: Hub, watch: Watch, link: str, look: Callable[[], Looked], show: Callable[[Looked], str]
) -> AsyncIterator[str]:
    looked = await _try(look)
    if looked is None or not watch.has_room(link):
        yield END
        return
    said = show(looked)
    yield as_event("standing", said, looked.mark)
    with watch.listening(link, looked.order.id, looked.mark) as changed:
        until = asyncio.get_running_loop().time() + watch.pace.longest
        while asyncio.get_running_loop().time() < until:
            if looked.standing is None or not looked.standing.is_live:
                yield END
                return
            if not await _waited(changed, watch.pace.heartbeat) and not _speaks_anew(hub, looked):
                yield ": still here\n\n"
                continue
            changed.clear()
            looked = await _try(look)
            if looked is None:
                yield END
                return
            if show(looked) != said:
                said = show(looked)
                yield as_event("standing", said, looked.mark)


END = "event: end\ndata: -\n\n"
"""Tells the page to listen no more; without it the browser would come again."""


def as_event(name: str, data: str, mark: str) -> str:
    """One event on the wire (https://html.spec.whatwg.org/multipage/server-sent-events.html): a `data:` before each line."""
    lines = "".join(f"data: {line}\n" for line in data.splitlines() if line.strip())
    return f"event: {name}\nid: {mark}\n{lines}\n"


def _speaks_anew(hub: Hub, looked: Looked) -> bool:
    """Whether time alone has made something else true: the expected arrival has come, a place has grown old."""
    at = looked.standing.changes_at if looked.standing else None
    return at is not None and at <= hub.clock.now()


async def _try(look: Callable[[], Looked]) -> Looked | None:
    with suppress(DoorstepError):
        return await to_thread.run_sync(look)
    return None


async def _waited(changed: asyncio.Event, seconds: float) -> bool:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await changed.wait()
    return changed.is_set()
