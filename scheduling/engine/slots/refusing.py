"""Why a window is not offered: the reason of each route, and the one that binds.

This takes the plain Python way, route by route: it is asked for the few windows that somebody wants explained.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from scheduling.engine import explain
from scheduling.engine.eligibility import barred, off_hours
from scheduling.engine.plan import RouteRefusal
from scheduling.engine.problem import Task
from scheduling.engine.reasons import Reason, Refusal
from scheduling.engine.slack import Opening, empty_gap, gaps, openings, shortage
from scheduling.engine.slots.shapes import OpenRoute, RefusedSlot, SlotWindow
from scheduling.engine.spans import Span
from scheduling.engine.timeline import Infeasible, simulate
from scheduling.travel.model import UNREACHABLE, TravelModel


def refused(
    routes: Sequence[OpenRoute], visit: Task, windows: Sequence[SlotWindow], travel: TravelModel
) -> tuple[RefusedSlot, ...]:
    """Each window with its reasons; the visit's own windows do not count. The windows must have no place anywhere."""
    if not windows:
        return ()
    rooms = _rooms(routes, visit, [window.arrival for window in windows], travel)
    out = []
    for window in windows:
        by_route = tuple(RouteRefusal(room.open.route.id, room.refusal((window.arrival,))) for room in rooms)
        out.append(RefusedSlot(window, explain.binding(item.refusal for item in by_route), by_route))
    return tuple(out)


def refusal(route: OpenRoute, visit: Task, travel: TravelModel) -> Refusal:
    """Why the visit, which has no place on this route, has none."""
    return _rooms([route], visit, visit.starts, travel)[0].refusal(visit.starts)


@dataclass(frozen=True, slots=True)
class _Room:
    """What one route has for one visit, whatever the window; `barred` says why it has nothing at all.

    For each gap its openings and the travel it would add; `alone` are the openings of the route without other visits.
    """

    open: OpenRoute
    barred: Refusal | None
    choices: tuple[tuple[Opening, ...], ...] = ()
    extra: tuple[int, ...] = ()
    alone: tuple[Opening, ...] = ()
    round_trip: int = 0
    overloaded: bool = False

    def refusal(self, windows: Sequence[Span]) -> Refusal:
        """The rule that binds in these windows.

        Time without the other visits comes first, then what no change of the day would help: the limit on driving even
        of an empty route. Then the van, the room in time, and the limit on driving where only that is in the way.
        """
        found = self.barred or off_hours(self.open.route, windows)
        if found is not None:
            return found
        if shortage(self.alone, windows) > 0:
            return explain.no_place(self.choices, self.alone, windows)
        limit = self.open.route.max_travel_seconds
        if limit is not None and self.round_trip > limit:
            return Refusal(Reason.TRAVEL_LIMIT, self.round_trip - limit)
        if self.overloaded:
            return Refusal(Reason.VAN_FULL)
        beyond = [
            self.open.travel_seconds + extra - (limit or 0)
            for choices, extra in zip(self.choices, self.extra, strict=True)
            if shortage(choices, windows) <= 0
        ]
        if limit is not None and beyond:
            return Refusal(Reason.TRAVEL_LIMIT, min(beyond))
        return explain.no_place(self.choices, self.alone, windows)


def _rooms(routes: Sequence[OpenRoute], visit: Task, windows: Sequence[Span], travel: TravelModel) -> list[_Room]:
    """Measure each route once. One call of the travel model in each direction serves all of them."""
    suited = [barred(item.route, visit) for item in routes]
    asked = [
        item.places if found is None and off_hours(item.route, windows) is None else []
        for item, found in zip(routes, suited, strict=True)
    ]
    places = list(dict.fromkeys(place for some in asked for place in some))
    index = {place: at for at, place in enumerate(places)}
    there: list[int] = travel.matrix(places, [visit.place])[:, 0].tolist() if places else []
    onward: list[int] = travel.matrix([visit.place], places)[0].tolist() if places else []
    rooms = []
    for item, found, some in zip(routes, suited, asked, strict=True):
        nodes = [index[place] for place in some]
        rooms.append(_room(item, visit, [(there[a], onward[b]) for a, b in pairwise(nodes)], found))
    return rooms


def _room(item: OpenRoute, visit: Task, ways: Sequence[tuple[int, int]], found: Refusal | None) -> _Room:
    if not ways:
        return _Room(item, found)
    first, last = ways[0][0], ways[-1][1]
    if first >= UNREACHABLE or last >= UNREACHABLE:
        return _Room(item, Refusal(Reason.UNREACHABLE))
    standing = simulate(item.route, item.stops, item.drives)
    measured = gaps(item.route, item.stops, item.drives)
    if measured is None or (isinstance(standing, Infeasible) and standing.refusal.reason is Reason.VAN_FULL):
        return _Room(item, standing.refusal if isinstance(standing, Infeasible) else Refusal(Reason.NO_ROOM))
    direct = item.drives if item.stops else (0,)
    return _Room(
        item,
        None,
        choices=tuple(tuple(some) for some in explain.room_for(item.route, measured, ways, visit.service_seconds)),
        extra=tuple(there + onward - now for (there, onward), now in zip(ways, direct, strict=True)),
        alone=tuple(openings(empty_gap(item.route), item.route.pauses, first, last, visit.service_seconds)),
        round_trip=first + last,
        overloaded=_overloaded(item, visit),
    )


def _overloaded(item: OpenRoute, visit: Task) -> bool:
    """Whether the van lacks parts for this visit beside the others."""
    if item.route.van is None:
        return False
    left = dict(item.route.van)
    for stop in item.stops:
        for part, amount in stop.parts:
            left[part] = left.get(part, 0) - amount
    return any(amount > max(0, left.get(part, 0)) for part, amount in visit.parts)
