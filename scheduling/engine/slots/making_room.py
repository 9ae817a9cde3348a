"""Room for one more visit by putting the visits of one route into another order.

Only one route at a time, so that whoever books needs one lock. Every visit stays on its route and inside its own window;
the cheapest such order is found by trying all, up to a number of steps that few routes need.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date

import numpy as np

from scheduling.engine.eligibility import unsuited
from scheduling.engine.kernel.slot_order import Orders, least_travel
from scheduling.engine.problem import Task
from scheduling.engine.slots.shapes import OpenRoute, Placement, Requirement, SlotWindow
from scheduling.engine.slots.standing import standing
from scheduling.engine.spans import Span
from scheduling.engine.timeline import Infeasible, overload, route_legs, simulate
from scheduling.travel.model import TravelModel

MOST_STEPS = 50_000
"""Visits appended, in all orders together: some milliseconds. Routes of up to about ten visits need fewer."""


def make_room(route: OpenRoute, visit: Task, travel: TravelModel) -> Placement | None:
    """The least driving with which the route serves its visits and this one, in whatever order; None when none is found.

    Equal inputs give equal answers. A route that cannot be kept as it stands is left alone.
    """
    if unsuited(route.route, visit) is not None or isinstance(
        simulate(route.route, route.stops, route.drives), Infeasible
    ):
        return None
    stops = (*route.stops, visit)
    parts_only = overload(route.route, stops, ())
    if parts_only is not None:
        return None
    order = _best_order(route, stops, travel)
    if order is None:
        return None
    ordered = tuple(stops[at] for at in order)
    drives = route_legs(route.route, ordered, travel)
    longer = OpenRoute(route.route, ordered, drives)
    position = order.index(len(route.stops))
    reordered = [at for at in order if at < len(route.stops)] != list(range(len(route.stops)))
    added = longer.travel_seconds - route.travel_seconds
    return Placement(route, visit.place, position, added, lambda: longer, reordered).checked()


def roomiest(routes: Iterable[OpenRoute], visit: Task) -> list[OpenRoute]:
    """The routes in which another order could make room for the visit, those with the most idle time first."""
    idle = [(_idle(route), route) for route in routes if unsuited(route.route, visit) is None]
    hopeful = [(spare, route) for spare, route in idle if spare + route.travel_seconds >= visit.service_seconds]
    return [route for _, route in sorted(hopeful, key=lambda one: (-one[0], one[1].route.id))]


def make_room_on_days(
    routes: Sequence[OpenRoute],
    requirement: Requirement,
    windows: Sequence[SlotWindow],
    kept: Mapping[int, Placement],
    travel: TravelModel,
    seconds: float,
) -> dict[int, Placement]:
    """Places, by the index of the window, on days that have none of the `kept` ones; stops after `seconds`."""
    served = {windows[at].day for at in kept}
    by_day: dict[date, list[int]] = {}
    for at, window in enumerate(windows):
        if window.day not in served:
            by_day.setdefault(window.day, []).append(at)
    until = time.monotonic() + seconds
    return {
        at: placement
        for day in sorted(by_day)
        for at, placement in _on_day(routes, requirement, windows, by_day[day], travel, until)
    }


def _on_day(
    routes: Sequence[OpenRoute],
    requirement: Requirement,
    windows: Sequence[SlotWindow],
    left: list[int],
    travel: TravelModel,
    until: float,
) -> Iterator[tuple[int, Placement]]:
    """Each route is asked for any of the day's windows first, and only if it has one for the others one by one."""
    whole = requirement.visit(*_union(windows[at].arrival for at in left))
    first, beyond = whole.windows[0].start, whole.windows[-1].end
    working = [route for route in routes if route.route.hours.start < beyond and first < route.route.home_by]
    for route in roomiest(working, whole):
        if not left or time.monotonic() >= until:
            return
        if make_room(route, whole, travel) is None:
            continue
        for at in list(left):
            if time.monotonic() >= until:
                return
            placement = make_room(route, requirement.visit(windows[at].arrival), travel)
            if placement is not None:
                left.remove(at)
                yield at, placement


def _best_order(route: OpenRoute, stops: Sequence[Task], travel: TravelModel) -> list[int] | None:
    count = len(stops)
    # The drives given here are not read: the order they belong to is what is looked for.
    tables, state = standing([OpenRoute(route.route, tuple(stops), (0,) * (count + 1))], ())
    places = [*(stop.place for stop in stops), route.route.start, route.route.end]
    drive = np.ascontiguousarray(travel.matrix(places, places), np.int32)
    into = drive[: count + 1, [*range(count), count + 1]].copy()
    into[range(count), range(count)] = np.iinfo(np.int32).max
    ways = Orders(
        drive=drive,
        least=np.ascontiguousarray(into.min(axis=0)),
        tried=np.array(sorted(range(count), key=lambda at: (stops[at].starts[-1].end, at)), np.int32),
        turn=np.zeros(count + 1, np.int32),
        here=np.zeros(count, np.int32),
        used=np.zeros(count, np.int32),
        travel=np.zeros(count + 1, np.int64),
        best=np.zeros(count, np.int32),
    )
    return ways.best.tolist() if least_travel(tables, state, ways, MOST_STEPS) >= 0 else None


def _idle(route: OpenRoute) -> int:
    """Seconds of the day that are neither work nor driving nor pauses."""
    own = route.route
    work = sum(stop.service_seconds for stop in route.stops) + sum(pause.seconds for pause in own.pauses)
    return own.home_by - own.hours.start - work - route.travel_seconds


def _union(spans: Iterable[Span]) -> list[Span]:
    out: list[Span] = []
    for span in sorted(spans):
        if out and span.start <= out[-1].end:
            out[-1] = Span(out[-1].start, max(out[-1].end, span.end))
        else:
            out.append(span)
    return out
