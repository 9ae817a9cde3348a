"""Urgent work becomes a repair of the published days by itself, and a full planning follows in the background."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from hub.bootstrap import Hub
from hub.domain.events import SYSTEM
from hub.domain.ids import PlanId, WorkOrderId
from hub.domain.lifecycle import Action, WorkOrderStatus
from hub.domain.plans import PlanRecord, PlanStatus, PlanUnplanned
from hub.jobs import RememberedQueue
from scheduling import planning
from scheduling.absences import record_absence
from scheduling.drafts import Run, keep_draft, keep_draft_if_better
from scheduling.engine.plan import Unplanned
from scheduling.engine.reasons import Reason, Refusal
from scheduling.engine.repair import mend
from scheduling.handlers import JOBS, SUBSCRIPTIONS
from scheduling.planning import AGAIN, REPAIR, plan_again, read_days, repair_days
from scheduling.service import plan_days, publish_plan
from scheduling.urgent import PLAN_AGAIN_JOB, URGENT_JOB
from tests.samples import a_work_order
from tests.scheduling.citizens import TUESDAY, at, book, employ, invite, make_ready, order_status

URGENT = 60


@pytest.fixture
def queue() -> RememberedQueue:
    return RememberedQueue()


@pytest.fixture
def listening(hub: Hub, queue: RememberedQueue) -> Hub:
    """A hub whose scheduling room hears of orders."""
    return replace(hub, jobs=queue, subscriptions={name: list(some) for name, some in SUBSCRIPTIONS.items()})


def arrive(hub: Hub, **changes: Any) -> WorkOrderId:
    """An order for work in the street arrives and waits to be planned."""
    with hub.unit_of_work() as work:
        order = work.work_orders.add(a_work_order(work_type="cabinet_repair", **changes))
        work.advance_work_order(order, Action.MAKE_READY, by=SYSTEM)
        work.commit()
    return order.id


def run_jobs(hub: Hub, queue: RememberedQueue) -> list[str]:
    """What the worker would do, until nothing is left; returns the names in their order."""
    done = []
    while queue.jobs:
        name, arguments = queue.jobs.pop(0)
        JOBS[name](hub, **arguments)
        done.append(name)
    return done


def publish_tuesday(hub: Hub) -> None:
    employ(hub, [TUESDAY], "Jan Janssens")
    (order,) = invite(hub, 1)
    book(hub, order, TUESDAY, 10)
    publish_plan(hub, plan_days(hub, "oost-vlaanderen", TUESDAY, TUESDAY, seconds=0.05), by=SYSTEM)


def drafts(hub: Hub) -> list[PlanRecord]:
    with hub.unit_of_work() as work:
        return work.plans.list_where(work.plans.table.c.status == PlanStatus.DRAFT)


def drafted(hub: Hub) -> set[WorkOrderId]:
    with hub.unit_of_work() as work:
        return {one.work_order_id for one in work.plan_assignments.list_where() if one.plan_id == drafts(hub)[0].id}


def test_urgent_work_gets_a_repair_draft_and_then_a_full_planning(listening: Hub, queue: RememberedQueue) -> None:
    publish_tuesday(listening)
    order = arrive(listening, weight=URGENT)
    assert run_jobs(listening, queue) == [URGENT_JOB, PLAN_AGAIN_JOB]
    (draft,) = drafts(listening)
    # The full planning leaves out nothing less, so what was shown first stands.
    assert draft.engine == REPAIR
    assert order in drafted(listening)
    publish_plan(listening, draft.id, by=SYSTEM)
    assert order_status(listening, order) is WorkOrderStatus.PLANNED


@pytest.mark.parametrize("weight", [1, URGENT - 1])
def test_other_work_waits_for_the_next_plan(listening: Hub, queue: RememberedQueue, weight: int) -> None:
    publish_tuesday(listening)
    arrive(listening, weight=weight)
    assert queue.jobs == []


def test_nothing_is_repaired_before_a_day_is_published(listening: Hub, queue: RememberedQueue) -> None:
    employ(listening, [TUESDAY], "Jan Janssens")
    arrive(listening, weight=URGENT)
    assert run_jobs(listening, queue) == [URGENT_JOB]
    assert drafts(listening) == []


def test_one_repair_brings_in_all_that_arrived(listening: Hub, queue: RememberedQueue) -> None:
    publish_tuesday(listening)
    orders = {arrive(listening, weight=URGENT) for _ in range(3)}
    assert run_jobs(listening, queue) == [URGENT_JOB, URGENT_JOB, URGENT_JOB, PLAN_AGAIN_JOB]
    assert orders <= drafted(listening)


def test_a_draft_somebody_is_looking_at_stays_and_the_work_comes_in_after_it(
    listening: Hub, queue: RememberedQueue
) -> None:
    publish_tuesday(listening)
    theirs = plan_days(listening, "oost-vlaanderen", TUESDAY, TUESDAY, seconds=0.05)
    order = arrive(listening, weight=URGENT)
    assert run_jobs(listening, queue) == [URGENT_JOB]
    assert [one.id for one in drafts(listening)] == [theirs]
    publish_plan(listening, theirs, by=SYSTEM)
    assert run_jobs(listening, queue) == [URGENT_JOB, PLAN_AGAIN_JOB]
    assert order in drafted(listening)


def test_a_draft_forgotten_long_ago_does_not_stop_a_repair(listening: Hub, queue: RememberedQueue) -> None:
    publish_tuesday(listening)
    plan = plan_days(listening, "oost-vlaanderen", TUESDAY, TUESDAY, seconds=0.05)
    with listening.unit_of_work() as work:
        old = work.plans.get(plan)
        work.plans.swap(old, replace(old, created_at=old.created_at - timedelta(hours=1)))
        work.commit()
    order = arrive(listening, weight=URGENT)
    run_jobs(listening, queue)
    assert order in drafted(listening)


def test_planning_again_replaces_a_repair_only_when_it_leaves_out_less(hub: Hub) -> None:
    publish_tuesday(hub)
    make_ready(hub, 2)
    repair = plan_days(hub, "oost-vlaanderen", TUESDAY, TUESDAY, seconds=0.05)
    assert plan_again(hub, repair, seconds=0.05) is None
    make_ready(hub, 1)
    # The new order is in neither; what counts is what each leaves out of what it knows.
    assert plan_again(hub, repair, seconds=0.05) is None
    with hub.unit_of_work() as work:
        placed = work.plan_assignments.list_where(work.plan_assignments.table.c.plan_id == repair)
        worse = next(one for one in placed if one.visit_id is None)
        work.connection.execute(
            work.plan_assignments.table.delete().where(
                work.plan_assignments.table.c.work_order_id == worse.work_order_id
            )
        )
        work.connection.execute(
            work.plan_unplanned.table.insert().values(
                plan_id=repair, work_order_id=worse.work_order_id, reason="no_room", detail="No room."
            )
        )
        work.commit()
    better = plan_again(hub, repair, seconds=0.05)
    assert [one.id for one in drafts(hub)] == [better]
    assert drafts(hub)[0].engine == AGAIN
    assert plan_again(hub, repair, seconds=0.05) is None


def test_planning_again_never_gives_up_an_agreed_time_for_weight(hub: Hub) -> None:
    publish_tuesday(hub)
    make_ready(hub, 1, weight=URGENT)
    draft = plan_days(hub, "oost-vlaanderen", TUESDAY, TUESDAY, seconds=0.05)
    with hub.unit_of_work() as work:
        old = work.plans.get(draft)
        placed = work.plan_assignments.list_where(work.plan_assignments.table.c.plan_id == draft)
        (agreed,) = (one for one in placed if one.visit_id is not None)
        (urgent,) = (one for one in placed if one.visit_id is None)
        table = work.plan_unplanned.table
        work.connection.execute(
            table.insert().values(
                plan_id=draft, work_order_id=urgent.work_order_id, reason="no_room", detail="No room."
            )
        )
        work.commit()
    days, ready, problem = read_days(hub, "oost-vlaanderen", TUESDAY, TUESDAY)
    refusal = Refusal(Reason.VAN_FULL)
    task = next(one for one in problem.tasks if one.id == str(agreed.visit_id))
    route = mend(problem, seconds=0, seed=1)
    without = replace(
        route,
        routes=tuple(
            replace(
                one,
                timeline=replace(
                    one.timeline, stops=tuple(stop for stop in one.timeline.stops if stop.task.id != task.id)
                ),
            )
            for one in route.routes
        ),
        unplanned=(Unplanned(task, refusal, ()),),
    )
    run = Run("a test", 1, 0.0)
    assert keep_draft_if_better(hub, old, without, days, ready, run) is None
    assert keep_draft_if_better(hub, old, route, days, ready, run) is not None


def test_a_draft_that_came_by_itself_does_not_keep_urgent_work_out(listening: Hub, queue: RememberedQueue) -> None:
    publish_tuesday(listening)
    first = arrive(listening, weight=URGENT)
    JOBS[queue.jobs[0][0]](listening, **queue.jobs.pop(0)[1])
    (repair,) = drafts(listening)
    with listening.unit_of_work() as work:
        table = work.plan_assignments.table
        work.connection.execute(table.delete().where(table.c.work_order_id == first, table.c.plan_id == repair.id))
        work.plan_unplanned.add(PlanUnplanned(repair.id, first, "no_room", "No room."))
        work.commit()
    run_jobs(listening, queue)
    assert drafts(listening)[0].engine == AGAIN
    second = arrive(listening, weight=URGENT)
    run_jobs(listening, queue)
    assert {first, second} <= drafted(listening)


def test_a_repair_covers_the_days_of_the_one_it_takes_the_place_of(listening: Hub, queue: RememberedQueue) -> None:
    later = [TUESDAY + timedelta(days=days) for days in (3, 8, 9)]
    crew = employ(listening, [TUESDAY, *later], "Jan Janssens", "An Peeters")
    publish_plan(listening, plan_days(listening, "oost-vlaanderen", TUESDAY, later[-1], seconds=0.05), by=SYSTEM)
    technician, _ = crew["Jan Janssens"]
    record_absence(listening, technician.id, at(later[0], 0), at(later[-1], 23), "ill")
    order = arrive(listening, weight=URGENT)
    run_jobs(listening, queue)
    (draft,) = drafts(listening)
    assert (draft.first_day, draft.last_day) == (TUESDAY, later[-1])
    assert order in drafted(listening)


def test_of_drafts_made_at_once_one_stands(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    publish_tuesday(hub)
    together = threading.Barrier(3)

    def at_once(*arguments: Any) -> PlanId:
        together.wait(30)
        return keep_draft(*arguments)

    monkeypatch.setattr(planning, "keep_draft", at_once)
    with ThreadPoolExecutor(3) as threads:
        for _ in range(3):
            list(threads.map(lambda _: repair_days(hub, "oost-vlaanderen", TUESDAY, TUESDAY, seconds=0.01), range(3)))
            assert len(drafts(hub)) == 1


def test_an_absence_is_repaired_at_once_and_planned_again_in_the_background(
    listening: Hub, queue: RememberedQueue
) -> None:
    publish_tuesday(listening)
    with listening.unit_of_work() as work:
        (technician,) = work.technicians.list_where()
    (repair,) = record_absence(listening, technician.id, at(TUESDAY, 8), at(TUESDAY, 9), "dentist")
    assert queue.jobs == [(PLAN_AGAIN_JOB, {"plan_id": str(repair)})]
    assert run_jobs(listening, queue) == [PLAN_AGAIN_JOB]
