"""Publishing merges: what the draft proposes is applied where it does not conflict with what was booked meanwhile.

All orders of the plan are locked first, then all its routes, each in one fixed order; the rest of the product locks one
order and then one route, so nobody can wait in a circle. An assignment that would break a route as it stands now is taken
back, and its visit stays where it is. What stays was feasible before, so taking back ends with routes that keep every promise.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from uuid import UUID

from psycopg.errors import DeadlockDetected
from sqlalchemy.exc import OperationalError

from hub.bootstrap import Hub
from hub.db.unit_of_work import UnitOfWork
from hub.domain import technicians as roster
from hub.domain.appointments import Visit
from hub.domain.errors import DoorstepError, ErrorKind, StaleVersionError
from hub.domain.events import Actor
from hub.domain.ids import PlanId, RouteId, VisitId, WorkOrderId
from hub.domain.lifecycle import (
    LIVE_VISIT_STATUSES,
    MOVABLE_VISIT_STATUSES,
    WORK_ORDER_TRANSITIONS,
    Action,
    WorkOrderStatus,
)
from hub.domain.plans import PlanAssignment, PlanRecord, PlanStatus
from hub.domain.work_orders import WorkOrder
from scheduling.days import TRAVEL, Days, StandingRoute, load_days, origin_of
from scheduling.holding import dispatch, new_visit
from scheduling.problem import Task
from scheduling.slots import OpenRoute
from scheduling.timeline import Infeasible, Stop, Timeline, simulate

_ATTEMPTS = 3


class PlanNotPublishableError(DoorstepError):
    """The plan is no draft any more: it was published, or a newer one took its place."""

    kind = ErrorKind.CONFLICT
    code = "plan-not-publishable"

    def __init__(self, status: PlanStatus) -> None:
        super().__init__(f"This plan is {status.value} and cannot be published. Plan these days again.")
        self.status = status


@dataclass(frozen=True)
class Skipped:
    """One assignment that was not applied, and why, in a sentence."""

    work_order_id: WorkOrderId
    reason: str


@dataclass(frozen=True)
class PublishReport:
    """What publishing did: visits now on technicians' phones as planned, and what was left as it stood."""

    applied: int
    skipped: tuple[Skipped, ...]


def publish_plan(hub: Hub, plan_id: PlanId, *, by: Actor) -> PublishReport:
    """Apply a draft under lock and dispatch its visits; raises PlanNotPublishableError, NotFoundError."""
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            return _publish(hub, plan_id, by)
        except StaleVersionError:
            # A technician set off, or a citizen confirmed, between our reading and our writing: merge with that.
            if attempt == _ATTEMPTS:
                raise
        except OperationalError as error:
            if attempt == _ATTEMPTS or not isinstance(error.orig, DeadlockDetected):
                raise
    raise AssertionError("the last attempt returns or raises")


def _publish(hub: Hub, plan_id: PlanId, by: Actor) -> PublishReport:
    with hub.unit_of_work() as work:
        plan = work.plans.get(plan_id, lock=True)
        if plan.status is not PlanStatus.DRAFT:
            raise PlanNotPublishableError(plan.status)
        table = work.plan_assignments.table
        assignments = work.plan_assignments.list_where(table.c.plan_id == plan_id)
        merge = _Merge(work, plan, assignments)
        merge.settle()
        applied = merge.write(by)
        work.plans.swap(plan, replace(plan, status=PlanStatus.PUBLISHED, published_at=work.now))
        work.commit()
        return PublishReport(applied, tuple(merge.skipped))


class _Merge:
    """The routes as they would be, and the assignments that had to be taken back."""

    def __init__(self, work: UnitOfWork, plan: PlanRecord, assignments: list[PlanAssignment]) -> None:
        self._work = work
        self.skipped: list[Skipped] = []
        wanted = {one.work_order_id for one in assignments}
        self._orders = _locked_orders(work, wanted | _orders_on_routes(work, plan))
        self._days = _locked_days(work, plan)
        self._routes = {route.record.id: route for route in self._days.routes}
        self._orders |= _orders(work, _on(self._days) - self._orders.keys())
        self._standing = {visit.id: (visit, task) for route in self._days.routes for visit, task in _pairs(route)}
        self._visits = {str(visit.id): visit for visit, _ in self._standing.values()}
        self._held = frozenset[VisitId]().union(*(route.held for route in self._days.routes))
        self._wanted: dict[WorkOrderId, PlanAssignment] = {}
        for one in assignments:
            reason = self._objection(one)
            if reason:
                self.skipped.append(Skipped(one.work_order_id, reason))
            else:
                self._wanted[one.work_order_id] = one
        self._timelines: dict[RouteId, Timeline] = {}

    def settle(self) -> None:
        """Take assignments back until every route can be kept as it would be."""
        while True:
            broken = [route_id for route_id in self._routes if not self._simulate(route_id)]
            if not broken:
                return
            # What came to a broken route from elsewhere goes first; what was always there has been feasible.
            victims = [one for one in self._wanted.values() if one.route_id in broken]
            newcomers = [one for one in victims if not self._stands_there(one)] or victims
            if not newcomers:
                # Nothing of the plan is on the broken route: an absence or a delay broke it, publishing cannot mend it.
                self._routes = {key: route for key, route in self._routes.items() if key not in broken}
                continue
            least = min(newcomers, key=lambda one: (self._orders[one.work_order_id].weight, str(one.work_order_id)))
            del self._wanted[least.work_order_id]
            self.skipped.append(
                Skipped(least.work_order_id, "Its route was booked otherwise meanwhile; it stays as it was.")
            )

    def write(self, by: Actor) -> int:
        """Write the routes as simulated and dispatch what the plan holds; returns how many visits were dispatched."""
        self._work.retime_later()
        applied = 0
        for route_id, timeline in self._timelines.items():
            if route_id not in self._routes:
                continue
            for stop in timeline.stops:
                applied += self._write_stop(route_id, stop, by)
            record = self._routes[route_id].record
            self._work.routes.swap(record, replace(record, published_at=self._work.now))
        return applied

    def _objection(self, one: PlanAssignment) -> str:
        order = self._orders[one.work_order_id]
        if one.route_id not in self._routes:
            return "Its technician no longer works that day."
        if one.visit_id is None:
            return "" if order.status is WorkOrderStatus.READY else f"The order is {order.status.value} by now."
        if one.visit_id not in self._standing:
            return "Its appointment was moved or cancelled meanwhile."
        if self._standing[one.visit_id][0].status not in MOVABLE_VISIT_STATUSES and not self._stands_there(one):
            return "The technician has set off already."
        if (order.status, Action.PLAN) not in WORK_ORDER_TRANSITIONS and order.status is not WorkOrderStatus.PLANNED:
            return f"The order is {order.status.value} by now."
        return ""

    def _stands_there(self, one: PlanAssignment) -> bool:
        return one.visit_id is not None and self._standing[one.visit_id][0].route_id == one.route_id

    def _simulate(self, route_id: RouteId) -> bool:
        route = self._routes[route_id]
        drives = OpenRoute.of(route.open.route, stops := self._stops(route), TRAVEL).drives
        outcome = simulate(route.open.route, stops, drives)
        if isinstance(outcome, Infeasible):
            return False
        self._timelines[route_id] = outcome
        return True

    def _stops(self, route: StandingRoute) -> list[Task]:
        """What stays on the route and what the plan brings, in the order of their times."""
        planned = {one.visit_id for one in self._wanted.values() if one.visit_id}
        stops = [(visit.starts_at, task) for visit, task in _pairs(route) if visit.id not in planned]
        for one in self._wanted.values():
            if one.route_id == route.record.id:
                stops.append((one.starts_at, self._task(one, route)))
        return [task for _, task in sorted(stops, key=lambda stop: (stop[0], stop[1].id))]

    def _task(self, one: PlanAssignment, route: StandingRoute) -> Task:
        if one.visit_id is not None:
            visit, task = self._standing[one.visit_id]
            # Work without a citizen may be done at any time of the new day.
            return task if visit.appointment_id else replace(task, windows=(route.open.route.shift,))
        order = self._orders[one.work_order_id]
        return Task(
            id=str(order.id),
            place=order.place,
            service_seconds=int((one.ends_at - one.starts_at).total_seconds()),
            windows=(route.open.route.shift,),
            weight=order.weight,
        )

    def _write_stop(self, route_id: RouteId, stop: Stop, by: Actor) -> int:
        starts_at, ends_at = self._days.instant(stop.start), self._days.instant(stop.end)
        record = self._routes[route_id].record
        before = self._visits.get(stop.task.id)
        if before is None:
            order = self._orders[WorkOrderId(UUID(stop.task.id))]
            visit = new_visit(order, None, record, starts_at, ends_at, stop.travel_seconds)
            dispatch(self._work, self._work.create_visit(visit, by=by), order, by=by)
            return 1
        if before.status not in MOVABLE_VISIT_STATUSES:
            return 0
        moved = replace(
            before,
            route_id=record.id,
            technician_id=record.technician_id,
            starts_at=starts_at,
            ends_at=ends_at,
            travel_seconds=stop.travel_seconds,
        )
        after = self._work.visits.swap(before, moved) if moved != before else before
        if before.id in self._held:
            return 0
        # A published route is published whole: what was booked after the draft goes to the phone too.
        dispatch(self._work, after, self._orders[before.work_order_id], by=by)
        return 1


def _pairs(route: StandingRoute) -> Iterable[tuple[Visit, Task]]:
    return zip(route.visits, route.open.stops, strict=True)


def _on(days: Days) -> set[WorkOrderId]:
    return {visit.work_order_id for route in days.routes for visit in route.visits}


def _plan_routes(work: UnitOfWork, plan: PlanRecord, *, lock: bool) -> list[roster.Route]:
    table = work.routes.table
    return work.routes.list_where(
        table.c.territory == plan.territory,
        table.c.day.between(plan.first_day, plan.last_day),
        order_by=(table.c.id,),
        lock=lock,
    )


def _orders_on_routes(work: UnitOfWork, plan: PlanRecord) -> set[WorkOrderId]:
    routes = [route.id for route in _plan_routes(work, plan, lock=False)]
    table = work.visits.table
    found = work.visits.list_where(table.c.route_id.in_(routes), table.c.status.in_(LIVE_VISIT_STATUSES))
    return {visit.work_order_id for visit in found}


def _locked_orders(work: UnitOfWork, wanted: set[WorkOrderId]) -> dict[WorkOrderId, WorkOrder]:
    table = work.work_orders.table
    found = work.work_orders.list_where(table.c.id.in_(wanted), order_by=(table.c.id,), lock=True) if wanted else []
    return {order.id: order for order in found}


def _orders(work: UnitOfWork, wanted: set[WorkOrderId]) -> dict[WorkOrderId, WorkOrder]:
    """Orders that were booked between our two looks; there is no lock to wait for while the routes are ours."""
    found = work.work_orders.list_where(work.work_orders.table.c.id.in_(wanted)) if wanted else []
    return {order.id: order for order in found}


def _locked_days(work: UnitOfWork, plan: PlanRecord) -> Days:
    return load_days(work, _plan_routes(work, plan, lock=True), origin=origin_of(plan.first_day))
