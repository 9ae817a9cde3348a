"""The planner's run: from the days as they stand to a draft plan that a dispatcher can look at and publish."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import date
from uuid import UUID, uuid4

from sqlalchemy import exists

from hub.bootstrap import Hub
from hub.db.unit_of_work import UnitOfWork
from hub.domain.appointments import Visit
from hub.domain.catalogue import WorkType
from hub.domain.ids import PlanId, RouteId, VisitId, WorkOrderId
from hub.domain.lifecycle import LIVE_VISIT_STATUSES, VisitStatus, WorkOrderStatus
from hub.domain.plans import PlanAssignment, PlanRecord, PlanStatus, PlanUnplanned
from hub.domain.work_orders import WorkOrder
from scheduling.days import Days, StandingRoute, load_days, origin_of
from scheduling.engine.plan import Plan
from scheduling.engine.problem import Pin, Problem, Task
from scheduling.engine.reasons import Reason, Refusal
from scheduling.engine.repair import mend
from scheduling.engine.solver import Progress, Stop, solve
from scheduling.engine.spans import Span
from scheduling.retrying import until_settled

ENGINE = "or-tools routing + ruin and recreate"
REPAIR = "repair"
REPAIR_SECONDS = 0.3
"""So long a repair searches."""
MOVE_PRICE_SECONDS = 900
"""What taking a planned visit off its technician costs, in seconds of travel."""
DISPATCHED_MOVE_PRICE_SECONDS = 7200
"""The same once the visit is on a technician's phone."""
DISPATCHED_DROP_WEIGHT = 15
"""What leaving such a visit out costs in a repair, in weight, on top of its order's own."""


def plan_days(
    hub: Hub,
    territory: str,
    first_day: date,
    last_day: date,
    *,
    seconds: float = 2.0,
    seed: int = 1,
    progress: Callable[[Progress], None] | None = None,
) -> PlanId:
    """Plan the days `first_day` to `last_day` (both included) of a territory and keep the result as a draft.

    Booked visits are promises: each keeps its window; work without a citizen is fitted in by weight. `seconds` bounds the
    search. Nothing is written to visits before `publish_plan`; an older draft of overlapping days is superseded.
    """
    days, ready, problem = read_days(hub, territory, first_day, last_day)
    # The search runs outside any transaction: it takes seconds, and publishing merges with what happens meanwhile.
    began = time.monotonic()
    plan = solve(problem, Stop(seconds=seconds), seed, progress)
    run = _Run(ENGINE, seed, time.monotonic() - began)
    # The draft's rows name orders, visits and routes that others lock at this moment; a clash must not cost the search.
    return until_settled(lambda: _keep_draft(hub, territory, (first_day, last_day), plan, days, ready, run))


def repair_days(
    hub: Hub, territory: str, first_day: date, last_day: date, *, seconds: float = REPAIR_SECONDS, seed: int = 1
) -> PlanId:
    """Draft at once what becomes of the days after an absence, a delay or urgent work.

    As `plan_days`, but it goes out from the days as they stand and takes less than a second: what can no longer be done
    where it stands, and ready work, goes where that moves least. The dispatcher publishes it, or plans again for longer.
    """
    days, ready, problem = read_days(hub, territory, first_day, last_day)
    problem = replace(problem, tasks=tuple(_held_on_to(task) for task in problem.tasks))
    began = time.monotonic()
    plan = mend(problem, seconds=seconds, seed=seed)
    run = _Run(REPAIR, seed, time.monotonic() - began)
    return until_settled(lambda: _keep_draft(hub, territory, (first_day, last_day), plan, days, ready, run))


def read_days(hub: Hub, territory: str, first_day: date, last_day: date) -> tuple[Days, list[WorkOrder], Problem]:
    """The days of a territory as they stand, its ready work, and both as a problem to plan."""
    # A citizen may be moving an appointment at this moment: read piece by piece, both times would look agreed.
    with hub.snapshot() as work:
        routes = work.routes.list_where(
            work.routes.table.c.territory == territory,
            work.routes.table.c.day.between(first_day, last_day),
            order_by=(work.routes.table.c.day, work.routes.table.c.id),
        )
        days = load_days(work, routes, origin=origin_of(first_day))
        ready = _ready_orders(work, territory)
        return days, ready, _problem(work, days, ready)


@dataclass(frozen=True)
class _Run:
    """How a draft was made: by what, from which seed, in how many seconds."""

    engine: str
    seed: int
    seconds: float


def _held_on_to(task: Task) -> Task:
    """A repair drops what is on a technician's phone only for work that weighs much more."""
    if task.current is None or task.move_price_seconds < DISPATCHED_MOVE_PRICE_SECONDS:
        return task
    return replace(task, weight=task.weight + DISPATCHED_DROP_WEIGHT)


def _keep_draft(
    hub: Hub,
    territory: str,
    span: tuple[date, date],
    plan: Plan,
    days: Days,
    ready: list[WorkOrder],
    run: _Run,
) -> PlanId:
    """Write the plan down as the one draft of its days."""
    with hub.unit_of_work() as work:
        _supersede(work, territory, *span)
        plan_id = PlanId(uuid4())
        unplanned = list(_left_out(plan_id, plan, days, ready))
        assignments = list(_assignments(plan_id, plan, days))
        work.plans.add(
            PlanRecord(
                id=plan_id,
                territory=territory,
                first_day=span[0],
                last_day=span[1],
                status=PlanStatus.DRAFT,
                seed=run.seed,
                engine=run.engine,
                created_at=work.now,
                solve_seconds=run.seconds,
                travel_seconds=sum(one.timeline.travel_seconds for one in plan.routes),
                planned_count=len(assignments),
                unplanned_count=len(unplanned),
            )
        )
        work.plan_assignments.add_all(assignments)
        work.plan_unplanned.add_all(unplanned)
        work.commit()
        return plan_id


def _ready_orders(work: UnitOfWork, territory: str) -> list[WorkOrder]:
    table, visit = work.work_orders.table, work.visits.table
    has_visit = exists().where(visit.c.work_order_id == table.c.id, visit.c.status.in_(LIVE_VISIT_STATUSES))
    return work.work_orders.list_where(
        table.c.territory == territory,
        table.c.status == WorkOrderStatus.READY,
        ~has_visit,
        order_by=(table.c.imported_at, table.c.id),
    )


def _problem(work: UnitOfWork, days: Days, ready: list[WorkOrder]) -> Problem:
    """Visits ahead as they stand (one that a technician's absence makes impossible is moved or named), and the ready work."""
    shifts = _open_shifts(days, days.seconds(work.now))
    orders = _orders_of_visits(work, days)
    standing = [
        _standing(work, days, route, visit, task, orders[visit.work_order_id], shifts)
        for route in days.routes
        for visit, task in zip(route.visits, route.open.stops, strict=True)
    ]
    fresh = [
        _ready_task(order, work.catalogue.work_type(order.work_type), windows)
        for order in ready
        if (windows := _ready_windows(order, days, shifts))
    ]
    return Problem(days.origin, tuple(route.open.route for route in days.routes), (*standing, *fresh), days.travel)


def _orders_of_visits(work: UnitOfWork, days: Days) -> dict[WorkOrderId, WorkOrder]:
    wanted = {visit.work_order_id for route in days.routes for visit in route.visits}
    orders = work.work_orders.list_where(work.work_orders.table.c.id.in_(wanted)) if wanted else []
    return {order.id: order for order in orders}


def _open_shifts(days: Days, now: int) -> list[Span]:
    """The shifts of the planned days from now on, in order."""
    shifts = {route.open.route.shift for route in days.routes if route.open.route.shift.end > now}
    return sorted(Span(max(shift.start, now), shift.end) for shift in shifts)


def _ready_task(order: WorkOrder, kind: WorkType, windows: tuple[Span, ...]) -> Task:
    return Task(
        id=str(order.id),
        place=order.place,
        service_seconds=kind.duration_seconds,
        windows=windows,
        skills=frozenset(kind.skills),
        weight=max(1, order.weight),
        territory=order.territory,
    )


def _standing(
    work: UnitOfWork,
    days: Days,
    route: StandingRoute,
    visit: Visit,
    task: Task,
    order: WorkOrder,
    shifts: list[Span],
) -> Task:
    if visit.pinned:
        return replace(task, pin=Pin(route.open.route.id, task.windows[0].start))
    if visit.id in route.held:
        # Its citizen is confirming this very moment: it stays on its route.
        return replace(task, pin=Pin(route.open.route.id))
    anywhen = () if visit.appointment_id else _ready_windows(order, days, shifts)
    return replace(
        task,
        # Work without a citizen may go to another day.
        windows=anywhen or task.windows,
        skills=frozenset(work.catalogue.work_type(order.work_type).skills),
        territory=route.record.territory,
        move_price_seconds=(
            DISPATCHED_MOVE_PRICE_SECONDS if visit.status is VisitStatus.DISPATCHED else MOVE_PRICE_SECONDS
        ),
    )


def _ready_windows(order: WorkOrder, days: Days, shifts: list[Span]) -> tuple[Span, ...]:
    """The shifts of the planned days, cut to what the utility allows; disjoint, in order."""
    opens = days.seconds(order.not_before) if order.not_before else 0
    merged: list[Span] = []
    for shift in shifts:
        start = max(shift.start, opens)
        if start >= shift.end:
            continue
        if merged and start <= merged[-1].end:
            merged[-1] = Span(merged[-1].start, max(merged[-1].end, shift.end))
        else:
            merged.append(Span(start, shift.end))
    return tuple(merged)


def _visits_by_task(days: Days) -> dict[str, Visit]:
    return {str(visit.id): visit for route in days.routes for visit in route.visits}


def _held(days: Days) -> frozenset[VisitId]:
    return frozenset[VisitId]().union(*(route.held for route in days.routes))


def _assignments(plan_id: PlanId, plan: Plan, days: Days) -> Iterable[PlanAssignment]:
    """One for each stop, but for slots that are only held: those are nobody's promise yet."""
    standing, held = _visits_by_task(days), _held(days)
    for one in plan.routes:
        for stop in one.timeline.stops:
            visit = standing.get(stop.task.id)
            if visit is not None and visit.id in held:
                continue
            yield PlanAssignment(
                plan_id=plan_id,
                work_order_id=visit.work_order_id if visit else WorkOrderId(UUID(stop.task.id)),
                visit_id=visit.id if visit else None,
                route_id=RouteId(UUID(one.route.id)),
                starts_at=days.instant(stop.start),
                ends_at=days.instant(stop.end),
                travel_seconds=stop.travel_seconds,
                travel_model=plan.travel_model,
            )


def _left_out(plan_id: PlanId, plan: Plan, days: Days, ready: list[WorkOrder]) -> Iterable[PlanUnplanned]:
    """What the engine found no place for, and the ready work that these days are over for or not yet open to."""
    standing, held = _visits_by_task(days), _held(days)
    refusals: dict[WorkOrderId, Refusal] = {}
    for one in plan.unplanned:
        visit = standing.get(one.task.id)
        if visit is None or visit.id not in held:
            refusals[visit.work_order_id if visit else WorkOrderId(UUID(one.task.id))] = one.refusal
    placed = {stop.task.id for route in plan.routes for stop in route.timeline.stops}
    for order in ready:
        if str(order.id) not in placed:
            reason = Reason.OUTSIDE_SHIFT if days.routes else Reason.NO_ROUTES
            refusals.setdefault(order.id, Refusal(reason))
    for order_id, refusal in refusals.items():
        yield PlanUnplanned(plan_id, order_id, refusal.reason.value, refusal.sentence())


def _supersede(work: UnitOfWork, territory: str, first_day: date, last_day: date) -> None:
    table = work.plans.table
    older = work.plans.list_where(
        table.c.territory == territory,
        table.c.status == PlanStatus.DRAFT,
        table.c.first_day <= last_day,
        table.c.last_day >= first_day,
        lock=True,
    )
    for plan in older:
        work.plans.swap(plan, replace(plan, status=PlanStatus.SUPERSEDED))
