"""The working day: technicians do their visits exactly as planned, and a dispatcher takes back what nobody can do.

The clock moves by whole hours. Before it moves, every visit whose drive begins within the hour is set off for, so that it does
not look late because of the jump; after, every visit whose time is over is done.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from hub.bootstrap import Hub
from hub.db.unit_of_work import UnitOfWork
from hub.domain.appointments import Visit
from hub.domain.events import Actor, ActorKind
from hub.domain.ids import AbsenceId, TechnicianId, WorkOrderId
from hub.domain.lifecycle import Action, VisitStatus
from hub.domain.technicians import Absence
from infra.benchmarks.campaign.audit import drivable, drive_seconds, read_books
from infra.benchmarks.campaign.options import FIRST_HOUR, ZONE, local
from infra.benchmarks.campaign.people import Illness
from scheduling.dispatching import cancel_visit
from scheduling.service import cancel_appointment

_LONGEST_DRIVE = timedelta(hours=6)
_TECHNICIAN, _DISPATCHER = Actor(ActorKind.TECHNICIAN, "campaign"), Actor(ActorKind.STAFF, "campaign")


@dataclass(frozen=True)
class TakenBack:
    """A visit that its technician could not do: its order, and whether a citizen had been promised."""

    order: UUID
    promised: bool


def take_back(hub: Hub, until: datetime, named: Collection[UUID]) -> list[TakenBack]:
    """Of the visits whose drive begins before `until`, cancel those whose technician cannot do them because of an absence.

    Those are the ones that planning has `named` (orders), while their route cannot be driven, and any other one on a route that
    cannot be driven without the named ones either. Their citizens hear that nobody comes and may choose again; work without a citizen
    waits for a later plan.
    """
    with hub.unit_of_work() as work:
        due = [visit for visit in _ahead(work, until) if _is_absent_that_day(work, visit)]
    done = []
    for visit in due:
        books = read_books(hub, route=visit.route_id)
        day, stops = books.days[visit.route_id], books.on(visit.route_id)
        left = [one for one in stops if one.order not in named]
        # One that can be done stays, although another of the same day cannot.
        if not drivable(day, stops) or (visit.work_order_id not in named and not drivable(day, left)):
            continue
        done.append(TakenBack(visit.work_order_id, visit.appointment_id is not None))
        if visit.appointment_id is not None:
            cancel_appointment(hub, visit.work_order_id, by=_DISPATCHER, reason="the technician is absent")
        else:
            _unplan(hub, visit)
    return done


def set_off(hub: Hub, until: datetime) -> list[UUID]:
    """Set off for every visit whose drive begins before `until`; returns the orders of visits that are on no phone."""
    with hub.unit_of_work() as work:
        due = _ahead(work, until)
        for visit in due:
            if visit.status is VisitStatus.DISPATCHED:
                left = visit.starts_at - timedelta(seconds=visit.travel_seconds)
                work.advance_visit(visit, Action.SET_OFF, by=_TECHNICIAN, set_off_at=left)
        _touch(work, due)
        work.commit()
    return [visit.work_order_id for visit in due if visit.status is VisitStatus.PLANNED]


def complete(hub: Hub, until: datetime) -> int:
    """Do every visit that is under way and ends by `until`, at its planned times; returns how many."""
    with hub.unit_of_work() as work:
        table = work.visits.table
        due = work.visits.list_where(table.c.status == VisitStatus.EN_ROUTE, table.c.ends_at <= until)
        for visit in due:
            _complete(work, visit)
        _touch(work, due)
        work.commit()
    return len(due)


def fall_ill(hub: Hub, illness: Illness) -> None:
    """Enter an absence as it becomes known: who is out does the visit under way, rests and drives home; versions rise.

    Whoever fits a booking into the route at this moment sees the change and looks again.
    """
    with hub.unit_of_work() as work:
        table, visits = work.routes.table, work.visits.table
        routes = work.routes.list_where(
            table.c.technician_id == illness.technician, table.c.day == illness.day, lock=True
        )
        begun = work.visits.list_where(
            visits.c.route_id.in_([route.id for route in routes]),
            visits.c.status.in_(
                [VisitStatus.EN_ROUTE, VisitStatus.ON_SITE, VisitStatus.WORKING, VisitStatus.COMPLETED]
            ),
        )
        rest = timedelta(seconds=max((route.break_seconds for route in routes), default=0))
        home = [visit.ends_at + rest + _way_home(work, illness.technician, visit) for visit in begun]
        starts = max([local(illness.day, illness.begins or FIRST_HOUR), *home])
        ends = local(illness.day, 23 if illness.ends == 24 else illness.ends)
        if starts < ends:
            work.absences.add(Absence(AbsenceId(uuid4()), illness.technician, starts, ends, "ill"))
            for route in routes:
                work.routes.swap(route, route)
        work.commit()


def _way_home(work: UnitOfWork, technician: TechnicianId, visit: Visit) -> timedelta:
    home, door = work.technicians.get(technician).end_place, work.work_orders.get(visit.work_order_id).place
    return timedelta(seconds=drive_seconds((door.lat, door.lon), (home.lat, home.lon)))


def _ahead(work: UnitOfWork, until: datetime) -> list[Visit]:
    """The visits whose drive begins before `until` and that nobody has set off for."""
    table = work.visits.table
    ahead = work.visits.list_where(
        table.c.status.in_([VisitStatus.PLANNED, VisitStatus.DISPATCHED]),
        table.c.starts_at < until + _LONGEST_DRIVE,
        order_by=(table.c.starts_at, table.c.id),
    )
    return [visit for visit in ahead if visit.starts_at - timedelta(seconds=visit.travel_seconds) < until]


def _is_absent_that_day(work: UnitOfWork, visit: Visit) -> bool:
    table = work.absences.table
    day = visit.starts_at.astimezone(ZONE).date()
    return any(
        one.ends_at > local(day, 0) and one.starts_at < local(day, 23)
        for one in work.absences.list_where(table.c.technician_id == visit.technician_id)
    )


def _complete(work: UnitOfWork, visit: Visit) -> None:
    on_site = work.advance_visit(visit, Action.ARRIVE, by=_TECHNICIAN, arrived_at=visit.starts_at)
    working = work.advance_visit(on_site, Action.START, by=_TECHNICIAN, started_at=visit.starts_at)
    order = work.advance_work_order(work.work_orders.get(visit.work_order_id), Action.BEGIN, by=_TECHNICIAN)
    work.advance_visit(working, Action.COMPLETE, by=_TECHNICIAN, ended_at=visit.ends_at)
    if visit.appointment_id is not None:
        work.advance_appointment(work.appointments.get(visit.appointment_id), Action.COMPLETE, by=_TECHNICIAN)
    work.advance_work_order(order, Action.COMPLETE, by=_TECHNICIAN)


def _touch(work: UnitOfWork, visits: list[Visit]) -> None:
    """Every change of its visits raises a route's version."""
    routes = {visit.route_id for visit in visits}
    table = work.routes.table
    if routes:
        for route in work.routes.list_where(table.c.id.in_(routes), order_by=(table.c.id,), lock=True):
            work.routes.swap(route, route)


def _unplan(hub: Hub, visit: Visit) -> None:
    with hub.unit_of_work() as work:
        order = work.work_orders.get(WorkOrderId(visit.work_order_id), lock=True)
        cancel_visit(work, visit, by=_DISPATCHER, reason="the technician is absent")
        work.advance_work_order(order, Action.UNPLAN, by=_DISPATCHER, reason="the technician is absent")
        work.commit()
