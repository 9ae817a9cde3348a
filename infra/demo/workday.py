"""The working day before the newcomer comes: technicians do their visits, citizens rate them.

So the history, the figures and the orders' pages have something to show from the first minute.
"""

import random
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import uuid4

from sqlalchemy import select

from feedback.schemas import SurveyForm
from feedback.service import answer_survey
from hub.bootstrap import Hub
from hub.clock import ShiftedClock
from hub.db import tables
from hub.domain.appointments import Visit
from hub.domain.events import Actor, ActorKind
from hub.domain.ids import TechnicianId
from hub.domain.lifecycle import AbortReason, Action, VisitStatus
from infra.hosts.utility import showing_progress
from technician_api.service import Enrol, SignedIn, TakeStep, enrol_device, issue_enrolment_code, take_step

_DISPATCHER = Actor(ActorKind.SYSTEM, "sample week")
_NOBODY_HOME_EVERY = 9
_ANSWERED_SHARE = 0.6
_RATINGS = (5, 5, 5, 4, 4, 3, 2)
_NPS = (10, 10, 9, 9, 8, 7, 4)
_COMMENTS = ("", "", "Vriendelijke technicus.", "Très ponctuel, merci.", "Freundlich und schnell.", "Quick and tidy.")


@dataclass(frozen=True)
class _Step:
    at: datetime
    visit: Visit
    action: Action
    reason: AbortReason | None = None


def work_the_day(hub: Hub, clock: ShiftedClock, day: date, ended: threading.Event) -> None:
    """Let every dispatched visit of `day` be worked, at its planned times; one in nine finds nobody at home.

    Which ones, the order's reference says: a plan that took another way leads to the same history.
    """
    visits = _dispatched(hub, day)
    phones = {technician: _phone(hub, technician) for technician in {visit.technician_id for visit in visits}}
    steps = sorted((step for number, visit in enumerate(visits, 1) for step in _steps(number, visit)), key=_when)
    with showing_progress("  Technicians work", len(steps)) as progress:
        for done, step in enumerate(steps, 1):
            if ended.is_set():
                return
            clock.shift_to(step.at)
            take_step(hub, phones[step.visit.technician_id], _command(step), str(uuid4()))
            progress(done)


def let_citizens_answer(hub: Hub, seed: int) -> None:
    """Some of those who were asked rate the visit, by the link in their message."""
    luck = random.Random(seed)
    message, order = tables.recorded_message.c, tables.work_order.c
    asked = select(message.body).join(tables.work_order, order.id == message.work_order_id)
    with hub.reading() as connection:
        bodies = list(connection.execute(asked.order_by(order.external_id, message.seq)).scalars())
    for body in bodies:
        found = re.search(r"/survey/([\w-]+)", body)
        if found and luck.random() < _ANSWERED_SHARE:
            at = luck.randrange(len(_RATINGS))
            form = SurveyForm(rating=_RATINGS[at], nps=_NPS[at], comment=luck.choice(_COMMENTS))
            answer_survey(hub, found.group(1), form)


def _dispatched(hub: Hub, day: date) -> list[Visit]:
    """The promised ones first, in the order of their orders' references: which of the others the plan took is its own affair."""
    table, order = tables.visit.c, tables.work_order.c
    with hub.unit_of_work() as work:
        routes = [route.id for route in work.routes.list_where(work.routes.table.c.day == day)]
        visits = work.visits.list_where(table.route_id.in_(routes), table.status == VisitStatus.DISPATCHED)
        asked = select(order.id, order.external_id).where(order.id.in_([visit.work_order_id for visit in visits]))
        references = {row.id: row.external_id for row in work.connection.execute(asked)}
    return sorted(visits, key=lambda visit: (visit.appointment_id is None, references[visit.work_order_id]))


def _phone(hub: Hub, technician: TechnicianId) -> SignedIn:
    code = issue_enrolment_code(hub, technician, _DISPATCHER)
    return enrol_device(hub, Enrol(code, "sample phone", str(uuid4()), "sample week")).signed_in


def _steps(number: int, visit: Visit) -> Iterator[_Step]:
    minute = timedelta(minutes=1)
    yield _Step(visit.starts_at - timedelta(seconds=visit.travel_seconds), visit, Action.SET_OFF)
    yield _Step(visit.starts_at, visit, Action.ARRIVE)
    if visit.appointment_id and number % _NOBODY_HOME_EVERY == 0:
        yield _Step(visit.starts_at + 10 * minute, visit, Action.ABORT, AbortReason.NO_ACCESS)
        return
    yield _Step(visit.starts_at + minute, visit, Action.START)
    yield _Step(visit.ends_at - minute, visit, Action.COMPLETE)


def _when(step: _Step) -> datetime:
    return step.at


def _command(step: _Step) -> TakeStep:
    return TakeStep(step.visit.id, step.action, reason=step.reason)
