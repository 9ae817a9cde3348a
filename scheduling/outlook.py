"""The coming days of a territory, kept in memory between one citizen's question and the next.

To read some hundred routes with all their visits takes a hundred times as long as to find every slot on them. So a process
keeps the days that begin tomorrow, with an index over them, and before a question asks the database what changed:
whatever changes a route's visits raises the route's version, whatever changes a technician raises the technician's. Today
is read each time, because time alone changes it. Asking costs about as much as half of a page, so what was asked is believed for
`BELIEVED_SECONDS`, unless this process itself committed something since, or somebody could not have what was offered
(`hub.db.freshness`). What is kept can be older than the database by so much, and nothing worse comes of it than an offer that is gone:
`hold_slot` looks again, under lock.
"""

from __future__ import annotations

import math
import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from typing import Any, NamedTuple
from uuid import UUID
from weakref import WeakKeyDictionary

from sqlalchemy import Engine, Select, Text, bindparam, cast, func, select

from hub.db import tables
from hub.db.unit_of_work import UnitOfWork
from hub.domain.catalogue import Catalogue
from scheduling.days import load_days, origin_of
from scheduling.driving import travel_of
from scheduling.engine import problem
from scheduling.engine.slots import SlotIndex
from scheduling.travel.model import TravelModel

MOST_TERRITORIES = 64
"""So many territories' days a process keeps, those asked about last."""

BELIEVED_SECONDS = 0.5
"""What other processes changed is seen so much later at most."""

type _Sums = dict[date, _Sum]
"""By day; only days with routes are there."""


@dataclass(frozen=True)
class Outlook:
    """The routes of some coming days as they stood a moment ago; seconds count from `origin`."""

    origin: datetime
    days: tuple[date, ...]
    index: SlotIndex
    travel: TravelModel

    def seconds(self, instant: datetime) -> int:
        """Whole seconds from the origin."""
        return problem.seconds_from(self.origin, instant)

    def instant(self, seconds: int) -> datetime:
        """The instant that many seconds after the origin."""
        return problem.instant_at(self.origin, seconds)


def outlook(work: UnitOfWork, territory: str, first: date, last: date) -> Outlook:
    """The days `first` to `last`, both included, of a territory as this snapshot sees them, or a little newer.

    Raises ValueError for a transaction that may write: what it takes back must never be remembered.
    """
    if not work.is_snapshot:
        raise ValueError(
            "The days kept in memory are read in a snapshot. Ask for them before the transaction that writes."
        )
    with _REGISTRY_LOCK:
        kept = _KEPT.setdefault(work.connection.engine, OrderedDict())
        mine = kept.setdefault(territory, _Territory())
        kept.move_to_end(territory)
        while len(kept) > MOST_TERRITORIES:
            kept.popitem(last=False)
    return mine.up_to_date(work, territory, first, last)


def remembered(work: UnitOfWork, territory: str, first: date, last: date) -> Outlook | None:
    """What this process keeps of these days, however old; asks the database nothing. None when it keeps none, or other days."""
    with _REGISTRY_LOCK:
        kept = _KEPT.get(work.connection.engine)
        mine = None if kept is None else kept.get(territory)
    return None if mine is None else mine.remembered(first, last)


class _Territory:
    """One territory's days; one question at a time brings them up to date."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._remembered: tuple[tuple[date, date] | None, Outlook | None] = (None, None)
        self._catalogue: Catalogue | None = None
        self._sums: _Sums = {}
        self._versions: dict[date, dict[UUID, tuple[int, int]]] = {}
        self._after_change, self._since = 0, -math.inf

    def up_to_date(self, work: UnitOfWork, territory: str, first: date, last: date) -> Outlook:
        with self._lock:
            travel = travel_of(work.settings)
            span, now = self._remembered
            same = span == (first, last) and self._catalogue is work.catalogue
            if now is None or not same or now.travel is not travel:
                return self._read_all(work, territory, first, last)
            if work.after_change <= self._after_change and work.since < self._since + BELIEVED_SECONDS:
                return now
            sums = _sums_of_versions(work, territory, first, last)
            if sums != self._sums:
                if not self._read_changed(work, now, territory, sums):
                    return self._read_all(work, territory, first, last)
                self._sums = sums
            self._after_change, self._since = work.after_change, work.since
            return now

    def remembered(self, first: date, last: date) -> Outlook | None:
        # Not under the lock, which somebody may hold who reads hundreds of routes: whoever asks here holds an order's row.
        span, kept = self._remembered
        return kept if span == (first, last) else None

    def _read_all(self, work: UnitOfWork, territory: str, first: date, last: date) -> Outlook:
        sums = _sums_of_versions(work, territory, first, last)
        versions = _versions(work, territory, list(sums))
        table = work.routes.table.c
        routes = work.routes.list_where(
            table.territory == territory, table.day.between(first, last), order_by=(table.day, table.id)
        )
        loaded = load_days(work, routes, origin=origin_of(first))
        made = Outlook(
            loaded.origin,
            tuple(dict.fromkeys(one.record.day for one in loaded.routes)),
            SlotIndex([one.open for one in loaded.routes], loaded.travel),
            loaded.travel,
        )
        self._remembered, self._catalogue = ((first, last), made), work.catalogue
        self._sums, self._versions = sums, versions
        self._after_change, self._since = work.after_change, work.since
        return made

    def _read_changed(self, work: UnitOfWork, now: Outlook, territory: str, sums: _Sums) -> bool:
        """Read again what changed; False when routes or absences came or went, or nearly all changed."""
        if sums.keys() != self._sums.keys() or any(
            one.absences != self._sums[day].absences for day, one in sums.items()
        ):
            return False
        days = [day for day, one in sums.items() if one != self._sums[day]]
        versions = _versions(work, territory, days)
        changed = []
        for day in days:
            mine, known = versions.get(day, {}), self._versions.get(day, {})
            if mine.keys() != known.keys():
                return False
            # A question that began earlier may see older versions than another has read meanwhile.
            changed += [one for one, version in mine.items() if version > known[one]]
        if 2 * len(changed) > sum(len(of_day) for of_day in self._versions.values()):
            return False
        routes = work.routes.list_where(work.routes.table.c.id.in_(changed)) if changed else []
        for one in load_days(work, routes, origin=now.origin).routes:
            now.index.replace(one.open)
            self._versions[one.record.day][one.record.id] = versions[one.record.day][one.record.id]
        return True


_REGISTRY_LOCK = threading.Lock()
_KEPT: WeakKeyDictionary[Engine, OrderedDict[str, _Territory]] = WeakKeyDictionary()


class _Sum(NamedTuple):
    """What differs when any route of a day or its technician does: versions only rise, so their sum tells."""

    routes: int
    route_versions: int
    technician_versions: int
    which: int
    absences: int


def _sums_of_versions(work: UnitOfWork, territory: str, first: date, last: date) -> _Sums:
    given = {"territory": territory, "first": first, "last": last}
    return {day: _Sum(*rest) for day, *rest in work.connection.execute(_sums_statement(), given)}


@cache
def _sums_statement() -> Select[Any]:
    # Asked with every page of free times: to put it together each time takes longer than to answer it.
    route, technician = tables.route.c, tables.technician.c
    absences = select(func.count()).select_from(tables.absence).scalar_subquery()
    return (
        select(
            route.day,
            func.count(),
            func.sum(route.version),
            func.sum(technician.version),
            func.bit_xor(func.hashtextextended(cast(route.id, Text), 0)),
            absences,
        )
        .join_from(tables.route, tables.technician)
        .where(route.territory == bindparam("territory"), route.day.between(bindparam("first"), bindparam("last")))
        .group_by(route.day)
    )


def _versions(work: UnitOfWork, territory: str, days: Sequence[date]) -> dict[date, dict[UUID, tuple[int, int]]]:
    """The version of each route of these days and of its technician, by day and route."""
    route, technician = tables.route.c, tables.technician.c
    statement = (
        select(route.day, route.id, route.version, technician.version)
        .join_from(tables.route, tables.technician)
        .where(route.territory == territory, route.day.in_(days))
    )
    found: dict[date, dict[UUID, tuple[int, int]]] = {}
    for day, identity, version, of_technician in work.connection.execute(statement):
        found.setdefault(day, {})[identity] = version, of_technician
    return found
