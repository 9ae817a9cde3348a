"""Plannings somebody asked for on the board: they run in threads of the process that was asked, and every process can show how far they are.

Several web processes may answer one dispatcher by turns, so the planning tells the database of itself: what it has found, that it
still lives, and how it ended. Times are the database's own, for a search lasts real seconds whatever the hub's clock shows.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotDone
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import date, timedelta
from functools import partial
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.exc import SQLAlchemyError

from hub.bootstrap import Hub
from hub.db.tables import planning_search
from hub.domain.errors import DoorstepError, ErrorKind
from hub.domain.ids import PlanId
from scheduling.engine.plan import Objective
from scheduling.engine.solver import Progress

MOST_AT_ONCE = 4
"""More plannings at a time would only slow each other down."""
KEPT = timedelta(days=1)
"""So long after its end a planning can still be asked for."""
TELL_SECONDS = 0.5
ALIVE_FOR = timedelta(seconds=15)
"""A planning that was silent for longer ended with its process."""

type Work = Callable[[Callable[[Progress], None]], PlanId]

_log = logging.getLogger(__name__)
_NOW = func.clock_timestamp()
_EXECUTOR = ThreadPoolExecutor(MOST_AT_ONCE, thread_name_prefix="planning")


class TooManySearchesError(DoorstepError):
    """As many plannings run as may at once."""

    kind = ErrorKind.CONFLICT
    code = "too-many-searches"

    def __init__(self) -> None:
        super().__init__(f"{MOST_AT_ONCE} plannings run already. Wait for one to end, then plan again.")


class PlanningFailedError(DoorstepError):
    """A planning ended without a draft: with the kind, code and sentence of what went wrong in it."""

    def __init__(self, kind: str, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.kind, self.code = ErrorKind(kind), code


@dataclass(frozen=True)
class Search:
    """One planning of a territory's days as it stands: it may take `seconds`, `gone` are over, `best` is the best it has told of."""

    id: UUID
    territory: str
    first_day: date
    last_day: date
    seconds: float
    gone: float
    best: Progress | None
    done: bool
    failure: PlanningFailedError | None


@dataclass
class _Running:
    """What the thread that plans and the one that tells of it share."""

    hub: Hub
    id: UUID
    work: Work
    best: Progress | None = None
    over: threading.Event = field(default_factory=threading.Event)
    ended: Future[None] = field(default_factory=Future)

    def hear(self, progress: Progress) -> None:
        """Take in what the search has found."""
        self.best = progress

    def tell(self, **more: Any) -> None:
        """Write how far it is."""
        best = None if self.best is None else {"seconds": self.best.seconds, **asdict(self.best.objective)}
        with self.hub.unit_of_work() as work:
            mine = planning_search.c.id == self.id
            work.connection.execute(update(planning_search).where(mine).values(best=best, heard_at=_NOW, **more))
            work.commit()


@dataclass(frozen=True)
class Started:
    """A planning that this process runs."""

    id: UUID
    ended: Future[None]

    def wait(self, seconds: float) -> bool:
        """Wait so long at most; whether it has ended and said so. How it ended is for `find_search` to say."""
        try:
            self.ended.result(seconds)
        except NotDone:
            return False
        return True


def start_search(hub: Hub, territory: str, days: tuple[date, date], seconds: float, work: Work) -> Started:
    """Run `work` in a thread of its own. Raises TooManySearchesError when all processes together run as many as may."""
    running = _Running(hub, uuid4(), work)
    _write_beginning(hub, running.id, territory, days, seconds)
    _EXECUTOR.submit(_run, running)
    return Started(running.id, running.ended)


def find_search(hub: Hub, search_id: UUID) -> Search | None:
    """The planning as it stands, whichever process runs it; None when there is none (any more)."""
    table = planning_search.c
    gone = func.extract("epoch", func.coalesce(table.ended_at, _NOW) - table.began_at)
    lost = table.ended_at.is_(None) & (table.heard_at < _NOW - ALIVE_FOR)
    with hub.reading() as connection:
        row = connection.execute(
            select(planning_search, gone.label("gone"), lost.label("lost")).where(table.id == search_id)
        ).one_or_none()
    if row is None:
        return None
    return Search(
        id=row.id,
        territory=row.territory,
        first_day=row.first_day,
        last_day=row.last_day,
        seconds=row.seconds,
        gone=float(row.gone),
        best=None if row.best is None else _progress(**row.best),
        done=row.ended_at is not None or row.lost,
        failure=_lost() if row.lost else PlanningFailedError(**row.failure) if row.failure else None,
    )


def _progress(seconds: float, **objective: int) -> Progress:
    return Progress(seconds, Objective(**objective))


def _lost() -> PlanningFailedError:
    sentence = "The process that planned these days ended before it was done. Plan them again."
    return PlanningFailedError(ErrorKind.CONFLICT, "planning-lost", sentence)


def _write_beginning(hub: Hub, search_id: UUID, territory: str, days: tuple[date, date], seconds: float) -> None:
    table = planning_search.c
    first, last = days
    with hub.unit_of_work() as work:
        # One after the other: two that count at once would both find room.
        work.connection.execute(select(func.pg_advisory_xact_lock(func.hashtextextended("planning searches", 0))))
        over = func.coalesce(table.ended_at, table.heard_at) < _NOW - KEPT
        work.connection.execute(delete(planning_search).where(over))
        runs = table.ended_at.is_(None) & (table.heard_at > _NOW - ALIVE_FOR)
        if work.connection.execute(select(func.count()).where(runs)).scalar_one() >= MOST_AT_ONCE:
            raise TooManySearchesError
        work.connection.execute(
            insert(planning_search).values(
                id=search_id,
                territory=territory,
                first_day=first,
                last_day=last,
                seconds=seconds,
                began_at=_NOW,
                heard_at=_NOW,
            )
        )
        work.commit()


def _run(running: _Running) -> None:
    telling = threading.Thread(target=_keep_telling, args=(running,), name="planning-tells", daemon=True)
    telling.start()
    failure: dict[str, str] | None = None
    try:
        running.work(running.hear)
    except DoorstepError as error:
        failure = {"kind": error.kind, "code": error.code, "sentence": str(error)}
    except BaseException:  # noqa: BLE001 - whoever asks must hear that it ended
        _log.exception("planning %s failed", running.id)
        sentence = (
            f"The planning failed, which it should not. The log of the web host says why, at planning {running.id}."
        )
        failure = {"kind": ErrorKind.UNAVAILABLE, "code": "planning-failed", "sentence": sentence}
    running.over.set()
    telling.join()
    try:
        running.tell(ended_at=_NOW, failure=failure)
    except SQLAlchemyError:
        # Whoever asks finds it silent, and reads that it is to be asked for again.
        _log.warning("planning %s could not say that it ended", running.id, exc_info=True)
    finally:
        running.ended.set_result(None)


def _keep_telling(running: _Running) -> None:
    tell = partial(running.over.wait, TELL_SECONDS)
    while not tell():
        with suppress(SQLAlchemyError):
            running.tell()
