"""The coming days of a territory, kept in memory between one citizen's question and the next.

To read some hundred routes with all their visits takes a hundred times as long as to find every slot on them. So a process
keeps the days that begin tomorrow, with an index over them, and before each question asks the database what changed:
whatever changes a route's visits raises the route's version, whatever changes a technician raises the technician's. Today
is read each time, because time alone changes it. What is kept can be older than the database by the length of a question, and
nothing worse comes of it than an offer that is gone: `hold_slot` looks again, under lock.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID
from weakref import WeakKeyDictionary

from sqlalchemy import Engine, Text, cast, func, select

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

type _Versions = Mapping[UUID, tuple[int, int]]
"""The version of each route and of its technician, by the route's id."""


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


class _Territory:
    """One territory's days; one question at a time brings them up to date."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._outlook: Outlook | None = None
        self._span: tuple[date, date] | None = None
        self._catalogue: Catalogue | None = None
        self._sum: tuple[Any, ...] = ()
        self._versions: dict[UUID, tuple[int, int]] = {}

    def up_to_date(self, work: UnitOfWork, territory: str, first: date, last: date) -> Outlook:
        with self._lock:
            travel = travel_of(work.settings)
            now = self._outlook
            same = self._span == (first, last) and self._catalogue is work.catalogue
            if now is None or not same or now.travel is not travel:
                return self._read_all(work, territory, first, last)
            total = _sum_of_versions(work, territory, first, last)
            if total == self._sum:
                return now
            if total[-1] != self._sum[-1] or not self._read_changed(work, now, territory, first, last):
                return self._read_all(work, territory, first, last)
            self._sum = total
            return now

    def _read_all(self, work: UnitOfWork, territory: str, first: date, last: date) -> Outlook:
        total, versions = _sum_of_versions(work, territory, first, last), _versions(work, territory, first, last)
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
        self._outlook, self._span, self._catalogue = made, (first, last), work.catalogue
        self._sum, self._versions = total, dict(versions)
        return made

    def _read_changed(self, work: UnitOfWork, now: Outlook, territory: str, first: date, last: date) -> bool:
        """Read again what changed; False when routes came or went, or nearly all changed."""
        versions = _versions(work, territory, first, last)
        if versions.keys() != self._versions.keys():
            return False
        # A question that began earlier may see older versions than another has read meanwhile.
        changed = [one for one, version in versions.items() if version > self._versions[one]]
        if 2 * len(changed) > len(versions):
            return False
        routes = work.routes.list_where(work.routes.table.c.id.in_(changed)) if changed else []
        for one in load_days(work, routes, origin=now.origin).routes:
            now.index.replace(one.open)
            self._versions[one.record.id] = versions[one.record.id]
        return True


_REGISTRY_LOCK = threading.Lock()
_KEPT: WeakKeyDictionary[Engine, OrderedDict[str, _Territory]] = WeakKeyDictionary()


def _sum_of_versions(work: UnitOfWork, territory: str, first: date, last: date) -> tuple[Any, ...]:
    """One row that differs when any route or technician does; versions only rise, so their sum tells. Last come absences."""
    route, technician = tables.route.c, tables.technician.c
    absences = select(func.count()).select_from(tables.absence).scalar_subquery()
    statement = (
        select(
            func.count(),
            func.sum(route.version),
            func.sum(technician.version),
            func.bit_xor(func.hashtextextended(cast(route.id, Text), 0)),
            absences,
        )
        .join_from(tables.route, tables.technician)
        .where(route.territory == territory, route.day.between(first, last))
    )
    return tuple(work.connection.execute(statement).one())


def _versions(work: UnitOfWork, territory: str, first: date, last: date) -> _Versions:
    route, technician = tables.route.c, tables.technician.c
    statement = (
        select(route.id, route.version, technician.version.label("technician_version"))
        .join_from(tables.route, tables.technician)
        .where(route.territory == territory, route.day.between(first, last))
    )
    found = work.connection.execute(statement).all()
    return {row.id: (row.version, row.technician_version) for row in found}
