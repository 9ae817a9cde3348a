"""The steps of a visit, as the phone reports them."""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from hub.bootstrap import Hub
from hub.db.unit_of_work import UnitOfWork
from hub.domain.appointments import Visit
from hub.domain.ids import VisitId
from hub.domain.lifecycle import AbortReason, Action, AppointmentStatus
from hub.domain.work_orders import WorkOrder
from technician_api.errors import OccurredAtError
from technician_api.queries import visit_views
from technician_api.schemas import VisitView
from technician_api.service.enrolment import SignedIn
from technician_api.service.idempotency import Answer, once
from technician_api.service.ownership import own_visit
from technician_api.service.places import forget_place
from technician_api.service.reports import write_report

OLDEST = timedelta(hours=24)
CLOCK_TOLERANCE = timedelta(minutes=5)
"""How far a phone's clock may differ from ours before we say so."""
_INSTANT_OF = {
    Action.SET_OFF: "set_off_at",
    Action.ARRIVE: "arrived_at",
    Action.START: "started_at",
    Action.COMPLETE: "ended_at",
    Action.ABORT: "ended_at",
}


@dataclass(frozen=True)
class TakeStep:
    """Take `action` on a visit; `reason` and `note` belong to ABORT. `occurred_at` is the phone's time, if it sent one."""

    visit_id: VisitId
    action: Action
    occurred_at: datetime | None = None
    reason: AbortReason | None = None
    note: str = ""

    @property
    def request_hash(self) -> str:
        """Equal for equal requests."""
        words = [self.visit_id, self.action, self.occurred_at, self.reason, self.note]
        return hashlib.sha256(repr([str(word) for word in words]).encode()).hexdigest()


def take_step(hub: Hub, signed_in: SignedIn, command: TakeStep, key: str) -> Answer:
    """Take one step of the technician's own visit, once per `key`; the answer is the visit as it stands then.

    START begins the work order, COMPLETE completes it with its appointment, ABORT fails the appointment; what becomes of
    the order after an abort is for whoever listens to `visit.aborted`. Raises NotFoundError for another's visit,
    TransitionRefusedError, OccurredAtError or KeyReusedError.
    """
    with hub.unit_of_work() as work:

        def effect() -> VisitView:
            order, visit = own_visit(work, signed_in, command.visit_id, stepping=True)
            after = _advance(work, order, visit, command, signed_in)
            return visit_views(work, [after])[0]

        answer = once(work, signed_in, key, command.request_hash, effect, status=200)
        work.commit()
    return answer


def _advance(work: UnitOfWork, order: WorkOrder, visit: Visit, command: TakeStep, signed_in: SignedIn) -> Visit:
    actor, at = signed_in.actor, _instant(work.now, command.occurred_at, visit)
    changes: dict[str, Any] = {_INSTANT_OF[command.action]: at}
    if command.action is Action.SET_OFF:
        changes["promised_arrival"] = _forecast(work, visit, at)
    if command.action is Action.ABORT:
        changes["abort_reason"] = command.reason
        # First the appointment: whoever hears of the visit's end may at once invite the citizen to a new one.
        _end_appointment(work, visit, Action.FAIL, signed_in, str(command.reason))
    reason = str(command.reason) if command.reason else ""
    after = work.advance_visit(visit, command.action, by=actor, reason=reason, **changes)
    if command.action is not Action.SET_OFF:
        forget_place(work, visit.id)
    if command.action is Action.START:
        work.advance_work_order(order, Action.BEGIN, by=actor)
    if command.action is Action.COMPLETE:
        _end_appointment(work, visit, Action.COMPLETE, signed_in, "")
        work.advance_work_order(order, Action.COMPLETE, by=actor)
    if command.note:
        # The note may speak of people, so it is a report and no part of the history that goes to the utility.
        write_report(work, after, command.note)
    return after


def _forecast(work: UnitOfWork, visit: Visit, sets_off_at: datetime) -> datetime:
    """When the technician will be at the door: after the planned travel, but not before the citizen expects anybody."""
    arrives = sets_off_at + timedelta(seconds=visit.travel_seconds)
    agreed = work.appointments.find(visit.appointment_id) if visit.appointment_id else None
    return max(arrives, agreed.starts_at) if agreed else arrives


def _end_appointment(work: UnitOfWork, visit: Visit, action: Action, signed_in: SignedIn, reason: str) -> None:
    if visit.appointment_id is None:
        return
    appointment = work.appointments.get(visit.appointment_id, lock=True)
    if appointment.status is AppointmentStatus.CONFIRMED:
        work.advance_appointment(appointment, action, by=signed_in.actor, reason=reason)


def _instant(now: datetime, occurred_at: datetime | None, visit: Visit) -> datetime:
    """When the step happened: the phone's word when plausible, never after now nor before the step it follows."""
    earlier = max((at for at in (visit.set_off_at, visit.arrived_at, visit.started_at) if at is not None), default=None)
    if occurred_at is None:
        return max(now, earlier) if earlier else now
    if occurred_at > now + CLOCK_TOLERANCE:
        raise OccurredAtError("The time of this step lies in the future. Check the clock of the phone.")
    if occurred_at < now - OLDEST:
        raise OccurredAtError("The time of this step is more than 24 hours ago. Call your dispatcher to enter it.")
    if earlier is not None and occurred_at < earlier - CLOCK_TOLERANCE:
        raise OccurredAtError("The time of this step is before the step that it follows. Check the clock of the phone.")
    plausible = min(occurred_at, now)
    return max(plausible, earlier) if earlier else plausible
