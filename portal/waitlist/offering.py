"""Freed places are offered: to one citizen at a time, the one for whom most driving is saved first.

The offer is a hold like any other, with a longer lease, so it breaks no promise. The hold, the offer and the message are one
transaction: whatever crashes and however many workers are at it, a place is offered once, and nobody is written to in vain.
"""

import logging
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from itertools import chain
from uuid import uuid4
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement

from hub.bootstrap import Hub
from hub.contact_record import append_entry
from hub.db.portal_tables import freed_place, waitlist_entry
from hub.db.tables import work_order
from hub.db.unit_of_work import UnitOfWork
from hub.domain.appointments import Appointment
from hub.domain.contact import Channel
from hub.domain.errors import DoorstepError, ErrorKind
from hub.domain.events import Actor, ActorKind
from hub.domain.waitlist import (
    FreedPlace,
    FreedPlaceId,
    OfferStatus,
    WaitlistOffer,
    WaitlistOfferId,
    WaitlistStatus,
)
from hub.domain.work_orders import WorkOrder
from hub.notifications.service import APPOINTMENT_PARAMETER, request_notification
from hub.notifications.texts import appointment_values, format_day, known_language
from portal.waitlist.matching import Candidate, Match, best_first, best_match, distance_to, list_candidates
from portal.waitlist.records import entries, freed_places, offers
from scheduling.service import Proposal, hold_slot

_log = logging.getLogger(__name__)

WAITLIST = Actor(ActorKind.SYSTEM, "waitlist")
_PLACES_AT_ONCE = 10
_WISHES_AT_ONCE = 20
_SHORTEST_LEASE = timedelta(minutes=10)
_NEXT_ONE = (ErrorKind.CONFLICT, ErrorKind.GONE, ErrorKind.INVALID, ErrorKind.NOT_FOUND)
"""The time was taken, the citizen keeps another one, the order went on: the next candidate has a turn."""


class OfferUnneededError(DoorstepError):
    """Between the comparison and the hold, the wish ended or the place was offered by another worker."""

    kind = ErrorKind.CONFLICT
    code = "offer-unneeded"

    def __init__(self) -> None:
        super().__init__("This place was offered, or the wish for it ended, in the meantime.")


class PlaceOfferedError(OfferUnneededError):
    """Another worker offered this very place."""


def offer_earlier_times(hub: Hub, now: datetime) -> int:
    """Offer what became free to those who wait, and look anew for those nobody looked for lately; returns how many offers were made. A timer.

    A place that cannot be offered now because its citizens rest waits for the morning. One that fails holds up no other. Raises
    ExceptionGroup when none got on.
    """
    tries: list[Callable[[], bool]] = [partial(_offer_place, hub, place) for place in _open_places(hub)]
    stale = now - timedelta(minutes=hub.settings.waitlist_look_minutes)
    unseen = waitlist_entry.c.looked_at.is_(None) | (waitlist_entry.c.looked_at <= stale)
    done, failures = 0, list[Exception]()
    for number, attempt in enumerate(chain(tries, _looks(hub, unseen))):
        try:
            done += attempt()
        except Exception as error:  # noqa: BLE001 - the next place must have its turn
            what = "freed place" if number < len(tries) else "wish for an earlier time"
            _log.warning("a %s could not be seen to", what, exc_info=True)
            failures.append(error)
    if failures and not done:
        message = "no earlier time could be offered"
        raise ExceptionGroup(message, failures)
    return done


def _open_places(hub: Hub) -> list[FreedPlace]:
    with hub.unit_of_work() as work:
        return freed_places(work).list_where(
            freed_place.c.settled_at.is_(None),
            order_by=(freed_place.c.freed_at, freed_place.c.id),
            limit=_PLACES_AT_ONCE,
        )


def _offer_place(hub: Hub, place: FreedPlace) -> bool:
    if place.ends_at <= hub.clock.now() + timedelta(seconds=hub.catalogue.lead_seconds):
        _settle_place(hub, place.id, "too late")
        return False
    here = work_order.c.territory == place.territory
    candidates, resting = list_candidates(hub, here, nearest=distance_to(place))
    matches = [match for one in candidates if (match := best_match(hub, one, place)) is not None]
    try:
        if any(_propose(hub, match, place) for match in best_first(matches)):
            return True
    except PlaceOfferedError:
        return False
    if not resting:
        _settle_place(hub, place.id, "helps nobody")
    return False


def _looks(hub: Hub, unseen: ColumnElement[bool]) -> Iterator[Callable[[], bool]]:
    """Compare all free times with each wish that was not looked at for a while: shifts are added, plans become better."""
    # Asked for only once the freed places are seen to: who was offered one waits no more.
    candidates, _ = list_candidates(hub, unseen)
    for candidate in candidates[:_WISHES_AT_ONCE]:
        yield partial(_look_again, hub, candidate, unseen)


def _look_again(hub: Hub, candidate: Candidate, unseen: ColumnElement[bool]) -> bool:
    with hub.unit_of_work() as work:
        locked = entries(work).list_where(waitlist_entry.c.id == candidate.entry.id, unseen, skip_locked=True)
        if not locked or locked[0].status is not WaitlistStatus.WAITING:
            return False
        entries(work).swap(locked[0], replace(locked[0], looked_at=work.now))
        work.commit()
    match = best_match(hub, candidate)
    return match is not None and _propose(hub, match, None)


def _propose(hub: Hub, match: Match, place: FreedPlace | None) -> bool:
    """Keep the time and write to its citizen; False when that was not to be, and the next may be tried."""
    now = hub.clock.now()
    lease = min(timedelta(minutes=hub.settings.waitlist_lease_minutes), match.starts_at - now)
    if lease < _SHORTEST_LEASE:
        return False
    proposal = Proposal(lease, partial(_write_offer, match, place.id if place else None))
    try:
        hold_slot(hub, match.candidate.order.id, match.starts_at, match.ends_at, by=WAITLIST, proposal=proposal)
    except PlaceOfferedError:
        raise
    except DoorstepError as error:
        if error.kind not in _NEXT_ONE:
            raise
        return False
    return True


def _write_offer(match: Match, place_id: FreedPlaceId | None, work: UnitOfWork, held: Appointment) -> None:
    """The offer and its message, in the hold's transaction, which has the order's lock."""
    entry = entries(work).get(match.candidate.entry.id, lock=True)
    if entry.status is not WaitlistStatus.WAITING:
        raise OfferUnneededError
    if place_id is not None:
        place = freed_places(work).get(place_id, lock=True)
        if place.settled_at is not None:
            raise PlaceOfferedError
        freed_places(work).swap(place, replace(place, settled_at=work.now, outcome="offered"))
    lease_until = held.lease_until or work.now
    offer = WaitlistOffer(
        id=WaitlistOfferId(uuid4()),
        entry_id=entry.id,
        work_order_id=held.work_order_id,
        appointment_id=held.id,
        starts_at=held.starts_at,
        ends_at=held.ends_at,
        saved_travel_seconds=match.saved_travel_seconds,
        status=OfferStatus.OPEN,
        offered_at=work.now,
        lease_until=lease_until,
    )
    offers(work).add(offer)
    entries(work).swap(entry, replace(entry, status=WaitlistStatus.OFFERED, looked_at=work.now))
    order = work.work_orders.get(held.work_order_id)
    told = request_notification(
        work,
        order,
        kind="earlier",
        channel=Channel.SMS,
        parameters=_values(order, held, lease_until),
        quiet=match.candidate.quiet,
    )
    if told is None:
        raise OfferUnneededError
    append_entry(work, order.id, "waitlist_offered", _told(offer))


def _values(order: WorkOrder, held: Appointment, lease_until: datetime) -> dict[str, str]:
    language = known_language(order.language)
    local = lease_until.astimezone(ZoneInfo(order.zone))
    return {
        APPOINTMENT_PARAMETER: str(held.id),
        **appointment_values(held, order.zone, language),
        "kept_until": f"{format_day(local, language)}, {local:%H:%M}",
    }


def _told(offer: WaitlistOffer) -> dict[str, object]:
    return {
        "startsAt": offer.starts_at.isoformat(),
        "endsAt": offer.ends_at.isoformat(),
        "keptUntil": offer.lease_until.isoformat(),
    }


def _settle_place(hub: Hub, place_id: FreedPlaceId, outcome: str) -> None:
    with hub.unit_of_work() as work:
        found = freed_places(work).list_where(
            freed_place.c.id == place_id, freed_place.c.settled_at.is_(None), skip_locked=True
        )
        for one in found:
            freed_places(work).swap(one, replace(one, settled_at=work.now, outcome=outcome))
        work.commit()
