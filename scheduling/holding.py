"""A slot is held, confirmed, moved, cancelled, or expires: every write that touches a promise.

Locks are always taken in one order, the work order first and then one route, so that no two of these can wait for each
other. Whoever changes the planned visits of a route holds the route's lock; the exclusion constraint on visits stands
below all of this.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from uuid import uuid4
from zoneinfo import ZoneInfo

from psycopg.errors import DeadlockDetected, ExclusionViolation
from sqlalchemy import ColumnElement
from sqlalchemy.exc import IntegrityError, OperationalError

from hub.bootstrap import Hub
from hub.db.unit_of_work import UnitOfWork
from hub.domain import technicians as roster
from hub.domain.appointments import Appointment, Visit
from hub.domain.errors import DoorstepError, ErrorKind, HoldExpiredError, NotFoundError, SlotPastError, SlotTakenError
from hub.domain.events import SYSTEM, Actor
from hub.domain.ids import AppointmentId, VisitId, WorkOrderId
from hub.domain.lifecycle import (
    LIVE_VISIT_STATUSES,
    MOVABLE_VISIT_STATUSES,
    WORK_ORDER_TRANSITIONS,
    Action,
    AppointmentStatus,
    VisitStatus,
    WorkOrderStatus,
    next_work_order_status,
)
from hub.domain.work_orders import WorkOrder
from scheduling.days import TRAVEL, Days, StandingRoute, load_days, origin_of
from scheduling.offering import bookable_days, requirement_of, window_instants
from scheduling.problem import Task
from scheduling.reasons import Refusal
from scheduling.slots import Placement, place_visit
from scheduling.spans import Span

_EXPIRE_BATCH = 200


class NotASlotError(DoorstepError):
    """The times are not one of the windows this kind of work has on that day."""

    kind = ErrorKind.INVALID
    code = "not-a-slot"

    def __init__(self) -> None:
        super().__init__("These times are not among the ones we offer. Please choose one from the list.")


def hold_slot(
    hub: Hub, work_order_id: WorkOrderId, starts_at: datetime, ends_at: datetime, *, by: Actor
) -> Appointment:
    """Keep the window for this order while it is confirmed; returns the HELD appointment with its lease.

    The same hold again gives the same appointment (a double click); another one replaces the order's earlier hold. An order
    that has a confirmed appointment keeps it until the new one is confirmed. Raises SlotTakenError when no technician can
    keep the window any more, SlotPastError, NotASlotError, TransitionRefusedError, NotFoundError.
    """
    with hub.unit_of_work() as work:
        order = work.work_orders.get(work_order_id, lock=True)
        standing = _live_appointment(work, order.id, starts_at, ends_at)
        if standing is not None:
            return standing
        _check_can_book(work, order, starts_at, ends_at)
        if _release_hold(work, order.id, by, "another time was chosen"):
            # In a transaction of its own: two route locks at once could wait for each other.
            work.commit()
    try:
        return _hold(hub, work_order_id, starts_at, ends_at, by)
    except IntegrityError as error:
        if isinstance(error.orig, ExclusionViolation):
            raise SlotTakenError from error
        raise
    except OperationalError as error:
        if isinstance(error.orig, DeadlockDetected):
            raise SlotTakenError from error
        raise


def _hold(hub: Hub, work_order_id: WorkOrderId, starts_at: datetime, ends_at: datetime, by: Actor) -> Appointment:
    with hub.unit_of_work() as work:
        order = work.work_orders.get(work_order_id, lock=True)
        standing = _live_appointment(work, order.id, starts_at, ends_at)
        if standing is not None:
            return standing
        _check_can_book(work, order, starts_at, ends_at)
        days, route, placement = _place_under_lock(work, order, starts_at, ends_at)
        lease = work.now + timedelta(seconds=work.catalogue.hold_seconds)
        appointment = _new_appointment(work, order, starts_at, ends_at, lease)
        work.create_appointment(appointment, by=by)
        write_route(work, days, route, placement, {str(order.id): (order, appointment)}, by=by)
        work.commit()
        return appointment


def _place_under_lock(
    work: UnitOfWork, order: WorkOrder, starts_at: datetime, ends_at: datetime
) -> tuple[Days, StandingRoute, Placement]:
    """The first route, in the order of least added travel, that still has room once its lock is held."""
    kind = work.catalogue.work_type(order.work_type)
    day = starts_at.astimezone(ZoneInfo(order.zone)).date()
    routes = work.routes.list_where(work.routes.table.c.territory == order.territory, work.routes.table.c.day == day)
    days = load_days(work, routes, origin=origin_of(day), leaving_out=order.id)
    visit = requirement_of(order, kind).visit(Span(days.seconds(starts_at), days.seconds(ends_at)))
    for _, candidate in sorted(_candidates(days, visit), key=lambda one: (one[0], str(one[1].record.id))):
        # A savepoint gives the lock back when the route turns out to be full.
        attempt = work.connection.begin_nested()
        locked = work.routes.get(candidate.record.id, lock=True)
        fresh = load_days(work, [locked], origin=days.origin, leaving_out=order.id)
        placement = place_visit(fresh.routes[0].open, visit, TRAVEL)
        if isinstance(placement, Placement):
            attempt.commit()
            return fresh, fresh.routes[0], placement
        attempt.rollback()
    raise SlotTakenError


def _candidates(days: Days, visit: Task) -> list[tuple[int, StandingRoute]]:
    found: list[tuple[int, StandingRoute]] = []
    for route in days.routes:
        placement: Placement | Refusal = place_visit(route.open, visit, TRAVEL)
        if isinstance(placement, Placement):
            found.append((placement.marginal_travel_seconds, route))
    return found


def write_route(
    work: UnitOfWork,
    days: Days,
    route: StandingRoute,
    placement: Placement,
    newcomers: dict[str, tuple[WorkOrder, Appointment | None]],
    *,
    by: Actor,
) -> None:
    """Write a locked route as simulated: existing visits are re-timed inside their windows, newcomers get a visit."""
    work.retime_later()
    standing = {str(visit.id): visit for visit in route.visits}
    for stop in placement.timeline.stops:
        starts_at, ends_at = days.instant(stop.start), days.instant(stop.end)
        if stop.task.id in newcomers:
            order, appointment = newcomers[stop.task.id]
            visit = new_visit(order, appointment, route.record, starts_at, ends_at, stop.travel_seconds)
            work.create_visit(visit, by=by)
            continue
        before = standing[stop.task.id]
        if before.status in MOVABLE_VISIT_STATUSES:
            after = replace(before, starts_at=starts_at, ends_at=ends_at, travel_seconds=stop.travel_seconds)
            if after != before:
                work.visits.swap(before, after)
    work.routes.swap(route.record, route.record)


def confirm_appointment(
    hub: Hub, work_order_id: WorkOrderId, appointment_id: AppointmentId, *, by: Actor
) -> Appointment:
    """Make the held slot the citizen's appointment; for a move the old one ends in the same transaction.

    A repeated confirmation gives the same answer. Raises HoldExpiredError when the lease is over, NotFoundError.
    """
    with hub.unit_of_work() as work:
        order = work.work_orders.get(work_order_id, lock=True)
        held = work.appointments.find(appointment_id)
        if held is None or held.work_order_id != order.id:
            raise NotFoundError("appointment")
        if held.status is AppointmentStatus.CONFIRMED:
            return held
        if held.status is not AppointmentStatus.HELD or held.lease_until is None or held.lease_until <= work.now:
            raise HoldExpiredError
        _lock_routes_of(work, order.id)
        old = confirmed_appointment(work, order.id)
        # The book is kept before the new promise: one order has one confirmed appointment, says the database.
        if old is not None:
            _end(work, old, Action.RESCHEDULE, by, "moved to another time")
        confirmed = work.advance_appointment(
            held, Action.CONFIRM, by=by, lease_until=None, confirmed_at=work.now, replaces=old.id if old else None
        )
        action = Action.BOOK if old is None else Action.RESCHEDULE
        booked = work.advance_work_order(order, action, by=by, hold_reason=None)
        _dispatch_if_published(work, booked, confirmed)
        work.commit()
        return confirmed


def cancel_appointment(hub: Hub, work_order_id: WorkOrderId, *, by: Actor, reason: str = "") -> None:
    """End the order's confirmed appointment and give its time back; the order goes back to the ladder.

    Without a confirmed appointment nothing happens, so a double click does no harm. Raises TransitionRefusedError when the
    technician is already at work.
    """
    with hub.unit_of_work() as work:
        order = work.work_orders.get(work_order_id, lock=True)
        _lock_routes_of(work, order.id)
        _release_hold(work, order.id, by, reason)
        appointment = confirmed_appointment(work, order.id)
        if appointment is not None:
            after = next_work_order_status(order.status, Action.UNBOOK)
            _end(work, appointment, Action.CANCEL, by, reason)
            if after is WorkOrderStatus.CONTACTING:
                work.advance_work_order(order, Action.UNBOOK, by=by, reason=reason)
        work.commit()


def release_visits(work: UnitOfWork, work_order_id: WorkOrderId, *, by: Actor, reason: str = "") -> None:
    """Inside another use case's transaction, which holds the order's lock: end all appointments and visits that are not begun."""
    _lock_routes_of(work, work_order_id)
    _release_hold(work, work_order_id, by, reason)
    appointment = confirmed_appointment(work, work_order_id)
    if appointment is not None:
        _end(work, appointment, Action.CANCEL, by, reason)
    for visit in _live_visits(work, work.visits.table.c.work_order_id == work_order_id):
        _cancel_visit(work, visit, by, reason)


def current_appointment(hub: Hub, work_order_id: WorkOrderId) -> Appointment | None:
    """The order's held appointment whose lease still runs, else its confirmed one, else None."""
    with hub.unit_of_work() as work:
        held = _held_appointment(work, work_order_id)
        if held is not None and held.lease_until is not None and held.lease_until > work.now:
            return held
        return confirmed_appointment(work, work_order_id)


def expire_holds(hub: Hub, now: datetime) -> int:
    """Give back every slot whose lease ended by `now`; returns how many. Each expires once, whoever else is at it."""
    with hub.unit_of_work() as work:
        table = work.appointments.table
        due = work.appointments.list_where(
            table.c.status == AppointmentStatus.HELD, table.c.lease_until <= now, limit=_EXPIRE_BATCH
        )
    expired = 0
    for appointment in due:
        with hub.unit_of_work() as work:
            work.work_orders.get(appointment.work_order_id, lock=True)
            fresh = work.appointments.get(appointment.id)
            if fresh.status is AppointmentStatus.HELD and fresh.lease_until is not None and fresh.lease_until <= now:
                _end(work, fresh, Action.EXPIRE, SYSTEM, "not confirmed in time")
                work.commit()
                expired += 1
    return expired


def confirmed_appointment(work: UnitOfWork, work_order_id: WorkOrderId) -> Appointment | None:
    """The order's one confirmed appointment, if it has one."""
    table = work.appointments.table
    return work.appointments.find_where(
        table.c.work_order_id == work_order_id, table.c.status == AppointmentStatus.CONFIRMED
    )


def _held_appointment(work: UnitOfWork, work_order_id: WorkOrderId) -> Appointment | None:
    table = work.appointments.table
    return work.appointments.find_where(
        table.c.work_order_id == work_order_id, table.c.status == AppointmentStatus.HELD
    )


def _live_appointment(
    work: UnitOfWork, work_order_id: WorkOrderId, starts_at: datetime, ends_at: datetime
) -> Appointment | None:
    """What the order already has for exactly this window: its confirmed appointment, or a hold whose lease runs."""
    for appointment in (confirmed_appointment(work, work_order_id), _held_appointment(work, work_order_id)):
        if appointment is None or (appointment.starts_at, appointment.ends_at) != (starts_at, ends_at):
            continue
        if appointment.lease_until is None or appointment.lease_until > work.now:
            return appointment
    return None


def _check_can_book(work: UnitOfWork, order: WorkOrder, starts_at: datetime, ends_at: datetime) -> None:
    action = Action.BOOK if confirmed_appointment(work, order.id) is None else Action.RESCHEDULE
    next_work_order_status(order.status, action)
    if starts_at < work.now + timedelta(seconds=work.catalogue.lead_seconds):
        raise SlotPastError
    kind = work.catalogue.work_type(order.work_type)
    day = starts_at.astimezone(ZoneInfo(order.zone)).date()
    first, last = bookable_days(work, order)
    if not first <= day <= last or (starts_at, ends_at) not in set(window_instants(kind, day, order.zone)):
        raise NotASlotError


def _release_hold(work: UnitOfWork, work_order_id: WorkOrderId, by: Actor, reason: str) -> bool:
    held = _held_appointment(work, work_order_id)
    if held is None:
        return False
    expired = held.lease_until is not None and held.lease_until <= work.now
    _end(work, held, Action.EXPIRE if expired else Action.CANCEL, by, "not confirmed in time" if expired else reason)
    return True


def _end(work: UnitOfWork, appointment: Appointment, action: Action, by: Actor, reason: str) -> None:
    """End an appointment and its visit, under the lock of the visit's route."""
    for visit in _live_visits(work, work.visits.table.c.appointment_id == appointment.id):
        _cancel_visit(work, visit, by, reason)
    work.advance_appointment(appointment, action, by=by, reason=reason, lease_until=None)


def _lock_routes_of(work: UnitOfWork, work_order_id: WorkOrderId) -> None:
    """Lock every route on which the order has a live visit, in the order that everybody uses."""
    routes = {visit.route_id for visit in _live_visits(work, work.visits.table.c.work_order_id == work_order_id)}
    table = work.routes.table
    if routes:
        work.routes.list_where(table.c.id.in_(routes), order_by=(table.c.id,), lock=True)


def _dispatch_if_published(work: UnitOfWork, order: WorkOrder, appointment: Appointment) -> None:
    """A booking on a route that is on the technician's phone already goes there at once."""
    for visit in _live_visits(work, work.visits.table.c.appointment_id == appointment.id):
        if work.routes.get(visit.route_id).published_at is not None:
            dispatch(work, visit, order, by=SYSTEM)


def dispatch(work: UnitOfWork, visit: Visit, order: WorkOrder, *, by: Actor) -> None:
    """Send a visit to its technician's phone, and plan its order; its planned start is what the citizen is told.

    A visit that is there already, at the same time, is not sent again.
    """
    if visit.status is VisitStatus.PLANNED or visit.promised_arrival != visit.starts_at:
        work.advance_visit(visit, Action.DISPATCH, by=by, promised_arrival=visit.starts_at)
    if (order.status, Action.PLAN) in WORK_ORDER_TRANSITIONS:
        work.advance_work_order(order, Action.PLAN, by=by)


def _live_visits(work: UnitOfWork, where: ColumnElement[bool]) -> list[Visit]:
    return work.visits.list_where(where, work.visits.table.c.status.in_(LIVE_VISIT_STATUSES))


def _cancel_visit(work: UnitOfWork, visit: Visit, by: Actor, reason: str) -> None:
    route = work.routes.get(visit.route_id, lock=True)
    # Read again: before the lock was ours, somebody may have re-timed the route.
    fresh = work.visits.get(visit.id)
    work.advance_visit(fresh, Action.CANCEL, by=by, reason=reason)
    work.routes.swap(route, route)


def _new_appointment(
    work: UnitOfWork, order: WorkOrder, starts_at: datetime, ends_at: datetime, lease_until: datetime
) -> Appointment:
    table = work.appointments.table
    earlier = work.appointments.list_where(
        table.c.work_order_id == order.id, order_by=(table.c.sequence.desc(),), limit=1
    )
    return Appointment(
        id=AppointmentId(uuid4()),
        work_order_id=order.id,
        sequence=earlier[0].sequence + 1 if earlier else 1,
        status=AppointmentStatus.HELD,
        starts_at=starts_at,
        ends_at=ends_at,
        lease_until=lease_until,
        created_at=work.now,
    )


def new_visit(
    order: WorkOrder,
    appointment: Appointment | None,
    route: roster.Route,
    starts_at: datetime,
    ends_at: datetime,
    travel_seconds: int,
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
        travel_model=TRAVEL.name,
    )
