"""What a citizen left with an order, on the order's page: how to get in, what times suit, files, and the proof of presence."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from hub.bootstrap import Hub
from hub.db.citizen_tables import door_check
from hub.domain.ids import WorkOrderId
from hub.domain.waitlist import WaitlistEntry, WaitlistOffer
from portal.details.queries import Left, what_was_left
from portal.preferences import Wish, read_kept_wish
from portal.waitlist.records import live_entry, open_offer


@dataclass(frozen=True)
class CitizenLeft:
    """What was left, and when the door code was read; `door_checks` are oldest first.

    `wish` says what times suit, `waits` that the citizen waits for an earlier one, and `offer` which one is kept for the citizen now.
    """

    left: Left
    door_checks: tuple[datetime, ...]
    wish: Wish
    waits: WaitlistEntry | None
    offer: WaitlistOffer | None

    @property
    def is_something(self) -> bool:
        """Whether there is anything to show."""
        left = self.left
        return bool(
            left.access or left.channel or left.files or self.door_checks or self.waits or not self.wish.is_open
        )

    @property
    def suits(self) -> str:
        """What times suit, in words; empty when every time does."""
        if not (self.wish.weekdays or self.wish.dayparts):
            return ""
        days = ", ".join(one.capitalize() for one in self.wish.weekdays) or "any day"
        return f"{days}, in the {' or '.join(self.wish.dayparts)}" if self.wish.dayparts else days

    @property
    def away(self) -> str:
        """The dates on which nobody is there, in words; empty without any."""
        return "; ".join(f"{first}" if first == last else f"{first} to {last}" for first, last in self.wish.away)


def citizen_left(hub: Hub, work_order_id: WorkOrderId) -> CitizenLeft:
    """What the order's citizen left."""
    table = door_check.c
    read = select(table.checked_at).where(table.work_order_id == work_order_id).order_by(table.checked_at)
    with hub.snapshot() as work:
        checks = tuple(work.connection.execute(read).scalars())
        waits = live_entry(work, work_order_id)
        offer = open_offer(work, waits.id) if waits is not None else None
        wish = read_kept_wish(work.connection, work_order_id)
        kept = offer if offer is not None and offer.lease_until > work.now else None
        return CitizenLeft(what_was_left(work, work_order_id), checks, wish, waits, kept)
