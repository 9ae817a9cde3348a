"""Visits are made, sent to their technician's phone, and taken back."""

from __future__ import annotations

from datetime import datetime
from uuid import uuid4

from sqlalchemy import select

from hub.db.unit_of_work import UnitOfWork
from hub.domain import technicians as roster
from hub.domain.appointments import Appointment, Visit
from hub.domain.events import Actor
from hub.domain.ids import VisitId, WorkOrderId
from hub.domain.lifecycle import LIVE_VISIT_STATUSES, WORK_ORDER_TRANSITIONS, Action, VisitStatus
from hub.domain.work_orders import WorkOrder


def new_visit(
    order: WorkOrder,
    appointment: Appointment | None,
    route: roster.Route,
    starts_at: datetime,
    ends_at: datetime,
    travel_seconds: int,
    travel_model: str,
) -> Visit:
    """A planned visit of an order on a route; without an appointment when nobody has to be at home."""
    return Visit(
        id=VisitId(uuid4()),
        work_order_id=order.id,
        appointment_id=appointment.id if appointment else None,
        route_id=route.id,
        technician_id=route.technician_id,
        status=VisitStatus.PLANNED,
        starts_at=starts_at,
        ends_at=ends_at,
        travel_seconds=travel_seconds,
        travel_model=travel_model,
    )


def dispatch(work: UnitOfWork, visit: Visit, order: WorkOrder, *, by: Actor, elsewhere: bool = False) -> None:
    """Send a visit to its technician's phone, and plan its order; its planned start is what the citizen is told.

    A visit that is there already, at the same time, is not sent again unless it came from `elsewhere`, another route.
    """
    if visit.status is VisitStatus.PLANNED or elsewhere or visit.promised_arrival != visit.starts_at:
        work.advance_visit(visit, Action.DISPATCH, by=by, promised_arrival=visit.starts_at)
    if (order.status, Action.PLAN) in WORK_ORDER_TRANSITIONS:
        work.advance_work_order(order, Action.PLAN, by=by)


def lock_routes_of(work: UnitOfWork, work_order_id: WorkOrderId) -> list[roster.Route]:
    """Lock every route on which the order has a live visit, in the one order that everybody uses."""
    visit, route = work.visits.table.c, work.routes.table.c
    mine = select(visit.route_id).where(visit.work_order_id == work_order_id, visit.status.in_(LIVE_VISIT_STATUSES))
    return work.routes.list_where(route.id.in_(mine), order_by=(route.id,), lock=True)


def raise_routes_of(work: UnitOfWork, work_order_id: WorkOrderId) -> None:
    """Raise the versions of these routes, under their locks: what the order allows bears on when its visits can be."""
    for route in lock_routes_of(work, work_order_id):
        work.routes.swap(route, route)


def cancel_visit(work: UnitOfWork, visit: Visit, *, by: Actor, reason: str) -> None:
    """Take a visit back, under its order's and its route's lock; raises TransitionRefusedError once the technician has set off."""
    locked = work.routes.get(visit.route_id, lock=True)
    # Read again: before the lock was ours, somebody may have re-timed the route.
    fresh = work.visits.get(visit.id)
    work.advance_visit(fresh, Action.CANCEL, by=by, reason=reason)
    work.routes.swap(locked, locked)
