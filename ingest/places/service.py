"""The verbs of places: look for an order's place, and pin it by hand."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import delete, select, update
from sqlalchemy.dialects.postgresql import insert

from hub.bootstrap import Hub
from hub.db import tables
from hub.db.unit_of_work import UnitOfWork
from hub.domain.errors import DoorstepError, StaleVersionError
from hub.domain.events import SYSTEM, Actor, Event
from hub.domain.ids import WorkOrderId
from hub.domain.lifecycle import Action, WorkOrderStatus
from hub.domain.places import Place, PlaceQuality
from hub.domain.work_orders import WorkOrder
from ingest.countries import country_of_zone
from ingest.places.cache import remember, remembered, reserve_turn
from ingest.places.choosing import geocoder_of
from ingest.places.port import Address, Finding, Geocoder, GeocoderUnavailableError
from ingest.places.postal_codes import load_postal_codes

SEARCH_JOB = "ingest.search_place"
_FIRST_RETRY = timedelta(minutes=1)
_LONGEST_RETRY = timedelta(hours=1)
_BUSY_RETRY_SECONDS = (5.0, 60.0)
_AT_ONCE = 20


class WrongPlaceError(DoorstepError):
    """A pin that cannot be where the order is."""

    code = "wrong-place"


class _BusyError(GeocoderUnavailableError):
    """Others are asking; our turn comes later."""


@dataclass(frozen=True)
class LocateOrder:
    """A dispatcher's pin, in degrees of WGS 84. `version` is that of the order they looked at."""

    work_order_id: WorkOrderId
    latitude: float
    longitude: float
    version: int
    by: Actor


def locate_order(hub: Hub, command: LocateOrder) -> WorkOrder:
    """Pin the order on the map; it goes on as if it had come with that place.

    Raises WrongPlaceError outside the order's country, TransitionRefusedError when the order does not wait for a place, and
    StaleVersionError when it changed since the dispatcher looked.
    """
    try:
        place = Place(command.latitude, command.longitude)
    except ValueError as error:
        raise WrongPlaceError(f"That is no place on the map: {error}.") from error
    with hub.unit_of_work() as work:
        order = work.work_orders.get(command.work_order_id, lock=True)
        country = country_of_zone(order.zone)
        if country is not None and not country.contains(place.lat, place.lon):
            raise WrongPlaceError(
                f"That place does not lie in {country.name}. Look whether latitude and longitude are swapped."
            )
        if order.version != command.version and order.status is WorkOrderStatus.NEEDS_LOCATION:
            raise StaleVersionError("work order")
        reason = f"Put on the map by hand at {place.lat:.5f}, {place.lon:.5f}."
        located = _locate(work, order, place, PlaceQuality.PINNED, by=command.by, reason=reason)
        work.commit()
    return located


def begin_search(work: UnitOfWork, event: Event) -> None:
    """An order needs a place: leave the question for the worker, outside this transaction."""
    fresh = {"began_at": work.now, "tries": 0, "tried_at": None, "retry_at": None}
    statement = insert(tables.place_search).values(work_order_id=event.work_order_id, **fresh)
    work.connection.execute(statement.on_conflict_do_update(index_elements=["work_order_id"], set_=fresh))
    work.defer(SEARCH_JOB, work_order_id=str(event.work_order_id))


def end_search(work: UnitOfWork, event: Event) -> None:
    """The order waits for no place any more."""
    if event.before == WorkOrderStatus.NEEDS_LOCATION.value != event.after:
        search = tables.place_search
        work.connection.execute(delete(search).where(search.c.work_order_id == event.work_order_id))


def search_place(
    hub: Hub, work_order_id: str, geocoder: Geocoder | None = None, sleep: Callable[[float], None] = time.sleep
) -> None:
    """Ask where the order's address lies, and let the order go on when the house is known.

    Safe to run twice and to be killed at any instant. What is only approximate is kept as where the map opens. When the geocoder does
    not answer, the question is asked again later.
    """
    with hub.unit_of_work() as work:
        order = work.work_orders.get(WorkOrderId(UUID(work_order_id)))
    if order.status is not WorkOrderStatus.NEEDS_LOCATION:
        return
    asked = geocoder or geocoder_of(hub.settings)
    address = _address(order)
    trouble: GeocoderUnavailableError | None = None
    try:
        finding = _ask(hub, asked, address, sleep)
    except GeocoderUnavailableError as error:
        finding, trouble = Finding(PlaceQuality.UNKNOWN, None, f"{error} It is asked again."), error
    if finding.place is None:
        # The middle of the postal code is where the map opens.
        middle = load_postal_codes(hub.settings.postal_codes).find(address)
        finding = replace(middle, note=_joined(finding.note, middle.note if middle.place else ""))
    with hub.unit_of_work() as work:
        _settle(work, order, address, finding, trouble)
        work.commit()


def search_again(hub: Hub, due: datetime) -> int:
    """Ask once more where the geocoder did not answer, as far as that is due; returns how many questions were left for the worker."""
    search = tables.place_search
    with hub.unit_of_work() as work:
        rows = work.connection.scalars(
            select(search.c.work_order_id)
            .where(search.c.retry_at <= due)
            .order_by(search.c.retry_at)
            .limit(_AT_ONCE)
            .with_for_update(skip_locked=True)
        ).all()
        for work_order_id in rows:
            work.defer(SEARCH_JOB, work_order_id=str(work_order_id))
        if rows:
            work.connection.execute(update(search).where(search.c.work_order_id.in_(rows)).values(retry_at=None))
        work.commit()
    return len(rows)


def _ask(hub: Hub, geocoder: Geocoder, address: Address, sleep: Callable[[float], None]) -> Finding:
    if not geocoder.is_remote:
        return geocoder.find(address)
    known = remembered(hub, geocoder, address)
    if known is not None:
        return known
    wait = reserve_turn(hub, geocoder, hub.settings.geocoder_per_second)
    if wait is None:
        raise _BusyError("The geocoder is being asked about other addresses.")
    sleep(wait)
    finding = geocoder.find(address)
    remember(hub, geocoder, address, finding)
    return finding


def _settle(
    work: UnitOfWork, seen: WorkOrder, address: Address, finding: Finding, trouble: GeocoderUnavailableError | None
) -> None:
    """Write what was found, unless the order went on or its address changed meanwhile; a change has begun a search of its own."""
    order = work.work_orders.get(seen.id, lock=True)
    if order.status is not WorkOrderStatus.NEEDS_LOCATION or _address(order) != address:
        return
    if finding.quality is PlaceQuality.EXACT and finding.place is not None:
        _locate(work, order, finding.place, PlaceQuality.EXACT, by=SYSTEM, reason="The geocoder knows the house.")
        return
    changes: dict[str, Any] = {
        "place_quality": finding.quality,
        "place_note": _joined(_first_note(order), finding.note),
    }
    if finding.place is not None:
        changes |= {"latitude": finding.place.lat, "longitude": finding.place.lon}
    work.work_orders.swap(order, replace(order, **changes))
    _note_try(work, order.id, trouble)


def _note_try(work: UnitOfWork, work_order_id: WorkOrderId, trouble: GeocoderUnavailableError | None) -> None:
    search = tables.place_search
    mine = search.c.work_order_id == work_order_id
    tries = (work.connection.scalar(select(search.c.tries).where(mine)) or 0) + (not isinstance(trouble, _BusyError))
    retry_at = None
    if isinstance(trouble, _BusyError):
        retry_at = work.now + timedelta(seconds=random.uniform(*_BUSY_RETRY_SECONDS))
    elif trouble is not None:
        retry_at = work.now + min(_FIRST_RETRY * 2 ** min(tries - 1, 10), _LONGEST_RETRY)
    work.connection.execute(update(search).where(mine).values(tries=tries, tried_at=work.now, retry_at=retry_at))


def _locate(
    work: UnitOfWork, order: WorkOrder, place: Place, quality: PlaceQuality, *, by: Actor, reason: str
) -> WorkOrder:
    return work.advance_work_order(
        order,
        Action.LOCATE,
        by=by,
        reason=reason,
        latitude=place.lat,
        longitude=place.lon,
        place_quality=quality,
        place_note="",
    )


def _address(order: WorkOrder) -> Address:
    country = country_of_zone(order.zone)
    return Address(order.street, order.postcode, order.town, country.code if country else "")


def _first_note(order: WorkOrder) -> str:
    """The first sentence of why the order waits: it was there before any search."""
    head, dot, _ = order.place_note.partition(". ")
    return head + dot.strip() if dot else order.place_note


def _joined(*notes: str) -> str:
    return " ".join(dict.fromkeys(note for note in notes if note))
