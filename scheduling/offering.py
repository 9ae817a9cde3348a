"""Which arrival windows a citizen can choose from now."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from hub.bootstrap import Hub
from hub.db.unit_of_work import UnitOfWork
from hub.domain import technicians as roster
from hub.domain.catalogue import WorkType
from hub.domain.ids import WorkOrderId
from hub.domain.lifecycle import WORK_ORDER_TRANSITIONS, Action
from hub.domain.work_orders import WorkOrder
from scheduling.days import TRAVEL, Days, load_days, origin_of, wall_instant
from scheduling.reasons import Reason
from scheduling.slots import OfferReason, Requirement, SlotWindow, find_slots
from scheduling.spans import Span

_NOON = 12


@dataclass(frozen=True)
class SlotOffer:
    """An arrival window `[starts_at, ends_at)` that a technician can keep, and what it would add in travel.

    `reason` tells why it ranks where it does (`technician_nearby`: somebody is in the neighbourhood anyway).
    """

    starts_at: datetime
    ends_at: datetime
    reason: OfferReason
    travel_seconds: int


@dataclass(frozen=True)
class RefusedWindow:
    """An arrival window nobody can keep, with the rule that binds."""

    starts_at: datetime
    ends_at: datetime
    reason: Reason
    sentence: str


@dataclass(frozen=True)
class SlotOffers:
    """What can be booked, best first, and what cannot and why."""

    offers: tuple[SlotOffer, ...]
    refused: tuple[RefusedWindow, ...]


def is_bookable(order: WorkOrder) -> bool:
    """Whether the citizen may choose or change a time as the order stands."""
    return any((order.status, action) in WORK_ORDER_TRANSITIONS for action in (Action.BOOK, Action.RESCHEDULE))


def offer_slots(hub: Hub, work_order_id: WorkOrderId, *, limit_days: int | None = None) -> SlotOffers:
    """Every window of the coming days that some technician's route has room for, best first.

    Reads without locking: `hold_slot` checks again. `limit_days` shortens the catalogue's booking horizon. An order whose
    lifecycle allows no booking gets no offers. Raises NotFoundError.
    """
    with hub.unit_of_work() as work:
        order = work.work_orders.get(work_order_id)
        if not is_bookable(order):
            return SlotOffers((), ())
        kind = work.catalogue.work_type(order.work_type)
        first, last = bookable_days(work, order, limit_days)
        routes = work.routes.list_where(
            work.routes.table.c.territory == order.territory,
            work.routes.table.c.day.between(first, last),
            order_by=(work.routes.table.c.day, work.routes.table.c.id),
        )
        days = load_days(work, routes, origin=origin_of(first), leaving_out=order.id)
    windows = list(_windows(kind, order, routes, days, hub.clock.now() + timedelta(seconds=hub.catalogue.lead_seconds)))
    found = find_slots([one.open for one in days.routes], requirement_of(order, kind), windows, TRAVEL)
    return SlotOffers(
        tuple(
            SlotOffer(*_instants(days, one.window), one.reason, one.placement.marginal_travel_seconds)
            for one in found.offers
        ),
        tuple(
            RefusedWindow(*_instants(days, one.window), one.refusal.reason, one.refusal.sentence())
            for one in found.refused
        ),
    )


def bookable_days(work: UnitOfWork, order: WorkOrder, limit_days: int | None = None) -> tuple[date, date]:
    """The first and the last local day on which this order can be booked now; empty when the last is before the first."""
    zone = ZoneInfo(order.zone)
    earliest = work.now + timedelta(seconds=work.catalogue.lead_seconds)
    if order.not_before is not None:
        earliest = max(earliest, order.not_before)
    horizon = work.catalogue.booking_days if limit_days is None else min(limit_days, work.catalogue.booking_days)
    return earliest.astimezone(zone).date(), work.now.astimezone(zone).date() + timedelta(days=horizon)


def requirement_of(order: WorkOrder, kind: WorkType) -> Requirement:
    """What the engine must know of a visit for `order`."""
    return Requirement(
        id=str(order.id),
        place=order.place,
        service_seconds=kind.duration_seconds,
        skills=frozenset(kind.skills),
        weight=order.weight,
        territory=order.territory,
    )


def window_instants(kind: WorkType, day: date, zone: str) -> Iterator[tuple[datetime, datetime]]:
    """The arrival windows of a kind of work on one local day, as instants."""
    for begins, ends in kind.windows:
        yield wall_instant(day, begins, zone), wall_instant(day, ends, zone)


def _windows(
    kind: WorkType, order: WorkOrder, routes: list[roster.Route], days: Days, earliest: datetime
) -> Iterator[SlotWindow]:
    not_before = order.not_before or datetime.min.replace(tzinfo=UTC)
    for day in sorted({route.day for route in routes}):
        for starts_at, ends_at in window_instants(kind, day, order.zone):
            if starts_at >= max(earliest, not_before):
                part = "morning" if starts_at.astimezone(ZoneInfo(order.zone)).hour < _NOON else "afternoon"
                yield SlotWindow(Span(days.seconds(starts_at), days.seconds(ends_at)), day, part)


def _instants(days: Days, window: SlotWindow) -> tuple[datetime, datetime]:
    return days.instant(window.arrival.start), days.instant(window.arrival.end)
