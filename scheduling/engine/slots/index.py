"""An index over standing routes that answers at once where a visit has its cheapest place in each of many windows.

It is made for thousands of routes that are asked thousands of times: 500 technicians on 10 days. `find_slots` needs no
index and is as good for a few hundred routes that are read for one question.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Sequence
from typing import Any

import numpy as np

from hub.domain.places import Place
from scheduling.engine.eligibility import barred
from scheduling.engine.kernel.slot_index import NO_SLACK, POINT_ENTRIES, Slots, Spot, mark, pack, search
from scheduling.engine.kernel.slot_places import sweep
from scheduling.engine.kernel.tables import NEVER, Flags
from scheduling.engine.problem import DAY_SECONDS, Amounts, Route, RouteId
from scheduling.engine.rules import MOST
from scheduling.engine.slots.asking import Find, Question
from scheduling.engine.slots.find import answered, placed
from scheduling.engine.slots.making_room import make_room_on_days
from scheduling.engine.slots.shapes import OpenRoute, Placement, Requirement, SlotSearch, SlotWindow
from scheduling.engine.slots.standing import part_names, standing
from scheduling.engine.spans import Span
from scheduling.travel.great_circle import EARTH_RADIUS_METRES, GreatCircle
from scheduling.travel.model import UNREACHABLE, TravelModel

_SPARE_STOPS = 4
"""Stops by which the longest route can grow before everything is measured again."""
_SPARE_ENTRIES = 2
"""Stops by which each route can grow before the flat arrays are laid out again."""
_MOST_NEEDS = 4096
_SINGLE_ERROR = 2e-6
"""What single precision may cost a bound, as a share of the extent of all places; four times what it can."""

type _Needs = tuple[frozenset[str], Amounts, str | None]


class SlotIndex:
    """The cheapest place for a visit in each of many windows, on routes that are replaced as they change.

    The answers are those of trying every position of every route. By great circle a question takes a fraction of a
    millisecond; other models are asked for the drives to the places that have room, which takes as long as they take.
    Safe to use from several threads; one question is answered at a time.
    """

    def __init__(self, routes: Sequence[OpenRoute], travel: TravelModel) -> None:
        """Raises `ValueError` when two routes have the same id."""
        self._travel = travel
        self._crow = travel if type(travel) is GreatCircle else None
        self._lock = threading.Lock()
        self._routes = list(routes)
        self._at: dict[RouteId, int] = {item.route.id: at for at, item in enumerate(routes)}
        if len(self._at) < len(self._routes):
            raise ValueError("Two routes have the same id. Give each route once.")
        self._measure()

    def __len__(self) -> int:
        return len(self._routes)

    def route(self, at: int) -> OpenRoute:
        """The route that a `Find` names, as it stands now."""
        return self._routes[at]

    def cheapest(self, requirement: Requirement, windows: Sequence[Span]) -> list[Find | None]:
        """For each window the place that costs least, None where there is none; of equal ones that on the first route.

        Cost is added travel, and the price of using a route without visits; overtime within its limit is free here.
        Raises `InvalidProblem` when the requirement or a window makes no sense.
        """
        if not windows:
            return []
        _check(requirement, windows)
        with self._lock:
            return self._search(requirement, windows)

    def find_slots(
        self, requirement: Requirement, windows: Sequence[SlotWindow], *, repair_seconds: float = 0.0
    ) -> SlotSearch:
        """As `slots.find_slots` says, from the index: times and reasons are worked out when asked for."""
        kept, routes = self.places(requirement, windows, repair_seconds=repair_seconds)
        return answered(requirement, windows, kept, routes, self._travel)

    def places(
        self, requirement: Requirement, windows: Sequence[SlotWindow], *, repair_seconds: float = 0.0
    ) -> tuple[dict[int, Placement], tuple[OpenRoute, ...]]:
        """The cheapest place for each window that has one, by the index of the window, and the routes as they then stood."""
        arrivals = [window.arrival for window in windows]
        if not arrivals:
            return {}, ()
        _check(requirement, arrivals)
        with self._lock:
            found = self._search(requirement, arrivals)
            routes = tuple(self._routes)
        kept = {
            at: placed(routes[find.route], requirement, arrivals[at], find, self._travel)
            for at, find in enumerate(found)
            if find is not None
        }
        if repair_seconds > 0 and len(kept) < len(windows):
            kept |= make_room_on_days(routes, requirement, windows, kept, self._travel, repair_seconds)
        return kept, routes

    def placement(self, requirement: Requirement, window: Span, find: Find) -> Placement:
        """The route as it would become, simulated; `find` must be an answer for it as it stands, or `RouteNotKept` is raised."""
        return placed(self._routes[find.route], requirement, window, find, self._travel).checked()

    def replace(self, changed: OpenRoute) -> None:
        """Put a route in the place of the one with its id; a microsecond's work for each of its stops, mostly.

        Where its day, its technician's abilities or limits changed, all is measured again. Raises `ValueError` for a
        route that is not in the index.
        """
        at = self._at.get(changed.route.id)
        if at is None:
            raise ValueError(f"Route {changed.route.id} is not in the index. Make a new index with it.")
        with self._lock:
            same = self._routes[at].route == changed.route and len(changed.stops) <= self._state.seq.shape[1]
            self._routes[at] = changed
            if not same:
                self._measure()
                return
            _, state = standing([changed], self._parts, self._state.seq.shape[1], self._tables.pause_from.shape[1])
            for name in ("length", "free", "due", "leg", "travel", "load", "home"):
                getattr(self._state, name)[at] = getattr(state, name)[0]
            self._locate(at, at + 1)
            if len(changed.stops) + 2 > self._slots.room[at]:
                self._lay_out()
            else:
                pack(self._tables, self._state, self._slots, self._centre, at, at + 1)

    def _search(self, requirement: Requirement, windows: Sequence[Span]) -> list[Find | None]:
        """The answer; the lock is the caller's, because the arrays must not change meanwhile."""
        able = self._able((requirement.skills, requirement.levels, requirement.territory))
        shut = self._shut(requirement)
        question = Question.of(windows, requirement.service_seconds, shut, requirement.parts, self._parts)
        if self._crow is not None:
            spot = self._spot(self._crow, requirement.place)
            search(self._tables, self._state, question.ask, self._slots, spot, able)
        else:
            self._ask_model(question, requirement.place, able)
        return question.answer()

    def _measure(self) -> None:
        """Everything from the routes."""
        self._parts = part_names(self._routes)
        longest = max((len(item.stops) for item in self._routes), default=0)
        self._tables, self._state = standing(self._routes, self._parts, longest + _SPARE_STOPS)
        self._shape()
        self._needs: dict[_Needs, Flags] = {}
        self._shifts: dict[str, list[int]] = {}
        for at, item in enumerate(self._routes):
            self._shifts.setdefault(item.route.technician, []).append(at)
        self._nobody = np.zeros(len(self._routes), np.uint8)
        self._points = np.zeros((len(self._routes), self._state.seq.shape[1] + 2, POINT_ENTRIES))
        self._places: dict[Place, int] = {}
        self._node = np.zeros(self._points.shape[:2], np.int32)
        self._locate(0, len(self._routes))
        self._lay_out()

    def _shape(self) -> None:
        """The ability of each route, and the segments: routes of one day and one ability."""
        abilities: dict[tuple[frozenset[str], Amounts, frozenset[str]], int] = {}
        segments: dict[tuple[int, int], list[int]] = {}
        kinds = np.zeros(len(self._routes), np.int32)
        self._examples: list[Route] = []
        for at, item in enumerate(self._routes):
            own = item.route
            kinds[at] = kind = abilities.setdefault((own.skills, own.levels, own.territories), len(abilities))
            if kind == len(self._examples):
                self._examples.append(own)
            segments.setdefault((own.hours.start // DAY_SECONDS, kind), []).append(at)
        self._kinds = kinds
        self._segments = [(kind, members) for (_, kind), members in sorted(segments.items())]

    def _locate(self, first: int, beyond: int) -> None:
        """Where the nodes of some routes lie."""
        for at in range(first, beyond):
            places = self._routes[at].places
            if self._crow is None:
                self._node[at, : len(places)] = [self._places.setdefault(one, len(self._places)) for one in places]
        if self._crow is None:
            return
        places = [place for item in self._routes[first:beyond] for place in item.places]
        counts = [len(item.stops) + 2 for item in self._routes[first:beyond]]
        rows = np.repeat(np.arange(first, beyond), counts)
        columns = np.concatenate([np.arange(count) for count in counts]) if counts else np.zeros(0, np.int64)
        self._points[rows, columns] = self._crow.points(places)

    def _lay_out(self) -> None:
        """Give every route its entries, segment by segment."""
        rooms = self._state.length + 2 + _SPARE_ENTRIES
        order = np.array([at for _, members in self._segments for at in members], np.int64)
        first = np.zeros(len(rooms), np.int32)
        first[order] = np.cumsum(rooms[order]) - rooms[order]
        entries, count = int(rooms.sum()) + 1, len(self._segments)
        hours = [[self._routes[at].route for at in members] for _, members in self._segments]
        single: dict[str, Any] = {
            name: np.zeros(entries, np.float32) for name in ("x", "y", "z", "pace", "leg", "near", "bound")
        }
        names = ("left_first", "left_count", "window_first", "window_beyond")
        scratch: dict[str, Any] = {name: np.zeros(count, np.int32) for name in names}
        self._slots = Slots(
            point=self._points,
            first=first,
            room=rooms.astype(np.int32),
            **single,
            slack=np.full(entries, NO_SLACK, np.float32),
            soonest=np.full(entries, NEVER, np.int32),
            latest=np.full(entries, -NEVER, np.int32),
            owner=np.zeros(entries, np.int32),
            left=np.zeros(entries, np.int32),
            segment_first=np.array([first[members[0]] for _, members in self._segments], np.int32),
            segment_beyond=np.array(
                [first[members[-1]] + rooms[members[-1]] for _, members in self._segments], np.int32
            ),
            segment_kind=np.array([kind for kind, _ in self._segments], np.int32),
            segment_opens=np.array([min(route.hours.start for route in some) for some in hours], np.int64),
            segment_closes=np.array([max(route.home_by for route in some) for some in hours], np.int64),
            **scratch,
        )
        self._centre = self._middle()
        pack(self._tables, self._state, self._slots, self._centre, 0, len(self._routes))

    def _middle(self) -> Spot:
        """A spot in the middle of all nodes; bounds are measured from there."""
        used = self._points[np.arange(self._points.shape[1])[None, :] < self._state.length[:, None] + 2]
        middle = used[:, :3].mean(axis=0) if len(used) else np.zeros(3)
        self._extent = float(np.abs(used[:, :3] - middle).max(initial=0.0)) * math.sqrt(3)
        self._slowest = float(used[:, 5].max(initial=0.0))
        x, y, z = (float(one) for one in middle)
        return Spot(0.0, 0.0, 0.0, 0.0, 0.0, 0.0, True, 1.0, 1.0, x, y, z, 0.0)

    def _spot(self, model: GreatCircle, place: Place) -> Spot:
        lat, lon = math.radians(place.lat), math.radians(place.lon)
        level = math.cos(lat)
        x, y, z = level * math.cos(lon), level * math.sin(lon), math.sin(lat)
        pace = 1 / model.metres_per_second if not model.areas else float(model.points([place])[0, 5])
        centre = self._centre
        away = math.dist((x, y, z), (centre.middle_x, centre.middle_y, centre.middle_z))
        widest = EARTH_RADIUS_METRES * model.detour * max(pace, self._slowest) * (self._extent + away)
        return Spot(
            x, y, z, lat, lon, pace, not model.areas, model.metres_per_second, model.detour,
            centre.middle_x, centre.middle_y, centre.middle_z, 1.01 + _SINGLE_ERROR * widest,
        )  # fmt: skip

    def _able(self, needs: _Needs) -> Flags:
        """Which abilities suffice."""
        known = self._needs.get(needs)
        if known is None:
            skills, levels, territory = needs
            task = Requirement("any", Place(0, 0), 1, skills, levels=levels, territory=territory).visit(Span(0, 1))
            known = np.array([barred(example, task) is None for example in self._examples], np.uint8)
            if len(self._needs) >= _MOST_NEEDS:
                self._needs.clear()
            self._needs[needs] = known
        return known

    def _shut(self, requirement: Requirement) -> Flags:
        """The routes of technicians who may not come."""
        allowed, excluded = requirement.allowed_technicians, requirement.excluded_technicians
        if allowed is None and not excluded:
            return self._nobody
        shut = np.full(len(self._routes), allowed is not None, np.uint8)
        for technician in allowed or ():
            shut[self._shifts.get(technician, [])] = 0
        for technician in excluded:
            shut[self._shifts.get(technician, [])] = 1
        return shut

    def _ask_model(self, question: Question, place: Place, able: Flags) -> None:
        """Drives are asked for only where there is room; all positions with drives are tried."""
        shut = question.ask.barred | (1 - able[self._kinds]) if len(able) else question.ask.barred
        ask = question.ask._replace(barred=shut)
        wanted = np.zeros(self._node.shape, np.uint8)
        mark(self._state, ask, self._slots, wanted)
        some = np.unique(self._node[wanted > 0])
        names = list(self._places)
        places = [names[at] for at in some]
        there = np.full(len(names), UNREACHABLE, np.int32)
        onward = there.copy()
        if places:
            there[some] = self._travel.matrix(places, [place])[:, 0]
            onward[some] = self._travel.matrix([place], places)[0]
        sweep(self._tables, self._state, ask, self._node, there, onward, 0, len(self._routes))


def _check(requirement: Requirement, windows: Sequence[Span]) -> None:
    """All windows are whole seconds in order, and the requirement makes sense; raises `InvalidProblem`.

    A `Task` checks itself; to make one for every question would take a tenth of the time of its answer.
    """
    service = requirement.service_seconds
    plain = not requirement.levels and not requirement.parts and requirement.allowed_technicians is None
    if not (plain and requirement.id and type(service) is int and 0 < service <= MOST):
        requirement.visit(windows[0])
    for window in windows:
        start, end = window.start, window.end
        if type(start) is not int or type(end) is not int or not -MOST <= start < end <= MOST:
            requirement.visit(window)
