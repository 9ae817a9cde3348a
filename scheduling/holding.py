"""A slot is held: the re-check under lock, and the write.

Locks are always taken in one order, the work order first and then one route, so that no two of these can wait for each
other. Whoever changes the planned visits of a route holds the route's lock; the exclusion constraint on visits stands
below all of this.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from uuid import uuid4
from zoneinfo import ZoneInfo

from psycopg.errors import ExclusionViolation, UniqueViolation
from sqlalchemy.exc import IntegrityError

from hub.bootstrap import Hub
from hub.db.unit_of_work import UnitOfWork
from hub.domain.appointments import Appointment
from hub.domain.errors import DoorstepError, ErrorKind, SlotPastError, SlotTakenError, StaleVersionError
from hub.domain.events import Actor
from hub.domain.ids import AppointmentId, WorkOrderId
from hub.domain.lifecycle import Action, AppointmentStatus
from hub.domain.work_orders import WorkOrder
from scheduling.days import TRAVEL, Days, StandingRoute, load_days, origin_of
from scheduling.dispatching import cancel_visit, new_visit
from scheduling.offering import bookable_days, check_bookable, earliest_start, requirement_of, window_instants
from scheduling.problem import Task
from scheduling.queries import confirmed_appointment, held_appointment, live_visits
from scheduling.reasons import Refusal
from scheduling.retrying import until_settled
from scheduling.slots import Placement, place_visit
from scheduling.spans import Span


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

    The same hold again gives the same appointment (a double click); another one replaces the order's earlier hold, which is
    given up even when the new one fails. An order that has a confirmed appointment keeps it until the new one is confirmed;
    choosing its own window gives it back as it is. Raises SlotTakenError when no technician can keep the window any more,
    SlotPastError, NotASlotError, TransitionRefusedError, NotFoundError.
    """

    def attempt() -> Appointment:
        standing = _give_up_other_hold(hub, work_order_id, starts_at, ends_at, by)
        return standing or _hold(hub, work_order_id, starts_at, ends_at, by)

    try:
        return until_settled(attempt)
    except IntegrityError as error:
        if isinstance(error.orig, ExclusionViolation | UniqueViolation):
            raise SlotTakenError from error
        raise


def _give_up_other_hold(
    hub: Hub, work_order_id: WorkOrderId, starts_at: datetime, ends_at: datetime, by: Actor
) -> Appointment | None:
    """What the order has for just this window; otherwise its earlier hold is given back.

    In a transaction of its own: two route locks at once could wait for each other.
    """
    with hub.unit_of_work() as work:
        order = work.work_orders.get(work_order_id, lock=True)
        standing = _live_appointment(work, order.id, starts_at, ends_at)
        if standing is None:
            _check_can_book(work, order, starts_at, ends_at)
        if standing is None or standing.status is AppointmentStatus.CONFIRMED:
            release_hold(work, order.id, by=by, reason="another time was chosen")
            work.commit()
        return standing


def _hold(hub: Hub, work_order_id: WorkOrderId, starts_at: datetime, ends_at: datetime, by: Actor) -> Appointment:
    with hub.unit_of_work() as work:
        order = work.work_orders.get(work_order_id, lock=True)
        standing = _live_appointment(work, order.id, starts_at, ends_at)
        if standing is not None:
            return standing
        if held_appointment(work, order.id) is not None:
            # A second tab chose another time since we looked: begin again, the last choice counts.
            raise StaleVersionError("appointment")
        _check_can_book(work, order, starts_at, ends_at)
        days, route, placement = _place_under_lock(work, order, starts_at, ends_at)
        lease = work.now + timedelta(seconds=work.catalogue.hold_seconds)
        appointment = _new_appointment(work, order, starts_at, ends_at, lease)
        work.create_appointment(appointment, by=by)
        _write_route(work, days, route, placement, order, appointment, by=by)
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


def _write_route(
    work: UnitOfWork,
    days: Days,
    route: StandingRoute,
    placement: Placement,
    order: WorkOrder,
    appointment: Appointment,
    *,
    by: Actor,
) -> None:
    """Write a locked route as simulated: existing visits are re-timed inside their windows, the order gets its visit."""
    work.retime_later()
    standing = {str(visit.id): visit for visit in route.visits}
    for stop in placement.timeline.stops:
        starts_at, ends_at = days.instant(stop.start), days.instant(stop.end)
        if stop.task.id == str(order.id):
            visit = new_visit(order, appointment, route.record, starts_at, ends_at, stop.travel_seconds)
            work.create_visit(visit, by=by)
            continue
        before = standing[stop.task.id]
        after = replace(
            before,
            starts_at=starts_at,
            ends_at=ends_at,
            travel_seconds=stop.travel_seconds,
            travel_model=TRAVEL.name,
        )
        if after != before:
            work.visits.swap(before, after)
    work.routes.swap(route.record, route.record)


def release_hold(work: UnitOfWork, work_order_id: WorkOrderId, *, by: Actor, reason: str) -> None:
    """Give back the slot that the order holds, if it holds one; the order's lock is the caller's."""
    held = held_appointment(work, work_order_id)
    if held is None:
        return
    expired = held.lease_until is not None and held.lease_until <= work.now
    action = Action.EXPIRE if expired else Action.CANCEL
    end_appointment(work, held, action, by=by, reason="not confirmed in time" if expired else reason)


def end_appointment(work: UnitOfWork, appointment: Appointment, action: Action, *, by: Actor, reason: str) -> None:
    """End an appointment and its visit, under the lock of the visit's route."""
    for visit in live_visits(work, work.visits.table.c.appointment_id == appointment.id):
        cancel_visit(work, visit, by=by, reason=reason)
    work.advance_appointment(appointment, action, by=by, reason=reason, lease_until=None)


def _live_appointment(
    work: UnitOfWork, work_order_id: WorkOrderId, starts_at: datetime, ends_at: datetime
) -> Appointment | None:
    """What the order already has for exactly this window: its confirmed appointment, or a hold whose lease runs."""
    for appointment in (confirmed_appointment(work, work_order_id), held_appointment(work, work_order_id)):
        if appointment is None or (appointment.starts_at, appointment.ends_at) != (starts_at, ends_at):
            continue
        if appointment.lease_until is None or appointment.lease_until > work.now:
            return appointment
    return None


def _check_can_book(work: UnitOfWork, order: WorkOrder, starts_at: datetime, ends_at: datetime) -> None:
    check_bookable(work, order)
    if starts_at < earliest_start(work):
        raise SlotPastError
    kind = work.catalogue.work_type(order.work_type)
    day = starts_at.astimezone(ZoneInfo(order.zone)).date()
    first, last = bookable_days(work, order)
    too_early = order.not_before is not None and starts_at < order.not_before
    if too_early or not first <= day <= last or (starts_at, ends_at) not in set(window_instants(kind, day, order.zone)):
        raise NotASlotError


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
