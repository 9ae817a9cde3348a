"""The planner's run: from the days as they stand to a draft plan that a dispatcher can look at and publish."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import date

from sqlalchemy import exists

from hub.bootstrap import Hub
from hub.db.unit_of_work import UnitOfWork
from hub.domain.appointments import Visit
from hub.domain.catalogue import Catalogue
from hub.domain.ids import PlanId, WorkOrderId
from hub.domain.lifecycle import LIVE_VISIT_STATUSES, VisitStatus, WorkOrderStatus
from hub.domain.plans import PlanStatus
from hub.domain.work_orders import WorkOrder
from scheduling.days import Days, StandingRoute, load_days, origin_of
from scheduling.drafts import Run, keep_draft, keep_draft_if_better
from scheduling.engine.problem import Pin, Problem, Task
from scheduling.engine.repair import mend
from scheduling.engine.solver import Progress, Stop, solve
from scheduling.engine.spans import Span
from scheduling.retrying import until_settled

ENGINE = "or-tools routing + ruin and recreate"
REPAIR = "repair"
AGAIN = "repair, planned again in full"
BY_ITSELF = (REPAIR, AGAIN)
"""The drafts that come by themselves when something happens; the others somebody asked for."""
REPAIR_SECONDS = 0.3
"""So long a repair searches."""


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
    run = Run(ENGINE, seed, time.monotonic() - began)
    # The draft's rows name orders, visits and routes that others lock at this moment; a clash must not cost the search.
    return until_settled(lambda: keep_draft(hub, territory, (first_day, last_day), plan, days, ready, run))


def repair_days(
    hub: Hub, territory: str, first_day: date, last_day: date, *, seconds: float = REPAIR_SECONDS, seed: int = 1
) -> PlanId:
    """Draft at once what becomes of the days after an absence, a delay or urgent work.

    As `plan_days`, but it goes out from the days as they stand and takes less than a second: what can no longer be done
    where it stands, and ready work, goes where that moves least. The dispatcher publishes it, or plans again for longer.
    A repair whose place it takes may be for something that touched more days: it covers those too.
    """
    first_day, last_day = _with_days_repaired(hub, territory, first_day, last_day)
    days, ready, problem = read_days(hub, territory, first_day, last_day)
    on_phones = {str(one.id) for route in days.routes for one in route.visits if one.status is VisitStatus.DISPATCHED}
    extra = hub.catalogue.prices.dispatched_weight
    tasks = [replace(one, weight=one.weight + extra) if one.id in on_phones else one for one in problem.tasks]
    problem = replace(problem, tasks=tuple(tasks))
    began = time.monotonic()
    plan = mend(problem, seconds=seconds, seed=seed)
    run = Run(REPAIR, seed, time.monotonic() - began)
    return until_settled(lambda: keep_draft(hub, territory, (first_day, last_day), plan, days, ready, run))


def _with_days_repaired(hub: Hub, territory: str, first_day: date, last_day: date) -> tuple[date, date]:
    """The span, widened by the days to come of the repairs that a draft of it supersedes."""
    with hub.snapshot() as work:
        table = work.plans.table.c
        repairs = work.plans.list_where(
            table.territory == territory,
            table.status == PlanStatus.DRAFT,
            table.engine.in_(BY_ITSELF),
            table.last_day >= work.now.date(),
        )
    while True:
        mine = [one for one in repairs if one.first_day <= last_day and one.last_day >= first_day]
        first = min([first_day, *(max(one.first_day, work.now.date()) for one in mine)])
        last = max([last_day, *(one.last_day for one in mine)])
        if (first, last) == (first_day, last_day):
            return first, last
        first_day, last_day = first, last


def plan_again(hub: Hub, plan_id: PlanId, *, seconds: float) -> PlanId | None:
    """Plan the days of a draft in full; the new draft takes its place only when it leaves out fewer
    promised visits, or as many and less work by weight.

    Returns the new draft, or None when the old one stands, because it is as good or because it is no draft any more.
    """
    with hub.unit_of_work() as work:
        old = work.plans.get(plan_id)
    if old.status is not PlanStatus.DRAFT:
        return None
    days, ready, problem = read_days(hub, old.territory, old.first_day, old.last_day)
    began = time.monotonic()
    plan = solve(problem, Stop(seconds=seconds), old.seed)
    run = Run(AGAIN, old.seed, time.monotonic() - began)
    return until_settled(lambda: keep_draft_if_better(hub, old, plan, days, ready, run))


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
        _wanted(order, work.catalogue, days, Task(str(order.id), order.place, _service(work, order), windows))
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


def _service(work: UnitOfWork, order: WorkOrder) -> int:
    return work.catalogue.work_type(order.work_type).duration_seconds


def _wanted(order: WorkOrder, catalogue: Catalogue, days: Days, task: Task) -> Task:
    """The task with all that its order and its kind of work ask for."""
    kind = catalogue.work_type(order.work_type)
    return replace(
        task,
        skills=frozenset(kind.skills),
        levels=kind.levels,
        parts=kind.parts,
        weight=max(1, order.weight),
        territory=order.territory,
        due=days.seconds(order.due_at) if order.due_at else None,
        late_price_seconds=catalogue.prices.late_day_seconds,
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
    prices = work.catalogue.prices
    on_phone = visit.status is VisitStatus.DISPATCHED
    return replace(
        _wanted(order, work.catalogue, days, task),
        # Work without a citizen may go to another day.
        windows=anywhen or task.windows,
        territory=route.record.territory,
        move_price_seconds=prices.dispatched_move_seconds if on_phone else prices.move_seconds,
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
