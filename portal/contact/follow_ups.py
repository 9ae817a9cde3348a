"""What follows while an order is on hold: a date to look again, an invitation on that date, and the team that has the order."""

import logging
from dataclasses import dataclass, replace
from datetime import datetime
from typing import cast

from sqlalchemy import select

from hub.bootstrap import Hub
from hub.contact_record import append_entry
from hub.db import tables
from hub.db.ladder_tables import follow_up as follow_up_table
from hub.db.records import Records
from hub.db.unit_of_work import UnitOfWork
from hub.domain.events import SYSTEM, Actor
from hub.domain.ids import WorkOrderId
from hub.domain.lifecycle import Action, WorkOrderStatus
from hub.domain.work_orders import WorkOrder
from portal.contact import record
from portal.contact.cases import count_attempts, policy_of

_log = logging.getLogger(__name__)
_BATCH = 500


@dataclass(frozen=True)
class FollowUp:
    """Counts only while its order is on hold. At `review_at` the order is looked at again: by the citizen, who is invited again, when
    it `reinvites`, else by staff. `team` is empty while the order is everybody's.
    """

    work_order_id: WorkOrderId
    review_at: datetime | None
    reinvites: bool
    team: str
    set_at: datetime
    version: int = 1


def find_follow_up(work: UnitOfWork, work_order_id: WorkOrderId, *, lock: bool = False) -> FollowUp | None:
    """What follows for the order, or None when nobody said."""
    return _records(work).find(work_order_id, lock=lock)


def set_follow_up(
    work: UnitOfWork, work_order_id: WorkOrderId, *, review_at: datetime | None, reinvites: bool, team: str
) -> FollowUp:
    """Say what follows from now on. The order's row must be locked, or just changed: it guards this one too."""
    records = _records(work)
    fresh = FollowUp(work_order_id, review_at, reinvites, team, work.now)
    before = records.find(work_order_id, lock=True)
    return records.add(fresh) if before is None else records.swap(before, fresh)


def review_held_orders(hub: Hub, now: datetime) -> int:
    """Invite again the citizens whose review date has come, where their policy says so; returns how many. A timer.

    An order whose policy allows no more messages is left to staff. One that fails holds up no other. Raises ExceptionGroup when
    none got on.
    """
    table, order = follow_up_table.c, tables.work_order.c
    due = (
        select(table.work_order_id)
        .join(tables.work_order, order.id == table.work_order_id)
        .where(table.review_at <= now, table.reinvites, order.status == WorkOrderStatus.ON_HOLD)
        .order_by(table.review_at, table.work_order_id)
        .limit(_BATCH)
    )
    with hub.reading() as connection:
        ids = [cast("WorkOrderId", one) for one in connection.execute(due).scalars()]
    done, failures = 0, list[Exception]()
    for work_order_id in ids:
        try:
            with hub.unit_of_work() as work:
                done += _review(work, work_order_id, now)
                work.commit()
        except Exception as error:  # noqa: BLE001 - the next order must have its turn
            _log.warning("work order %s could not be looked at again", work_order_id, exc_info=True)
            failures.append(error)
    if failures and not done:
        message = "no held order could be looked at again"
        raise ExceptionGroup(message, failures)
    return done


def may_be_invited(work: UnitOfWork, order: WorkOrder) -> bool:
    """Whether the work needs a citizen, and its policy allows one more message."""
    policy = policy_of(work, order, work.contact_cases.find(order.id))
    return policy is not None and count_attempts(work, order.id) < policy.most_attempts


def invite_again(work: UnitOfWork, order: WorkOrder, *, by: Actor, reason: str) -> WorkOrder:
    """Take a held order up again: the next round begins."""
    after = work.advance_work_order(order, Action.REINVITE, by=by, reason=reason, hold_reason=None)
    append_entry(work, order.id, record.INVITED_AGAIN, {"by": record.who(by), "note": reason})
    return after


def _review(work: UnitOfWork, work_order_id: WorkOrderId, now: datetime) -> int:
    orders = work.work_orders.list_where(tables.work_order.c.id == work_order_id, skip_locked=True)
    follow_up = find_follow_up(work, work_order_id, lock=True) if orders else None
    if follow_up is None or follow_up.review_at is None or follow_up.review_at > now or not follow_up.reinvites:
        return 0
    order = orders[0]
    if order.status is not WorkOrderStatus.ON_HOLD:
        return 0
    _records(work).swap(follow_up, replace(follow_up, reinvites=False))
    if may_be_invited(work, order):
        invite_again(work, order, by=SYSTEM, reason="The review date has come.")
    return 1


def _records(work: UnitOfWork) -> Records[FollowUp]:
    return Records(work.connection, follow_up_table, FollowUp, ("work_order_id",))
