"""Urgent work arrives, or a repair was drafted: what scheduling then does by itself, as jobs of the worker.

Nobody's promise moves by it: all that comes out are drafts, and a dispatcher publishes them. A draft that somebody made a
moment ago is left alone, for somebody is looking at it; what is still urgent when that is published is repaired for then.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import and_, exists, select

from hub.bootstrap import Hub
from hub.db.unit_of_work import UnitOfWork
from hub.domain.events import Event
from hub.domain.ids import PlanId, WorkOrderId
from hub.domain.lifecycle import WorkOrderStatus
from hub.domain.plans import PlanRecord, PlanStatus
from hub.domain.work_orders import WorkOrder
from scheduling.planning import BY_ITSELF, plan_again, repair_days

URGENT_JOB = "scheduling.repair_for_urgent"
PLAN_AGAIN_JOB = "scheduling.plan_again"
AHEAD = timedelta(days=7)
"""Urgent work is brought into the published days of so many days from today."""
BEING_LOOKED_AT = timedelta(minutes=15)
"""A draft that is younger than this, and did not come by itself, is somebody's."""
PLAN_AGAIN_SECONDS = 10.0
"""How long the planning in the background, after a repair, searches."""


def notice_urgent(work: UnitOfWork, events: Sequence[Event]) -> None:
    """Orders wait to be planned: for each that is urgent, the published days are repaired once this commits."""
    orders = work.work_orders.recall_all([event.work_order_id for event in events])
    for order in orders.values():
        if order.weight >= work.catalogue.prices.urgent_weight:
            work.defer(URGENT_JOB, work_order_id=str(order.id))


def repair_for_urgent(hub: Hub, work_order_id: str) -> None:
    """Draft at once what the published days look like with an urgent order in them, and leave a full planning for afterwards.

    Nothing happens when the order is planned or ended by now, when no day ahead is published, or when a draft has it already.
    """
    with hub.unit_of_work() as work:
        order = work.work_orders.find(WorkOrderId(UUID(work_order_id)))
        if order is None or order.status is not WorkOrderStatus.READY:
            return
        days = _published_days(work, order)
        if not days or _left_to_its_draft(work, order, days):
            return
    plan_id = repair_days(hub, order.territory, min(days), max(days))
    plan_in_background(hub, [plan_id])


def plan_in_background(hub: Hub, repairs: Iterable[PlanId]) -> None:
    """Leave it to the worker to plan the days of these repairs in full; a repair answers at once and so searches little."""
    with hub.unit_of_work() as work:
        for plan_id in repairs:
            work.defer(PLAN_AGAIN_JOB, plan_id=str(plan_id))
        work.commit()


def plan_again_in_background(hub: Hub, plan_id: str) -> None:
    """Plan the days of a repair in full; the result takes its place if that is still a draft and leaves out more work."""
    plan_again(hub, PlanId(UUID(plan_id)), seconds=PLAN_AGAIN_SECONDS)


def repair_for_waiting(work: UnitOfWork, plan: PlanRecord) -> None:
    """A plan was published: urgent work in its territory that it does not know gets its repair now."""
    order, known = work.work_orders.table.c, work.plan_assignments.table.c
    left_out = work.plan_unplanned.table.c
    waiting = work.work_orders.list_where(
        order.territory == plan.territory,
        order.status == WorkOrderStatus.READY,
        order.weight >= work.catalogue.prices.urgent_weight,
        ~exists().where(and_(known.plan_id == plan.id, known.work_order_id == order.id)),
        ~exists().where(and_(left_out.plan_id == plan.id, left_out.work_order_id == order.id)),
        limit=1,
    )
    # One repair brings in all that wait.
    for one in waiting:
        work.defer(URGENT_JOB, work_order_id=str(one.id))


def _published_days(work: UnitOfWork, order: WorkOrder) -> list[date]:
    today = work.now.astimezone(ZoneInfo(order.zone)).date()
    table = work.routes.table.c
    published = select(table.day).where(
        table.territory == order.territory, table.day.between(today, today + AHEAD), table.published_at.is_not(None)
    )
    return list(work.connection.execute(published.distinct()).scalars())


def _left_to_its_draft(work: UnitOfWork, order: WorkOrder, days: list[date]) -> bool:
    """Whether an open draft of these days has the order already, or is so young that somebody is looking at it."""
    table, placed = work.plans.table.c, work.plan_assignments.table.c
    drafts = work.plans.list_where(
        table.territory == order.territory,
        table.status == PlanStatus.DRAFT,
        table.first_day <= max(days),
        table.last_day >= min(days),
    )
    if any(one.engine not in BY_ITSELF and one.created_at > work.now - BEING_LOOKED_AT for one in drafts):
        return True
    has_it = select(placed.plan_id).where(
        placed.plan_id.in_([one.id for one in drafts]), placed.work_order_id == order.id
    )
    return work.connection.execute(has_it).first() is not None
