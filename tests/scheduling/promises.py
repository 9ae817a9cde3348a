"""Judges the promises in the database by arithmetic of its own, whatever led to them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from hub.bootstrap import Hub
from hub.domain.appointments import Appointment, Visit
from hub.domain.ids import RouteId, WorkOrderId
from hub.domain.lifecycle import AppointmentStatus
from hub.domain.technicians import Absence, Route, Technician
from hub.domain.work_orders import WorkOrder
from tests.scheduling.checker import great_circle

type Spell = tuple[datetime, datetime]

LIVE = {"planned", "dispatched", "en route", "on site", "working"}
_DRIVE = great_circle(1.3, 12.5)


@dataclass(frozen=True)
class Books:
    """Everything that bears on promises, read at one moment."""

    orders: dict[WorkOrderId, WorkOrder]
    appointments: list[Appointment]
    visits: list[Visit]
    routes: dict[RouteId, Route]
    technicians: list[Technician]
    absences: list[Absence]

    @classmethod
    def read(cls, hub: Hub) -> Books:
        with hub.unit_of_work() as work:
            return cls(
                {one.id: one for one in work.work_orders.list_where()},
                work.appointments.list_where(),
                work.visits.list_where(),
                {one.id: one for one in work.routes.list_where()},
                work.technicians.list_where(),
                work.absences.list_where(),
            )

    @property
    def live(self) -> list[Visit]:
        return [one for one in self.visits if one.status.value in LIVE]


def promise_faults(hub: Hub) -> list[str]:
    """What no absence excuses: overlaps, windows missed, promises without a visit or with two."""
    books = Books.read(hub)
    return _overlaps(books) + _broken_promises(books) + _too_many(books)


def route_faults(hub: Hub, *, without: Collection[WorkOrderId] = (), unless: Collection[RouteId] = ()) -> list[str]:
    """Routes that nobody could drive; the visits of orders in `without` and the routes in `unless` are not looked at."""
    books = Books.read(hub)
    found = []
    for route in books.routes.values():
        if route.id not in unless:
            visits = [v for v in books.live if v.route_id == route.id and v.work_order_id not in set(without)]
            found += [f"route of {route.day} {str(route.id)[:8]}: {text}" for text in _route(books, route, visits)]
    return found


def _overlaps(books: Books) -> list[str]:
    by_technician = defaultdict(list)
    for visit in books.visits:
        if visit.status.value in LIVE | {"completed"}:
            by_technician[visit.technician_id].append(visit)
    found = []
    for visits in by_technician.values():
        ordered = sorted(visits, key=lambda one: one.starts_at)
        found += [f"{a.starts_at} overlaps {b.starts_at}" for a, b in pairwise(ordered) if b.starts_at < a.ends_at]
    return found + [
        f"visit {v.id} is on another technician's route"
        for v in books.visits
        if books.routes[v.route_id].technician_id != v.technician_id
    ]


def _broken_promises(books: Books) -> list[str]:
    found = []
    for one in books.appointments:
        mine = [visit for visit in books.live if visit.appointment_id == one.id]
        if one.status in {AppointmentStatus.HELD, AppointmentStatus.CONFIRMED}:
            if len(mine) != 1:
                found.append(f"the {one.status} appointment of {one.starts_at} has {len(mine)} visits")
            found += [
                f"visit at {v.starts_at} misses {one.starts_at} to {one.ends_at}"
                for v in mine
                if not one.starts_at <= v.starts_at < one.ends_at
            ]
        elif mine and one.status is not AppointmentStatus.FAILED:
            found.append(f"the {one.status} appointment of {one.starts_at} still has a visit")
    return found


def _too_many(books: Books) -> list[str]:
    counted = Counter((one.work_order_id, one.status) for one in books.appointments)
    limited = {AppointmentStatus.HELD, AppointmentStatus.CONFIRMED}
    found = [
        f"{n} {status} appointments of one order" for (_, status), n in counted.items() if status in limited and n > 1
    ]
    held = {one.id for one in books.appointments if one.status is AppointmentStatus.HELD}
    agreed = Counter(visit.work_order_id for visit in books.live if visit.appointment_id not in held)
    return found + [f"{n} visits of one order" for n in agreed.values() if n > 1]


def _route(books: Books, route: Route, visits: Iterable[Visit]) -> list[str]:
    """Drives, shift, break and absences of one route with these visits at the times that are written down."""
    ordered = sorted(visits, key=lambda one: one.starts_at)
    if not ordered:
        return []
    zone = ZoneInfo(route.zone)
    shift = (datetime.combine(route.day, route.starts, zone), datetime.combine(route.day, route.ends, zone))
    technician = next(one for one in books.technicians if one.id == route.technician_id)
    away = [(one.starts_at, one.ends_at) for one in books.absences if one.technician_id == technician.id]
    found = [
        f"works at {visit.starts_at} during an absence"
        for visit in ordered
        if _shared((visit.starts_at, visit.ends_at), away)
    ]
    stops = [(technician.start_place, shift[0], shift[0])]
    stops += [(books.orders[v.work_order_id].place, v.starts_at, v.ends_at) for v in ordered]
    stops.append((technician.end_place, shift[1], shift[1]))
    gaps: list[tuple[Spell, timedelta]] = []
    for (here, _, left), (there, begins, _) in pairwise(stops):
        drive = timedelta(seconds=_DRIVE(here, there))
        spare = begins - left - _shared((left, begins), away) - drive
        if spare < timedelta(0):
            found.append(f"has {-spare} too little to be there at {begins}")
        gaps.append(((left, begins), spare))
    home = ordered[-1].ends_at + timedelta(seconds=_DRIVE(stops[-2][0], technician.end_place))
    return found + _break(route, gaps, away, home)


def _break(route: Route, gaps: list[tuple[Spell, timedelta]], away: list[Spell], home: datetime) -> list[str]:
    """The break can start in its window: during an absence, in a gap with that much to spare, or once home."""
    zone, lasts = ZoneInfo(route.zone), timedelta(seconds=route.break_seconds)
    opens = datetime.combine(route.day, route.break_from, zone)
    closes = datetime.combine(route.day, route.break_until, zone)
    if not lasts or home < closes:
        return []
    if any(max(a, opens) + lasts <= b and max(a, opens) < closes for a, b in away):
        return []
    fits = any(
        spare >= lasts and max(left, opens) < closes and max(left, opens) + lasts <= begins
        for (left, begins), spare in gaps
    )
    return [] if fits else ["has no break"]


def _shared(spell: Spell, others: Iterable[Spell]) -> timedelta:
    """How much of the spell lies in at least one of the others."""
    total, reached = timedelta(0), spell[0]
    for a, b in sorted(others):
        low, high = max(a, reached), min(b, spell[1])
        if high > low:
            total += high - low
            reached = high
    return total


def visit_of(hub: Hub, order: WorkOrderId) -> Visit:
    """The order's one live visit."""
    (found,) = [one for one in Books.read(hub).live if one.work_order_id == order]
    return found
