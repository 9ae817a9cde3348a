"""From the tables to the pure shapes: the routes of some days as they stand, with each visit's own window.

The engine counts whole seconds from an origin; this file is where wall time, zones and summer time end.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from hub.db.unit_of_work import UnitOfWork
from hub.domain import technicians as roster
from hub.domain.appointments import Appointment, Visit
from hub.domain.catalogue import Amounts, Catalogue, PlanningPrices
from hub.domain.ids import AppointmentId, RouteId, TechnicianId, VisitId, WorkOrderId
from hub.domain.lifecycle import LIVE_VISIT_STATUSES, MOVABLE_VISIT_STATUSES, VisitStatus
from hub.domain.work_orders import WorkOrder
from scheduling.driving import travel_of
from scheduling.engine import problem
from scheduling.engine.slots import OpenRoute
from scheduling.engine.spans import Span
from scheduling.past import Begun, breaks_due
from scheduling.travel.model import TravelModel


@dataclass(frozen=True)
class StandingRoute:
    """A route of the database as it stands now, and the same for the engine (`open`).

    `visits` are those the technician has not set off for, in order; they are the stops of `open`, one for one. `held` names
    the ones whose appointment is not confirmed yet. `begun` are under way or over: `open` begins where the last of them ends.
    """

    record: roster.Route
    technician: roster.Technician
    visits: tuple[Visit, ...]
    begun: tuple[Visit, ...]
    open: OpenRoute
    held: frozenset[VisitId]


@dataclass(frozen=True)
class Days:
    """The routes of some days, with the origin their seconds count from, and the model that made their drives."""

    origin: datetime
    routes: tuple[StandingRoute, ...]
    travel: TravelModel

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
    travel = travel_of(work.settings)
    if not routes:
        return Days(origin, (), travel)
    table = work.visits.table
    visits = work.visits.list_where(
        table.c.route_id.in_([route.id for route in routes]),
        table.c.status != VisitStatus.CANCELLED,
        order_by=(table.c.starts_at, table.c.id),
    )
    appointments = _appointments(work, visits)
    crew = _technicians(work, routes)
    loader = _Loader(
        origin=origin,
        now=work.now,
        crew=crew,
        absences=_absences(work, crew, origin),
        orders=_orders(work, visits),
        appointments=appointments,
        travel=travel,
        catalogue=work.catalogue,
    )
    by_route: dict[RouteId, list[Visit]] = defaultdict(list)
    for visit in visits:
        if visit.work_order_id != leaving_out or not _is_held(visit, appointments):
            by_route[visit.route_id].append(visit)
    return Days(origin, tuple(loader.route(record, by_route[record.id]) for record in routes), travel)


@dataclass(frozen=True)
class _Loader:
    """What was read, by id."""

    origin: datetime
    now: datetime
    crew: Mapping[TechnicianId, roster.Technician]
    absences: Mapping[TechnicianId, list[roster.Absence]]
    orders: Mapping[WorkOrderId, WorkOrder]
    appointments: Mapping[AppointmentId, Appointment]
    travel: TravelModel
    catalogue: Catalogue

    def route(self, record: roster.Route, visits: Sequence[Visit]) -> StandingRoute:
        technician = self.crew[record.technician_id]
        begun = tuple(visit for visit in visits if visit.status not in MOVABLE_VISIT_STATUSES)
        ahead = tuple(visit for visit in visits if visit.status in MOVABLE_VISIT_STATUSES)
        away = [self._span(one.starts_at, one.ends_at) for one in self.absences[technician.id]]
        whole = pure_route(record, technician, away, self.origin, self.catalogue.prices)
        pure = self._rest_of_day(whole, begun)
        tasks = [self._standing(visit, pure) for visit in ahead]
        held = frozenset(visit.id for visit in ahead if _is_held(visit, self.appointments))
        return StandingRoute(record, technician, ahead, begun, OpenRoute.of(pure, tasks, self.travel), held)

    def _standing(self, visit: Visit, route: problem.Route) -> problem.Task:
        order = self.orders[visit.work_order_id]
        task = standing_task(visit, order, self.appointments, route, self.origin)
        return replace(task, parts=self._parts(order))

    def _parts(self, order: WorkOrder) -> Amounts:
        kind = self.catalogue.work_types.get(order.work_type)
        return kind.parts if kind is not None else ()

    def _left_in_van(self, van: Amounts | None, begun: Sequence[Visit]) -> Amounts | None:
        """What the van still carries; a visit that was broken off used nothing."""
        if van is None:
            return None
        used = Counter[str]()
        for visit in begun:
            if visit.status is not VisitStatus.ABORTED:
                used.update(dict(self._parts(self.orders[visit.work_order_id])))
        return tuple((part, max(0, amount - used[part])) for part, amount in van)

    def _rest_of_day(self, route: problem.Route, begun: Sequence[Visit]) -> problem.Route:
        """What is past is over: the day goes on from now, or from the end of the visit that is under way.

        The span that a begun visit was planned for stays closed when the technician is early or out of order: the
        database lets no other visit into it.
        """
        now = -problem.seconds_from(self.now, self.origin)
        ends = {visit.id: self._end_of(visit) for visit in begun}
        reached = max([now, *ends.values()])
        if not begun and reached <= route.shift.start:
            return route
        closed = [Span(route.shift.start, reached)]
        closed += [
            self._span(visit.starts_at, visit.ends_at) for visit in begun if visit.status is not VisitStatus.ABORTED
        ]
        last = max(begun, key=lambda visit: ends[visit.id], default=None)
        over = [Begun(self._service(visit, ends[visit.id]), self.orders[visit.work_order_id].place) for visit in begun]
        return replace(
            route,
            start=self.orders[last.work_order_id].place if last else route.start,
            breaks=breaks_due(route, over, now, reached, self.travel),
            van=self._left_in_van(route.van, begun),
            max_travel_seconds=_left_to_drive(route.max_travel_seconds, begun),
            absences=_within(route.shift, [*route.absences, *closed]),
        )

    def _service(self, visit: Visit, ends: int) -> Span:
        return Span(min(problem.seconds_from(self.origin, _begins(visit)), ends), ends)

    def _end_of(self, visit: Visit) -> int:
        """When a begun visit was or will be over, as far as the technician's phone has told."""
        if visit.ended_at is not None or visit.status not in LIVE_VISIT_STATUSES:
            return problem.seconds_from(self.origin, visit.ended_at or visit.ends_at)
        return problem.seconds_from(self.origin, _begins(visit) + (visit.ends_at - visit.starts_at))

    def _span(self, starts_at: datetime, ends_at: datetime) -> Span:
        return Span(problem.seconds_from(self.origin, starts_at), problem.seconds_from(self.origin, ends_at))


def pure_route(
    record: roster.Route,
    technician: roster.Technician,
    absences: Iterable[Span],
    origin: datetime,
    prices: PlanningPrices,
) -> problem.Route:
    """The engine's route: the shift as seconds, whatever the clocks do that day, and what using the technician costs.

    A technician who no longer works for the company is away all day. A break outside the shift needs no room in it.
    """

    def seconds(at: time) -> int:
        return problem.seconds_from(origin, wall_instant(record.day, at, record.zone))

    shift = Span(seconds(record.starts), seconds(record.ends))
    pause = Span(seconds(record.break_from), max(seconds(record.break_until), seconds(record.break_from) + 1))
    rests = record.break_seconds > 0 and pause.overlaps(shift)
    return problem.Route(
        id=str(record.id),
        technician=str(technician.id),
        start=technician.start_place,
        end=technician.end_place,
        shift=shift,
        breaks=((pause, record.break_seconds),) if rests else (),
        absences=_within(shift, absences) if technician.active else (shift,),
        skills=frozenset(technician.skills),
        territories=frozenset({record.territory}),
        levels=technician.levels,
        max_travel_seconds=technician.max_travel_seconds,
        van=technician.van,
        use_price_seconds=prices.technician_day_seconds,
        overtime_seconds=technician.overtime_seconds,
        overtime_price_seconds=prices.overtime_hour_seconds,
    )


def standing_task(
    visit: Visit,
    order: WorkOrder,
    appointments: Mapping[AppointmentId, Appointment],
    route: problem.Route,
    origin: datetime,
) -> problem.Task:
    """A visit ahead as the engine sees it: its appointment's window; without one the shift, from when the utility allows it."""
    start = problem.seconds_from(origin, visit.starts_at)
    appointment = appointments.get(visit.appointment_id) if visit.appointment_id else None
    if visit.pinned:
        window = Span(start, start + 1)
    elif appointment is not None:
        window = Span(
            problem.seconds_from(origin, appointment.starts_at), problem.seconds_from(origin, appointment.ends_at)
        )
    else:
        opens = problem.seconds_from(origin, order.not_before) if order.not_before else route.shift.start
        window = Span(max(route.shift.start, min(opens, start)), max(route.shift.end, start + 1))
    return problem.Task(
        id=str(visit.id),
        place=order.place,
        service_seconds=int((visit.ends_at - visit.starts_at).total_seconds()),
        windows=(window,),
        weight=max(1, order.weight),
        promised=appointment is not None,
        current=problem.Current(route.id, start),
    )


def _left_to_drive(limit: int | None, begun: Sequence[Visit]) -> int | None:
    """What remains of a day's limit on driving, in seconds, after the drives to the visits that were begun."""
    return None if limit is None else max(0, limit - sum(visit.travel_seconds for visit in begun))


def _begins(visit: Visit) -> datetime:
    """When a begun visit began or will begin, as far as we know.

    Of what the citizen was told and what is planned by now the later counts: a visit can have been put later inside its
    window since it was sent to the phone, and a technician taken to be free too early would seem to have had a break.
    """
    told = visit.started_at or visit.arrived_at
    return told or max(visit.starts_at, visit.promised_arrival or visit.starts_at)


def _within(shift: Span, spans: Iterable[Span]) -> tuple[Span, ...]:
    return tuple(span for span in spans if span.start < span.end and span.overlaps(shift))


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


def _absences(
    work: UnitOfWork, crew: Iterable[TechnicianId], origin: datetime
) -> dict[TechnicianId, list[roster.Absence]]:
    found: dict[TechnicianId, list[roster.Absence]] = defaultdict(list)
    table = work.absences.table
    for absence in work.absences.list_where(table.c.technician_id.in_(list(crew)), table.c.ends_at > origin):
        found[absence.technician_id].append(absence)
    return found
