"""Orders that nothing moves on by itself any more: for each status that lasts, who would have to act, and how one sees it.

Received, contacting: the contact room. Ready: planning (counted apart). Booked, planned: publishing, then the technician.
In progress: the technician. On hold: the utility (counted apart). The other statuses are ends.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import ColumnElement, and_, exists, or_, select

from hub.db import tables
from hub.domain.catalogue import Catalogue
from hub.domain.contact import CaseStatus
from hub.domain.lifecycle import LIVE_VISIT_STATUSES, AppointmentStatus, VisitStatus, WorkOrderStatus
from scheduling.ability import nobody_can_do

_ASKED_LATE = timedelta(hours=1)
"""The ladder looks every second; what is due for so long cannot take its step."""
_PUBLISH_BEFORE = timedelta(hours=12)
_NOBODY_CAME = timedelta(hours=1)
_NEVER_ENDED = timedelta(hours=4)
_UNDER_WAY = (VisitStatus.EN_ROUTE, VisitStatus.ON_SITE, VisitStatus.WORKING)


class Stuck(StrEnum):
    """Why an order does not move on."""

    NOT_ASKED = "not-asked"
    NO_TECHNICIAN = "no-technician"
    NOT_PUBLISHED = "not-published"
    NOT_VISITED = "not-visited"
    NOT_ENDED = "not-ended"
    NO_VISIT = "no-visit"


@dataclass(frozen=True)
class StuckWords:
    """How the console says it of one order and of several, and what to do."""

    singular: str
    plural: str
    advice: str


WORDS = {
    Stuck.NOT_VISITED: StuckWords(
        "order whose visit is over, and nobody set off",
        "orders whose visit is over, and nobody set off",
        "Call the technician; the citizen can choose another time by the link.",
    ),
    Stuck.NOT_ENDED: StuckWords(
        "order whose visit was begun and never ended",
        "orders whose visit was begun and never ended",
        "Ask the technician to end it on the phone.",
    ),
    Stuck.NOT_PUBLISHED: StuckWords(
        "order has its visit within 12 hours, but on no phone",
        "orders have their visit within 12 hours, but on no phone",
        "Plan and publish that day.",
    ),
    Stuck.NO_VISIT: StuckWords(
        "order is booked or planned, but has no visit",
        "orders are booked or planned, but have no visit",
        "Call the citizen: nobody would come.",
    ),
    Stuck.NO_TECHNICIAN: StuckWords(
        "order waits: no technician of its territory can do its work",
        "orders wait: no technician of their territory can do their work",
        "Add technicians or skills to the roster; within the hour their citizens are invited.",
    ),
    Stuck.NOT_ASKED: StuckWords(
        "order whose citizen nobody asks any more",
        "orders whose citizen nobody asks any more",
        "Check the worker's log and the contact policy of this work.",
    ),
}
"""Worst first."""


def is_stuck(why: Stuck, now: datetime, catalogue: Catalogue) -> ColumnElement[bool]:
    """The condition on `work_order` for the orders that are stuck in this way at `now`."""
    order, visit = tables.work_order.c, tables.visit.c
    match why:
        case Stuck.NOT_ASKED:
            return _is_not_asked(now)
        case Stuck.NO_TECHNICIAN:
            asked = (WorkOrderStatus.CONTACTING, WorkOrderStatus.READY)
            return and_(order.status.in_(asked), nobody_can_do(catalogue.work_types.values()))
        case Stuck.NO_VISIT:
            promised = (WorkOrderStatus.BOOKED, WorkOrderStatus.PLANNED, WorkOrderStatus.IN_PROGRESS)
            return and_(order.status.in_(promised), ~_has_visit(visit.status.in_(LIVE_VISIT_STATUSES)))
        case Stuck.NOT_PUBLISHED:
            soon = (visit.starts_at >= now, visit.starts_at < now + _PUBLISH_BEFORE)
            return _has_visit(visit.status == VisitStatus.PLANNED, *soon, ~_is_only_held())
        case Stuck.NOT_VISITED:
            waiting = visit.status.in_((VisitStatus.PLANNED, VisitStatus.DISPATCHED))
            return _has_visit(waiting, visit.ends_at < now - _NOBODY_CAME, ~_is_only_held())
        case Stuck.NOT_ENDED:
            return _has_visit(visit.status.in_(_UNDER_WAY), visit.ends_at < now - _NEVER_ENDED)


def _is_not_asked(now: datetime) -> ColumnElement[bool]:
    order, case = tables.work_order.c, tables.contact_case.c
    asking = exists().where(
        case.work_order_id == order.id, case.status == CaseStatus.OPEN, case.next_due_at >= now - _ASKED_LATE
    )
    return or_(order.status == WorkOrderStatus.RECEIVED, and_(order.status == WorkOrderStatus.CONTACTING, ~asking))


def _has_visit(*where: ColumnElement[bool]) -> ColumnElement[bool]:
    visit = tables.visit
    return select(visit.c.id).where(visit.c.work_order_id == tables.work_order.c.id, *where).exists()


def _is_only_held() -> ColumnElement[bool]:
    """Whether the visit is for a slot that is only kept while its citizen confirms; that ends by itself."""
    appointment = tables.appointment.c
    return exists().where(appointment.id == tables.visit.c.appointment_id, appointment.status == AppointmentStatus.HELD)
