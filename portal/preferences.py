"""When a citizen can be at home: weekdays, parts of the day, dates away. Kept per order, and respected by every list of times."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from hub.bootstrap import Hub
from hub.db.portal_tables import time_preference
from hub.db.records import Records
from hub.db.unit_of_work import UnitOfWork
from hub.domain.errors import DoorstepError
from hub.domain.ids import WorkOrderId
from hub.domain.waitlist import TimePreference
from portal.queries import find_booking

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
DAYPARTS = ("morning", "afternoon")
MOST_AWAY = 3
"""How many spans of dates a citizen can be away."""
_NOON = 12
_FURTHEST = timedelta(days=400)


class UnusableDatesError(DoorstepError):
    """Dates away that are none, end before they begin, or are too far off."""

    code = "unusable-dates"

    def __init__(self) -> None:
        super().__init__("A span of dates away is not usable. Give its first and its last day, in that order.")


@dataclass(frozen=True)
class Wish:
    """What the form says: an empty part leaves everything open. `away` are (first, last) local dates, both included."""

    weekdays: tuple[str, ...] = ()
    dayparts: tuple[str, ...] = ()
    away: tuple[tuple[date, date], ...] = ()

    @property
    def is_open(self) -> bool:
        """Whether every time suits."""
        return not (self.weekdays or self.dayparts or self.away)

    def fits(self, starts_at: datetime, zone: str) -> bool:
        """Whether an arrival window that begins at `starts_at` suits."""
        local = starts_at.astimezone(ZoneInfo(zone))
        if self.weekdays and WEEKDAYS[local.weekday()] not in self.weekdays:
            return False
        if self.dayparts and DAYPARTS[local.hour >= _NOON] not in self.dayparts:
            return False
        return not any(first <= local.date() <= last for first, last in self.away)


@dataclass(frozen=True)
class TypedWish:
    """What a form sent, as it was typed: shown again beside what is wrong with it. Dates are of the form's own making."""

    weekdays: Sequence[str]
    dayparts: Sequence[str]
    away: Sequence[tuple[str, str]]


def preferences(connection: Connection) -> Records[TimePreference]:
    """The records of preferences on this connection."""
    return Records(connection, time_preference, TimePreference, ("work_order_id",))


def find_wish(hub: Hub, work_order_id: WorkOrderId) -> Wish:
    """What the order's citizen said; an open one when nothing was. Reads only."""
    with hub.reading() as connection:
        return read_kept_wish(connection, work_order_id)


def read_kept_wish(connection: Connection, work_order_id: WorkOrderId) -> Wish:
    """The same, in a transaction that reads other things too."""
    found = preferences(connection).find(work_order_id)
    return wish_of(found) if found else Wish()


def list_wishes(work: UnitOfWork, ids: Sequence[WorkOrderId]) -> dict[object, Wish]:
    """The same for many orders; those whose citizen said nothing are left out."""
    return {order_id: wish_of(found) for order_id, found in preferences(work.connection).list_by_id(ids).items()}


def save_wish(hub: Hub, token: str, wish: Wish) -> None:
    """Keep what the citizen says, in place of what was said before; raises link errors."""
    booking = find_booking(hub, token)
    said = TimePreference(
        work_order_id=booking.order.id,
        weekdays=wish.weekdays,
        dayparts=wish.dayparts,
        away=tuple(f"{first}/{last}" for first, last in wish.away),
        updated_at=hub.clock.now(),
    )
    with hub.unit_of_work() as work:
        work.work_orders.get(booking.order.id, lock=True)
        kept = preferences(work.connection)
        before = kept.find(said.work_order_id)
        if before is None:
            kept.add(said)
        elif replace(said, updated_at=before.updated_at, version=before.version) != before:
            kept.swap(before, replace(said, version=before.version))
        work.commit()


def read_wish(weekdays: Iterable[str], dayparts: Iterable[str], away: Iterable[tuple[str, str]], today: date) -> Wish:
    """What a form sent; unknown words are dropped, every day or both parts of the day mean none in particular.

    A span with one date is that day. Raises UnusableDatesError for dates that cannot be meant.
    """
    days = tuple(one for one in WEEKDAYS if one in set(weekdays))
    parts = tuple(one for one in DAYPARTS if one in set(dayparts))
    spans = [_span(first.strip(), last.strip(), today) for first, last in away if first.strip() or last.strip()]
    return Wish(
        days if len(days) < len(WEEKDAYS) else (),
        parts if len(parts) < len(DAYPARTS) else (),
        tuple(sorted(span for span in spans if span[1] >= today)[:MOST_AWAY]),
    )


def _span(first: str, last: str, today: date) -> tuple[date, date]:
    try:
        begins, ends = date.fromisoformat(first or last), date.fromisoformat(last or first)
    except ValueError as error:
        raise UnusableDatesError from error
    if ends < begins or ends > today + _FURTHEST or begins.year < today.year - 1:
        raise UnusableDatesError
    return begins, ends


def wish_of(kept: TimePreference) -> Wish:
    """What a kept preference says."""
    spans = (span.split("/") for span in kept.away)
    away = tuple((date.fromisoformat(first), date.fromisoformat(last)) for first, last in spans)
    return Wish(kept.weekdays, kept.dayparts, away)
