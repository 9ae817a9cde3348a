"""The ladder's timer: take the steps that are due, one per case; when nobody answers, conclude.

See `cases` for how a round begins and ends, `waiting` for what keeps it, `endings` for what follows its outcome, `decisions` for what staff does.
"""

import logging
from dataclasses import replace
from datetime import datetime, timedelta
from typing import cast

from sqlalchemy import select

from hub.bootstrap import Hub
from hub.contact_record import append_entry
from hub.db import tables
from hub.db.citizen_tables import contact_preference
from hub.db.unit_of_work import UnitOfWork
from hub.domain.contact import CaseStatus, Channel, ContactCase
from hub.domain.errors import ConfigurationError
from hub.domain.ids import WorkOrderId
from hub.domain.lifecycle import HoldReason, WorkOrderStatus
from hub.domain.work_orders import WorkOrder
from hub.notifications.service import reachable_channels, request_notification
from portal.contact import record
from portal.contact.cases import (
    NEVER_ARRIVED,
    attempts_of_round,
    count_attempts,
    count_closed_doors,
    end_case,
    policy_of,
)
from portal.contact.endings import conclude
from portal.contact.outcomes import SENTENCES, outcome_of
from portal.contact.policies import ContactPolicy, load_policies
from portal.contact.waiting import LOOK_AGAIN, waits_until
from portal.conversations.offers import KIND as OFFER
from portal.conversations.offers import prepare_offer, remember_offer
from portal.conversations.threads import waits_for_us_since
from portal.queries import read_booking
from portal.waitlist.records import live_entry

_log = logging.getLogger(__name__)

_BATCH = 500
"""How many cases one run of the timer takes at most; the next run takes the rest."""
_MOST_BATCHES = 20
PAUSE_AFTER_CANCELLATION = timedelta(days=1)
"""Whoever has just cancelled an appointment has a link to choose another and is not asked again at once."""
_AS_MANY_AS_ALLOWED = "Nobody answered, and the policy allows no more messages."
_ON_THE_WAITLIST = "The citizen asked for other times than were free, and then answered no message."
_NO_ADDRESS = "The order has neither an e-mail address nor a phone number."
_NOTHING_ARRIVES = "None of the citizen's addresses can be written to any more."


def run_due_contacts(hub: Hub, now: datetime) -> int:
    """Take the step that is due for each case, at most one per case; returns how many were taken. A timer.

    Each case has its own transaction, so one that fails holds up no other. Raises ExceptionGroup when none got on.
    """
    load_policies(hub.settings.contact_policies)
    done, failures = 0, list[Exception]()
    for _ in range(_MOST_BATCHES):
        # Those that fail stay due; the next look begins behind them, so that however many they are, others have their turn.
        ids = _due_cases(hub, now, skip=len(failures))
        for work_order_id in ids:
            try:
                with hub.unit_of_work() as work:
                    done += _take_step(hub, work, work_order_id, now)
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


def _take_step(hub: Hub, work: UnitOfWork, work_order_id: WorkOrderId, now: datetime) -> int:
    orders = work.work_orders.list_where(tables.work_order.c.id == work_order_id, skip_locked=True)
    case = work.contact_cases.find(work_order_id, lock=True) if orders else None
    if case is None or case.status is not CaseStatus.OPEN or case.next_due_at is None or case.next_due_at > now:
        return 0
    order = orders[0]
    if order.status is not WorkOrderStatus.CONTACTING:
        end_case(work, order.id, outcome_of(order.status, order.hold_reason))
        return 1
    policy = policy_of(work, order, case)
    if policy is None:
        message = (
            f"Work order {order.id} is being contacted, but its work type '{order.work_type}' has no contact policy."
        )
        raise ConfigurationError(message)
    held_until = waits_until(work, order, case, policy, now)
    if held_until is not None:
        work.contact_cases.swap(case, replace(case, next_due_at=held_until))
        return 0
    return _go_on(hub, work, order, case, policy, now)


def _go_on(
    hub: Hub, work: UnitOfWork, order: WorkOrder, case: ContactCase, policy: ContactPolicy, now: datetime
) -> int:
    if sentence := _why_over(work, order, case, policy):
        if waits_for_us_since(work, order.id) is not None:
            # Whoever wrote and got no answer is not somebody who did not answer: that end would be untrue.
            work.contact_cases.swap(case, replace(case, next_due_at=now + LOOK_AGAIN))
            return 0
        conclude(work, order, HoldReason.NO_CONTACT, sentence)
        return 1
    channels = _channels(work, order, policy, case.next_step)
    if not channels:
        _skip_step(work, order, case, policy, now)
        return 1
    allowed = policy.quiet.next_allowed(now, order.zone)
    if allowed > now:
        work.contact_cases.swap(case, replace(case, next_due_at=allowed))
        return 0
    _send_step(hub, work, order, case, policy, channels, now)
    return 1


def _why_over(work: UnitOfWork, order: WorkOrder, case: ContactCase, policy: ContactPolicy) -> str:
    """Why the ladder ends now, in a sentence; empty when it goes on."""
    if policy.is_last(case.next_step):
        return _ON_THE_WAITLIST if live_entry(work, order.id) else SENTENCES[HoldReason.NO_CONTACT]
    if count_attempts(work, order.id) >= policy.most_attempts:
        return _AS_MANY_AS_ALLOWED
    # Nobody can be reached by any step that is left: waiting for the end makes sense only when something may have arrived.
    left = range(case.next_step, len(policy.steps))
    if any(_channels(work, order, policy, step) for step in left):
        return ""
    if any(one.status not in NEVER_ARRIVED for one in attempts_of_round(work, case)):
        return ""
    return _NOTHING_ARRIVES if order.citizen_email or order.citizen_phone else _NO_ADDRESS


def _channels(work: UnitOfWork, order: WorkOrder, policy: ContactPolicy, step: int) -> list[Channel]:
    """The channels of `step` that reach the citizen; the one the citizen would rather be written to by goes first."""
    table = contact_preference.c
    wish = work.connection.execute(select(table.channel).where(table.work_order_id == order.id)).scalar_one_or_none()
    wanted = policy.steps[step].channels
    return reachable_channels(work, order, (wish, *wanted) if wish else wanted)


def _skip_step(work: UnitOfWork, order: WorkOrder, case: ContactCase, policy: ContactPolicy, now: datetime) -> None:
    step = policy.steps[case.next_step]
    content = {"round": case.round, "step": case.next_step, "kind": step.kind}
    names = [channel.value for channel in step.channels]
    _step_done(work, order, case, policy, now)
    append_entry(work, order.id, record.STEP_SKIPPED, {**content, "channels": names, "why": "no channel reaches"})


def _send_step(
    hub: Hub,
    work: UnitOfWork,
    order: WorkOrder,
    case: ContactCase,
    policy: ContactPolicy,
    channels: list[Channel],
    now: datetime,
) -> None:
    step = policy.steps[case.next_step]
    kind = "missed" if step.kind == "invitation" and count_closed_doors(work, order.id) else step.kind
    offer = prepare_offer(hub, read_booking(work, order)) if kind == OFFER else None
    if kind == OFFER and offer is None:
        # There is no time to list now; the link shows those that come.
        kind = "reminder"
    sent = request_notification(
        work,
        policy.addressed(order),
        kind=kind,
        channels=channels,
        parameters={"times": offer.words} if offer else None,
        round=case.round,
        step=case.next_step,
        quiet=policy.quiet,
    )
    if sent is None:
        _skip_step(work, order, case, policy, now)
        return
    if offer is not None:
        remember_offer(work, order, offer.times, sent)
    _step_done(work, order, case, policy, now)
    content = {"round": case.round, "step": case.next_step, "kind": kind, "channel": sent.channel.value}
    append_entry(work, order.id, record.STEP_TAKEN, {**content, "message": str(sent.id)})


def _step_done(work: UnitOfWork, order: WorkOrder, case: ContactCase, policy: ContactPolicy, now: datetime) -> None:
    due = policy.due_after(case.next_step, now, order.zone)
    work.contact_cases.swap(case, replace(case, next_step=case.next_step + 1, next_due_at=due))
