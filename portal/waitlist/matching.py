"""Who could have which time: candidates, the times that would help them, and what each saves in driving."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, func, select

from hub.bootstrap import Hub
from hub.db.portal_tables import waitlist_entry, waitlist_offer
from hub.db.tables import appointment, work_order
from hub.db.unit_of_work import UnitOfWork
from hub.domain.contact import Channel
from hub.domain.lifecycle import AppointmentStatus, HoldReason, WorkOrderStatus
from hub.domain.quiet_hours import QuietHours
from hub.domain.waitlist import FreedPlace, OfferStatus, WaitlistEntry, WaitlistStatus
from hub.domain.work_orders import WorkOrder
from hub.notifications.service import reachable_channel
from portal.contact.cases import policy_of
from portal.preferences import Wish, list_wishes
from portal.waitlist.records import entries, offers
from scheduling.service import SlotOffer, current_appointment, drive_saved_without, offer_slots

MOST_CANDIDATES = 30
"""How many of those who wait are compared for one place: those who live nearest to it."""
MOST_OFFERS_A_DAY = 3
"""How often one citizen is offered a time within 24 hours."""
_BOOKABLE = (WorkOrderStatus.CONTACTING, WorkOrderStatus.BOOKED, WorkOrderStatus.PLANNED)
_LATE_ANSWER = (HoldReason.NO_CONTACT, HoldReason.NO_ACCESS)


@dataclass(frozen=True)
class Candidate:
    """Somebody who waits and may be written to now."""

    entry: WaitlistEntry
    order: WorkOrder
    wish: Wish
    quiet: QuietHours | None
    refused: frozenset[tuple[datetime, datetime]]


@dataclass(frozen=True)
class Match:
    """A time for a candidate, and what taking it saves in driving: that of the present visit less that of the new one (seconds)."""

    candidate: Candidate
    starts_at: datetime
    ends_at: datetime
    saved_travel_seconds: int


def list_candidates(
    hub: Hub, *where: ColumnElement[bool], nearest: Sequence[ColumnElement[float]] = ()
) -> tuple[list[Candidate], bool]:
    """Those who wait and for whom all of `where` hold, and whether somebody was left out only because citizens rest now."""
    with hub.unit_of_work() as work:
        found = work.connection.execute(
            select(waitlist_entry.c.id)
            .join(work_order, work_order.c.id == waitlist_entry.c.work_order_id)
            .where(waitlist_entry.c.status == WaitlistStatus.WAITING, _is_open(), ~_keeps_a_slot(work), *where)
            .order_by(*nearest, waitlist_entry.c.asked_at, waitlist_entry.c.id)
            .limit(MOST_CANDIDATES)
        )
        waiting = entries(work).list_by_id(found.scalars().all())
        orders = work.work_orders.list_by_id([one.work_order_id for one in waiting.values()])
        wishes = list_wishes(work, [one.work_order_id for one in waiting.values()])
        able, resting = [], False
        for entry in waiting.values():
            candidate = _candidate(work, entry, orders[entry.work_order_id], wishes.get(entry.work_order_id, Wish()))
            if candidate is None:
                continue
            quiet = candidate.quiet
            if quiet is not None and quiet.next_allowed(work.now, candidate.order.zone) > work.now:
                resting = True
                continue
            able.append(candidate)
        return able, resting


def best_match(hub: Hub, candidate: Candidate, place: FreedPlace | None = None) -> Match | None:
    """The time that saves most among those that help the candidate; with a `place` only those that could use that very place."""
    present = current_appointment(hub, candidate.order.id)
    before = drive_saved_without(hub, candidate.order.id)
    options = [
        Match(candidate, one.starts_at, one.ends_at, before - one.travel_seconds)
        for one in offer_slots(hub, candidate.order.id).offers
        if _helps(candidate, one, present.starts_at if present else None) and (place is None or _uses(one, place))
    ]
    return min(options, key=lambda one: (-one.saved_travel_seconds, one.starts_at), default=None)


def best_first(matches: Sequence[Match]) -> list[Match]:
    """Most saved driving first; among equals who has waited longest."""
    return sorted(
        matches, key=lambda one: (-one.saved_travel_seconds, one.candidate.entry.asked_at, str(one.candidate.entry.id))
    )


def _helps(candidate: Candidate, offer: SlotOffer, present: datetime | None) -> bool:
    entry, zone = candidate.entry, candidate.order.zone
    if present is not None and offer.starts_at >= present:
        return False
    if entry.until is not None and offer.starts_at.astimezone(ZoneInfo(zone)).date() > entry.until:
        return False
    return candidate.wish.fits(offer.starts_at, zone) and (offer.starts_at, offer.ends_at) not in candidate.refused


def _uses(offer: SlotOffer, place: FreedPlace) -> bool:
    return offer.starts_at < place.ends_at and offer.ends_at > place.starts_at


def _candidate(work: UnitOfWork, entry: WaitlistEntry, order: WorkOrder, wish: Wish) -> Candidate | None:
    """None for somebody who cannot be written to, or was written to often enough."""
    table = waitlist_offer.c
    made = offers(work).list_where(table.entry_id == entry.id)
    recent = [one for one in made if one.offered_at > work.now - timedelta(days=1)]
    if len(recent) >= MOST_OFFERS_A_DAY or not _can_be_told(order):
        return None
    policy = policy_of(work, order, work.contact_cases.find(order.id))
    answered = (OfferStatus.DECLINED, OfferStatus.EXPIRED)
    refused = frozenset((one.starts_at, one.ends_at) for one in made if one.status in answered)
    return Candidate(entry, order, wish, policy.quiet if policy else None, refused)


def _can_be_told(order: WorkOrder) -> bool:
    return reachable_channel(order, Channel.SMS) is not None


def _is_open() -> ColumnElement[bool]:
    late = (work_order.c.status == WorkOrderStatus.ON_HOLD) & work_order.c.hold_reason.in_(_LATE_ANSWER)
    return work_order.c.status.in_(_BOOKABLE) | late


def _keeps_a_slot(work: UnitOfWork) -> ColumnElement[bool]:
    """Whether the citizen keeps a slot just now: somebody who is choosing is not interrupted."""
    return (
        select(appointment.c.id)
        .where(
            appointment.c.work_order_id == work_order.c.id,
            appointment.c.status == AppointmentStatus.HELD,
            appointment.c.lease_until > work.now,
        )
        .exists()
    )


def distance_to(place: FreedPlace) -> tuple[ColumnElement[float], ...]:
    """Orders candidates by how far they live from a place, roughly: enough to choose whom to compare."""
    if place.latitude is None or place.longitude is None:
        return ()
    north = work_order.c.latitude - place.latitude
    east = (work_order.c.longitude - place.longitude) * func.cos(func.radians(place.latitude))
    return (north * north + east * east,)
