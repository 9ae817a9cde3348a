"""Whether a message that waited is still true, and whether its citizen may be disturbed now.

Between the request of a message and its delivery there may be minutes or, after refusals and stops, many hours.
"""

from datetime import datetime

from hub.db.unit_of_work import UnitOfWork
from hub.domain.appointments import Appointment
from hub.domain.contact import Notification
from hub.domain.lifecycle import AppointmentStatus, WorkOrderStatus
from hub.domain.quiet_hours import QuietHours
from hub.domain.work_orders import WorkOrder
from hub.notifications.kinds import message_kind

QUIET_PARAMETER = "quiet"
"""The parameter that keeps when the citizen is left in peace, as `QuietHours` writes it."""


def why_outdated(work: UnitOfWork, found: Notification, order: WorkOrder, appointment: Appointment | None) -> str:
    """Why the message is not true any more, in a sentence; empty when it is."""
    if found.step is not None and not _still_asked(work, found, order):
        return "Not sent: the order was no longer waiting for this answer when the message could go out."
    kind = message_kind(found.kind)
    if kind.only_while_held and not _is_kept(appointment, work.now):
        return "Not sent: the time it offers was not kept any more when the message could go out."
    if not kind.only_while_confirmed:
        return ""
    if appointment is None or appointment.status is not AppointmentStatus.CONFIRMED:
        return "Not sent: the appointment was changed before the message went out."
    if kind.only_before_it and appointment.starts_at <= work.now:
        return "Not sent: the appointment had begun before the message could go out."
    return ""


def allowed_from(found: Notification, order: WorkOrder, now: datetime) -> datetime:
    """`now`, or when the citizen's quiet time is over, for a message that nobody waits for at night."""
    quiet = found.parameters.get(QUIET_PARAMETER)
    return QuietHours.read(quiet).next_allowed(now, order.zone) if quiet else now


def _is_kept(appointment: Appointment | None, now: datetime) -> bool:
    if appointment is None or appointment.status is not AppointmentStatus.HELD:
        return False
    return appointment.lease_until is not None and appointment.lease_until > now


def _still_asked(work: UnitOfWork, found: Notification, order: WorkOrder) -> bool:
    case = work.contact_cases.find(order.id)
    if order.status is not WorkOrderStatus.CONTACTING or case is None or found.step is None:
        return order.status is WorkOrderStatus.CONTACTING
    # After a stop of whoever sends, the citizen gets the newest message of the ladder and not all that gathered meanwhile.
    return case.round == found.round and case.next_step <= found.step + 1
