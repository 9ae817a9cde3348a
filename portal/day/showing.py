"""Where the visit stands, in words and in a sketch: what the templates of the day are filled with."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from babel.dates import format_date
from babel.numbers import format_decimal

from hub.bootstrap import Hub
from hub.domain.catalogue import Catalogue
from hub.domain.lifecycle import FINAL_WORK_ORDER_STATUSES, WorkOrderStatus
from hub.domain.work_orders import WorkOrder
from portal.day.queries import earlier_visits, standing_of
from portal.day.standing import Approach, Estimate, Stage, Standing
from portal.day.words import day_words
from portal.words import Words

_RINGS_METRES = (500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000)
_HALF = 100
"""Of the sketch's width and height, in its own units; the outer ring leaves a margin for the mark on it."""
_RING = 84


@dataclass(frozen=True)
class ShownStage:
    """One step of the way: its name, and whether it is passed or the present one."""

    name: str
    is_passed: bool
    is_present: bool


@dataclass(frozen=True)
class Sketch:
    """The technician as seen from the address, north up. `x` and `y` count from the middle in the sketch's units, `ring` likewise."""

    x: float
    y: float
    ring: int
    ring_name: str
    half: int
    words: str
    latitude: float
    longitude: float
    home_latitude: float | None
    home_longitude: float | None


@dataclass(frozen=True)
class ShownStanding:
    """What the page says of where the visit stands.

    `acts` names what the citizen can still do: when it differs, the rest of the page is no longer right.
    """

    headline: str
    estimate: str
    stages: tuple[ShownStage, ...]
    sketch: Sketch | None
    is_live: bool
    acts: str


@dataclass(frozen=True)
class ShownVisit:
    """One line of the history: the day, the kind of work, and whether it was done."""

    day: str
    work: str
    outcome: str


def day_context(hub: Hub, order: WorkOrder, language: str) -> Mapping[str, object]:
    """What the templates of an order's page need to show where its visit stands and what came before."""
    words = day_words(language)
    standing = standing_of(hub, order)
    return {
        "day_words": words,
        "standing": show_standing(standing, order, words) if standing else None,
        "earlier": [
            ShownVisit(
                day=_day(one.at, order.zone, language),
                work=_work(hub.catalogue, one.work_type, language),
                outcome=words("earlier_done" if one.done else "earlier_not_done"),
            )
            for one in earlier_visits(hub, order)
        ],
        "tiles": hub.settings.map_tiles_url,
    }


def webcal_address(public_url: str, path: str, language: str) -> str:
    """What a calendar program opens to subscribe: the feed's address with `webcal` for its scheme."""
    return f"webcal://{public_url.partition('://')[2]}{path}/day/calendar.ics?lang={language}"


def show_standing(standing: Standing, order: WorkOrder, words: Words) -> ShownStanding:
    """The standing in the words' language."""
    here = list(Stage).index(standing.stage)
    return ShownStanding(
        headline=_headline(standing, words),
        estimate=_estimate(standing, order.zone, words),
        stages=tuple(
            ShownStage(words(f"stage_{stage}"), place < here, place == here) for place, stage in enumerate(Stage)
        ),
        sketch=_sketch(standing.approach, order, words) if standing.approach else None,
        is_live=standing.is_live,
        acts=_acts(standing, order),
    )


def _acts(standing: Standing, order: WorkOrder) -> str:
    """`change` until the technician is on the way, then `look`, and `over` when the order has ended."""
    if order.status in FINAL_WORK_ORDER_STATUSES:
        return "over"
    is_booked = order.status in {WorkOrderStatus.BOOKED, WorkOrderStatus.PLANNED}
    return "change" if is_booked and standing.stage in {Stage.AGREED, Stage.PLANNED} else "look"


def _headline(standing: Standing, words: Words) -> str:
    if standing.stage is Stage.DONE:
        return words("says_done")
    if not standing.is_today:
        return words("says_agreed" if standing.stage is Stage.AGREED else "says_planned")
    name = standing.technician or words("technician")
    if standing.is_working:
        return words("says_working", name=name)
    if standing.stage in {Stage.ON_THE_WAY, Stage.AT_THE_DOOR}:
        return words(f"says_{standing.stage}", name=name)
    return words("says_today", name=name)


def _estimate(standing: Standing, zone: str, words: Words) -> str:
    if standing.estimate is Estimate.NONE:
        return ""
    time = _time(standing.arrival, zone) if standing.arrival else ""
    return words(standing.estimate.value, time=time)


def _sketch(approach: Approach, order: WorkOrder, words: Words) -> Sketch:
    ring = next((one for one in _RINGS_METRES if one >= approach.metres), _RINGS_METRES[-1])
    scale = _RING / max(ring, approach.metres)
    at = _time(approach.reported_at, order.zone)
    return Sketch(
        x=round(approach.east_metres * scale, 1),
        y=round(-approach.north_metres * scale, 1),
        ring=round(ring * scale),
        ring_name=_distance(ring, words.language),
        half=_HALF,
        words=words("distance", time=at, distance=_distance(approach.metres, words.language)),
        latitude=approach.latitude,
        longitude=approach.longitude,
        home_latitude=order.latitude,
        home_longitude=order.longitude,
    )


def _distance(metres: float, language: str) -> str:
    """`300 m` or `2,5 km`: to the hundred metres below one kilometre, to the half kilometre below ten."""
    if metres < 950:
        return f"{max(100, round(metres / 100) * 100)} m"
    kilometres = round(metres / 500) / 2 if metres < 10_000 else round(metres / 1000)
    return f"{format_decimal(kilometres, locale=language)} km"


def _time(instant: datetime, zone: str) -> str:
    return f"{instant.astimezone(ZoneInfo(zone)):%H:%M}"


def _day(instant: datetime, zone: str, language: str) -> str:
    return str(format_date(instant.astimezone(ZoneInfo(zone)).date(), "d MMMM y", locale=language))


def _work(catalogue: Catalogue, code: str, language: str) -> str:
    known = catalogue.work_types.get(code)
    return (known.names.get(language) or known.names.get("en") or code) if known else code
