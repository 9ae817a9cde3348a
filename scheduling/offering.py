"""Which arrival windows a citizen can choose from now."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property, lru_cache
from uuid import UUID
from zoneinfo import ZoneInfo

from hub.bootstrap import Hub
from hub.db.unit_of_work import UnitOfWork
from hub.domain.appointments import Visit
from hub.domain.catalogue import WorkType
from hub.domain.errors import TransitionRefusedError
from hub.domain.ids import RouteId, WorkOrderId
from hub.domain.lifecycle import Action, next_visit_status, next_work_order_status
from hub.domain.work_orders import WorkOrder
from scheduling.days import Days, load_days, wall_instant
from scheduling.engine.problem import seconds_from
from scheduling.engine.reasons import Reason
from scheduling.engine.slots import OfferReason, Placement, Requirement, SlotSearch, SlotWindow, answered, places
from scheduling.engine.spans import Span
from scheduling.outlook import Outlook, outlook, remembered
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
    explain: Callable[[], tuple[RefusedWindow, ...]] = field(repr=False, compare=False)

    @cached_property
    def refused(self) -> tuple[RefusedWindow, ...]:
        """The windows that are not offered, with their reasons; worked out when first asked for, which takes its time."""
        return self.explain()


def check_bookable(work: UnitOfWork, order: WorkOrder, agreed: Agreements) -> list[Visit]:
    """The visits of the appointment that is to be changed, if any; raises TransitionRefusedError when no time may be chosen.

    An appointment can be moved until its technician sets off.
    """
    promised = agreed.confirmed
    next_work_order_status(order.status, Action.BOOK if promised is None else Action.RESCHEDULE)
    if promised is None:
        return []
    visits = live_visits(work, work.visits.table.c.appointment_id == promised.id)
    for visit in visits:
        next_visit_status(visit.status, Action.CANCEL)
    return visits


def offer_slots(hub: Hub, work_order_id: WorkOrderId, *, limit_days: int | None = None) -> SlotOffers:
    """Every window of the coming days that some technician's route has room for, best first.

    On a day on which none has room as it stands, its visits may come in another order, each inside its own window.

    Windows from the order's due date on are offered too, after all others: late is better than never. Reads without
    locking: `hold_slot` checks again. `limit_days` shortens the catalogue's booking horizon. An order whose lifecycle
    allows no booking gets no offers. Raises NotFoundError.
    """
    with hub.snapshot() as work:
        order = work.work_orders.get(work_order_id)
        question = ask_slots(work, order, agreements_of(work, order.id), limit_days=limit_days)
    return question.answer()


@dataclass(frozen=True)
class SlotQuestion:
    """All that must be read to say which times an order can have; `answer` reads nothing more and may take its time."""

    order: WorkOrder
    known: _KnownDays | None
    windows: tuple[SlotWindow, ...]
    needed: Requirement

    def answer(self) -> SlotOffers:
        """What `offer_slots` says."""
        known = self.known
        if known is None:
            return SlotOffers((), tuple)
        found = known.find_slots(self.needed, self.windows)
        offers = [
            SlotOffer(*known.instants(one.window), one.reason, one.placement.marginal_travel_seconds)
            for one in found.offers
        ]

        def explain() -> tuple[RefusedWindow, ...]:
            return tuple(
                RefusedWindow(*known.instants(one.window), one.refusal.reason, one.refusal.sentence())
                for one in found.refused
            )

        late = self.order.due_at or datetime.max.replace(tzinfo=UTC)
        return SlotOffers(tuple(sorted(offers, key=lambda one: one.starts_at >= late)), explain)


def ask_slots(work: UnitOfWork, order: WorkOrder, agreed: Agreements, *, limit_days: int | None = None) -> SlotQuestion:
    """Read what `offer_slots` needs in a snapshot that reads other things too; `agreed` is what that snapshot has of the order."""
    kind = work.catalogue.work_type(order.work_type)
    needed = requirement_of(order, kind)
    try:
        own = check_bookable(work, order, agreed)
    except TransitionRefusedError:
        return SlotQuestion(order, None, (), needed)
    needed = replace(needed, own_visits=frozenset(str(one.id) for one in own))
    first, last = bookable_days(work, order, limit_days)
    known = _known_days(work, order, kind, agreed)
    windows = (one for one in _windows(kind, order, known, earliest_start(work)) if first <= one.day <= last)
    return SlotQuestion(order, known, tuple(windows), needed)


def likely_route(work: UnitOfWork, order: WorkOrder, starts_at: datetime, ends_at: datetime) -> RouteId | None:
    """The route that has the cheapest place for this window as far as the days kept in memory tell; None when they do not.

    Asks the database nothing. Whoever books on it locks it and looks again.
    """
    zone = ZoneInfo(order.zone)
    today, day = work.now.astimezone(zone).date(), starts_at.astimezone(zone).date()
    last = today + timedelta(days=work.catalogue.booking_days)
    if not today < day <= last:
        return None
    kept = remembered(work, order.territory, today + timedelta(days=1), last)
    if kept is None:
        return None
    needed = requirement_of(order, work.catalogue.work_type(order.work_type))
    (found,) = kept.index.cheapest(needed, [Span(kept.seconds(starts_at), kept.seconds(ends_at))])
    return None if found is None else RouteId(UUID(kept.index.route(found.route).route.id))


@dataclass(frozen=True)
class _KnownDays:
    """The days on which the order may be booked: those kept in memory, and those that were read for it alone.

    The latter are today, which changes with every minute, and the day on which the order holds a slot: that one is free for it.
    """

    outlook: Outlook
    apart: Days
    days_apart: frozenset[date]

    @property
    def days(self) -> list[date]:
        return sorted({*self.outlook.days, *(one.record.day for one in self.apart.routes)})

    def instants(self, window: SlotWindow) -> tuple[datetime, datetime]:
        return self.outlook.instant(window.arrival.start), self.outlook.instant(window.arrival.end)

    def find_slots(self, needed: Requirement, windows: Sequence[SlotWindow]) -> SlotSearch:
        """As `engine.slots.find_slots`, over both."""
        kept: dict[int, Placement] = {}
        apart = [at for at, one in enumerate(windows) if one.day in self.days_apart]
        others = [at for at, one in enumerate(windows) if one.day not in self.days_apart]
        opened = [one.open for one in self.apart.routes]
        found = places(opened, needed, [windows[at] for at in apart], self.apart.travel, repair_seconds=REPAIR_SECONDS)
        kept |= {apart[at]: placement for at, placement in found.items()}
        found, standing = self.outlook.index.places(
            needed, [windows[at] for at in others], repair_seconds=REPAIR_SECONDS
        )
        kept |= {others[at]: placement for at, placement in found.items()}
        # A route of a day apart stands in the index too, as it was when nobody held anything.
        read_apart = {one.route.id for one in opened}
        routes = [*opened, *(one for one in standing if one.route.id not in read_apart)]
        return answered(needed, windows, kept, routes, self.outlook.travel)


def _known_days(work: UnitOfWork, order: WorkOrder, kind: WorkType, agreed: Agreements) -> _KnownDays:
    """The days on which the order may be booked; today is read only while one of its windows can still be had."""
    zone = ZoneInfo(order.zone)
    today = work.now.astimezone(zone).date()
    last = today + timedelta(days=work.catalogue.booking_days)
    kept = outlook(work, order.territory, today + timedelta(days=1), last)
    is_open = any(starts_at >= earliest_start(work) for starts_at, _ in window_instants(kind, today, order.zone))
    apart = {today} if is_open else set[date]()
    if agreed.held is not None:
        apart.add(agreed.held.starts_at.astimezone(zone).date())
    table = work.routes.table.c
    routes = (
        work.routes.list_where(table.territory == order.territory, table.day.in_(apart), order_by=(table.day, table.id))
        if apart
        else []
    )
    return _KnownDays(kept, load_days(work, routes, origin=kept.origin, leaving_out=order.id), frozenset(apart))


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


def _windows(kind: WorkType, order: WorkOrder, known: _KnownDays, earliest: datetime) -> Iterator[SlotWindow]:
    after = earliest if order.not_before is None else max(earliest, order.not_before)
    for day in known.days:
        for starts_at, window in _windows_of_day(kind.windows, day, order.zone, known.outlook.origin):
            if starts_at >= after:
                yield window


@lru_cache(maxsize=4096)
def _windows_of_day(
    windows: tuple[tuple[time, time], ...], day: date, zone: str, origin: datetime
) -> tuple[tuple[datetime, SlotWindow], ...]:
    """A day's windows with the instants at which they begin; every citizen of a territory asks for the same ones."""
    out = []
    for begins, ends in windows:
        starts_at, ends_at = wall_instant(day, begins, zone), wall_instant(day, ends, zone)
        part = "morning" if starts_at.astimezone(ZoneInfo(zone)).hour < _NOON else "afternoon"
        out.append(
            (starts_at, SlotWindow(Span(seconds_from(origin, starts_at), seconds_from(origin, ends_at)), day, part))
        )
    return tuple(out)
