"""Which arrival windows can be promised now, by whom, and why not the others.

A window is offered when some technician's route has a place where the visit fits while every other visit keeps its own
window and all breaks hold; the others may shift inside their windows. Nothing is guessed: the place is found by exact
slack, and the offered route is simulated once more before it leaves this file.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from itertools import pairwise

from hub.domain.places import Place
from scheduling.engine import explain
from scheduling.engine.eligibility import barred, off_hours
from scheduling.engine.plan import RouteRefusal
from scheduling.engine.problem import Route, Task, TaskId, TechnicianKey
from scheduling.engine.reasons import Refusal
from scheduling.engine.slack import Opening, empty_gap, first_start, gaps, openings
from scheduling.engine.spans import Span
from scheduling.engine.timeline import NEVER, Infeasible, Timeline, keep, route_legs, simulate
from scheduling.travel.model import TravelModel

NEARBY_SECONDS = 600
"""A detour this short means that a technician is in the neighbourhood already."""
SAME_DAY_SECONDS, SAME_DAYPART_SECONDS = 900, 450
"""What each better offer on the same day, or in the same part of a day, costs an offer when they are ranked."""


class OfferReason(StrEnum):
    """Why a slot stands where it does among the offers."""

    NEARBY = "technician_nearby"
    AVAILABLE = "technician_available"


@dataclass(frozen=True, slots=True)
class Requirement:
    """What the visit needs: see `Task` for the fields."""

    id: TaskId
    place: Place
    service_seconds: int
    skills: frozenset[str] = frozenset()
    weight: int = 1
    allowed_technicians: frozenset[TechnicianKey] | None = None
    excluded_technicians: frozenset[TechnicianKey] = frozenset()
    territory: str | None = None

    def visit(self, arrival: Span) -> Task:
        """The visit promised for this arrival window. Raises `InvalidProblem` when it makes no sense."""
        return Task(
            id=self.id,
            place=self.place,
            service_seconds=self.service_seconds,
            windows=(arrival,),
            skills=self.skills,
            weight=self.weight,
            promised=True,
            allowed_technicians=self.allowed_technicians,
            excluded_technicians=self.excluded_technicians,
            territory=self.territory,
        )


@dataclass(frozen=True, slots=True)
class SlotWindow:
    """An arrival window that could be offered; `day` and `daypart` (any label) are local and serve the spread."""

    arrival: Span
    day: date
    daypart: str


@dataclass(frozen=True, slots=True)
class OpenRoute:
    """A route with its visits in order, each with its own window, and the seconds of its drives, home included."""

    route: Route
    stops: tuple[Task, ...]
    drives: tuple[int, ...]

    @classmethod
    def of(cls, route: Route, stops: Sequence[Task], travel: TravelModel) -> OpenRoute:
        """The route with its drives as `travel` has them."""
        return cls(route, tuple(stops), route_legs(route, stops, travel))

    @property
    def places(self) -> list[Place]:
        """Start, stops and end."""
        return [self.route.start, *(stop.place for stop in self.stops), self.route.end]


@dataclass(frozen=True, slots=True)
class Placement:
    """A place for a visit: the route as it would become, and what that costs in travel."""

    route: OpenRoute
    position: int
    timeline: Timeline
    marginal_travel_seconds: int

    @property
    def start(self) -> int:
        """When the new visit would begin."""
        return self.timeline.stops[self.position].start


@dataclass(frozen=True, slots=True)
class SlotOffer:
    """A window that can be kept, and how. Rank 0 is the first to show."""

    window: SlotWindow
    placement: Placement
    reason: OfferReason
    rank: int


@dataclass(frozen=True, slots=True)
class RefusedSlot:
    """A window that cannot be kept: the reason that binds, and that of each route."""

    window: SlotWindow
    refusal: Refusal
    by_route: tuple[RouteRefusal, ...]


@dataclass(frozen=True, slots=True)
class SlotSearch:
    """Every window is either among the offers (by rank) or among the refused (in the order given)."""

    offers: tuple[SlotOffer, ...]
    refused: tuple[RefusedSlot, ...]


@dataclass(frozen=True, slots=True)
class _Room:
    """What one route has for one requirement, whatever the window: drives, openings per gap, or why there is none."""

    open: OpenRoute
    ways: tuple[tuple[int, int], ...]
    extra: tuple[int, ...]
    choices: tuple[tuple[Opening, ...], ...]
    alone: tuple[Opening, ...]
    barred: Refusal | None


@dataclass(frozen=True, slots=True)
class _Find:
    extra: int
    room: _Room
    position: int


def find_slots(
    routes: Sequence[OpenRoute], requirement: Requirement, windows: Sequence[SlotWindow], travel: TravelModel
) -> SlotSearch:
    """For each window the cheapest place that keeps it, ranked by added travel and spread over days; or the reason.

    Pure: it sees the routes as given, so whoever books must check again under lock (`place_visit`).
    """
    if not windows:
        return SlotSearch((), ())
    rooms = _rooms(routes, requirement.visit(windows[0].arrival), [window.arrival for window in windows], travel)
    found = _cheapest(rooms, windows)
    kept = {
        at: _placement(find, requirement.visit(windows[at].arrival))
        for at, find in enumerate(found)
        if find is not None
    }
    refused = (_refused(rooms, window) for at, window in enumerate(windows) if at not in kept)
    return SlotSearch(_ranked([(windows[at], placement) for at, placement in kept.items()]), tuple(refused))


def place_visit(route: OpenRoute, visit: Task, travel: TravelModel) -> Placement | Refusal:
    """The cheapest place for the visit on this one route, or why there is none: the re-check before a hold."""
    room = _rooms([route], visit, visit.starts, travel)[0]
    best: _Find | None = None
    for position, choices in enumerate(room.choices):
        if (best is None or room.extra[position] < best.extra) and first_start(choices, visit.starts) < NEVER:
            best = _Find(room.extra[position], room, position)
    if best is None:
        return _refusal(room, visit.starts)
    return _placement(best, visit)


def _rooms(routes: Sequence[OpenRoute], visit: Task, windows: Sequence[Span], travel: TravelModel) -> list[_Room]:
    """Measure each route once. One call of the travel model in each direction serves all of them."""
    suited = [barred(item.route, visit) for item in routes]
    asked = [
        item.places if refusal is None and off_hours(item.route, windows) is None else []
        for item, refusal in zip(routes, suited, strict=True)
    ]
    places = list(dict.fromkeys(place for some in asked for place in some))
    index = {place: at for at, place in enumerate(places)}
    to_visit: list[int] = travel.matrix(places, [visit.place])[:, 0].tolist() if places else []
    from_visit: list[int] = travel.matrix([visit.place], places)[0].tolist() if places else []
    rooms = []
    for item, refusal, some in zip(routes, suited, asked, strict=True):
        nodes = [index[place] for place in some]
        ways = tuple((to_visit[a], from_visit[b]) for a, b in pairwise(nodes))
        rooms.append(_room(item, ways, visit.service_seconds, refusal))
    return rooms


def _room(item: OpenRoute, ways: tuple[tuple[int, int], ...], service: int, refusal: Refusal | None) -> _Room:
    if not ways:
        return _Room(item, (), (), (), (), refusal)
    measured = gaps(item.route, item.stops, item.drives)
    if measured is None:
        result = simulate(item.route, item.stops, item.drives)
        return _Room(item, (), (), (), (), result.refusal if isinstance(result, Infeasible) else refusal)
    direct = item.drives if item.stops else (0,)
    extra = tuple(there + onward - now for (there, onward), now in zip(ways, direct, strict=True))
    choices = tuple(tuple(some) for some in explain.room_for(item.route, measured, ways, service))
    alone = openings(empty_gap(item.route), item.route.pauses, ways[0][0], ways[-1][1], service)
    return _Room(item, ways, extra, choices, tuple(alone), refusal)


def _cheapest(rooms: Iterable[_Room], windows: Sequence[SlotWindow]) -> list[_Find | None]:
    """The place with the least added travel for each window; of equal ones the first."""
    found: list[_Find | None] = [None] * len(windows)
    arrivals = [(at, window.arrival.start, window.arrival.end - 1) for at, window in enumerate(windows)]
    for room in rooms:
        hours = room.open.route.hours
        near = [item for item in arrivals if item[1] < hours.end and hours.start <= item[2]]
        for position, choices in enumerate(room.choices):
            extra = room.extra[position]
            for at, opens, closes in near:
                best = found[at]
                if best is not None and best.extra <= extra:
                    continue
                if any(max(c.earliest, opens) <= min(c.latest, closes) for c in choices):
                    found[at] = _Find(extra, room, position)
    return found


def _placement(find: _Find, visit: Task) -> Placement:
    """The route with the visit in its place, simulated."""
    before, position = find.room.open, find.position
    stops = (*before.stops[:position], visit, *before.stops[position:])
    drives = (*before.drives[:position], *find.room.ways[position], *before.drives[position + 1 :])
    timeline = keep(before.route, stops, drives)
    return Placement(replace(before, stops=stops, drives=drives), position, timeline, find.extra)


def _refused(rooms: Iterable[_Room], window: SlotWindow) -> RefusedSlot:
    by_route = tuple(RouteRefusal(room.open.route.id, _refusal(room, (window.arrival,))) for room in rooms)
    return RefusedSlot(window, explain.binding(item.refusal for item in by_route), by_route)


def _refusal(room: _Room, windows: Sequence[Span]) -> Refusal:
    refusal = room.barred or off_hours(room.open.route, windows)
    return refusal if refusal is not None else explain.no_place(room.choices, room.alone, windows)


def _ranked(kept: Sequence[tuple[SlotWindow, Placement]]) -> tuple[SlotOffer, ...]:
    """Least added travel first, but each further offer on a day, and in a part of the day, has to be better by more."""
    left = sorted(kept, key=lambda item: (item[1].marginal_travel_seconds, item[0].arrival))
    days: dict[date, int] = {}
    parts: dict[str, int] = {}
    offers: list[SlotOffer] = []
    while left:
        best = min(
            left,
            key=lambda item: (
                item[1].marginal_travel_seconds
                + SAME_DAY_SECONDS * days.get(item[0].day, 0)
                + SAME_DAYPART_SECONDS * parts.get(item[0].daypart, 0)
            ),
        )
        left.remove(best)
        window, placement = best
        days[window.day] = days.get(window.day, 0) + 1
        parts[window.daypart] = parts.get(window.daypart, 0) + 1
        nearby = placement.marginal_travel_seconds <= NEARBY_SECONDS and len(placement.timeline.stops) > 1
        offers.append(
            SlotOffer(window, placement, OfferReason.NEARBY if nearby else OfferReason.AVAILABLE, len(offers))
        )
    return tuple(offers)
