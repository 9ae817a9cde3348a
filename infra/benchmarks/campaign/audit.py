"""The audit: are all promises kept? Read straight from the tables and judged by arithmetic of its own.

It shares no code with planning and booking: distances, breaks and working hours are worked out here anew, so a fault of the
engine cannot hide itself. A route is judged at the times that are written down: a plan that claims impossible times fails.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import pairwise
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Row, false, select

from hub.bootstrap import Hub
from hub.db import tables

type Spell = tuple[datetime, datetime]
type Point = tuple[float, float]

_GOING = frozenset({"planned", "dispatched", "en route", "on site", "working"})
_TAKES_TIME = _GOING | {"completed"}
_STANDING = frozenset({"held", "confirmed"})
_EARTH_METRES, _DETOUR, _METRES_PER_SECOND = 6_371_000, 1.3, 12.5


@dataclass(frozen=True)
class Fault:
    """Something that must not be. `order` is the one it happens to, if it is one order's; `rule` is a stable word."""

    rule: str
    text: str
    order: UUID | None = None


@dataclass(frozen=True)
class Stop:
    """A visit that takes a technician's time, with its order and what was agreed."""

    visit: UUID
    order: UUID
    route: UUID
    technician: UUID
    status: str
    starts: datetime
    ends: datetime
    place: Point
    territory: str
    work_type: str
    appointment: UUID | None


@dataclass(frozen=True)
class Day:
    """One technician's day: working hours and break as instants, the van's way, skills, and absences."""

    route: UUID
    technician: UUID
    day: date
    territory: str
    shift: Spell
    break_starts: Spell
    break_lasts: timedelta
    home: Point
    garage: Point
    skills: frozenset[str]
    away: tuple[Spell, ...]


@dataclass(frozen=True)
class Agreement:
    """An appointment that is or was agreed on or held."""

    identity: UUID
    order: UUID
    status: str
    starts: datetime
    ends: datetime


@dataclass(frozen=True)
class Books:
    """Everything that bears on the promises of some districts, as of one moment."""

    days: Mapping[UUID, Day]
    stops: tuple[Stop, ...]
    agreements: tuple[Agreement, ...]
    skills: Mapping[str, frozenset[str]]

    def on(self, route: UUID) -> list[Stop]:
        """The visits of a route in order."""
        return sorted((one for one in self.stops if one.route == route), key=lambda one: one.starts)

    def by_route(self) -> dict[UUID, list[Stop]]:
        """The visits of each route in order."""
        found = defaultdict(list)
        for stop in sorted(self.stops, key=lambda one: one.starts):
            found[stop.route].append(stop)
        return dict(found)


@dataclass(frozen=True)
class Verdict:
    """What an audit found: `broken` promises and other faults; `excused` orders that an absence made impossible and that
    planning has named; `pending` orders whose technician's absence planning could not have seen yet."""

    broken: tuple[Fault, ...]
    excused: frozenset[UUID]
    pending: frozenset[UUID]


def read_books(hub: Hub, territory: str | None = None, *, route: UUID | None = None) -> Books:
    """The books of one district, of one route (without agreements), or of everything, in one snapshot."""
    with hub.engine.connect().execution_options(isolation_level="REPEATABLE READ") as connection:
        try:
            return _read(hub, connection, territory, route)
        finally:
            connection.rollback()


def judge(books: Books, named: Collection[UUID], unseen: Collection[tuple[UUID, date]]) -> Verdict:
    """`named` are orders that the last publication said cannot be kept; `unseen` the days of technicians (technician, day)
    whose absence no publication has seen yet. Only an absence excuses, and only what was named."""
    broken = [*_double_bookings(books), *_windows_missed(books), *_unsuited(books)]
    excused, pending = set[UUID](), set[UUID]()
    by_route = books.by_route()
    for route, day in books.days.items():
        stops = by_route.get(route, [])
        found = drivable(day, stops)
        if not found:
            continue
        left = [one for one in stops if one.order not in named]
        absent = any(shared(day.shift, [spell]) for spell in day.away)
        if absent and not drivable(day, left):
            excused |= {one.order for one in stops} - {one.order for one in left}
        elif absent and (day.technician, day.day) in unseen:
            pending |= {one.order for one in stops}
        else:
            broken += found
    return Verdict(tuple(broken), frozenset(excused), frozenset(pending))


def lost(books: Books, promised: Mapping[UUID, Spell]) -> list[Fault]:
    """Promises (order to window, as the citizen was told) that the books do not have, or have with no visit in the window."""
    agreed = {one.order: one for one in books.agreements if one.status in {"confirmed", "completed"}}
    visits = defaultdict(list)
    for stop in books.stops:
        if stop.appointment is not None:
            visits[stop.appointment].append(stop)
    found = []
    for order, (starts, ends) in promised.items():
        one = agreed.get(order)
        if one is None:
            found.append(Fault("lost", f"the promise of {starts} is nowhere", order))
        elif (one.starts, one.ends) != (starts, ends):
            found.append(Fault("lost", f"promised was {starts}, the books say {one.starts}", order))
        elif not any(starts <= stop.starts < ends for stop in visits[one.identity]):
            found.append(Fault("lost", f"the promise of {starts} has no visit in its window", order))
    extra = [one for one in agreed.values() if one.status == "confirmed" and one.order not in promised]
    return found + [Fault("lost", f"nobody was told of the appointment of {one.starts}", one.order) for one in extra]


def travel_seconds(books: Books) -> int:
    """The drives of all routes that have visits, from home to home."""
    total = 0
    for route, stops in books.by_route().items():
        way = [books.days[route].home, *(stop.place for stop in stops), books.days[route].garage]
        total += sum(drive_seconds(a, b) for a, b in pairwise(way))
    return total


def drivable(day: Day, stops: Sequence[Stop]) -> list[Fault]:
    """What is impossible about a day with these visits at these times; nothing when it can be driven."""
    if not stops:
        return []
    found = [
        Fault("absence", f"works from {stop.starts} although absent", stop.order)
        for stop in stops
        if shared((stop.starts, stop.ends), day.away)
    ]
    ends = [day.shift[0], *(stop.ends for stop in stops)]
    starts = [*(stop.starts for stop in stops), day.shift[1]]
    way = [day.home, *(stop.place for stop in stops), day.garage]
    gaps = list(zip(ends, starts, strict=True))
    spare = []
    for number, gap in enumerate(gaps):
        drive = timedelta(seconds=drive_seconds(way[number], way[number + 1]))
        left = gap[1] - gap[0] - shared(gap, day.away) - drive
        spare.append(left)
        if left < timedelta(0):
            late = stops[min(number, len(stops) - 1)]
            found.append(Fault("travel", f"{-left} too late at {gap[1]} on {day.day}", late.order))
    if not found and not _has_break(day, gaps, spare):
        found.append(Fault("break", f"no break on {day.day}", stops[-1].order))
    return found


def _has_break(day: Day, gaps: Sequence[Spell], spare: Sequence[timedelta]) -> bool:
    """Whether the break can begin in its window: during an absence, between two visits, or once at home."""
    opens, closes = day.break_starts
    lasts = day.break_lasts
    if not lasts or not shared(day.shift, [day.break_starts]):
        return True
    if any(max(a, opens) + lasts <= b and max(a, opens) < closes for a, b in day.away):
        return True
    for gap, left in zip(gaps, spare, strict=True):
        if left >= lasts and _moment_for(gap, day.away, opens, closes, lasts):
            return True
    # What is left of the last gap is time at home, at its very end.
    return gaps[-1][1] - spare[-1] < closes


def _moment_for(gap: Spell, away: Iterable[Spell], opens: datetime, closes: datetime, lasts: timedelta) -> bool:
    """Whether a pause of that length fits into the gap beside the absences and begins in the window."""
    away = list(away)
    candidates = [max(gap[0], opens), *(max(b, opens) for _, b in away if gap[0] <= b)]
    return any(
        at < closes and at + lasts <= gap[1] and not shared((at, at + lasts), away) for at in candidates if at >= gap[0]
    )


def drive_seconds(a: Point, b: Point) -> int:
    """Great circle by the law of cosines, made longer by the detour, at the company's usual speed."""
    lat1, lon1, lat2, lon2 = (math.radians(x) for x in (*a, *b))
    # By vectors: exact for near places too, where the cosine alone is not.
    x, y, z = (
        u - v
        for u, v in zip(
            (math.cos(lat1) * math.cos(lon1), math.cos(lat1) * math.sin(lon1), math.sin(lat1)),
            (math.cos(lat2) * math.cos(lon2), math.cos(lat2) * math.sin(lon2), math.sin(lat2)),
            strict=True,
        )
    )
    arc = 2 * math.asin(min(1.0, math.sqrt(x * x + y * y + z * z) / 2))
    return round(arc * _EARTH_METRES * _DETOUR / _METRES_PER_SECOND)


def shared(spell: Spell, others: Iterable[Spell]) -> timedelta:
    """How much of the spell lies in at least one of the others."""
    total, reached = timedelta(0), spell[0]
    for a, b in sorted(others):
        low, high = max(a, reached), min(b, spell[1])
        if high > low:
            total += high - low
            reached = high
    return total


def _double_bookings(books: Books) -> Iterable[Fault]:
    by_technician = defaultdict(list)
    for stop in books.stops:
        by_technician[stop.technician].append(stop)
    for stops in by_technician.values():
        for a, b in pairwise(sorted(stops, key=lambda one: one.starts)):
            if b.starts < a.ends:
                yield Fault("double booking", f"visits of {a.starts} and {b.starts} overlap", b.order)
    held = {one.identity for one in books.agreements if one.status == "held"}
    agreed = Counter(stop.order for stop in books.stops if stop.status in _GOING and stop.appointment not in held)
    for order, count in agreed.items():
        if count > 1:
            yield Fault("double booking", f"one order has {count} visits", order)


def _windows_missed(books: Books) -> Iterable[Fault]:
    visits = defaultdict(list)
    for stop in books.stops:
        visits[stop.appointment].append(stop)
    for one in books.agreements:
        mine = visits.get(one.identity, [])
        if one.status in _STANDING and len(mine) != 1:
            yield Fault("visits", f"the {one.status} appointment of {one.starts} has {len(mine)} visits", one.order)
        if one.status not in _STANDING | {"completed"} and any(stop.status in _GOING for stop in mine):
            yield Fault("visits", f"the {one.status} appointment of {one.starts} still has a visit", one.order)
        for stop in mine:
            if not one.starts <= stop.starts < one.ends:
                yield Fault("window", f"arrives at {stop.starts}, promised was {one.starts} to {one.ends}", one.order)


def _unsuited(books: Books) -> Iterable[Fault]:
    for stop in books.stops:
        day = books.days[stop.route]
        if books.skills[stop.work_type] - day.skills:
            yield Fault("skill", f"the technician cannot do {stop.work_type}", stop.order)
        if stop.territory != day.territory:
            yield Fault("territory", f"{stop.territory} is not the technician's district", stop.order)
        if stop.technician != day.technician:
            yield Fault("route", "the visit is on another technician's route", stop.order)


def _read(hub: Hub, connection: Connection, territory: str | None, only: UUID | None) -> Books:
    route, technician, order, visit = tables.route, tables.technician, tables.work_order, tables.visit
    away = defaultdict(list)
    for row in connection.execute(select(tables.absence)):
        away[row.technician_id].append((row.starts_at, row.ends_at))
    crew = select(route, *(technician.c[name] for name in _TECHNICIAN)).join(technician)
    stops = (
        select(visit, *(order.c[name] for name in ("latitude", "longitude", "territory", "work_type")))
        .join(order)
        .where(visit.c.status.in_(_TAKES_TIME))
    )
    agreements = select(tables.appointment).join(order)
    if territory is not None:
        crew = crew.where(route.c.territory == territory)
        stops, agreements = (one.where(order.c.territory == territory) for one in (stops, agreements))
    if only is not None:
        crew, stops, agreements = (
            crew.where(route.c.id == only),
            stops.where(visit.c.route_id == only),
            agreements.where(false()),
        )
    return Books(
        {row.id: _day(row, away[row.technician_id]) for row in connection.execute(crew)},
        tuple(_stop(row) for row in connection.execute(stops)),
        tuple(_agreement(row) for row in connection.execute(agreements)),
        {code: frozenset(kind.skills) for code, kind in hub.catalogue.work_types.items()},
    )


_TECHNICIAN = ("skills", "start_latitude", "start_longitude", "end_latitude", "end_longitude")


def _day(row: Row[tuple[object, ...]], away: Sequence[Spell]) -> Day:
    zone = ZoneInfo(row.zone)

    def spell(a: time, b: time) -> Spell:
        # Through UTC: subtracting two times of one zone would ignore that the clocks change.
        return datetime.combine(row.day, a, zone).astimezone(ZoneInfo("UTC")), datetime.combine(
            row.day, b, zone
        ).astimezone(ZoneInfo("UTC"))

    shift = spell(row.starts, row.ends)
    return Day(
        route=row.id,
        technician=row.technician_id,
        day=row.day,
        territory=row.territory,
        shift=shift,
        break_starts=spell(row.break_from, row.break_until),
        break_lasts=timedelta(seconds=row.break_seconds),
        home=(row.start_latitude, row.start_longitude),
        garage=(row.end_latitude, row.end_longitude),
        skills=frozenset(row.skills),
        away=tuple(one for one in away if shared(shift, [one])),
    )


def _stop(row: Row[tuple[object, ...]]) -> Stop:
    return Stop(
        visit=row.id,
        order=row.work_order_id,
        route=row.route_id,
        technician=row.technician_id,
        status=str(row.status),
        starts=row.starts_at,
        ends=row.ends_at,
        place=(row.latitude, row.longitude),
        territory=row.territory,
        work_type=row.work_type,
        appointment=row.appointment_id,
    )


def _agreement(row: Row[tuple[object, ...]]) -> Agreement:
    return Agreement(row.id, row.work_order_id, str(row.status), row.starts_at, row.ends_at)
