"""What the utility is given with an escalation, and the dispatcher on screen: every attempt, and what came of it."""

from datetime import datetime

from hub.db.tables import notification as notification_table
from hub.db.tables import visit as visit_table
from hub.db.unit_of_work import UnitOfWork
from hub.domain.contact import Notification
from hub.domain.lifecycle import VisitStatus
from hub.domain.work_orders import WorkOrder
from hub.notifications.masking import mask_recipient


def compile_dossier(work: UnitOfWork, order: WorkOrder, *, sentence: str = "") -> dict[str, object]:
    """JSON values only; addresses are masked, for the utility knows them and nobody else should."""
    case = work.contact_cases.find(order.id)
    attempts = work.notifications.list_where(
        notification_table.c.work_order_id == order.id,
        notification_table.c.step.is_not(None),
        order_by=(notification_table.c.created_at, notification_table.c.step),
    )
    visits = work.visits.list_where(
        visit_table.c.work_order_id == order.id,
        visit_table.c.status == VisitStatus.ABORTED,
        order_by=(visit_table.c.starts_at,),
    )
    return {
        "externalId": order.external_id,
        "reason": order.hold_reason.value if order.hold_reason else "",
        "sentence": sentence,
        "policy": case.policy if case else "",
        "rounds": case.round if case else 0,
        "attempts": [_attempt(one) for one in attempts],
        "failedVisits": [
            {
                "arrivedAt": _text(visit.arrived_at),
                "endedAt": _text(visit.ended_at),
                "reason": visit.abort_reason.value if visit.abort_reason else "",
            }
            for visit in visits
        ],
    }


def _attempt(one: Notification) -> dict[str, object]:
    return {
        "round": one.round,
        "step": one.step,
        "kind": one.kind,
        "channel": one.channel.value,
        "recipient": mask_recipient(one.recipient),
        "language": one.language,
        "requestedAt": _text(one.created_at),
        "settledAt": _text(one.settled_at),
        "status": one.status.value,
        "provider": one.provider,
        "providerId": one.provider_id,
        "error": one.error,
    }


def _text(instant: datetime | None) -> str | None:
    return instant.isoformat() if instant else None
