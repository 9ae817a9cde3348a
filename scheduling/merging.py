"""A draft is merged with the days as they stand by now.

All orders of the plan are locked first, then all its routes, each by id; the rest of the product locks one order and then
its routes by id, so nobody waits in a circle. The draft is applied to the routes in memory, then each route is made one
that can be kept: newcomers that do not fit beside what was booked meanwhile are taken back, and as a last resort the order
of visits. What stood before was feasible, so that ends with every promise kept. Only an absence or a delay can leave a
visit that its technician cannot keep: that one stays exactly as it was and is named, and the others go on around it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from uuid import UUID

from hub.db.unit_of_work import UnitOfWork
from hub.domain import technicians as roster
from hub.domain.appointments import Visit
from hub.domain.errors import StaleVersionError
from hub.domain.events import Actor
from hub.domain.ids import RouteId, VisitId, WorkOrderId
from hub.domain.lifecycle import (
    WORK_ORDER_TRANSITIONS,
    Action,
    WorkOrderStatus,
)
from hub.domain.plans import PlanAssignment, PlanRecord
from hub.domain.work_orders import WorkOrder
from scheduling.days import Days, StandingRoute, load_days, origin_of
from scheduling.dispatching import dispatch, new_visit
from scheduling.engine import problem
from scheduling.engine.problem import Task
from scheduling.engine.spans import Span
from scheduling.engine.timeline import Infeasible, Stop, Timeline, route_legs, simulate
from scheduling.queries import live_visits

_BOOKED_OTHERWISE = "Its route was booked otherwise meanwhile; it stays as it was."


@dataclass(frozen=True)
class Skipped:
    """One visit that was not placed as the plan has it, and why, in a sentence."""

    work_order_id: WorkOrderId
    reason: str


@dataclass(frozen=True)
class _Standing:
    """A visit ahead, as the engine sees it, and the route it stands on."""

    visit: Visit
    task: Task
    route: StandingRoute


class Merge:
    """The routes as they would be. Made under lock; `settle` decides, `write` writes, `skipped` tells what was left."""

    def __init__(self, work: UnitOfWork, plan: PlanRecord) -> None:
        self._work = work
        self.skipped: list[Skipped] = []
        assignments = work.plan_assignments.list_where(work.plan_assignments.table.c.plan_id == plan.id)
        left_out = work.plan_unplanned.list_where(work.plan_unplanned.table.c.plan_id == plan.id)
        self._left_out = {one.work_order_id for one in left_out}
        named = {one.work_order_id for one in assignments} | self._left_out
        self._orders = _locked_orders(work, named | _orders_on_routes(work, plan))
        self._days = _locked_days(work, plan)
        self._held = frozenset[VisitId]().union(*(route.held for route in self._days.routes))
        self._orders |= _free_orders(work, _agreed_on(self._days, self._held) - self._orders.keys())
        self._routes = {route.record.id: route for route in self._days.routes}
        self._begun = {visit.id for route in self._days.routes for visit in route.begun}
        self._standing = {
            visit.id: _Standing(visit, task, route)
            for route in self._days.routes
            for visit, task in zip(route.visits, route.open.stops, strict=True)
        }
        self._withdrawn = self._withdrawable()
        self._stuck: set[VisitId] = set()
        self._wanted: dict[WorkOrderId, PlanAssignment] = {}
        for one in assignments:
            reason = self._objection(one)
            if reason:
                self.skipped.append(Skipped(one.work_order_id, reason))
            else:
                self._wanted[one.work_order_id] = one
        self._timelines: dict[RouteId, Timeline] = {}

    def settle(self) -> None:
        """Take back what does not fit any more until every route can be kept as it would be."""
        open_routes = set(self._routes)
        while open_routes:
            route_id = min(open_routes)
            outcome = self._simulated(route_id, self._stops(route_id))
            if isinstance(outcome, Timeline):
                self._timelines[route_id] = outcome
                open_routes.discard(route_id)
            else:
                open_routes |= self._give_way(route_id)

    def write(self, by: Actor) -> int:
        """Write the routes as simulated and dispatch them; returns how many visits stand as the plan wants them."""
        self._work.retime_later()
        for visit_id in self._withdrawn:
            visit = self._standing[visit_id].visit
            self._work.advance_visit(visit, Action.CANCEL, by=by, reason="the plan has no room for it")
            order = self._orders[visit.work_order_id]
            self._work.advance_work_order(order, Action.UNPLAN, by=by, reason="the plan has no room for it")
        dispatched: set[WorkOrderId] = set()
        for route_id, timeline in self._timelines.items():
            for stop in timeline.stops:
                dispatched |= self._write_stop(route_id, stop, by)
            record = self._routes[route_id].record
            self._work.routes.swap(record, replace(record, published_at=self._work.now))
        return len(dispatched - {one.work_order_id for one in self.skipped})

    def _objection(self, one: PlanAssignment) -> str:
        order = self._orders[one.work_order_id]
        if one.route_id not in self._routes:
            return "Its technician no longer works that day."
        if one.visit_id is None:
            return "" if order.status is WorkOrderStatus.READY else f"The order is {order.status.value} by now."
        if one.visit_id in self._begun:
            return "The technician has set off already."
        if one.visit_id not in self._standing:
            return "Its visit was moved or cancelled meanwhile."
        if (order.status, Action.PLAN) not in WORK_ORDER_TRANSITIONS and order.status is not WorkOrderStatus.PLANNED:
            return f"The order is {order.status.value} by now."
        return ""

    def _withdrawable(self) -> set[VisitId]:
        """Visits without a citizen that the plan has no room for: their orders wait for a later plan."""
        return {
            visit_id
            for visit_id, one in self._standing.items()
            if one.visit.work_order_id in self._left_out
            and one.visit.appointment_id is None
            and not one.visit.pinned
            and self._orders[one.visit.work_order_id].status is WorkOrderStatus.PLANNED
        }

    def _give_way(self, route_id: RouteId) -> set[RouteId]:
        """A route cannot be kept: take one thing back. Returns the routes that changed by it."""
        newcomers = [one for one in self._wanted.values() if one.route_id == route_id and not self._stands_there(one)]
        brought = {one.work_order_id for one in newcomers}
        if newcomers and isinstance(self._simulated(route_id, self._stops(route_id, without=brought)), Timeline):
            least = min(newcomers, key=lambda one: (self._orders[one.work_order_id].weight, str(one.work_order_id)))
            return {route_id} | self._take_back([least])
        before = [one for one in self._wanted.values() if one.route_id == route_id and self._stands_there(one)]
        as_it_was = self._simulated(route_id, self._stops(route_id, without=brought, as_it_was=True))
        if before and isinstance(as_it_was, Timeline):
            return {route_id} | self._take_back(before)
        self._set_aside(route_id, as_it_was)
        return {route_id}

    def _take_back(self, assignments: Iterable[PlanAssignment]) -> set[RouteId]:
        """The visits of these assignments stay where they are; returns the routes they are on."""
        homes = set()
        for one in assignments:
            del self._wanted[one.work_order_id]
            self.skipped.append(Skipped(one.work_order_id, _BOOKED_OTHERWISE))
            if one.visit_id is not None:
                homes.add(self._standing[one.visit_id].visit.route_id)
        return homes

    def _set_aside(self, route_id: RouteId, outcome: Timeline | Infeasible) -> None:
        """Name one visit that its technician cannot keep and leave it as it is.

        First one that the plan found no place for either, then one that could not be kept even alone, then the failing one.
        """
        here = [one for one in self._here(route_id) if one.visit.id not in self._stuck]
        failing = outcome.stop.id if isinstance(outcome, Infeasible) and outcome.stop else ""
        least = min(
            here,
            key=lambda one: (
                one.visit.work_order_id not in self._left_out,
                isinstance(self._simulated(route_id, [one.task]), Timeline),
                one.task.id != failing,
                one.task.promised,
                one.task.weight,
                one.task.id,
            ),
        )
        self._stuck.add(least.visit.id)
        why = f" {outcome.refusal.sentence()}" if isinstance(outcome, Infeasible) else ""
        if least.visit.id in self._held:
            text = f"Its citizen is about to confirm a time, but the technician cannot keep it any more.{why}"
        else:
            self._wanted.pop(least.visit.work_order_id, None)
            text = f"Its technician cannot keep it any more.{why} It stays as it was; plan these days again."
        self.skipped.append(Skipped(least.visit.work_order_id, text))

    def _stands_there(self, one: PlanAssignment) -> bool:
        return one.visit_id is not None and self._standing[one.visit_id].visit.route_id == one.route_id

    def _here(self, route_id: RouteId) -> list[_Standing]:
        """The visits that stand on the route and that the plan leaves there, in their present order."""
        elsewhere = {one.visit_id for one in self._wanted.values() if not self._stands_there(one)} | self._withdrawn
        found = [
            one for one in self._standing.values() if one.visit.route_id == route_id and one.visit.id not in elsewhere
        ]
        return sorted(found, key=lambda one: (one.visit.starts_at, one.task.id))

    def _stops(self, route_id: RouteId, *, without: Iterable[WorkOrderId] = (), as_it_was: bool = False) -> list[Task]:
        """What stays on the route and what the plan brings, in the order of their times."""
        stops = []
        for one in self._here(route_id):
            planned = None if as_it_was else self._wanted.get(one.visit.work_order_id)
            mine = planned is not None and planned.visit_id == one.visit.id
            if one.visit.id not in self._stuck:
                stops.append((planned.starts_at if planned and mine else one.visit.starts_at, one.task))
        stops += [
            (one.starts_at, self._brought(one))
            for one in self._wanted.values()
            if one.route_id == route_id and not self._stands_there(one) and one.work_order_id not in without
        ]
        return [task for _, task in sorted(stops, key=lambda stop: (stop[0], stop[1].id))]

    def _brought(self, one: PlanAssignment) -> Task:
        """What the plan brings to a route: a visit from another one, or a new visit."""
        shift = self._routes[one.route_id].open.route.shift
        order = self._orders[one.work_order_id]
        opens = self._days.seconds(order.not_before) if order.not_before else shift.start
        # Work without a citizen may be done at any time of its day.
        anywhen = Span(max(shift.start, min(opens, self._days.seconds(one.starts_at))), shift.end)
        if one.visit_id is not None:
            standing = self._standing[one.visit_id]
            kept = standing.visit.appointment_id is not None or standing.visit.pinned
            return standing.task if kept else replace(standing.task, windows=(anywhen,))
        return Task(
            id=str(order.id),
            place=order.place,
            service_seconds=int((one.ends_at - one.starts_at).total_seconds()),
            windows=(anywhen,),
            weight=max(1, order.weight),
            parts=self._work.catalogue.work_type(order.work_type).parts,
        )

    def _simulated(self, route_id: RouteId, stops: list[Task]) -> Timeline | Infeasible:
        """The route with these stops; the time of a visit that was set aside stays closed to the others."""
        route: problem.Route = self._routes[route_id].open.route
        closed = [
            Span(self._days.seconds(one.visit.starts_at), self._days.seconds(one.visit.ends_at))
            for one in self._here(route_id)
            if one.visit.id in self._stuck
        ]
        if closed:
            route = replace(route, absences=(*route.absences, *closed))
        return simulate(route, stops, route_legs(route, stops, self._days.travel))

    def _write_stop(self, route_id: RouteId, stop: Stop, by: Actor) -> set[WorkOrderId]:
        """Write one visit; returns its order when it was dispatched."""
        starts_at, ends_at = self._days.instant(stop.start), self._days.instant(stop.end)
        record = self._routes[route_id].record
        standing = self._standing.get(VisitId(UUID(stop.task.id)))
        if standing is None:
            order = self._orders[WorkOrderId(UUID(stop.task.id))]
            visit = new_visit(order, None, record, starts_at, ends_at, stop.travel_seconds, self._days.travel.name)
            dispatch(self._work, self._work.create_visit(visit, by=by), order, by=by)
            return {order.id}
        before = standing.visit
        moved = replace(
            before,
            route_id=record.id,
            technician_id=record.technician_id,
            starts_at=starts_at,
            ends_at=ends_at,
            travel_seconds=stop.travel_seconds,
            travel_model=self._days.travel.name,
        )
        after = self._work.visits.swap(before, moved) if moved != before else before
        if before.id in self._held:
            return set()
        # A published route is published whole: what was booked after the draft goes to the phone too.
        order = self._orders[before.work_order_id]
        dispatch(self._work, after, order, by=by, elsewhere=before.route_id != record.id)
        return {order.id}


def _agreed_on(days: Days, held: frozenset[VisitId]) -> set[WorkOrderId]:
    return {visit.work_order_id for route in days.routes for visit in route.visits if visit.id not in held}


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
    return {visit.work_order_id for visit in live_visits(work, work.visits.table.c.route_id.in_(routes))}


def _locked_orders(work: UnitOfWork, wanted: set[WorkOrderId]) -> dict[WorkOrderId, WorkOrder]:
    table = work.work_orders.table
    found = work.work_orders.list_where(table.c.id.in_(wanted), order_by=(table.c.id,), lock=True) if wanted else []
    return {order.id: order for order in found}


def _free_orders(work: UnitOfWork, wanted: set[WorkOrderId]) -> dict[WorkOrderId, WorkOrder]:
    """Orders booked between our two looks, locked too; raises StaleVersionError when one is in use at this moment.

    The routes are ours by now, so waiting for an order could be a circle; begun again, we lock it in its turn.
    """
    table = work.work_orders.table
    found = work.work_orders.list_where(table.c.id.in_(wanted), skip_locked=True) if wanted else []
    if len(found) < len(wanted):
        raise StaleVersionError("route")
    return {order.id: order for order in found}


def _locked_days(work: UnitOfWork, plan: PlanRecord) -> Days:
    return load_days(work, _plan_routes(work, plan, lock=True), origin=origin_of(plan.first_day))
