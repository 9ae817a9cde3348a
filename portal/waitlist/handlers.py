"""What the waitlist hears: time that frees up, and what becomes of the times it offered."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import uuid4

from sqlalchemy import select

from hub.bootstrap import Hub
from hub.contact_record import append_entry
from hub.db.portal_tables import waitlist_entry, waitlist_offer
from hub.db.tables import work_order
from hub.db.unit_of_work import Subscriptions, UnitOfWork
from hub.domain.events import ActorKind, Event
from hub.domain.ids import VisitId
from hub.domain.lifecycle import AppointmentStatus
from hub.domain.waitlist import FreedPlace, FreedPlaceId, OfferStatus, WaitlistStatus
from portal.waitlist.offering import offer_earlier_times
from portal.waitlist.records import end_entry, entries, freed_places, live_entry, offers, open_offer, settle_offer


def note_freed_place(work: UnitOfWork, event: Event) -> None:
    """A visit is not made: its time may help somebody who waits in that territory."""
    visit = work.visits.get(VisitId(event.entity_id))
    if visit.ends_at <= work.now + timedelta(seconds=work.catalogue.lead_seconds):
        return
    order = work.work_orders.get(event.work_order_id)
    somebody = (
        select(waitlist_entry.c.id)
        .join(work_order, work_order.c.id == waitlist_entry.c.work_order_id)
        .where(
            waitlist_entry.c.status == WaitlistStatus.WAITING,
            work_order.c.territory == order.territory,
            work_order.c.id != order.id,
        )
        .limit(1)
    )
    if work.connection.execute(somebody).first() is None:
        return
    freed_places(work).add(
        FreedPlace(
            id=FreedPlaceId(uuid4()),
            territory=order.territory,
            starts_at=visit.starts_at,
            ends_at=visit.ends_at,
            freed_at=work.now,
            latitude=order.latitude,
            longitude=order.longitude,
        )
    )


def note_given_up(work: UnitOfWork, event: Event) -> None:
    """A held slot was given up or ran out: if we had offered it, the citizen waits on."""
    if event.before != AppointmentStatus.HELD.value:
        return
    offer = offers(work).find_where(
        waitlist_offer.c.appointment_id == event.entity_id, waitlist_offer.c.status == OfferStatus.OPEN
    )
    if offer is None:
        return
    entry = entries(work).get(offer.entry_id, lock=True)
    expired = event.after == AppointmentStatus.EXPIRED.value
    settle_offer(work, offer, OfferStatus.EXPIRED if expired else OfferStatus.DECLINED)
    if entry.status is WaitlistStatus.OFFERED:
        entries(work).swap(entry, replace(entry, status=WaitlistStatus.WAITING))
    append_entry(work, event.work_order_id, "waitlist_expired" if expired else "waitlist_declined", {})


def note_agreed(work: UnitOfWork, event: Event) -> None:
    """An appointment was agreed: the one we offered, or one the citizen chose; either way the wish is over."""
    entry = live_entry(work, event.work_order_id, lock=True)
    if entry is None:
        return
    offer = open_offer(work, entry.id)
    taken = offer is not None and offer.appointment_id == event.entity_id
    if offer is not None and taken:
        settle_offer(work, offer, OfferStatus.ACCEPTED)
        append_entry(work, event.work_order_id, "waitlist_accepted", {"startsAt": offer.starts_at.isoformat()})
    if taken or event.actor.kind is ActorKind.CITIZEN:
        end_entry(work, entry, "the offered time was taken" if taken else "the citizen chose a time")


def note_over(work: UnitOfWork, event: Event) -> None:
    """The order needs no other time any more."""
    entry = live_entry(work, event.work_order_id, lock=True)
    if entry is not None:
        end_entry(work, entry, f"the order is {event.after}")


SUBSCRIPTIONS: Subscriptions = {
    "visit.cancelled": (note_freed_place,),
    "visit.aborted": (note_freed_place,),
    "appointment.cancelled": (note_given_up,),
    "appointment.expired": (note_given_up,),
    "appointment.confirmed": (note_agreed,),
    "work_order.in_progress": (note_over,),
    "work_order.completed": (note_over,),
    "work_order.cancelled": (note_over,),
    "work_order.rejected": (note_over,),
}
TIMERS: Mapping[str, Callable[[Hub, datetime], int]] = {"offer_earlier_times": offer_earlier_times}
