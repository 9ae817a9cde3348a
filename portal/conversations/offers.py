"""Free times by number: which five are listed, how they are written, and what a number in an answer means.

A list is remembered with the message that carries it. What counts is the newest one that went to the citizen: a list in a
message that never left is nothing anybody could answer to.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import uuid4
from zoneinfo import ZoneInfo

from babel.dates import format_date
from sqlalchemy import or_, select

from hub.bootstrap import Hub
from hub.db.conversation_tables import slot_list_offer
from hub.db.records import Records
from hub.db.tables import notification as notification_table
from hub.db.unit_of_work import UnitOfWork
from hub.domain.contact import Channel, Notification, NotificationStatus
from hub.domain.conversations import OfferId, SlotListOffer
from hub.domain.quiet_hours import QuietHours
from hub.domain.work_orders import WorkOrder
from hub.notifications.service import request_notification
from hub.notifications.texts import known_language
from portal.queries import Booking
from portal.service import free_times
from portal.slot_list import read_slot_value, slot_value
from scheduling.service import SlotOffer

MOST_TIMES = 5
KIND = "offer"
"""The kind of message that lists times."""
_MOST_PER_DAY = 2
_RANK = {"technician_in_street": 0, "technician_nearby": 1}
_DAY = {"nl": "EEE d MMM", "fr": "EEE d MMM", "de": "EEE, d. MMM", "en": "EEE d MMM"}
_NOT_GONE = (NotificationStatus.QUEUED, NotificationStatus.FAILED)


@dataclass(frozen=True)
class PreparedOffer:
    """Times that were free a moment ago, at least one, earliest first; `words` lists them in the order's language."""

    times: tuple[str, ...]
    words: str


def prepare_offer(hub: Hub, booking: Booking) -> PreparedOffer | None:
    """Up to five free times for the order, None when there is none.

    The ones that cost the least travel come in, at most two of one day as long as other days have some.
    """
    chosen = choose_times(free_times(hub, booking), booking.order.zone)
    if not chosen:
        return None
    order = booking.order
    times = tuple(slot_value(one.starts_at, one.ends_at) for one in chosen)
    return PreparedOffer(times, list_times(times, order.zone, order.language))


def choose_times(offers: Sequence[SlotOffer], zone: str) -> list[SlotOffer]:
    """The five to list, earliest first."""
    best = sorted(offers, key=lambda one: (_RANK.get(one.reason, 2), one.travel_seconds, one.starts_at))
    chosen, others, days = list[SlotOffer](), list[SlotOffer](), Counter[object]()
    for offer in best:
        day = offer.starts_at.astimezone(ZoneInfo(zone)).date()
        (chosen if days[day] < _MOST_PER_DAY else others).append(offer)
        days[day] += 1
    return sorted((chosen + others)[:MOST_TIMES], key=lambda one: (one.starts_at, one.ends_at))


def list_times(times: Sequence[str], zone: str, language: str) -> str:
    """`1) di 5 mei 08:00-10:00, 2) …`: what an SMS says of these times."""
    known = known_language(language)
    lines = []
    for number, value in enumerate(times, start=1):
        starts, ends = (instant.astimezone(ZoneInfo(zone)) for instant in read_time(value))
        day = format_date(starts.date(), _DAY[known], locale=known)
        lines.append(f"{number}) {day} {starts:%H:%M}-{ends:%H:%M}")
    return ", ".join(lines)


def read_time(value: str) -> tuple[datetime, datetime]:
    """The arrival window a list remembers; raises ValueError for what no list ever held."""
    window = read_slot_value(value)
    if window is None:
        message = f"'{value}' is not an arrival window."
        raise ValueError(message)
    return window


def remember_offer(
    work: UnitOfWork, order: WorkOrder, times: tuple[str, ...], sent: Notification | None = None
) -> SlotListOffer:
    """Keep what the numbers mean from now on; `sent` is the message that lists them, None for an answer."""
    return _offers(work).add(
        SlotListOffer(OfferId(uuid4()), order.id, work.now, times, notification_id=sent.id if sent else None)
    )


def request_offer(
    work: UnitOfWork,
    order: WorkOrder,
    prepared: PreparedOffer,
    *,
    round: int | None = None,  # noqa: A002 - the ladder's word for it
    step: int | None = None,
    quiet: QuietHours | None = None,
) -> Notification | None:
    """Queue an SMS that lists the times (an e-mail with the link when there is no number), in this transaction.

    None when the citizen cannot be reached. With `round` and `step` it is a contact attempt, see `request_notification`.
    """
    sent = request_notification(
        work,
        order,
        kind=KIND,
        channel=Channel.SMS,
        round=round,
        step=step,
        parameters={"times": prepared.words},
        quiet=quiet,
    )
    if sent is not None:
        remember_offer(work, order, prepared.times, sent)
    return sent


def newest_offer(work: UnitOfWork, order: WorkOrder) -> SlotListOffer | None:
    """The list the citizen saw last, if any."""
    offer, sent = slot_list_offer.c, notification_table.c
    gone = select(sent.id).where(sent.id == offer.notification_id, sent.status.not_in(_NOT_GONE)).exists()
    found = _offers(work).list_where(
        offer.work_order_id == order.id,
        or_(offer.notification_id.is_(None), gone),
        order_by=(offer.made_at.desc(), offer.id.desc()),
        limit=1,
    )
    return found[0] if found else None


def same_time(value: str, starts_at: datetime, ends_at: datetime) -> bool:
    """Whether a listed time is this window."""
    return value == slot_value(starts_at.astimezone(UTC), ends_at.astimezone(UTC))


def _offers(work: UnitOfWork) -> Records[SlotListOffer]:
    return Records(work.connection, slot_list_offer, SlotListOffer)
