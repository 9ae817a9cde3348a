"""What a citizen does about an earlier time: ask for one, take the one that is offered, decline it, stop waiting."""

from dataclasses import dataclass, replace
from datetime import date, timedelta
from uuid import uuid4
from zoneinfo import ZoneInfo

from hub.attempts import AttemptLimit, count_failure, refuse_when_too_many
from hub.bootstrap import Hub
from hub.contact_record import append_entry
from hub.domain.appointments import Appointment
from hub.domain.errors import TransitionRefusedError
from hub.domain.events import CITIZEN
from hub.domain.ids import AppointmentId
from hub.domain.lifecycle import Action
from hub.domain.waitlist import WaitlistEntry, WaitlistEntryId, WaitlistOffer, WaitlistStatus
from portal.preferences import UnusableDatesError
from portal.queries import Booking, find_booking
from portal.waitlist.records import end_entry, entries, live_entry, open_offer
from scheduling.retrying import until_settled
from scheduling.service import confirm_appointment, give_up_hold

CHANGES = AttemptLimit(20, timedelta(hours=12))
"""Wishes and changes of their date, per order: each is an entry of the contact record, which is for ever, and so is its end."""
_FURTHEST = timedelta(days=366)


@dataclass(frozen=True)
class Waiting:
    """Where an order's wish stands: its entry, and the offer while its time is kept."""

    entry: WaitlistEntry
    offer: WaitlistOffer | None


def find_waiting(hub: Hub, booking: Booking) -> Waiting | None:
    """The order's wish for an earlier time, None when it has none. Reads only."""
    with hub.unit_of_work() as work:
        entry = live_entry(work, booking.order.id)
        if entry is None:
            return None
        offer = open_offer(work, entry.id)
        return Waiting(entry, offer if offer is not None and offer.lease_until > work.now else None)


def ask_for_earlier(hub: Hub, token: str, until: date | None = None) -> WaitlistEntry:
    """Wait for an earlier time, or for any time when there is no appointment; asking again only changes `until`.

    `until` is the last local date that still helps. Raises UnusableDatesError for one that is past or more than a year away,
    TransitionRefusedError when the order can have no other time, TooManyAttemptsError, and link errors.
    """
    booking = find_booking(hub, token)
    today = hub.clock.now().astimezone(ZoneInfo(booking.order.zone)).date()
    if until is not None and not today <= until <= today + _FURTHEST:
        raise UnusableDatesError
    if not (booking.can_choose or booking.can_change):
        raise TransitionRefusedError("work_order", booking.order.status.value, Action.RESCHEDULE.value)
    return until_settled(lambda: _ask(hub, booking, until))


def stop_waiting(hub: Hub, token: str) -> None:
    """Wait no longer, and give back what is kept by an offer; a second press changes nothing. Raises link errors."""
    booking = find_booking(hub, token)
    until_settled(lambda: _stop(hub, booking))


def take_earlier(hub: Hub, token: str, appointment_id: AppointmentId) -> Appointment:
    """Take the time that is kept; the present appointment is moved there. Raises HoldExpiredError, NotFoundError and link errors."""
    booking = find_booking(hub, token)
    return confirm_appointment(hub, booking.order.id, appointment_id, by=CITIZEN)


def decline_earlier(hub: Hub, token: str, appointment_id: AppointmentId) -> bool:
    """Give the kept time to the next who waits, and go on waiting; False when it was not kept any more. Raises link errors."""
    booking = find_booking(hub, token)
    with hub.unit_of_work() as work:
        entry = live_entry(work, booking.order.id)
        offer = open_offer(work, entry.id) if entry is not None else None
    if offer is None or offer.appointment_id != appointment_id:
        # A hold of the citizen's own choice is given up elsewhere.
        return False
    return give_up_hold(hub, booking.order.id, appointment_id, by=CITIZEN, reason="the earlier time was declined")


def _ask(hub: Hub, booking: Booking, until: date | None) -> WaitlistEntry:
    with hub.unit_of_work() as work:
        order = work.work_orders.get(booking.order.id, lock=True)
        before = live_entry(work, order.id, lock=True)
        if before is not None and before.until == until:
            return before
        # Waiting no longer is never refused: it ends a wish, and so happens no more often than this.
        scope = f"wait:{order.id}"
        refuse_when_too_many(work, scope, CHANGES)
        count_failure(work, scope)
        if before is None:
            fresh = WaitlistEntry(WaitlistEntryId(uuid4()), order.id, WaitlistStatus.WAITING, until, work.now)
            entry = entries(work).add(fresh)
        else:
            entry = entries(work).swap(before, replace(before, until=until))
        append_entry(work, order.id, "waitlist_asked", {"until": until.isoformat() if until else None})
        work.commit()
        return entry


def _stop(hub: Hub, booking: Booking) -> None:
    with hub.unit_of_work() as work:
        work.work_orders.get(booking.order.id, lock=True)
        entry = live_entry(work, booking.order.id, lock=True)
        if entry is None:
            return
        offer = open_offer(work, entry.id)
        end_entry(work, entry, "the citizen waits no longer")
        append_entry(work, booking.order.id, "waitlist_left", {})
        work.commit()
    if offer is not None:
        give_up_hold(hub, booking.order.id, offer.appointment_id, by=CITIZEN, reason="the citizen waits no longer")
