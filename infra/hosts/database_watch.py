"""A worker whose database is away: it says so once, waits, and says once that it goes on.

Everything a worker does needs the database, and each part would tell of its absence by itself, every second and with a
trace. So one watch asks for a sign of life after pauses that grow, the parts wait for it, and lines that say no more
than "the database is away" are left out of the log meanwhile.
"""

import asyncio
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psycopg
from procrastinate.exceptions import ConnectorException
from sqlalchemy import URL
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from hub.bootstrap import Hub
from hub.db.engine import check_answers
from hub.domain.errors import DatabaseUnavailableError
from hub.messaging.service_bus.connection import Pauses

_log = logging.getLogger(__name__)
_LOOK_SECONDS = 0.1
_FIRST_PAUSE_SECONDS = 0.25
_LONGEST_PAUSE_SECONDS = 5.0
_STEADY_SECONDS = 30.0
"""A database that answered for so long is steady: the pauses begin again when it goes."""
_JOB_POOL = "psycopg.pool"
_LOST_STATES = ("57P01", "57P02", "57P03")
"""PostgreSQL's words for a server that shuts down, has crashed, or is not up yet."""
_LOST_CLASS = "08"
"""And for a connection that failed."""


def says_database_is_away(error: BaseException) -> bool:
    """Whether `error` says that the database cannot be reached or ended the connection, and nothing else went wrong."""
    match error:
        case BaseExceptionGroup():
            return all(says_database_is_away(one) for one in error.exceptions)
        case DatabaseUnavailableError():
            return True
        case DBAPIError():
            return error.connection_invalidated or _is_lost(error.orig)
        case ConnectorException():
            return _is_lost(error.__cause__)
        case _:
            return _is_lost(error)


def _is_lost(error: BaseException | None) -> bool:
    """What psycopg raises by itself bears no SQLSTATE: it could not connect, or its connection is gone."""
    if not isinstance(error, psycopg.OperationalError):
        return False
    state = error.sqlstate
    return state is None or state.startswith(_LOST_CLASS) or state in _LOST_STATES


class DatabaseWatch:
    """What one process knows of its database; any thread may ask and tell it.

    `tells`: whether it writes the two lines. A process beside a worker leaves them to the worker.
    """

    def __init__(self, hub: Hub, *, tells: bool = True) -> None:
        self._hub = hub
        self._tells = tells
        self._missed_for = ""
        """Why somebody takes the database for lost, until `watch` has found it answering."""
        self._is_away = False

    @property
    def is_away(self) -> bool:
        """Whether the watch itself found the database away when it last asked."""
        return self._is_away

    def note(self, error: BaseException) -> bool:
        """Whether `error` says that the database is away; the watch then looks for itself."""
        if not says_database_is_away(error):
            return False
        self.suspect(_name(error))
        return True

    def suspect(self, why: str) -> None:
        """The database may be away, for what `why` names in a word: the watch looks for itself."""
        self._missed_for = why

    async def answers(self) -> bool:
        """Ask for a sign of life now, in a thread."""
        return await asyncio.to_thread(self._ask)

    async def watch(self, stop: asyncio.Event) -> None:
        """Until `stop`: after each loss ask, with pauses that grow to five seconds, until the database is back.

        The first time without a pause, and only what that finds is told: a thread that waited for long brings its word when all is over.
        Who is told again and again that the database is away, which it is not, gets the same pauses.
        """
        while_away, in_vain = (Pauses(first=_FIRST_PAUSE_SECONDS, longest=_LONGEST_PAUSE_SECONDS) for _ in range(2))
        back_since = time.monotonic()
        while not stop.is_set():
            if not self._missed_for:
                if time.monotonic() - back_since > _STEADY_SECONDS:
                    while_away.reset()
                    in_vain.reset()
                await _wait(stop, _LOOK_SECONDS)
            elif not await self.answers():
                self._tell_away()
                await _wait(stop, while_away.next())
            else:
                if not self._is_away:
                    _log.info("The database answers, though a part of the worker lost it: %s.", self._missed_for)
                    await _wait(stop, in_vain.next())
                self._note_back()
                back_since = time.monotonic()

    async def until_it_answers(self, stop: asyncio.Event) -> None:
        """Wait while the database is away, or may be; needs `watch` beside it. Returns at the stop too."""
        while self._missed_for and not stop.is_set():
            await _wait(stop, _LOOK_SECONDS)

    @contextmanager
    def keeping_the_log_short(self) -> Iterator[None]:
        """Within the block, leave out every line whose error is only that the database is away, whichever library writes it."""
        news, handlers = _News(self), list(logging.getLogger().handlers)
        for handler in handlers:
            handler.addFilter(news)
        try:
            yield
        finally:
            for handler in handlers:
                handler.removeFilter(news)

    def _ask(self) -> bool:
        try:
            check_answers(self._hub.engine)
        except (DatabaseUnavailableError, SQLAlchemyError):
            return False
        return True

    def _tell_away(self) -> None:
        was_away, self._is_away = self._is_away, True
        if self._tells and not was_away:
            _log.warning(
                "The database at %s does not answer. The worker waits and goes on by itself when it is back.%s",
                _place(self._hub.engine.url),
                self._about_embedded(),
            )

    def _note_back(self) -> None:
        self._missed_for = ""
        was_away, self._is_away = self._is_away, False
        if self._tells and was_away:
            _log.warning("The database answers again; the worker goes on.")

    def _about_embedded(self) -> str:
        """What to do when it is the embedded server, which another process may have taken along."""
        folder, socket_folder = self._hub.settings.state_dir, self._hub.engine.url.query.get("host")
        if folder is None or socket_folder != str(folder.absolute() / "postgres"):
            return ""
        return (
            " It is the embedded one, which runs only while the process that started it does:"
            " start that again, or set DATABASE_URL."
        )


class _News(logging.Filter):
    """Lets a line pass unless it only repeats that the database is away."""

    def __init__(self, watch: DatabaseWatch) -> None:
        super().__init__()
        self._watch = watch

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if isinstance(record.exc_info, tuple) else None
        if error is not None and self._watch.note(error):
            return False
        if record.name == _JOB_POOL and record.levelno >= logging.WARNING:
            # It warns of nothing but its connections, in words only. What it means for the worker the watch finds out.
            self._watch.suspect("connections of the job queue")
            return False
        return True


def _name(error: BaseException) -> str:
    """What went wrong in a word; the text of such an error may hold an address or what was asked."""
    while cause := getattr(error, "orig", None) or error.__cause__:
        error = cause
    return type(error).__name__


def _place(url: URL) -> str:
    where = url.host or url.query.get("host") or "this machine"
    return f"{where}:{url.port}/{url.database}" if url.port else f"{where}/{url.database}"


async def _wait(stop: asyncio.Event, seconds: float) -> None:
    with suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), seconds)
