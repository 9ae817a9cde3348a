"""What a receipt means to the ladder: nothing of a step arrived, so the next one need not wait its time."""

from dataclasses import replace
from uuid import UUID

from hub.bootstrap import Hub
from hub.contact_record import append_entry
from hub.db.unit_of_work import UnitOfWork
from hub.domain.contact import CaseStatus, ContactCase, Notification
from hub.domain.events import Event
from hub.domain.ids import NotificationId
from hub.domain.lifecycle import WorkOrderStatus
from portal.contact import record
from portal.contact.cases import NEVER_ARRIVED, attempts_of_round, policy_of
from portal.contact.policies import ContactPolicy

BRING_FORWARD_JOB = "bring_ladder_forward"


def hear_of_failure(work: UnitOfWork, event: Event) -> None:
    """A message did not arrive. What follows is a transaction of its own: this one holds locks that the ladder takes last."""
    work.defer(BRING_FORWARD_JOB, notification_id=str(event.entity_id))


def bring_ladder_forward(hub: Hub, *, notification_id: str) -> None:
    """Let the step after the message's be due now, or when quiet hours end; does nothing when the ladder has gone on since.

    The end of the ladder comes forward only when nothing of the whole round arrived: otherwise the citizen has the time to answer
    that the policy gives.
    """
    with hub.unit_of_work() as work:
        found = work.notifications.find(NotificationId(UUID(notification_id)))
        if found is None or found.step is None or found.status not in NEVER_ARRIVED:
            return
        order = work.work_orders.get(found.work_order_id, lock=True)
        case = work.contact_cases.find(order.id, lock=True)
        policy = policy_of(work, order, case)
        if case is None or policy is None or order.status is not WorkOrderStatus.CONTACTING:
            return
        if not _is_next_in_turn(work, case, found, policy):
            return
        due = work.now
        if not policy.is_last(case.next_step):
            due = policy.quiet.next_allowed(work.now, order.zone)
        if case.next_due_at is None or case.next_due_at <= due:
            return
        work.contact_cases.swap(case, replace(case, next_due_at=due))
        content = {"round": case.round, "step": case.next_step, "because": found.status.value, "message": str(found.id)}
        append_entry(work, order.id, record.STEP_BROUGHT_FORWARD, {**content, "dueAt": due.isoformat()})
        work.commit()


def _is_next_in_turn(work: UnitOfWork, case: ContactCase, found: Notification, policy: ContactPolicy) -> bool:
    """Whether the ladder waits for an answer to this very message, and nothing of its step (or, before the end, of the round) arrived."""
    if case.status is not CaseStatus.OPEN or (case.round, case.next_step - 1) != (found.round, found.step):
        return False
    attempts = attempts_of_round(work, case)
    if not policy.is_last(case.next_step):
        attempts = [one for one in attempts if one.step == found.step]
    return all(one.status in NEVER_ARRIVED for one in attempts)
