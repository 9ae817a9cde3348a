"""A draft plan is written while citizens book: neither waits for the other."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import InternalError

from hub.bootstrap import Hub
from hub.db import tables
from hub.domain.errors import StaleVersionError
from hub.domain.events import CITIZEN
from hub.domain.ids import WorkOrderId
from hub.domain.plans import PlanAssignment
from scheduling import days, planning
from scheduling import drafts as drafting
from scheduling.engine.plan import Plan
from scheduling.engine.solver import solve
from scheduling.service import confirm_appointment, plan_days
from tests.scheduling.citizens import TUESDAY, book, employ, hold, invite

WAIT_SECONDS = 60.0
"""The first plan of a process also loads the compiled engine, which takes seconds on a busy machine."""


def planned(hub: Hub) -> None:
    plan_days(hub, "oost-vlaanderen", TUESDAY, TUESDAY, seconds=0.05)


def booked_order(hub: Hub) -> WorkOrderId:
    employ(hub, [TUESDAY], "Jan Janssens")
    (order,) = invite(hub, 1)
    book(hub, order, TUESDAY, 10)
    return order


def drafts(hub: Hub) -> int:
    with hub.unit_of_work() as work:
        return len(work.plan_assignments.list_where())


@pytest.mark.parametrize("guarded", [False, True])
def test_a_locked_order_and_route_do_not_stop_a_draft(hub: Hub, guarded: bool) -> None:
    """With a lock that also keeps out rows that only name the order (as FOR UPDATE does), the draft waits; with ours not."""
    order = booked_order(hub)
    thread = threading.Thread(target=planned, args=[hub])
    with hub.unit_of_work() as work:
        if guarded:
            work.work_orders.get(order, lock=True)
            work.routes.list_where(lock=True)
        else:
            work.connection.execute(select(tables.work_order.c.id).with_for_update())
        thread.start()
        thread.join(WAIT_SECONDS if guarded else 1.5)
        assert thread.is_alive() is not guarded
    thread.join(WAIT_SECONDS)
    assert drafts(hub) == 1


def test_our_lock_keeps_other_writers_out(hub: Hub) -> None:
    order = booked_order(hub)
    with hub.unit_of_work() as first, hub.unit_of_work() as second:
        first.work_orders.get(order, lock=True)
        assert second.work_orders.list_where(tables.work_order.c.id == order, skip_locked=True) == []
        second.connection.execute(text("SET LOCAL lock_timeout = '100ms'"))
        with pytest.raises(Exception, match="lock timeout"):
            second.work_orders.get(order, lock=True)


def test_a_clash_while_the_draft_is_written_does_not_cost_the_search(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    booked_order(hub)
    searches, clashes = [], [StaleVersionError("plan")]
    assignments = drafting._assignments

    def counted(*given: Any) -> Plan:
        searches.append(given)
        return solve(*given)

    def clashing(*given: Any) -> list[PlanAssignment]:
        if clashes:
            raise clashes.pop()
        return list(assignments(*given))

    monkeypatch.setattr(planning, "solve", counted)
    monkeypatch.setattr(drafting, "_assignments", clashing)
    planned(hub)
    assert (len(searches), drafts(hub)) == (1, 1)


@pytest.mark.parametrize("moment", ["_appointments", "_technicians", "_absences", "_orders"])
def test_an_appointment_that_is_moved_while_the_days_are_read_is_drafted_once(
    hub: Hub, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    """Read piece by piece, the old time and the new one would both look agreed, and the order would be drafted twice."""
    order = booked_order(hub)
    held = hold(hub, order, TUESDAY, 13)
    read, moved = getattr(days, moment), list[object]()

    def reading(*given: Any) -> Any:
        if not moved:
            # Set first: the move reads the days of its own.
            moved.append(held)
            confirm_appointment(hub, order, held.id, by=CITIZEN)
        return read(*given)

    monkeypatch.setattr(days, moment, reading)
    planned(hub)
    assert moved
    assert drafts(hub) == 1


def test_a_snapshot_sees_one_instant_and_writes_nothing(hub: Hub) -> None:
    order = booked_order(hub)
    with hub.snapshot() as work:
        before = work.visits.list_where()
        book(hub, order, TUESDAY, 13)
        assert work.visits.list_where() == before
        with pytest.raises(InternalError, match="read-only"):
            work.work_orders.get(order, lock=True)
    with hub.unit_of_work() as work:
        assert len(work.visits.list_where()) == len(before) + 1
        work.work_orders.get(order, lock=True)
