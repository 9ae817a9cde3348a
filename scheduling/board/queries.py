"""Reads a day for the board from the tables."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Connection, and_, exists, false, func, select

from hub.bootstrap import Hub
from hub.db import tables
from hub.db.unit_of_work import UnitOfWork
from hub.domain.appointments import Appointment, Visit
from hub.domain.ids import AppointmentId, RouteId, TechnicianId, WorkOrderId
from hub.domain.lifecycle import (
    FINAL_WORK_ORDER_STATUSES,
    LIVE_VISIT_STATUSES,
    AppointmentStatus,
    VisitStatus,
    WorkOrderStatus,
)
from hub.domain.plans import PlanAssignment, PlanRecord, PlanStatus
from hub.domain.technicians import Absence, Route, Technician
from hub.domain.windows import Window
from hub.domain.work_orders import WorkOrder
from scheduling.board.day import BoardDay, BoardRoute, LeftOut, Pause, Stop, in_driving_order
from scheduling.days import wall_instant

_NOT_PLANNED_YET = "No plan has looked at it yet. Plan the coming days."


@dataclass(frozen=True)
class BoardChoice:
    """What can be looked at: the territories with routes, the one chosen, and its day."""

    territories: tuple[str, ...]
    territory: str
    day: date


def choose_day(hub: Hub, territory: str, day: date | None) -> BoardChoice:
    """What to show: what was asked for if there is such a territory, else the first one; without a day its next working day."""
    route = tables.route.c
    with hub.reading() as connection:
        territories = tuple(connection.execute(select(route.territory).distinct().order_by(route.territory)).scalars())
        if territory not in territories:
            territory = territories[0] if territories else ""
        today = hub.clock.now().astimezone(ZoneInfo(_zone(connection, territory))).date()
        if day is None:
            coming = select(func.min(route.day)).where(route.territory == territory, route.day >= today)
            day = connection.execute(coming).scalar_one() or today
    return BoardChoice(territories, territory, day)


def load_board(hub: Hub, territory: str, day: date, *, draft: bool) -> BoardDay:
    """The routes of `territory` on `day`; with `draft` as the newest draft would make them, when there is one."""
    with hub.snapshot() as work:
        table = work.routes.table.c
        routes = work.routes.list_where(table.territory == territory, table.day == day)
        newest = _newest_plan(work, territory, day)
        open_draft = newest if newest is not None and newest.status is PlanStatus.DRAFT else None
        stops = _stops(work, routes, open_draft if draft else None)
        before, after = _neighbours(work.connection, territory, day)
        return BoardDay(
            territory=territory,
            day=day,
            zone=routes[0].zone if routes else _zone(work.connection, territory),
            routes=_board_routes(work, routes, stops),
            left_out=_left_out(work, territory, newest),
            draft=open_draft,
            shows_draft=draft and open_draft is not None,
            day_before=before,
            day_after=after,
        )


def _zone(connection: Connection, territory: str) -> str:
    zone = tables.technician.c.zone
    found = connection.execute(
        select(zone)
        .where(tables.technician.c.territory == territory)
        .group_by(zone)
        .order_by(func.count().desc())
        .limit(1)
    )
    return found.scalar() or "UTC"


def _neighbours(connection: Connection, territory: str, day: date) -> tuple[date | None, date | None]:
    route = tables.route.c
    before = select(func.max(route.day)).where(route.territory == territory, route.day < day)
    after = select(func.min(route.day)).where(route.territory == territory, route.day > day)
    return connection.execute(before).scalar_one(), connection.execute(after).scalar_one()


def _newest_plan(work: UnitOfWork, territory: str, day: date) -> PlanRecord | None:
    plan = tables.plan.c
    found = work.plans.list_where(
        plan.territory == territory,
        plan.first_day <= day,
        plan.last_day >= day,
        order_by=(plan.created_at.desc(), (plan.status == PlanStatus.DRAFT).desc(), plan.id.asc()),
        limit=1,
    )
    return found[0] if found else None


def _stops(work: UnitOfWork, routes: list[Route], draft: PlanRecord | None) -> dict[RouteId, list[Stop]]:
    """The stops by route: every visit that was not cancelled, or what the draft makes of them.

    Visits the draft did not know of (booked since it was made, or already begun) stay as they are.
    """
    visit = tables.visit.c
    route_ids = [route.id for route in routes]
    visits = work.visits.list_where(visit.route_id.in_(route_ids), visit.status != VisitStatus.CANCELLED)
    assigned = _assignments(work, draft)
    known = {one.visit_id for one in assigned if one.visit_id}
    here = [one for one in assigned if one.route_id in set(route_ids)]
    as_they_were = {one.id: one for one in work.visits.list_where(visit.id.in_(known))} if known else {}
    standing = [one for one in visits if one.id not in known]
    orders = _orders(work, [*(one.work_order_id for one in standing), *(one.work_order_id for one in here)])
    appointments = _appointments(work, [*standing, *as_they_were.values()])
    stops: dict[RouteId, list[Stop]] = defaultdict(list)
    for one in standing:
        stops[one.route_id].append(_standing_stop(one, orders[one.work_order_id], appointments))
    for proposal in here:
        before = as_they_were.get(proposal.visit_id) if proposal.visit_id else None
        stops[proposal.route_id].append(_proposed_stop(proposal, before, orders[proposal.work_order_id], appointments))
    return stops


def _assignments(work: UnitOfWork, draft: PlanRecord | None) -> list[PlanAssignment]:
    if draft is None:
        return []
    return work.plan_assignments.list_where(tables.plan_assignment.c.plan_id == draft.id)


def _standing_stop(visit: Visit, order: WorkOrder, appointments: Mapping[AppointmentId, Appointment]) -> Stop:
    appointment = appointments.get(visit.appointment_id) if visit.appointment_id else None
    return Stop(
        work_order_id=order.id,
        visit_id=visit.id,
        external_id=order.external_id,
        work_type=order.work_type,
        street=order.street,
        postcode=order.postcode,
        town=order.town,
        place=order.place,
        starts_at=visit.starts_at,
        ends_at=visit.ends_at,
        travel_seconds=visit.travel_seconds,
        status=visit.status.value,
        window=(appointment.starts_at, appointment.ends_at) if appointment else None,
        held_until=appointment.lease_until if appointment else None,
        pinned=visit.pinned,
    )


def _proposed_stop(
    proposal: PlanAssignment,
    before: Visit | None,
    order: WorkOrder,
    appointments: Mapping[AppointmentId, Appointment],
) -> Stop:
    appointment = appointments.get(before.appointment_id) if before and before.appointment_id else None
    return Stop(
        work_order_id=order.id,
        visit_id=proposal.visit_id,
        external_id=order.external_id,
        work_type=order.work_type,
        street=order.street,
        postcode=order.postcode,
        town=order.town,
        place=order.place,
        starts_at=proposal.starts_at,
        ends_at=proposal.ends_at,
        travel_seconds=proposal.travel_seconds,
        status=before.status.value if before else "proposed",
        window=(appointment.starts_at, appointment.ends_at) if appointment else None,
        held_until=appointment.lease_until if appointment else None,
        pinned=before.pinned if before else False,
        change=_change(before, proposal),
    )


def _change(before: Visit | None, proposal: PlanAssignment) -> str:
    if before is None:
        return "new"
    if before.route_id != proposal.route_id:
        return "moved"
    return "" if before.starts_at == proposal.starts_at else "retimed"


def _board_routes(work: UnitOfWork, routes: list[Route], stops: Mapping[RouteId, list[Stop]]) -> tuple[BoardRoute, ...]:
    ids = [route.technician_id for route in routes]
    technicians = {one.id: one for one in work.technicians.list_where(tables.technician.c.id.in_(ids))}
    absences: dict[TechnicianId, list[Absence]] = defaultdict(list)
    for absence in work.absences.list_where(tables.absence.c.technician_id.in_(ids)):
        absences[absence.technician_id].append(absence)
    board = [
        _board_route(route, technicians[route.technician_id], absences[route.technician_id], stops.get(route.id, []))
        for route in routes
    ]
    return tuple(sorted(board, key=lambda route: (route.technician, str(route.id))))


def _board_route(route: Route, technician: Technician, absences: Iterable[Absence], stops: list[Stop]) -> BoardRoute:
    shift = Window(wall_instant(route.day, route.starts, route.zone), wall_instant(route.day, route.ends, route.zone))
    rest = None
    if route.break_seconds:
        rest = Pause(
            wall_instant(route.day, route.break_from, route.zone),
            wall_instant(route.day, route.break_until, route.zone),
            "break",
        )
    away = (Pause(one.starts_at, one.ends_at, one.reason or "absent") for one in absences)
    return BoardRoute(
        id=route.id,
        technician_id=technician.id,
        technician=technician.name,
        skills=technician.skills,
        zone=route.zone,
        shift_starts_at=shift.start,
        shift_ends_at=shift.end,
        rest=rest,
        break_seconds=route.break_seconds,
        absences=tuple(one for one in away if one.starts_at < shift.end and shift.start < one.ends_at),
        start=technician.start_place,
        end=technician.end_place,
        published_at=route.published_at,
        stops=in_driving_order(stops),
    )


def _left_out(work: UnitOfWork, territory: str, newest: PlanRecord | None) -> tuple[LeftOut, ...]:
    """Orders the newest plan of the day left out, and those that wait for a plan; none that has got a visit meanwhile.

    A promise that the plan cannot keep stands on its route as it was, but it is left out none the less.
    """
    order, visit, appointment = tables.work_order.c, tables.visit.c, tables.appointment.c
    unplanned = tables.plan_unplanned.c
    has_visit = exists().where(visit.work_order_id == order.id, visit.status.in_(LIVE_VISIT_STATUSES))
    reasons: dict[WorkOrderId, str] = {}
    cannot_be_kept: ColumnElement[bool] = false()
    if newest is not None:
        found = work.plan_unplanned.list_where(unplanned.plan_id == newest.id)
        reasons = {one.work_order_id: one.detail for one in found}
        promised_before = exists().where(
            appointment.work_order_id == order.id,
            appointment.status == AppointmentStatus.CONFIRMED,
            appointment.created_at <= newest.created_at,
        )
        not_begun = order.status.in_((WorkOrderStatus.BOOKED, WorkOrderStatus.PLANNED))
        cannot_be_kept = and_(order.id.in_(reasons), not_begun, promised_before)
    waiting = and_(order.status == WorkOrderStatus.READY, order.territory == territory)
    orders = work.work_orders.list_where(
        waiting | (order.id.in_(reasons) & order.status.not_in(FINAL_WORK_ORDER_STATUSES)),
        ~has_visit | cannot_be_kept,
        order_by=(order.weight.desc(), order.external_id.asc()),
    )
    proposed = _proposed_orders(work, newest)
    return tuple(
        LeftOut(
            work_order_id=one.id,
            external_id=one.external_id,
            work_type=one.work_type,
            town=one.town,
            weight=one.weight,
            reason=reasons.get(one.id, _NOT_PLANNED_YET),
            ready=one.status is WorkOrderStatus.READY,
        )
        for one in orders
        if one.id not in proposed
    )


def _proposed_orders(work: UnitOfWork, plan: PlanRecord | None) -> set[WorkOrderId]:
    """The orders that an unpublished draft has a place for."""
    if plan is None or plan.status is not PlanStatus.DRAFT:
        return set()
    return {one.work_order_id for one in _assignments(work, plan)}


def _orders(work: UnitOfWork, ids: Iterable[WorkOrderId]) -> dict[WorkOrderId, WorkOrder]:
    return {one.id: one for one in work.work_orders.list_where(tables.work_order.c.id.in_(set(ids)))}


def _appointments(work: UnitOfWork, visits: Iterable[Visit]) -> dict[AppointmentId, Appointment]:
    ids = {one.appointment_id for one in visits if one.appointment_id}
    return {one.id: one for one in work.appointments.list_where(tables.appointment.c.id.in_(ids))}
