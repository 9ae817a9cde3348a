"""Ask the citizen how it went, and take the answer.

A citizen may change the answer for 14 days after the first one: the last one counts. What was answered is one row per
order; each change is also in the history, without the comment.
"""

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import update

from feedback.errors import SurveyClosedError
from feedback.schemas import SurveyForm
from hub.bootstrap import Hub
from hub.db import tables
from hub.db.unit_of_work import UnitOfWork
from hub.domain.contact import LinkPurpose
from hub.domain.events import CITIZEN, Event
from hub.domain.field_records import SurveyAnswer
from hub.domain.ids import WorkOrderId
from hub.domain.work_orders import WorkOrder
from hub.notifications.links import find_link
from hub.notifications.service import request_notification

CHANGEABLE = timedelta(days=14)
"""From the first answer on."""
SURVEY_KIND = "survey"


@dataclass(frozen=True)
class Survey:
    """What a survey link opens: the order and the answer, if there is one, and whether it may still be given or changed."""

    order: WorkOrder
    answer: SurveyAnswer | None
    open: bool


def invite_to_survey(work: UnitOfWork, work_order_id: WorkOrderId) -> None:
    """Ask for feedback about a completed order, by e-mail else SMS; work in the street has nobody to ask."""
    order = work.work_orders.get(work_order_id)
    work_type = work.catalogue.work_types.get(order.work_type)
    if work_type is None or not work_type.needs_citizen:
        return
    request_notification(work, order, kind=SURVEY_KIND)


def open_survey(hub: Hub, token: str) -> Survey:
    """The survey behind a link; changes nothing. Raises LinkInvalidError or LinkExpiredError."""
    with hub.unit_of_work() as work:
        return _survey(work, token)


def answer_survey(hub: Hub, token: str, form: SurveyForm) -> SurveyAnswer:
    """Keep the answer; the same one again changes nothing, another one replaces it.

    Raises LinkInvalidError, LinkExpiredError, or SurveyClosedError 14 days after the first answer.
    """
    with hub.unit_of_work() as work:
        order_id = _survey(work, token).order.id
        # Two browsers at once: the second waits here and then finds the first one's answer.
        work.work_orders.get(order_id, lock=True)
        before = work.survey_answers.find(order_id)
        if before is not None and before.answered_at <= work.now - CHANGEABLE:
            raise SurveyClosedError
        after = SurveyAnswer(
            order_id, form.rating, form.nps, form.comment, answered_at=before.answered_at if before else work.now
        )
        if after != before:
            _keep(work, before, after)
            work.commit()
    return after


def _survey(work: UnitOfWork, token: str) -> Survey:
    order = find_link(work, token, LinkPurpose.SURVEY).order
    answer = work.survey_answers.find(order.id)
    return Survey(order, answer, open=answer is None or answer.answered_at > work.now - CHANGEABLE)


def _keep(work: UnitOfWork, before: SurveyAnswer | None, after: SurveyAnswer) -> None:
    if before is None:
        work.survey_answers.add(after)
    else:
        table = tables.survey_answer
        mine = table.c.work_order_id == after.work_order_id
        changed = {"rating": after.rating, "nps": after.nps, "comment": after.comment}
        work.connection.execute(update(table).where(mine).values(changed))
    work.tell(
        Event(
            name="survey.answered",
            entity="survey",
            entity_id=after.work_order_id,
            work_order_id=after.work_order_id,
            at=work.now,
            actor=CITIZEN,
            action="answer",
            before="answered" if before else "",
            after="answered",
            data={"rating": after.rating, "nps": after.nps},
        )
    )
