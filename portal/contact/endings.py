"""How contacting ends without a booking: on hold with its reason, and then what the policy lets follow."""

from datetime import datetime
from zoneinfo import ZoneInfo

from hub.contact_record import append_entry
from hub.db.unit_of_work import UnitOfWork
from hub.domain.appointments import Visit
from hub.domain.events import SYSTEM, Actor, Event
from hub.domain.lifecycle import (
    FINAL_WORK_ORDER_STATUSES,
    AbortReason,
    Action,
    HoldReason,
    WorkOrderStatus,
)
from hub.domain.work_orders import WorkOrder
from portal.contact import record
from portal.contact.cases import attempts_of_round, count_attempts, count_closed_doors, count_sent, policy_of
from portal.contact.follow_ups import set_follow_up
from portal.contact.outcomes import HANDED_BACK, Ending, Then
from portal.dossier.document import seal_dossier

_AT_THE_DOOR = {
    AbortReason.REFUSED: "The citizen refused the work at the door.",
    AbortReason.UNSAFE: "The technician found the place unsafe.",
    AbortReason.OTHER: "The technician could not do the work.",
}


def conclude(
    work: UnitOfWork, order: WorkOrder, reason: HoldReason, sentence: str, *, by: Actor = SYSTEM, note: str = ""
) -> WorkOrder:
    """Put the order on hold for `reason` and let follow what its policy says; `note` is staff's, without personal values."""
    ending = _ending(work, order, reason)
    held = work.advance_work_order(order, Action.HOLD, by=by, reason=note or sentence, hold_reason=reason)
    review_at = work.now + ending.review_after if ending.review_after else None
    set_follow_up(work, order.id, review_at=review_at, reinvites=ending.reinvites, team=ending.team)
    append_entry(
        work,
        order.id,
        record.OUTCOME,
        {
            "outcome": reason.value,
            "sentence": sentence,
            "then": ending.then.value,
            "reviewOn": _local_day(review_at, order.zone),
            "invitesAgain": ending.reinvites,
            "team": ending.team,
            "messages": count_sent(work, order.id),
            "closedDoors": count_closed_doors(work, order.id),
            "by": record.who(by),
            "note": note,
        },
    )
    if ending.then is Then.ESCALATE:
        escalate(work, held, sentence, by=by)
    return held


def escalate(work: UnitOfWork, held: WorkOrder, sentence: str, *, by: Actor = SYSTEM) -> None:
    """Hand an order that is on hold back to the utility, with the dossier of every attempt."""
    work.tell(
        Event(
            name="work_order.escalated",
            entity="work_order",
            entity_id=held.id,
            work_order_id=held.id,
            at=work.now,
            actor=by,
            action="escalate",
            before=held.status.value,
            after=held.status.value,
            reason=sentence,
            data=seal_dossier(work, held, sentence=sentence),
        )
    )


def settle_aborted_visit(work: UnitOfWork, order: WorkOrder, visit: Visit) -> None:
    """Decide what follows a visit that ended without completion.

    Nobody at the door: the citizen is asked again, until as many visits were in vain as the policy allows; messages do not count
    here. After that, a refusal, danger, or anything else: the order is put on hold, each with its own reason.
    """
    reason = visit.abort_reason or AbortReason.OTHER
    content = {"reason": reason.value, "arrivedAt": _text(visit.arrived_at), "endedAt": _text(visit.ended_at)}
    append_entry(work, order.id, record.VISIT_FAILED, {"visit": str(visit.id), **content})
    if order.status in FINAL_WORK_ORDER_STATUSES or order.status is WorkOrderStatus.ON_HOLD:
        # It ended, or was handed back, while the technician was on the way: that stands, and the visit may end.
        return
    if reason is not AbortReason.NO_ACCESS:
        conclude(work, order, HoldReason(reason.value), _AT_THE_DOOR[reason])
        return
    policy = policy_of(work, order, work.contact_cases.find(order.id))
    needs_citizen = work.catalogue.work_type(order.work_type).needs_citizen
    if (
        needs_citizen
        and policy is not None
        and count_closed_doors(work, order.id) < policy.most_visits
        and count_attempts(work, order.id) < policy.most_attempts
    ):
        again = Action.UNBOOK if order.status is WorkOrderStatus.BOOKED else Action.REINVITE
        work.advance_work_order(order, again, by=SYSTEM, reason="nobody at the door")
        return
    conclude(work, order, HoldReason.NO_ACCESS, "The technician could not get in.")


def _ending(work: UnitOfWork, order: WorkOrder, reason: HoldReason) -> Ending:
    """What the policy says, unless it would go round in circles: an order is invited again only as long as messages are left, and
    after silence only when something was sent.
    """
    case = work.contact_cases.find(order.id)
    policy = policy_of(work, order, case)
    if policy is None or case is None:
        return HANDED_BACK
    ending = policy.ending(reason)
    if not ending.reinvites:
        return ending
    in_vain = reason is HoldReason.NO_CONTACT and not attempts_of_round(work, case)
    return HANDED_BACK if in_vain or count_attempts(work, order.id) >= policy.most_attempts else ending


def _local_day(instant: datetime | None, zone: str) -> str:
    return instant.astimezone(ZoneInfo(zone)).date().isoformat() if instant else ""


def _text(instant: datetime | None) -> str:
    return instant.isoformat() if instant else ""
