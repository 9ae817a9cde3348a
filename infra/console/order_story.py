"""One order with everything that happened to it, from all rooms."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection, select

from hub.bootstrap import Hub
from hub.db import tables
from hub.db.unit_of_work import UnitOfWork
from hub.domain.appointments import Appointment, Visit
from hub.domain.contact import NotificationStatus
from hub.domain.field_records import Confirmation, Photo, SurveyAnswer, WorkReport
from hub.domain.ids import WorkOrderId
from hub.domain.work_orders import WorkOrder
from hub.notifications.masking import mask_recipient
from infra.console.words import channel_name

_LONGEST_HISTORY = 500


@dataclass(frozen=True)
class ContactAttempt:
    """One message to the citizen, its recipient masked; `rung` is empty for messages outside the ladder."""

    created_at: datetime
    settled_at: datetime | None
    kind: str
    channel: str
    recipient: str
    rung: str
    status: NotificationStatus
    error: str


@dataclass(frozen=True)
class HistoryLine:
    """One status event: who did what, and what it changed."""

    at: datetime
    entity: str
    before: str
    after: str
    action: str
    reason: str
    who: str


@dataclass(frozen=True)
class TechnicianVisit:
    """A visit with the technician's name."""

    visit: Visit
    technician: str


@dataclass(frozen=True)
class OrderStory:
    """What the order's page shows, oldest first in each part."""

    order: WorkOrder
    appointments: tuple[Appointment, ...]
    visits: tuple[TechnicianVisit, ...]
    attempts: tuple[ContactAttempt, ...]
    reports: tuple[WorkReport, ...]
    confirmations: tuple[Confirmation, ...]
    photos: tuple[Photo, ...]
    survey: SurveyAnswer | None
    history: tuple[HistoryLine, ...]
    unplanned_because: str


def tell_story(hub: Hub, work_order_id: WorkOrderId) -> OrderStory:
    """Everything about one order; raises NotFoundError."""
    with hub.unit_of_work() as work:
        order = work.work_orders.get(work_order_id)
        appointment, report = tables.appointment.c, tables.work_report.c
        confirmation, photo = tables.confirmation.c, tables.photo.c
        return OrderStory(
            order=order,
            appointments=tuple(
                work.appointments.list_where(
                    appointment.work_order_id == order.id, order_by=(appointment.sequence.asc(),)
                )
            ),
            visits=_visits(work, order.id),
            attempts=_attempts(work, order.id),
            reports=tuple(
                work.work_reports.list_where(report.work_order_id == order.id, order_by=(report.reported_at.asc(),))
            ),
            confirmations=tuple(
                work.confirmations.list_where(
                    confirmation.work_order_id == order.id, order_by=(confirmation.recorded_at.asc(),)
                )
            ),
            photos=tuple(work.photos.list_where(photo.work_order_id == order.id, order_by=(photo.taken_at.asc(),))),
            survey=work.survey_answers.find(order.id),
            history=_history(work.connection, order.id),
            unplanned_because=_unplanned_because(work.connection, order.id),
        )


def _visits(work: UnitOfWork, order_id: WorkOrderId) -> tuple[TechnicianVisit, ...]:
    visit, technician = tables.visit.c, tables.technician.c
    visits = work.visits.list_where(visit.work_order_id == order_id, order_by=(visit.starts_at.asc(),))
    found = work.connection.execute(
        select(technician.id, technician.name).where(technician.id.in_([one.technician_id for one in visits]))
    )
    names = {row.id: row.name for row in found}
    return tuple(TechnicianVisit(one, names[one.technician_id]) for one in visits)


def _attempts(work: UnitOfWork, order_id: WorkOrderId) -> tuple[ContactAttempt, ...]:
    notification = tables.notification.c
    sent = work.notifications.list_where(
        notification.work_order_id == order_id, order_by=(notification.created_at.asc(), notification.step.asc())
    )
    return tuple(
        ContactAttempt(
            created_at=one.created_at,
            settled_at=one.settled_at,
            kind=one.kind.replace("_", " "),
            channel=channel_name(one.channel),
            recipient=mask_recipient(one.recipient),
            rung="" if one.step is None else f"round {one.round}, step {one.step}",
            status=one.status,
            error=one.error,
        )
        for one in sent
    )


def _history(connection: Connection, order_id: WorkOrderId) -> tuple[HistoryLine, ...]:
    event = tables.status_event.c
    rows = connection.execute(
        select(tables.status_event).where(event.work_order_id == order_id).order_by(event.seq).limit(_LONGEST_HISTORY)
    ).all()
    names = _names(connection, (row.actor_name for row in rows))
    return tuple(
        HistoryLine(
            at=row.at,
            entity=row.entity.replace("_", " "),
            before=row.before,
            after=row.after or row.name.partition(".")[2].replace("_", " "),
            action=row.action.replace("_", " "),
            reason=row.reason,
            who=" ".join(part for part in (row.actor_kind, names.get(row.actor_name, row.actor_name)) if part),
        )
        for row in rows
    )


def _names(connection: Connection, actors: Iterable[str]) -> dict[str, str]:
    """The names of staff and technicians among `actors`, by the id they acted under."""
    ids = {identity for actor in actors if (identity := _as_id(actor))}
    names: dict[str, str] = {}
    for table in (tables.staff_account, tables.technician):
        rows = connection.execute(select(table.c.id, table.c.name).where(table.c.id.in_(ids)))
        names |= {str(row.id): row.name for row in rows}
    return names


def _as_id(actor: str) -> UUID | None:
    try:
        return UUID(actor)
    except ValueError:
        return None


def _unplanned_because(connection: Connection, order_id: WorkOrderId) -> str:
    """What the newest plan that looked at the order said of leaving it out; empty when it did not."""
    plan, unplanned, assigned = tables.plan, tables.plan_unplanned, tables.plan_assignment
    newest = connection.execute(
        select(plan.c.created_at, unplanned.c.detail)
        .join(plan, plan.c.id == unplanned.c.plan_id)
        .where(unplanned.c.work_order_id == order_id)
        .order_by(plan.c.created_at.desc())
        .limit(1)
    ).one_or_none()
    if newest is None:
        return ""
    since = connection.execute(
        select(plan.c.id)
        .join(assigned, assigned.c.plan_id == plan.c.id)
        .where(assigned.c.work_order_id == order_id, plan.c.created_at > newest.created_at)
        .limit(1)
    ).first()
    return "" if since else str(newest.detail)
