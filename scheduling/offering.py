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
from hub.domain.errors import TransitionRefusedError
from hub.domain.ids import WorkOrderId
from hub.domain.lifecycle import Action, next_visit_status, next_work_order_status
from hub.domain.work_orders import WorkOrder
from scheduling.days import Days, load_days, origin_of, wall_instant
from scheduling.engine.reasons import Reason
from scheduling.engine.slots import OfferReason, Requirement, SlotWindow, find_slots
from scheduling.engine.spans import Span
from scheduling.queries import Agreements, agreements_of, live_visits

REPAIR_SECONDS = 0.15
"""How long an offer may look for other orders of the visits on days that have no room as they stand."""
_NOON = 12


@dataclass(frozen=True)
class SlotOffer:
    """An arrival window `[starts_at, ends_at)` that a technician can keep, and what it would add in travel.

    `reason` tells why it ranks where it does (`technician_in_street`, `technician_nearby`: somebody is there anyway).
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


def check_bookable(work: UnitOfWork, order: WorkOrder, agreed: Agreements) -> None:
    """Whether a time may be chosen or changed as the order stands; raises TransitionRefusedError when not.

    An appointment can be moved until its technician sets off.
    """
    promised = agreed.confirmed
    next_work_order_status(order.status, Action.BOOK if promised is None else Action.RESCHEDULE)
    if promised is not None:
        for visit in live_visits(work, work.visits.table.c.appointment_id == promised.id):
            next_visit_status(visit.status, Action.CANCEL)


def offer_slots(hub: Hub, work_order_id: WorkOrderId, *, limit_days: int | None = None) -> SlotOffers:
    """Every window of the coming days that some technician's route has room for, best first.

    On a day on which none has room as it stands, its visits may come in another order, each inside its own window.

    Windows from the order's due date on are offered too, after all others: late is better than never. Reads without
    locking: `hold_slot` checks again. `limit_days` shortens the catalogue's booking horizon. An order whose lifecycle
    allows no booking gets no offers. Raises NotFoundError.
    """
    with hub.snapshot() as work:
        order = work.work_orders.get(work_order_id)
        try:
            check_bookable(work, order, agreements_of(work, order.id))
        except TransitionRefusedError:
            return SlotOffers((), ())
        kind = work.catalogue.work_type(order.work_type)
        first, last = bookable_days(work, order, limit_days)
        routes = work.routes.list_where(
            work.routes.table.c.territory == order.territory,
            work.routes.table.c.day.between(first, last),
            order_by=(work.routes.table.c.day, work.routes.table.c.id),
        )
        days = load_days(work, routes, origin=origin_of(first), leaving_out=order.id)
        windows = list(_windows(kind, order, routes, days, earliest_start(work)))
    routes_open = [one.open for one in days.routes]
    needed = requirement_of(order, kind)
    found = find_slots(routes_open, needed, windows, days.travel, repair_seconds=REPAIR_SECONDS)
    offers = [
        SlotOffer(*_instants(days, one.window), one.reason, one.placement.marginal_travel_seconds)
        for one in found.offers
    ]
    return SlotOffers(
        tuple(sorted(offers, key=lambda one: order.due_at is not None and one.starts_at >= order.due_at)),
        tuple(
            RefusedWindow(*_instants(days, one.window), one.refusal.reason, one.refusal.sentence())
            for one in found.refused
        ),
    )


def earliest_start(work: UnitOfWork) -> datetime:
    """The earliest start of a window that can be booked now: a technician must still be sent."""
    return work.now + timedelta(seconds=work.catalogue.lead_seconds)


def bookable_days(work: UnitOfWork, order: WorkOrder, limit_days: int | None = None) -> tuple[date, date]:
    """The first and the last local day on which this order can be booked now; empty when the last is before the first."""
    zone = ZoneInfo(order.zone)
    earliest = earliest_start(work)
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
        weight=max(1, order.weight),
        territory=order.territory,
        levels=kind.levels,
        parts=kind.parts,
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
