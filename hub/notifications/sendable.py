"""Whether a message that waited is still true, and whether its citizen may be disturbed now.

Between the request of a message and its delivery there may be minutes or, after refusals and stops, many hours.
"""

from datetime import datetime

from sqlalchemy import func, select

from hub.db.tables import status_event
from hub.db.unit_of_work import UnitOfWork
from hub.domain.appointments import Appointment
from hub.domain.contact import Channel, Notification
from hub.domain.lifecycle import AppointmentStatus, HoldReason, WorkOrderStatus
from hub.domain.quiet_hours import QuietHours
from hub.domain.work_orders import WorkOrder
from hub.notifications.addresses import is_on_file
from hub.notifications.kinds import message_kind

QUIET_PARAMETER = "quiet"
"""The parameter that keeps when the citizen is left in peace, as `QuietHours` writes it."""


def why_outdated(work: UnitOfWork, found: Notification, order: WorkOrder, appointment: Appointment | None) -> str:
    """Why the message is not true any more, in a sentence; empty when it is."""
    if found.step is not None and not _still_asked(work, found, order):
        return "Not sent: the order was no longer waiting for this answer when the message could go out."
    if not is_on_file(order, found.channel, found.recipient):
        return "Not sent: the address was no longer on file for the order when the message could go out."
    if order.rests and not _may_go_at_rest(work, found, order):
        return "Not sent: the addresses were no longer the citizen's when the message could go out."
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
    if found.channel is Channel.EMAIL and message_kind(found.kind).asked_for:
        return now
    quiet = found.parameters.get(QUIET_PARAMETER)
    return QuietHours.read(quiet).next_allowed(now, order.zone) if quiet else now


def _may_go_at_rest(work: UnitOfWork, found: Notification, order: WorkOrder) -> bool:
    """Whether a message goes although its order rests: whoever moved hears that nobody comes, and staff may answer who wrote."""
    if found.kind == "withdrawn":
        return order.hold_reason is HoldReason.MOVED
    if found.kind != "answer":
        return False
    table = status_event.c
    held = table.entity_id == order.id, table.entity == "work_order", table.after == WorkOrderStatus.ON_HOLD.value
    since: datetime | None = work.connection.execute(select(func.max(table.at)).where(*held)).scalar_one()
    # What was written before that was meant for somebody else.
    return since is not None and found.created_at > since


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
