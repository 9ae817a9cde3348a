"""What a page of free times is made of, read all at once: who chooses, what suits them, and what they can have."""

from dataclasses import dataclass
from functools import cache
from itertools import accumulate
from typing import Any

from sqlalchemy import Select, bindparam, select

from hub.bootstrap import Hub
from hub.db.portal_tables import time_preference, waitlist_entry
from hub.db.tables import citizen_link, work_order
from hub.db.unit_of_work import UnitOfWork
from hub.domain.contact import LinkPurpose
from hub.domain.errors import LinkInvalidError
from hub.domain.waitlist import WaitlistEntry, WaitlistStatus
from hub.domain.work_orders import WorkOrder
from hub.notifications.links import OpenedLink, check_opens, hash_of_sent
from portal.preferences import Wish, preferences, wish_of
from portal.queries import Booking, read_booking
from portal.waitlist.records import entries
from scheduling.service import SlotOffer, SlotQuestion, ask_slots


@dataclass(frozen=True)
class Choice:
    """What the citizen said suits, what is waited for, and the question which times are free, with all that its answer needs."""

    wish: Wish
    waits_for: WaitlistEntry | None
    question: SlotQuestion


def find_booking_to_choose(hub: Hub, token: str) -> tuple[Booking, Choice | None]:
    """What the link with `token` opens, and what can be chosen there; None when nothing can. Raises link errors. Reads only.

    One snapshot for all: what is read in three transactions takes three times as long to begin and to end.
    """
    hashed = hash_of_sent(token)
    with hub.snapshot() as work:
        order, wish, waits_for = _what_is_there(work, hashed)
        booking = read_booking(work, order)
        if not (booking.can_choose or booking.can_change):
            return booking, None
        return booking, Choice(wish, waits_for, ask_slots(work, booking.order, booking.agreed))


def _what_is_there(work: UnitOfWork, hashed: str) -> tuple[WorkOrder, Wish, WaitlistEntry | None]:
    """The order, what suits its citizen, and what is waited for: one question, for this page is asked for more than any other."""
    kept, waiting = preferences(work.connection), entries(work)
    links, orders = work.links, work.work_orders
    statement, (link_ends, order_ends, wish_ends) = _all_at_once(
        links.all_rows, orders.all_rows, kept.all_rows, waiting.all_rows
    )
    row = work.connection.execute(statement, {"token_hash": hashed}).first()
    if row is None:
        raise LinkInvalidError
    opened = OpenedLink(links.read(row[:link_ends]), orders.read(row[link_ends:order_ends]))
    check_opens(opened, LinkPurpose.BOOKING, work.now)
    wish = wish_of(kept.read(row[order_ends:wish_ends])) if row[order_ends] is not None else Wish()
    return opened.order, wish, waiting.read(row[wish_ends:]) if row[wish_ends] is not None else None


@cache
def _all_at_once(
    links: Select[Any], orders: Select[Any], kept: Select[Any], waiting: Select[Any]
) -> tuple[Select[Any], tuple[int, int, int]]:
    """The columns of all four, for the link with a hash; null where nothing was said or is waited for. And where the first three end."""
    is_live = (waitlist_entry.c.work_order_id == work_order.c.id) & (waitlist_entry.c.status != WaitlistStatus.ENDED)
    said = time_preference.c.work_order_id == work_order.c.id
    joined = citizen_link.join(work_order).outerjoin(time_preference, said).outerjoin(waitlist_entry, is_live)
    parts = [tuple(one.selected_columns) for one in (links, orders, kept, waiting)]
    columns = (column for part in parts for column in part)
    first, second, third, _ = accumulate(map(len, parts))
    mine = citizen_link.c.token_hash == bindparam("token_hash")
    return select(*columns).select_from(joined).where(mine), (first, second, third)


def times_to_choose(booking: Booking, question: SlotQuestion) -> tuple[SlotOffer, ...]:
    """The times that can be booked now, those first that need the least driving; not the one that is agreed already."""
    present = {(one.starts_at, one.ends_at) for one in (booking.confirmed,) if one}
    return tuple(one for one in question.answer().offers if (one.starts_at, one.ends_at) not in present)
