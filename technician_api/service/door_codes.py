"""Proof of presence: the phone reads the code that only this visit's citizen can show."""

import hashlib
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy.dialects.postgresql import insert

from hub.attempts import AttemptLimit, count_failure, refuse_when_too_many
from hub.bootstrap import Hub
from hub.contact_record import append_entry
from hub.db.citizen_tables import door_check
from hub.db.unit_of_work import UnitOfWork
from hub.domain.appointments import Visit
from hub.domain.events import Event
from hub.domain.ids import VisitId
from hub.domain.lifecycle import VisitStatus
from hub.domain.work_orders import WorkOrder
from hub.door_codes import is_right_code
from technician_api.errors import DoorCodeWrongError, NotOnTheWayError
from technician_api.queries import visit_views
from technician_api.schemas import VisitView
from technician_api.service.enrolment import SignedIn
from technician_api.service.idempotency import Answer, once
from technician_api.service.ownership import own_visit

WRONG_CODES = AttemptLimit(10, timedelta(minutes=15))
"""Per visit: a misread code is typed again, a guess among 2^80 stays one."""
_READABLE = frozenset({VisitStatus.EN_ROUTE, VisitStatus.ON_SITE, VisitStatus.WORKING})


@dataclass(frozen=True)
class CheckDoorCode:
    """The phone read `code` at the door of a visit."""

    visit_id: VisitId
    code: str

    @property
    def request_hash(self) -> str:
        """Equal for equal requests."""
        return hashlib.sha256(f"door code {self.visit_id} {self.code}".encode()).hexdigest()


def check_door_code(hub: Hub, signed_in: SignedIn, command: CheckDoorCode, key: str) -> Answer:
    """Record that technician and citizen were both there, once per visit; the answer is the visit.

    Raises NotFoundError for another's visit, NotOnTheWayError before setting off and after the end, DoorCodeWrongError,
    TooManyAttemptsError and KeyReusedError. A code that was read before is right again and changes nothing.
    """
    scope = f"door:{command.visit_id}"
    with hub.unit_of_work() as work:
        refuse_when_too_many(work, scope, WRONG_CODES)

        def effect() -> VisitView:
            order, visit = own_visit(work, signed_in, command.visit_id)
            _prove(work, order, visit, signed_in, command.code)
            return visit_views(work, [visit])[0]

        try:
            answer = once(work, signed_in, key, command.request_hash, effect, status=200)
        except DoorCodeWrongError:
            work.connection.rollback()
            count_failure(work, scope)
            work.commit()
            raise
        work.commit()
    return answer


def _prove(work: UnitOfWork, order: WorkOrder, visit: Visit, signed_in: SignedIn, code: str) -> None:
    if visit.status not in _READABLE:
        raise NotOnTheWayError(
            f"The visit is {visit.status.value}. The door code is read between setting off and the end of the visit."
        )
    appointment = work.appointments.find(visit.appointment_id) if visit.appointment_id else None
    if appointment is None or not is_right_code(work, order, appointment, code):
        raise DoorCodeWrongError
    row = {
        "visit_id": visit.id,
        "work_order_id": order.id,
        "appointment_id": appointment.id,
        "device_id": signed_in.device.id,
        "checked_at": work.now,
    }
    fresh = insert(door_check).values(row).on_conflict_do_nothing().returning(door_check.c.visit_id)
    if work.connection.execute(fresh).first() is None:
        return
    _tell(work, visit, signed_in)
    append_entry(work, order.id, "presence proved", {"visit": str(visit.id), "appointment": appointment.sequence})


def _tell(work: UnitOfWork, visit: Visit, signed_in: SignedIn) -> None:
    work.tell(
        Event(
            name="visit.presence_proved",
            entity="visit",
            entity_id=visit.id,
            work_order_id=visit.work_order_id,
            at=work.now,
            actor=signed_in.actor,
            action="read_door_code",
            before=visit.status.value,
            after=visit.status.value,
        )
    )
