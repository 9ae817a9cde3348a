"""Free times as a page shows them: by day and part of the day, the greenest first, or the nearest ones when one was taken."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from itertools import groupby
from zoneinfo import ZoneInfo

from hub.notifications.texts import format_day
from portal.preferences import Wish
from scheduling.service import SlotOffer

_NOON = 12
_WHY = {"technician_in_street": "in_street", "technician_nearby": "nearby"}
"""The texts of the reasons that are shown, that of the least driving first."""
_NEAREST_SHOWN = 3
_RECOMMENDED_SHOWN = 3
_SHORT_LIST = 6
"""So few times need no recommendation."""
_FIRST_INSTANT, _END = datetime(2000, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
"""What an address can mean: near the ends of the calendar no time zone can be applied any more."""
_LONGEST_WINDOW = timedelta(days=1)
DAYS_SHOWN = 4
"""Days that are open at once; the rest is one press away."""


@dataclass(frozen=True)
class SlotChoice:
    """One radio button: `value` is what the form sends back, `hours` what is read, `why` the text of its reason, if any."""

    value: str
    hours: str
    why: str
    morning: bool
    day: str


@dataclass(frozen=True)
class SlotDay:
    """The free times of one day."""

    title: str
    morning: tuple[SlotChoice, ...]
    afternoon: tuple[SlotChoice, ...]

    @property
    def why(self) -> str:
        """The reason that all of these times share; then the page gives it once."""
        reasons = {one.why for one in self.morning + self.afternoon}
        return reasons.pop() if len(reasons) == 1 else ""


@dataclass(frozen=True)
class SlotList:
    """What the page of free times shows: at most one group on top, days that are open, days one press away.

    `left_out` is how many free times are not shown because they do not suit; `recommended` need the least driving: in the
    citizen's street before nearby, and for the same reason the earliest first.
    """

    recommended: tuple[SlotChoice, ...]
    nearest: tuple[SlotChoice, ...]
    days: tuple[SlotDay, ...]
    later_days: tuple[SlotDay, ...]
    left_out: int


def list_slots(offers: Sequence[SlotOffer], wish: Wish, wanted: datetime | None, zone: str, language: str) -> SlotList:
    """The offers, given best first, that suit the `wish`; with `wanted` the ones nearest to it on top."""
    suiting = [one for one in offers if wish.fits(one.starts_at, zone)]
    in_time = sorted(suiting, key=lambda one: (one.starts_at, one.ends_at))
    nearest = nearest_choices(in_time, wanted, zone, language) if wanted is not None and in_time else ()
    green = [one for one in suiting if one.reason in _WHY] if len(suiting) > _SHORT_LIST and not nearest else []
    days = tuple(list_days(in_time, zone, language))
    return SlotList(
        recommended=_choices(sorted(green[:_RECOMMENDED_SHOWN], key=_as_read), zone, language),
        nearest=nearest,
        days=days[:DAYS_SHOWN],
        later_days=days[DAYS_SHOWN:],
        left_out=len(offers) - len(suiting),
    )


def slot_value(starts_at: datetime, ends_at: datetime) -> str:
    """A window as text, in UTC: `2026-05-05T06:00Z/2026-05-05T08:00Z`."""
    return "/".join(f"{instant.astimezone(UTC):%Y-%m-%dT%H:%MZ}" for instant in (starts_at, ends_at))


def read_slot_value(value: str) -> tuple[datetime, datetime] | None:
    """The window `slot_value` wrote, or None for anything else."""
    first, _, last = value.partition("/")
    starts_at, ends_at = read_instant(first), read_instant(last)
    if starts_at is None or ends_at is None or not timedelta(0) < ends_at - starts_at <= _LONGEST_WINDOW:
        return None
    return starts_at, ends_at


def read_instant(value: str) -> datetime | None:
    """An aware instant in ISO 8601, from 2000 until 2199, or None for anything else."""
    try:
        instant = datetime.fromisoformat(value)
    except ValueError:
        return None
    # Compared before it is converted: what is bounded can be.
    if instant.tzinfo is None or not _FIRST_INSTANT <= instant < _END:
        return None
    return instant.astimezone(UTC)


def list_days(offers: Sequence[SlotOffer], zone: str, language: str) -> list[SlotDay]:
    """The offers by local day, in the order given."""

    def local_day(offer: SlotOffer) -> date:
        return offer.starts_at.astimezone(ZoneInfo(zone)).date()

    days = []
    for _, group in groupby(offers, local_day):
        choices = _choices(group, zone, language)
        days.append(
            SlotDay(
                title=choices[0].day,
                morning=tuple(one for one in choices if one.morning),
                afternoon=tuple(one for one in choices if not one.morning),
            )
        )
    return days


def nearest_choices(offers: Sequence[SlotOffer], wanted: datetime, zone: str, language: str) -> tuple[SlotChoice, ...]:
    """The free times closest to the one that could not be had, earliest first."""
    closest = sorted(offers, key=lambda one: (abs(one.starts_at - wanted), one.starts_at))[:_NEAREST_SHOWN]
    return _choices(sorted(closest, key=lambda one: one.starts_at), zone, language)


def _as_read(offer: SlotOffer) -> tuple[int, datetime, datetime]:
    # Which times are recommended is a matter of seconds of driving, which the page does not show: dates in that order look mixed up.
    return tuple(_WHY).index(offer.reason), offer.starts_at, offer.ends_at


def _choices(offers: Iterable[SlotOffer], zone: str, language: str) -> tuple[SlotChoice, ...]:
    return tuple(_choice(one, zone, language) for one in offers)


def _choice(offer: SlotOffer, zone: str, language: str) -> SlotChoice:
    return _shown(offer.starts_at, offer.ends_at, _WHY.get(offer.reason, ""), zone, language)


@lru_cache(maxsize=4096)
def _shown(starts_at: datetime, ends_at: datetime, why: str, zone: str, language: str) -> SlotChoice:
    # The same windows are shown to everybody; writing their times out takes as long as finding them free.
    starts, ends = (instant.astimezone(ZoneInfo(zone)) for instant in (starts_at, ends_at))
    return SlotChoice(
        value=slot_value(starts_at, ends_at),
        hours=f"{starts:%H:%M}–{ends:%H:%M}",
        why=why,
        morning=starts.hour < _NOON,
        day=format_day(starts, language),
    )
