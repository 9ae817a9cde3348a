"""What a citizen does with a link: see the free times, keep one, confirm it, move it, cancel it, take it to a calendar.

Every verb takes what the link opened: the link is the permission. What it means to hold or confirm is scheduling's business,
which looks again under lock.
"""

from datetime import datetime, timedelta

from hub.attempts import AttemptLimit, count_failure, refuse_when_too_many
from hub.bootstrap import Hub
from hub.domain.appointments import Appointment
from hub.domain.errors import TransitionRefusedError
from hub.domain.events import CITIZEN
from hub.domain.ids import AppointmentId, WorkOrderId
from hub.domain.lifecycle import Action
from hub.domain.work_orders import WorkOrder
from hub.notifications.calendar_file import calendar_file
from hub.notifications.texts import appointment_values, order_values, render_text
from portal.choosing import times_to_choose
from portal.queries import Booking
from scheduling.service import SlotOffer, ask_slots, cancel_appointment, confirm_appointment, hold_slot

UNCOUNTED_HOLDS = 10
"""The first times that an order ever kept cost no counting: hardly anybody keeps more."""
HOLDS = AttemptLimit(20, timedelta(hours=12))
"""Choices of a time per order from then on: each that is kept and given up again leaves lines in the order's history for ever."""


def free_times(hub: Hub, booking: Booking) -> tuple[SlotOffer, ...]:
    """The times that can be booked now, earliest first; empty when the order's lifecycle allows no booking."""
    if not (booking.can_choose or booking.can_change):
        return ()
    with hub.snapshot() as work:
        question = ask_slots(work, booking.order, booking.agreed)
    return tuple(sorted(times_to_choose(booking, question), key=lambda one: (one.starts_at, one.ends_at)))


def keep_time(hub: Hub, booking: Booking, starts_at: datetime, ends_at: datetime) -> Appointment:
    """Keep the time for some minutes; a double click gives the same answer.

    Raises what `hold_slot` raises, and TooManyAttemptsError.
    """
    if not (booking.can_choose or booking.can_change):
        # An old page or a second tab: scheduling would take an order that waits for its utility's word.
        raise TransitionRefusedError("work_order", booking.order.status.value, Action.BOOK.value)
    if booking.agreed.sequence >= UNCOUNTED_HOLDS:
        _count_hold(hub, booking.order.id)
    return hold_slot(hub, booking.order.id, starts_at, ends_at, by=CITIZEN)


def confirm_time(hub: Hub, booking: Booking, appointment_id: AppointmentId) -> Appointment:
    """Make the kept time the appointment; raises HoldExpiredError and NotFoundError."""
    return confirm_appointment(hub, booking.order.id, appointment_id, by=CITIZEN)


def once_kept(hub: Hub, booking: Booking, appointment_id: AppointmentId) -> datetime | None:
    """When the time began that this order once kept, to look for others near it; None for another order's."""
    with hub.unit_of_work() as work:
        found = work.appointments.find(appointment_id)
    return found.starts_at if found is not None and found.work_order_id == booking.order.id else None


def cancel_booking(hub: Hub, booking: Booking) -> None:
    """Cancel the appointment; without one nothing happens. Raises TransitionRefusedError."""
    cancel_appointment(hub, booking.order.id, by=CITIZEN, reason="cancelled by the citizen")


def appointment_calendar(hub: Hub, order: WorkOrder, confirmed: Appointment, language: str) -> bytes:
    """The confirmed appointment as a calendar file in `language`."""
    values = order_values(order, hub.catalogue, language) | appointment_values(confirmed, order.zone, language)
    return calendar_file(
        order,
        confirmed,
        summary=render_text("calendar", "summary", language, values),
        description=render_text("calendar", "description", language, values),
        now=hub.clock.now(),
    )


def _count_hold(hub: Hub, work_order_id: WorkOrderId) -> None:
    """Raise TooManyAttemptsError when the order was given times too often; counted before, so that many at once are no more."""
    scope = f"hold:{work_order_id}"
    with hub.unit_of_work() as work:
        refuse_when_too_many(work, scope, HOLDS)
        count_failure(work, scope)
        work.commit()
