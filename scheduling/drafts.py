"""A plan is written down as the one draft of its days, for a dispatcher to look at and publish."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date
from uuid import UUID, uuid4

from sqlalchemy import func, select

from hub.bootstrap import Hub
from hub.db.unit_of_work import UnitOfWork
from hub.domain.appointments import Visit
from hub.domain.ids import PlanId, RouteId, VisitId, WorkOrderId
from hub.domain.lifecycle import AppointmentStatus
from hub.domain.plans import PlanAssignment, PlanRecord, PlanStatus, PlanUnplanned
from hub.domain.work_orders import WorkOrder
from scheduling.days import Days
from scheduling.engine.plan import Plan
from scheduling.engine.reasons import Reason, Refusal


@dataclass(frozen=True)
class Run:
    """How a draft was made: by what, from which seed, in how many seconds."""

    engine: str
    seed: int
    seconds: float


def keep_draft(
    hub: Hub,
    territory: str,
    span: tuple[date, date],
    plan: Plan,
    days: Days,
    ready: list[WorkOrder],
    run: Run,
) -> PlanId:
    """Write the plan down as the one draft of its days."""
    with hub.unit_of_work() as work:
        plan_id = _write(work, territory, span, plan, days, ready, run)
        work.commit()
        return plan_id


def keep_draft_if_better(
    hub: Hub,
    old: PlanRecord,
    plan: Plan,
    days: Days,
    ready: list[WorkOrder],
    run: Run,
) -> PlanId | None:
    """As `keep_draft`, if the draft `old` still stands and is worse than `plan`; else None.

    Worse is the one that leaves out more promised visits; of as many, the one that leaves out work of more weight.
    """
    with hub.unit_of_work() as work:
        _one_at_a_time(work, old.territory)
        if work.plans.get(old.id, lock=True).status is not PlanStatus.DRAFT:
            return None
        table = work.plan_unplanned.table.c
        before = {one.work_order_id for one in work.plan_unplanned.list_where(table.plan_id == old.id)}
        after = {one.work_order_id for one in _left_out(old.id, plan, days, ready)}
        if _loss(work, after - before) >= _loss(work, before - after):
            return None
        plan_id = _write(work, old.territory, (old.first_day, old.last_day), plan, days, ready, run)
        work.commit()
        return plan_id


def _loss(work: UnitOfWork, orders: set[WorkOrderId]) -> tuple[int, int]:
    """What it means to leave these orders out: how many of them have an agreed time, and the weight of all."""
    if not orders:
        return 0, 0
    agreed, table = work.appointments.table.c, work.work_orders.table.c
    promised = work.appointments.list_where(
        agreed.work_order_id.in_(orders), agreed.status == AppointmentStatus.CONFIRMED
    )
    return len(promised), sum(order.weight for order in work.work_orders.list_where(table.id.in_(orders)))


def _one_at_a_time(work: UnitOfWork, territory: str) -> None:
    """Wait until no other draft of the territory is being written: two at once would not see, and so not supersede, each other."""
    work.connection.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(f"draft plan of {territory}", 0))))


def _write(
    work: UnitOfWork,
    territory: str,
    span: tuple[date, date],
    plan: Plan,
    days: Days,
    ready: list[WorkOrder],
    run: Run,
) -> PlanId:
    _one_at_a_time(work, territory)
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
    return plan_id


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
