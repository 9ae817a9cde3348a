"""What becomes of a held slot: it is confirmed, moved, cancelled, released, or expires.

Each verb locks the work order first, then the routes of its visits in the order of their ids, as everybody does.
"""

from __future__ import annotations

import logging
from datetime import datetime
from functools import partial

from hub.bootstrap import Hub
from hub.db.unit_of_work import UnitOfWork
from hub.domain.appointments import Appointment
from hub.domain.errors import HoldExpiredError, NotFoundError
from hub.domain.events import SYSTEM, Actor
from hub.domain.ids import AppointmentId, WorkOrderId
from hub.domain.lifecycle import MOVABLE_VISIT_STATUSES, Action, AppointmentStatus, next_work_order_status
from hub.domain.work_orders import WorkOrder
from scheduling.dispatching import cancel_visit, dispatch, lock_routes_of
from scheduling.holding import end_appointment, release_hold
from scheduling.queries import agreements_of, live_visits
from scheduling.retrying import until_settled

_log = logging.getLogger(__name__)
_EXPIRE_BATCH = 200


def confirm_appointment(
    hub: Hub, work_order_id: WorkOrderId, appointment_id: AppointmentId, *, by: Actor
) -> Appointment:
    """Make the held slot the citizen's appointment; for a move the old one ends in the same transaction.

    A repeated confirmation gives the same answer. Raises HoldExpiredError when the lease is over, NotFoundError, and
    TransitionRefusedError when a technician is on the way to the old appointment.
    """
    return until_settled(lambda: _confirm(hub, work_order_id, appointment_id, by))


def _confirm(hub: Hub, work_order_id: WorkOrderId, appointment_id: AppointmentId, by: Actor) -> Appointment:
    with hub.unit_of_work() as work:
        order = work.work_orders.get(work_order_id, lock=True)
        agreed = agreements_of(work, order.id)
        old, held = agreed.confirmed, agreed.held_now(work.now)
        if old is not None and old.id == appointment_id:
            return old
        if held is None or held.id != appointment_id:
            if work.appointments.get(appointment_id).work_order_id != order.id:
                raise NotFoundError("appointment")
            raise HoldExpiredError
        routes = lock_routes_of(work, order.id)
        # The old promise ends before the new one begins: one order has one confirmed appointment, says the database.
        if old is not None:
            end_appointment(work, old, Action.RESCHEDULE, by=by, reason="moved to another time")
        confirmed = work.advance_appointment(
            held, Action.CONFIRM, by=by, lease_until=None, confirmed_at=work.now, replaces=old.id if old else None
        )
        action = Action.BOOK if old is None else Action.RESCHEDULE
        booked = work.advance_work_order(order, action, by=by, hold_reason=None)
        if any(route.published_at is not None for route in routes):
            _dispatch_if_published(work, booked, confirmed)
        work.commit()
        return confirmed


def cancel_appointment(hub: Hub, work_order_id: WorkOrderId, *, by: Actor, reason: str = "") -> None:
    """End the order's confirmed appointment and give its time back, and a held one's too; the order goes back to the ladder.

    Without an appointment nothing happens, so a double click does no harm. Raises TransitionRefusedError when the
    technician has set off.
    """
    until_settled(lambda: _cancel(hub, work_order_id, by, reason))


def _cancel(hub: Hub, work_order_id: WorkOrderId, by: Actor, reason: str) -> None:
    with hub.unit_of_work() as work:
        order = work.work_orders.get(work_order_id, lock=True)
        lock_routes_of(work, order.id)
        agreed = agreements_of(work, order.id)
        release_hold(work, agreed, by=by, reason=reason)
        appointment = agreed.confirmed
        if appointment is not None:
            next_work_order_status(order.status, Action.UNBOOK)
            end_appointment(work, appointment, Action.CANCEL, by=by, reason=reason)
            work.advance_work_order(order, Action.UNBOOK, by=by, reason=reason)
        work.commit()


def give_up_hold(
    hub: Hub, work_order_id: WorkOrderId, appointment_id: AppointmentId, *, by: Actor, reason: str = ""
) -> bool:
    """Give back the slot of an appointment that is only held; a confirmed one stands. False when it is not held any more."""

    def attempt() -> bool:
        with hub.unit_of_work() as work:
            work.work_orders.get(work_order_id, lock=True)
            lock_routes_of(work, work_order_id)
            agreed = agreements_of(work, work_order_id)
            if agreed.held is None or agreed.held.id != appointment_id:
                return False
            release_hold(work, agreed, by=by, reason=reason)
            work.commit()
            return True

    return until_settled(attempt)


def release_visits(work: UnitOfWork, work_order_id: WorkOrderId, *, by: Actor, reason: str = "") -> None:
    """Inside another use case's transaction, which holds the order's lock: end all its appointments and visits.

    A visit that the technician has set off for is left to the technician, who ends it from the phone.
    """
    lock_routes_of(work, work_order_id)
    agreed = agreements_of(work, work_order_id)
    release_hold(work, agreed, by=by, reason=reason)
    for visit in live_visits(work, work.visits.table.c.work_order_id == work_order_id):
        if visit.status in MOVABLE_VISIT_STATUSES:
            cancel_visit(work, visit, by=by, reason=reason)
    if agreed.confirmed is not None:
        work.advance_appointment(agreed.confirmed, Action.CANCEL, by=by, reason=reason)


def expire_holds(hub: Hub, now: datetime) -> int:
    """Give back every slot whose lease ended by `now`; returns how many. Each expires once, whoever else is at it.

    One that cannot be given back holds up no other. Raises ExceptionGroup when none could.
    """
    with hub.unit_of_work() as work:
        table = work.appointments.table
        due = work.appointments.list_where(
            table.c.status == AppointmentStatus.HELD,
            table.c.lease_until <= now,
            order_by=(table.c.lease_until, table.c.id),
            limit=_EXPIRE_BATCH,
        )
    done, failures = 0, list[Exception]()
    for one in due:
        try:
            done += until_settled(partial(_expire, hub, one, now))
        except Exception as error:  # noqa: BLE001 - the next slot must be given back
            _log.warning("the slot held by appointment %s could not be given back", one.id, exc_info=True)
            failures.append(error)
    if failures and not done:
        message = "no held slot could be given back"
        raise ExceptionGroup(message, failures)
    return done


def _expire(hub: Hub, due: Appointment, now: datetime) -> bool:
    with hub.unit_of_work() as work:
        work.work_orders.get(due.work_order_id, lock=True)
        fresh = work.appointments.get(due.id)
        if fresh.status is not AppointmentStatus.HELD or fresh.lease_until is None or fresh.lease_until > now:
            return False
        end_appointment(work, fresh, Action.EXPIRE, by=SYSTEM, reason="not confirmed in time")
        work.commit()
        return True


def _dispatch_if_published(work: UnitOfWork, order: WorkOrder, appointment: Appointment) -> None:
    """A booking on a route that is on the technician's phone already goes there at once."""
    for visit in live_visits(work, work.visits.table.c.appointment_id == appointment.id):
        if work.routes.recall(visit.route_id).published_at is not None:
            dispatch(work, visit, order, by=SYSTEM)
