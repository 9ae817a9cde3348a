"""One transaction: what happened in it is told, kept or forgotten as a whole."""

from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import event, select, text
from sqlalchemy.exc import DBAPIError, IntegrityError

from hub.bootstrap import Hub
from hub.clock import FixedClock
from hub.db import tables
from hub.db.unit_of_work import UnitOfWork
from hub.domain.errors import NotFoundError, StaleVersionError, TransitionRefusedError
from hub.domain.events import SYSTEM
from hub.domain.ids import WorkOrderId
from hub.domain.lifecycle import Action, WorkOrderStatus
from hub.jobs import ProcrastinateQueue
from tests.samples import a_visit, a_work_order, add_route, add_technician


def test_a_step_is_kept_with_its_history_only_when_committed(hub: Hub) -> None:
    with hub.unit_of_work() as work:
        order = work.work_orders.add(a_work_order())
        work.commit()
    with hub.unit_of_work() as work:
        work.advance_work_order(order, Action.CANCEL, by=SYSTEM, reason="not wanted")
    with hub.unit_of_work() as work:
        assert work.work_orders.get(order.id).status is WorkOrderStatus.RECEIVED
        after = work.advance_work_order(order, Action.CANCEL, by=SYSTEM, reason="not wanted")
        work.commit()
    assert (after.status, after.version) == (WorkOrderStatus.CANCELLED, 2)
    with hub.reading() as connection:
        rows = connection.execute(select(tables.status_event).order_by(tables.status_event.c.seq)).all()
    # Other rooms listen too and may add steps of their own; the last word is ours.
    assert (rows[-1].name, rows[-1].before, rows[-1].reason) == ("work_order.cancelled", "received", "not wanted")


def test_the_second_of_two_writers_loses_and_is_told(hub: Hub) -> None:
    with hub.unit_of_work() as work:
        order = work.work_orders.add(a_work_order())
        work.commit()
    with hub.unit_of_work() as work:
        work.work_orders.swap(order, replace(order, notes="first"))
        work.commit()
    with hub.unit_of_work() as work, pytest.raises(StaleVersionError, match="changed by somebody else"):
        work.work_orders.swap(order, replace(order, notes="second"))


def test_many_take_a_step_in_one_question_and_all_lose_when_one_is_stale(hub: Hub) -> None:
    orders = [a_work_order() for _ in range(5)]
    with hub.unit_of_work() as work:
        work.work_orders.add_all(orders)
        work.commit()
    with hub.unit_of_work() as work:
        asked = _questions(work)
        cancelled = {"status": WorkOrderStatus.CANCELLED}
        swapped = work.work_orders.swap_all(orders, [cancelled] * 4 + [cancelled | {"notes": "the last"}])
        assert len(asked) == 2
        assert [one.version for one in swapped] == [2] * 5
        work.commit()
    with hub.unit_of_work() as work:
        assert work.work_orders.list_by_id([one.id for one in orders]) == {one.id: one for one in swapped}
        with pytest.raises(StaleVersionError, match="changed by somebody else"):
            work.work_orders.swap_all([swapped[0], orders[1]], [cancelled] * 2)


def test_what_a_transaction_wrote_is_not_asked_for_again_before_it_ends(hub: Hub) -> None:
    written, other = a_work_order(), a_work_order()
    with hub.unit_of_work() as work:
        work.work_orders.add(other)
        work.commit()
    with hub.unit_of_work() as work:
        work.work_orders.add_all([written])
        swapped = work.work_orders.swap(written, replace(written, notes="changed"))
        asked = _questions(work)
        assert work.work_orders.recall_all([written.id]) == {written.id: swapped}
        assert asked == []
        assert work.work_orders.recall_all([written.id, other.id]) == {written.id: swapped, other.id: other}
        assert len(asked) == 1
        work.commit()
        work.work_orders.recall_all([written.id])
        assert len(asked) == 2


def test_what_a_transaction_locked_is_not_asked_for_again_before_it_ends(hub: Hub) -> None:
    order = a_work_order()
    with hub.unit_of_work() as work:
        work.work_orders.add(order)
        work.commit()
    with hub.unit_of_work() as work:
        locked = work.work_orders.get(order.id, lock=True)
        asked = _questions(work)
        assert work.work_orders.recall(order.id) == locked == order
        assert asked == []
    with hub.unit_of_work() as work:
        read = work.work_orders.get(order.id)
        asked = _questions(work)
        assert work.work_orders.recall(order.id) == read
        assert len(asked) == 1, "what is only read somebody else may have changed"


def test_what_a_savepoint_takes_back_is_not_recalled(hub: Hub) -> None:
    order = a_work_order()
    with hub.unit_of_work() as work:
        work.work_orders.add(order)
        attempt = work.connection.begin_nested()
        work.work_orders.swap(order, replace(order, notes="taken back"))
        assert work.work_orders.recall_all([order.id])[order.id].notes == "taken back"
        attempt.rollback()
        assert work.work_orders.recall_all([order.id]) == {order.id: order}


def test_a_step_that_the_table_lacks_is_refused(hub: Hub) -> None:
    with hub.unit_of_work() as work:
        order = work.work_orders.add(replace(a_work_order(), status=WorkOrderStatus.COMPLETED))
        with pytest.raises(TransitionRefusedError, match="A work order that is completed cannot be booked"):
            work.advance_work_order(order, Action.BOOK, by=SYSTEM)


def test_what_does_not_exist_is_said_by_name(hub: Hub) -> None:
    with hub.unit_of_work() as work, pytest.raises(NotFoundError, match="no such work order"):
        work.work_orders.get(WorkOrderId(uuid4()))


def test_history_can_neither_be_changed_nor_deleted(hub: Hub) -> None:
    with hub.unit_of_work() as work:
        work.create_work_order(a_work_order(), by=SYSTEM)
        work.commit()
    for statement in ("UPDATE status_event SET reason = 'forged'", "DELETE FROM status_event"):
        with hub.unit_of_work() as work, pytest.raises(DBAPIError, match="never changed"):
            work.connection.execute(text(statement))


def test_two_visits_of_a_technician_cannot_overlap_but_a_route_can_be_retimed_as_a_whole(
    hub: Hub, clock: FixedClock
) -> None:
    with hub.unit_of_work() as work:
        technician = add_technician(work)
        route = add_route(work, technician, clock.now().date())
        first = work.visits.add(a_visit(work, route, clock.now()))
        second = work.visits.add(a_visit(work, route, clock.now() + timedelta(hours=1)))
        work.commit()
    with hub.unit_of_work() as work, pytest.raises(IntegrityError, match="visit_no_overlap"):
        work.visits.swap(second, replace(second, starts_at=first.starts_at, ends_at=first.ends_at))
    with hub.unit_of_work() as work:
        work.retime_later()
        work.visits.swap(second, replace(second, starts_at=first.starts_at, ends_at=first.ends_at))
        work.visits.swap(first, replace(first, starts_at=second.starts_at, ends_at=second.ends_at))
        work.commit()


def test_a_job_exists_if_and_only_if_its_transaction_commits(hub: Hub) -> None:
    queue = ProcrastinateQueue()
    for commit in (False, True):
        with hub.unit_of_work() as work:
            queue.defer(work.connection, "deliver", notification_id=str(commit))
            if commit:
                work.commit()
    with hub.reading() as connection:
        jobs = connection.execute(text("SELECT task_name, args FROM procrastinate_jobs")).all()
    assert [tuple(job) for job in jobs] == [("deliver", {"notification_id": "True"})]


def _questions(work: UnitOfWork) -> list[str]:
    """What this transaction asks the database from now on."""
    asked: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        asked.append(statement)

    event.listen(work.connection, "before_cursor_execute", note)
    return asked
