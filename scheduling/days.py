"""From the tables to the pure shapes: the routes of some days as they stand, with each visit's own window.

The engine counts whole seconds from an origin; this file is where wall time, zones and summer time end.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from hub.db.unit_of_work import UnitOfWork
from hub.domain import technicians as roster
from hub.domain.appointments import Appointment, Visit
from hub.domain.ids import AppointmentId, RouteId, TechnicianId, VisitId, WorkOrderId
from hub.domain.lifecycle import LIVE_VISIT_STATUSES, MOVABLE_VISIT_STATUSES
from hub.domain.work_orders import WorkOrder
from scheduling import problem
from scheduling.slots import OpenRoute
from scheduling.spans import Span
from scheduling.travel import GreatCircle, TravelModel

TRAVEL: TravelModel = GreatCircle()
"""How driving times are estimated; every stored one carries the model's name."""


@dataclass(frozen=True)
class StandingRoute:
    """A route of the database, its live visits in order, and the same for the engine (`open`).

    `held` names the visits whose appointment is not confirmed yet.
    """

    record: roster.Route
    technician: roster.Technician
    visits: tuple[Visit, ...]
    open: OpenRoute
    held: frozenset[VisitId]


@dataclass(frozen=True)
class Days:
    """The routes of some days, with the origin their seconds count from."""

    origin: datetime
    routes: tuple[StandingRoute, ...]

    def seconds(self, instant: datetime) -> int:
        """Whole seconds from the origin."""
        return problem.seconds_from(self.origin, instant)

    def instant(self, seconds: int) -> datetime:
        """The instant that many seconds after the origin."""
        return problem.instant_at(self.origin, seconds)


def origin_of(day: date) -> datetime:
    """Where the seconds of a span of days beginning with `day` count from; well before any shift of that day in any zone."""
    return datetime.combine(day, time(0), UTC) - timedelta(days=1)


def wall_instant(day: date, at: time, zone: str) -> datetime:
    """The instant at which clocks in `zone` show `at` on `day`; where summer time skips or repeats it, the earlier reading."""
    return datetime.combine(day, at, ZoneInfo(zone)).astimezone(UTC)


def load_days(
    work: UnitOfWork, routes: Sequence[roster.Route], *, origin: datetime, leaving_out: WorkOrderId | None = None
) -> Days:
    """The routes as they stand in this transaction; visits that are only *held* for the order `leaving_out` are not counted."""
    if not routes:
        return Days(origin, ())
    table = work.visits.table
    visits = work.visits.list_where(
        table.c.route_id.in_([route.id for route in routes]),
        table.c.status.in_(LIVE_VISIT_STATUSES),
        order_by=(table.c.starts_at, table.c.id),
    )
    appointments = _appointments(work, visits)
    kept = [v for v in visits if v.work_order_id != leaving_out or not _is_held(v, appointments)]
    orders = _orders(work, kept)
    crew = _technicians(work, routes)
    absences = _absences(work, crew)
    by_route: dict[RouteId, list[Visit]] = defaultdict(list)
    for visit in kept:
        by_route[visit.route_id].append(visit)
    standing = []
    for record in routes:
        technician = crew[record.technician_id]
        pure = pure_route(record, technician, absences[technician.id], origin)
        stops = tuple(by_route[record.id])
        tasks = [standing_task(visit, orders[visit.work_order_id], appointments, pure, origin) for visit in stops]
        held = frozenset(visit.id for visit in stops if _is_held(visit, appointments))
        standing.append(StandingRoute(record, technician, stops, OpenRoute.of(pure, tasks, TRAVEL), held))
    return Days(origin, tuple(standing))


def pure_route(
    record: roster.Route, technician: roster.Technician, absences: Iterable[roster.Absence], origin: datetime
) -> problem.Route:
    """The engine's route: the shift as seconds, whatever the clocks do that day."""

    def seconds(at: time) -> int:
        return problem.seconds_from(origin, wall_instant(record.day, at, record.zone))

    shift = Span(seconds(record.starts), seconds(record.ends))
    pause = ((Span(seconds(record.break_from), seconds(record.break_until)), record.break_seconds),)
    away = (
        Span(problem.seconds_from(origin, absence.starts_at), problem.seconds_from(origin, absence.ends_at))
        for absence in absences
    )
    return problem.Route(
        id=str(record.id),
        technician=str(technician.id),
        start=technician.start_place,
        end=technician.end_place,
        shift=shift,
        breaks=pause if record.break_seconds else (),
        absences=tuple(span for span in away if span.overlaps(shift)),
        skills=frozenset(technician.skills),
        territories=frozenset({record.territory}),
    )


def standing_task(
    visit: Visit,
    order: WorkOrder,
    appointments: Mapping[AppointmentId, Appointment],
    route: problem.Route,
    origin: datetime,
) -> problem.Task:
    """A visit as the engine sees it: its appointment's window; without one the whole shift; once begun, its own second."""
    start = problem.seconds_from(origin, visit.starts_at)
    appointment = appointments.get(visit.appointment_id) if visit.appointment_id else None
    if visit.status not in MOVABLE_VISIT_STATUSES or visit.pinned:
        window = Span(start, start + 1)
    elif appointment is not None:
        window = Span(
            problem.seconds_from(origin, appointment.starts_at), problem.seconds_from(origin, appointment.ends_at)
        )
    else:
        window = route.shift
    return problem.Task(
        id=str(visit.id),
        place=order.place,
        service_seconds=int((visit.ends_at - visit.starts_at).total_seconds()),
        windows=(window,),
        weight=order.weight,
        promised=appointment is not None,
        current=problem.Current(route.id, start),
    )


def _is_held(visit: Visit, appointments: Mapping[AppointmentId, Appointment]) -> bool:
    return visit.appointment_id is not None and appointments[visit.appointment_id].lease_until is not None


def _appointments(work: UnitOfWork, visits: Iterable[Visit]) -> dict[AppointmentId, Appointment]:
    wanted = {visit.appointment_id for visit in visits if visit.appointment_id}
    found = work.appointments.list_where(work.appointments.table.c.id.in_(wanted)) if wanted else []
    return {appointment.id: appointment for appointment in found}


def _orders(work: UnitOfWork, visits: Iterable[Visit]) -> dict[WorkOrderId, WorkOrder]:
    wanted = {visit.work_order_id for visit in visits}
    found = work.work_orders.list_where(work.work_orders.table.c.id.in_(wanted)) if wanted else []
    return {order.id: order for order in found}


def _technicians(work: UnitOfWork, routes: Iterable[roster.Route]) -> dict[TechnicianId, roster.Technician]:
    wanted = {route.technician_id for route in routes}
    found = work.technicians.list_where(work.technicians.table.c.id.in_(wanted))
    return {technician.id: technician for technician in found}


def _absences(work: UnitOfWork, crew: Iterable[TechnicianId]) -> dict[TechnicianId, list[roster.Absence]]:
    found: dict[TechnicianId, list[roster.Absence]] = defaultdict(list)
    for absence in work.absences.list_where(work.absences.table.c.technician_id.in_(list(crew))):
        found[absence.technician_id].append(absence)
    return found
