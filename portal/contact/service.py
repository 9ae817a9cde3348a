"""The ladder: begin a round, take the steps that are due, end it; hand the order back when nobody answers.

Locks are always taken in one order: the work order first, then its case. Bookings do the same, so neither waits for the other in a circle.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import cast

from sqlalchemy import select

from hub.bootstrap import Hub
from hub.db import tables
from hub.db.unit_of_work import UnitOfWork
from hub.domain.contact import CaseStatus, Channel, ContactCase
from hub.domain.events import SYSTEM, Event
from hub.domain.ids import WorkOrderId
from hub.domain.lifecycle import (
    FINAL_WORK_ORDER_STATUSES,
    AbortReason,
    Action,
    AppointmentStatus,
    HoldReason,
    VisitStatus,
    WorkOrderStatus,
)
from hub.domain.work_orders import WorkOrder
from hub.notifications.service import reachable_channel, request_notification
from portal.contact.policies import ContactPolicy, find_policy, load_policies
from portal.dossier.document import seal_dossier

_log = logging.getLogger(__name__)

_BATCH = 500
"""How many cases one run of the timer takes at most; the next run takes the rest."""
_MOST_BATCHES = 20
PAUSE_AFTER_CANCELLATION = timedelta(days=1)
"""Whoever has just cancelled an appointment has a link to choose another and is not asked again at once."""


def open_cases(work: UnitOfWork, orders: Sequence[WorkOrder], *, first_due_at: datetime) -> None:
    """Begin the first or the next round for orders that are being contacted; work without a contact policy has none."""
    asked = [order for order in orders if work.catalogue.work_type(order.work_type).needs_citizen]
    before = work.contact_cases.list_by_id([order.id for order in asked], lock=True) if asked else {}
    cases = [_fresh_case(work, order, before.get(order.id), first_due_at) for order in asked]
    for case in cases:
        if case.work_order_id in before:
            work.contact_cases.swap(before[case.work_order_id], case)
    work.contact_cases.add_all([case for case in cases if case.work_order_id not in before])


def _fresh_case(work: UnitOfWork, order: WorkOrder, before: ContactCase | None, first_due_at: datetime) -> ContactCase:
    return ContactCase(
        work_order_id=order.id,
        policy=work.catalogue.work_type(order.work_type).contact_policy,
        round=before.round + 1 if before else 1,
        next_step=0,
        next_due_at=first_due_at,
        status=CaseStatus.OPEN,
        outcome="",
        opened_at=work.now,
    )


def end_case(work: UnitOfWork, work_order_id: WorkOrderId, outcome: str) -> None:
    """Stop the ladder, if it runs: the citizen booked, or the order has another end."""
    before = work.contact_cases.find(work_order_id, lock=True)
    if before is None or before.status is CaseStatus.ENDED:
        return
    ended = replace(before, status=CaseStatus.ENDED, outcome=outcome, next_due_at=None, ended_at=work.now)
    work.contact_cases.swap(before, ended)


def run_due_contacts(hub: Hub, now: datetime) -> int:
    """Take the step that is due for each case, at most one per case; returns how many were taken. A timer.

    Each case has its own transaction, so one that fails holds up no other. Raises ExceptionGroup when none got on.
    """
    policies = load_policies(hub.settings.contact_policies)
    done, failures = 0, list[Exception]()
    for _ in range(_MOST_BATCHES):
        # Those that fail stay due; the next look begins behind them, so that however many they are, others have their turn.
        ids = _due_cases(hub, now, skip=len(failures))
        for work_order_id in ids:
            try:
                with hub.unit_of_work() as work:
                    done += _take_step(work, work_order_id, policies, now)
                    work.commit()
            except Exception as error:  # noqa: BLE001 - the next case must have its turn
                _log.warning("the contact case of work order %s could not take its step", work_order_id, exc_info=True)
                failures.append(error)
        if done or len(ids) < _BATCH:
            break
    if failures and not done:
        message = "no contact case could take its step"
        raise ExceptionGroup(message, failures)
    return done


def _due_cases(hub: Hub, now: datetime, *, skip: int) -> list[WorkOrderId]:
    case = tables.contact_case.c
    due = (
        select(case.work_order_id)
        .where(case.status == CaseStatus.OPEN, case.next_due_at <= now)
        .order_by(case.next_due_at, case.work_order_id)
        .limit(_BATCH)
        .offset(skip)
    )
    with hub.reading() as connection:
        return [cast("WorkOrderId", one) for one in connection.execute(due).scalars()]


def escalate(work: UnitOfWork, order: WorkOrder, reason: HoldReason, sentence: str) -> None:
    """Put the order on hold and hand it back to the utility, with the dossier of every attempt."""
    held = work.advance_work_order(order, Action.HOLD, by=SYSTEM, reason=sentence, hold_reason=reason)
    work.tell(
        Event(
            name="work_order.escalated",
            entity="work_order",
            entity_id=held.id,
            work_order_id=held.id,
            at=work.now,
            actor=SYSTEM,
            action="escalate",
            before=held.status.value,
            after=held.status.value,
            reason=sentence,
            data=seal_dossier(work, held, sentence=sentence),
        )
    )


def settle_aborted_visit(work: UnitOfWork, order: WorkOrder, reason: AbortReason) -> None:
    """Decide what follows a visit that ended without completion.

    Nobody at the door the first time: the citizen is asked again. The second time, a refusal, danger, or anything else:
    the order goes back to the utility, each with its own reason.
    """
    if order.status in FINAL_WORK_ORDER_STATUSES or order.status is WorkOrderStatus.ON_HOLD:
        # It ended, or was handed back, while the technician was on the way: that stands, and the visit may end.
        return
    if reason is not AbortReason.NO_ACCESS:
        sentence = {
            AbortReason.REFUSED: "The citizen refused the work at the door.",
            AbortReason.UNSAFE: "The technician found the place unsafe.",
            AbortReason.OTHER: "The technician could not do the work.",
        }[reason]
        escalate(work, order, HoldReason(reason.value), sentence)
        return
    needs_citizen = work.catalogue.work_type(order.work_type).needs_citizen
    if needs_citizen and _no_access_count(work, order.id) < 2:
        again = Action.UNBOOK if order.status is WorkOrderStatus.BOOKED else Action.REINVITE
        work.advance_work_order(order, again, by=SYSTEM, reason="nobody at the door")
        return
    escalate(work, order, HoldReason.NO_ACCESS, "The technician could not get in.")


def _take_step(
    work: UnitOfWork, work_order_id: WorkOrderId, policies: Mapping[str, ContactPolicy], now: datetime
) -> int:
    orders = work.work_orders.list_where(tables.work_order.c.id == work_order_id, skip_locked=True)
    case = work.contact_cases.find(work_order_id, lock=True) if orders else None
    if case is None or case.status is not CaseStatus.OPEN or case.next_due_at is None or case.next_due_at > now:
        return 0
    order = orders[0]
    if order.status is not WorkOrderStatus.CONTACTING:
        end_case(work, order.id, order.status.value)
        return 1
    held_until = _held_until(work, order, now)
    if held_until is not None:
        # The citizen is answering this very moment: neither ask again nor say that nobody answered.
        work.contact_cases.swap(case, replace(case, next_due_at=held_until))
        return 0
    policy = _policy_of(work, order, case, policies)
    if policy.is_last(case.next_step):
        escalate(work, order, HoldReason.NO_CONTACT, "Nobody answered any of our messages.")
        return 1
    if reachable_channel(order, Channel.EMAIL) is None:
        escalate(work, order, HoldReason.NO_CONTACT, "The order has neither an e-mail address nor a phone number.")
        return 1
    allowed = policy.quiet.next_allowed(now, order.zone)
    if allowed > now:
        work.contact_cases.swap(case, replace(case, next_due_at=allowed))
        return 0
    _send_step(work, order, case, policy, now)
    return 1


def _held_until(work: UnitOfWork, order: WorkOrder, now: datetime) -> datetime | None:
    """When the slot the citizen keeps while confirming is given back, if one is kept now."""
    table = tables.appointment.c
    held = work.appointments.find_where(
        table.work_order_id == order.id, table.status == AppointmentStatus.HELD, table.lease_until > now
    )
    return held.lease_until if held else None


def _policy_of(
    work: UnitOfWork, order: WorkOrder, case: ContactCase, policies: Mapping[str, ContactPolicy]
) -> ContactPolicy:
    """The policy the round began with; when it was taken away meanwhile, the one such work has now: nobody is left asking."""
    kept = policies.get(case.policy)
    return kept or find_policy(policies, work.catalogue.work_type(order.work_type).contact_policy)


def _send_step(work: UnitOfWork, order: WorkOrder, case: ContactCase, policy: ContactPolicy, now: datetime) -> None:
    step = policy.steps[case.next_step]
    kind = "missed" if step.kind == "invitation" and _no_access_count(work, order.id) else step.kind
    request_notification(
        work, order, kind=kind, channel=step.channel, round=case.round, step=case.next_step, quiet=policy.quiet
    )
    due = policy.due_after(case.next_step, now, order.zone)
    work.contact_cases.swap(case, replace(case, next_step=case.next_step + 1, next_due_at=due))


def _no_access_count(work: UnitOfWork, work_order_id: WorkOrderId) -> int:
    table = tables.visit.c
    found = work.visits.list_where(
        table.work_order_id == work_order_id,
        table.status == VisitStatus.ABORTED,
        table.abort_reason == AbortReason.NO_ACCESS,
    )
    return len(found)
