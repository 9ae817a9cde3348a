"""A case: one order being contacted, round by round. Each round ends once, with one outcome.

Locks are always taken in one order: the work order first, then its case, then the contact record. Bookings do the same, so neither
waits for the other in a circle.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy import func, select, tuple_

from hub.contact_record import append_entries, append_entry
from hub.db import tables
from hub.db.unit_of_work import UnitOfWork
from hub.domain.contact import CaseStatus, ContactCase, Notification, NotificationStatus
from hub.domain.ids import WorkOrderId
from hub.domain.lifecycle import AbortReason, VisitStatus
from hub.domain.work_orders import WorkOrder
from portal.contact import record
from portal.contact.outcomes import Outcome
from portal.contact.policies import ContactPolicy, find_policy, load_policies

NEVER_ARRIVED = (NotificationStatus.FAILED, NotificationStatus.UNDELIVERED)
"""What is known not to have reached anybody; of the rest the citizen may have read every word."""
_HANDED_OVER = (
    NotificationStatus.SENDING,
    NotificationStatus.SENT,
    NotificationStatus.DELIVERED,
    NotificationStatus.UNDELIVERED,
    NotificationStatus.UNKNOWN,
)


def open_cases(work: UnitOfWork, orders: Sequence[WorkOrder], *, first_due_at: datetime) -> None:
    """Begin the first or the next round for orders that are being contacted; work without a contact policy has none."""
    asked = [order for order in orders if work.catalogue.work_type(order.work_type).needs_citizen]
    if not asked:
        return
    before = work.contact_cases.list_by_id([order.id for order in asked], lock=True)
    cases = [_fresh_case(work, order, before.get(order.id), first_due_at) for order in asked]
    for case in cases:
        if case.work_order_id in before:
            work.contact_cases.swap(before[case.work_order_id], case)
    work.contact_cases.add_all([case for case in cases if case.work_order_id not in before])
    append_entries(
        work, record.OPENED, {case.work_order_id: {"round": case.round, "policy": case.policy} for case in cases}
    )


def end_case(work: UnitOfWork, work_order_id: WorkOrderId, outcome: Outcome) -> None:
    """Stop the ladder, if it runs: the citizen booked, or the order has another end."""
    before = work.contact_cases.find(work_order_id, lock=True)
    if before is None or before.status is CaseStatus.ENDED:
        return
    ended = replace(before, status=CaseStatus.ENDED, outcome=outcome.value, next_due_at=None, ended_at=work.now)
    work.contact_cases.swap(before, ended)
    append_entry(work, work_order_id, record.ENDED, {"round": before.round, "outcome": outcome.value})


def policy_of(work: UnitOfWork, order: WorkOrder, case: ContactCase | None) -> ContactPolicy | None:
    """The policy the round began with, at the order's place; None for work that needs no citizen.

    When it was taken away meanwhile, it is the one such work has now: nobody is left asking.
    """
    known = load_policies(work.settings.contact_policies)
    work_type = work.catalogue.work_types.get(order.work_type)
    found = known.get(case.policy) if case else None
    if found is None:
        code = work_type.policy_for(order.utility) if work_type else ""
        if not code:
            return None
        found = find_policy(known, code)
    return found.at_place(work.catalogue, order.territory, order.zone)


def count_attempts(work: UnitOfWork, work_order_id: WorkOrderId) -> int:
    """How many messages of the ladder the order has had, in all rounds; one that went on by another channel is still one."""
    table = tables.notification.c
    attempts = func.count(tuple_(table.round, table.step).distinct())
    query = select(attempts).where(table.work_order_id == work_order_id, table.step.is_not(None))
    return int(work.connection.execute(query).scalar_one())


def count_sent(work: UnitOfWork, work_order_id: WorkOrderId) -> int:
    """How many of them were handed to a provider: what was asked for but could not go out in time is no message to anybody."""
    table = tables.notification.c
    sent = func.count(tuple_(table.round, table.step).distinct())
    where = (table.work_order_id == work_order_id, table.step.is_not(None), table.status.in_(_HANDED_OVER))
    return int(work.connection.execute(select(sent).where(*where)).scalar_one())


def attempts_of_round(work: UnitOfWork, case: ContactCase) -> list[Notification]:
    """The messages of the case's round."""
    table = tables.notification.c
    return work.notifications.list_where(
        table.work_order_id == case.work_order_id, table.round == case.round, table.step.is_not(None)
    )


def count_closed_doors(work: UnitOfWork, work_order_id: WorkOrderId) -> int:
    """At how many visits nobody opened."""
    table = tables.visit.c
    query = select(func.count()).where(
        table.work_order_id == work_order_id,
        table.status == VisitStatus.ABORTED,
        table.abort_reason == AbortReason.NO_ACCESS,
    )
    return int(work.connection.execute(query).scalar_one())


def _fresh_case(work: UnitOfWork, order: WorkOrder, before: ContactCase | None, first_due_at: datetime) -> ContactCase:
    return ContactCase(
        work_order_id=order.id,
        policy=work.catalogue.work_type(order.work_type).policy_for(order.utility),
        round=before.round + 1 if before else 1,
        next_step=0,
        next_due_at=first_due_at,
        status=CaseStatus.OPEN,
        outcome="",
        opened_at=work.now,
    )
