"""What a citizen does with a link: see the free times, keep one, confirm it, move it, cancel it, take it to a calendar.

Every verb begins with the token: the link is the permission. What it means to hold or confirm is scheduling's business.
"""

from datetime import datetime

from hub.bootstrap import Hub
from hub.domain.appointments import Appointment
from hub.domain.errors import NotFoundError, TransitionRefusedError
from hub.domain.events import CITIZEN
from hub.domain.ids import AppointmentId
from hub.domain.lifecycle import Action
from hub.notifications.calendar_file import calendar_file
from hub.notifications.texts import appointment_values, order_values, render_text
from portal.queries import Booking, find_booking
from scheduling.service import SlotOffer, cancel_appointment, confirm_appointment, hold_slot, offer_slots


def free_times(hub: Hub, booking: Booking) -> tuple[SlotOffer, ...]:
    """The times that can be booked now, earliest first; empty when the order's lifecycle allows no booking."""
    return tuple(sorted(best_times(hub, booking), key=lambda one: (one.starts_at, one.ends_at)))


def best_times(hub: Hub, booking: Booking) -> tuple[SlotOffer, ...]:
    """The same, those first that need the least driving."""
    if not (booking.can_choose or booking.can_change):
        return ()
    offers = offer_slots(hub, booking.order.id).offers
    present = {(one.starts_at, one.ends_at) for one in (booking.confirmed,) if one}
    return tuple(one for one in offers if (one.starts_at, one.ends_at) not in present)


def keep_time(hub: Hub, token: str, starts_at: datetime, ends_at: datetime) -> Appointment:
    """Keep the time for some minutes; a double click gives the same answer. Raises what `hold_slot` raises, and link errors."""
    booking = find_booking(hub, token)
    if not (booking.can_choose or booking.can_change):
        # An old page or a second tab: scheduling would take an order that waits for its utility's word.
        raise TransitionRefusedError("work_order", booking.order.status.value, Action.BOOK.value)
    return hold_slot(hub, booking.order.id, starts_at, ends_at, by=CITIZEN)


def confirm_time(hub: Hub, token: str, appointment_id: AppointmentId) -> Appointment:
    """Make the kept time the appointment; raises HoldExpiredError, NotFoundError, and link errors."""
    booking = find_booking(hub, token)
    return confirm_appointment(hub, booking.order.id, appointment_id, by=CITIZEN)


def once_kept(hub: Hub, token: str, appointment_id: AppointmentId) -> datetime | None:
    """When the time began that this order once kept, to look for others near it; None for another order's. Raises link errors."""
    booking = find_booking(hub, token)
    with hub.unit_of_work() as work:
        found = work.appointments.find(appointment_id)
    return found.starts_at if found is not None and found.work_order_id == booking.order.id else None


def cancel_booking(hub: Hub, token: str) -> None:
    """Cancel the appointment; without one nothing happens. Raises TransitionRefusedError and link errors."""
    booking = find_booking(hub, token)
    cancel_appointment(hub, booking.order.id, by=CITIZEN, reason="cancelled by the citizen")


def appointment_calendar(hub: Hub, token: str, language: str) -> bytes:
    """The confirmed appointment as a calendar file in `language`; raises NotFoundError when there is none, and link errors."""
    booking = find_booking(hub, token)
    if booking.confirmed is None:
        raise NotFoundError("appointment")
    order = booking.order
    values = order_values(order, hub.catalogue, language) | appointment_values(booking.confirmed, order.zone, language)
    return calendar_file(
        order,
        booking.confirmed,
        summary=render_text("calendar", "summary", language, values),
        description=render_text("calendar", "description", language, values),
        now=hub.clock.now(),
    )
