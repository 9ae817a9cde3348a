"""A slot is held: the re-check under lock, and the write.

Locks are always taken in one order, the work order first and then one route, so that no two of these can wait for each
other. Whoever changes the planned visits of a route holds the route's lock; the exclusion constraint on visits stands
below all of this.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import uuid4
from zoneinfo import ZoneInfo

from psycopg.errors import ExclusionViolation, UniqueViolation
from sqlalchemy.exc import IntegrityError

from hub.bootstrap import Hub
from hub.db.freshness import note_change
from hub.db.unit_of_work import UnitOfWork
from hub.domain.appointments import Appointment, Visit
from hub.domain.errors import DoorstepError, ErrorKind, SlotPastError, SlotTakenError, StaleVersionError
from hub.domain.events import Actor
from hub.domain.ids import AppointmentId, RouteId, WorkOrderId
from hub.domain.lifecycle import Action, AppointmentStatus
from hub.domain.work_orders import WorkOrder
from scheduling.days import Days, StandingRoute, load_days, origin_of
from scheduling.dispatching import cancel_visit, new_visit
from scheduling.engine.problem import Task
from scheduling.engine.slots import Placement, make_room, place_on_each, roomiest
from scheduling.engine.spans import Span
from scheduling.offering import (
    bookable_days,
    check_bookable,
    earliest_start,
    likely_route,
    requirement_of,
    window_instants,
)
from scheduling.queries import Agreements, agreements_of, live_visits
from scheduling.retrying import until_settled

REPAIR_SECONDS = 0.5
"""How long a hold looks for another order of a day's visits; longer than an offer, so that it finds what was offered."""


class NotASlotError(DoorstepError):
    """The times are not one of the windows this kind of work has on that day."""

    kind = ErrorKind.INVALID
    code = "not-a-slot"

    def __init__(self) -> None:
        super().__init__("These times are not among the ones we offer. Please choose one from the list.")


class OtherHoldStandsError(DoorstepError):
    """The citizen keeps a slot just now, and this hold gives way to that."""

    kind = ErrorKind.CONFLICT
    code = "other-hold-stands"

    def __init__(self) -> None:
        super().__init__("The citizen keeps another time just now. Wait until that is confirmed or given up.")


class _NoRoomThereError(Exception):
    """The route that looked best has no room any more; others may have."""


@dataclass(frozen=True)
class Proposal:
    """A hold that nobody asked for: the citizen is still to be told of it, so it lasts longer and gives way to the citizen's own.

    `and_then` is called with the new appointment in the transaction that makes it, so what it writes is true exactly when the
    hold is; it may raise to undo both.
    """

    lease: timedelta
    and_then: Callable[[UnitOfWork, Appointment], None]


def hold_slot(
    hub: Hub,
    work_order_id: WorkOrderId,
    starts_at: datetime,
    ends_at: datetime,
    *,
    by: Actor,
    proposal: Proposal | None = None,
) -> Appointment:
    """Keep the window for this order while it is confirmed; returns the HELD appointment with its lease.

    The same hold again gives the same appointment (a double click); another one replaces the order's earlier hold, which is
    given up even when the new one fails. An order that has a confirmed appointment keeps it until the new one is confirmed;
    choosing its own window gives it back as it is. Raises SlotTakenError when no technician can keep the window any more,
    SlotPastError, NotASlotError, TransitionRefusedError, NotFoundError; a `proposal` also OtherHoldStandsError when the order
    holds a slot already, or has this very window.
    """

    def attempt() -> Appointment:
        glance = True
        for _ in range(3):
            try:
                made = _hold(hub, work_order_id, starts_at, ends_at, by, proposal, glance=glance)
            except _NoRoomThereError:
                glance = False
                continue
            if made is not None:
                return made
        # A second tab chose another time between the two: begin again, the last choice counts.
        raise StaleVersionError("appointment")

    try:
        return until_settled(attempt)
    except SlotTakenError:
        note_change()
        raise
    except IntegrityError as error:
        if isinstance(error.orig, ExclusionViolation | UniqueViolation):
            note_change()
            raise SlotTakenError from error
        raise


def _hold(
    hub: Hub,
    work_order_id: WorkOrderId,
    starts_at: datetime,
    ends_at: datetime,
    by: Actor,
    proposal: Proposal | None,
    *,
    glance: bool,
) -> Appointment | None:
    """One transaction: the appointment of this window, made if need be; None when it could only give up another hold.

    That ends the transaction, for two route locks at once could wait for each other. With `glance` only the route is tried that the
    days kept in memory name, if they name one; raises _NoRoomThereError when it has no room any more.
    """
    with hub.unit_of_work() as work:
        order = work.work_orders.get(work_order_id, lock=True)
        agreed = agreements_of(work, order.id)
        same = (one for one in (agreed.confirmed, agreed.held_now(work.now)) if one is not None)
        standing = next((one for one in same if (one.starts_at, one.ends_at) == (starts_at, ends_at)), None)
        if proposal is not None and (standing is not None or agreed.held_now(work.now) is not None):
            raise OtherHoldStandsError
        if standing is None:
            _check_can_book(work, order, agreed, starts_at, ends_at)
        if agreed.held is not None and standing is not agreed.held:
            release_hold(work, agreed, by=by, reason="another time was chosen")
            work.commit()
            return standing
        if standing is not None:
            return standing
        first = likely_route(work, order, starts_at, ends_at) if glance else None
        if first is None:
            days, route, placement = _place_under_lock(work, order, starts_at, ends_at)
        else:
            days, route, placement = _place_on(work, order, starts_at, ends_at, first)
        lease = proposal.lease if proposal else timedelta(seconds=work.catalogue.hold_seconds)
        appointment = _new_appointment(work, order, agreed.sequence + 1, starts_at, ends_at, lease)
        work.create_appointment(appointment, by=by)
        _write_route(work, days, route, placement, order, appointment, by=by)
        if proposal is not None:
            proposal.and_then(work, appointment)
        work.commit()
        return appointment


def _place_on(
    work: UnitOfWork, order: WorkOrder, starts_at: datetime, ends_at: datetime, route_id: RouteId
) -> tuple[Days, StandingRoute, Placement]:
    """The place on this route once its lock is held. Raises _NoRoomThereError: the end of the transaction gives the lock back."""
    day = starts_at.astimezone(ZoneInfo(order.zone)).date()
    locked = work.routes.find(route_id, lock=True)
    if locked is None or (locked.day, locked.territory) != (day, order.territory):
        raise _NoRoomThereError
    days = load_days(work, [locked], origin=origin_of(day))
    visit = _visit(work, order, days, starts_at, ends_at)
    (placement,) = place_on_each([days.routes[0].open], visit, days.travel)
    if placement is None:
        raise _NoRoomThereError
    return days, days.routes[0], placement


def _visit(work: UnitOfWork, order: WorkOrder, days: Days, starts_at: datetime, ends_at: datetime) -> Task:
    kind = work.catalogue.work_type(order.work_type)
    return requirement_of(order, kind).visit(Span(days.seconds(starts_at), days.seconds(ends_at)))


def _place_under_lock(
    work: UnitOfWork, order: WorkOrder, starts_at: datetime, ends_at: datetime
) -> tuple[Days, StandingRoute, Placement]:
    """The first route, in the order of `_candidates`, that still has room once its lock is held."""
    day = starts_at.astimezone(ZoneInfo(order.zone)).date()
    routes = work.routes.list_where(work.routes.table.c.territory == order.territory, work.routes.table.c.day == day)
    days = load_days(work, routes, origin=origin_of(day))
    visit = _visit(work, order, days, starts_at, ends_at)
    for candidate, placement in _candidates(days, visit):
        # A savepoint gives the lock back when the route turns out to be full.
        attempt = work.connection.begin_nested()
        locked = work.routes.get(candidate.record.id, lock=True)
        if locked.version == candidate.record.version:
            # Every change of its visits raises the version: the route is as we read it.
            attempt.commit()
            return days, candidate, placement
        fresh = load_days(work, [locked], origin=days.origin)
        (again,) = place_on_each([fresh.routes[0].open], visit, fresh.travel)
        if again is None and placement.reordered:
            again = make_room(fresh.routes[0].open, visit, fresh.travel)
        if again is not None:
            attempt.commit()
            return fresh, fresh.routes[0], again
        attempt.rollback()
    raise SlotTakenError


def _candidates(days: Days, visit: Task) -> Iterator[tuple[StandingRoute, Placement]]:
    """The routes that have room as far as we have read, the one with the least added travel first.

    Then those that have room when their visits come in another order, as long as `REPAIR_SECONDS` last.
    """
    found = zip(days.routes, place_on_each([route.open for route in days.routes], visit, days.travel), strict=True)
    able = [(route, placement) for route, placement in found if placement is not None]
    yield from sorted(able, key=lambda one: (one[1].marginal_travel_seconds, str(one[0].record.id)))
    standing = {route.open.route.id: route for route in days.routes}
    until = time.monotonic() + REPAIR_SECONDS
    for tight in roomiest([route.open for route in days.routes], visit):
        if time.monotonic() >= until:
            return
        rearranged = make_room(tight, visit, days.travel)
        if rearranged is not None:
            yield standing[tight.route.id], rearranged


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
    standing = {str(visit.id): visit for visit in route.visits}
    moved, made = list[tuple[Visit, Visit]](), list[Visit]()
    for stop in placement.timeline.stops:
        starts_at, ends_at = days.instant(stop.start), days.instant(stop.end)
        model, travel = days.travel.name, stop.travel_seconds
        if stop.task.id == str(order.id):
            made.append(new_visit(order, appointment, route.record, starts_at, ends_at, travel, model))
            continue
        before = standing[stop.task.id]
        after = replace(before, starts_at=starts_at, ends_at=ends_at, travel_seconds=travel, travel_model=model)
        if after != before:
            moved.append((before, after))
    if moved:
        work.retime_later()
    for before, after in moved:
        work.visits.swap(before, after)
    for visit in made:
        work.create_visit(visit, by=by)
    work.routes.swap(route.record, route.record)


def release_hold(work: UnitOfWork, agreed: Agreements, *, by: Actor, reason: str) -> None:
    """Give back the slot that the order holds, if it holds one; the order's lock is the caller's."""
    held = agreed.held
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


def _check_can_book(
    work: UnitOfWork, order: WorkOrder, agreed: Agreements, starts_at: datetime, ends_at: datetime
) -> None:
    check_bookable(work, order, agreed)
    if starts_at < earliest_start(work):
        raise SlotPastError
    kind = work.catalogue.work_type(order.work_type)
    day = starts_at.astimezone(ZoneInfo(order.zone)).date()
    first, last = bookable_days(work, order)
    too_early = order.not_before is not None and starts_at < order.not_before
    if too_early or not first <= day <= last or (starts_at, ends_at) not in set(window_instants(kind, day, order.zone)):
        raise NotASlotError


def _new_appointment(
    work: UnitOfWork, order: WorkOrder, sequence: int, starts_at: datetime, ends_at: datetime, lease: timedelta
) -> Appointment:
    return Appointment(
        id=AppointmentId(uuid4()),
        work_order_id=order.id,
        sequence=sequence,
        status=AppointmentStatus.HELD,
        starts_at=starts_at,
        ends_at=ends_at,
        lease_until=work.now + lease,
        created_at=work.now,
    )
