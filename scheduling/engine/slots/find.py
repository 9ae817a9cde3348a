"""Which arrival windows can be promised now, and by whom.

A window is offered when some technician's route has a place where the visit fits while every other visit keeps its own
window and all breaks hold; the others may shift inside their windows. Nothing is guessed: the place is found by exact
slack, and whoever books on it simulates the route once more.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from hub.domain.places import Place
from scheduling.engine.eligibility import barred
from scheduling.engine.kernel.slot_places import sweep
from scheduling.engine.kernel.tables import Flags, Ints, State, Tables
from scheduling.engine.problem import Task
from scheduling.engine.reasons import Refusal
from scheduling.engine.slots import refusing
from scheduling.engine.slots.asking import Find, Question
from scheduling.engine.slots.making_room import make_room_on_days
from scheduling.engine.slots.ranking import ranked
from scheduling.engine.slots.shapes import OpenRoute, Placement, RefusedSlot, Requirement, SlotSearch, SlotWindow
from scheduling.engine.slots.standing import part_names, standing
from scheduling.engine.spans import Span
from scheduling.travel.model import TravelModel, legs


def find_slots(
    routes: Sequence[OpenRoute],
    requirement: Requirement,
    windows: Sequence[SlotWindow],
    travel: TravelModel,
    *,
    repair_seconds: float = 0.0,
) -> SlotSearch:
    """For each window the cheapest place that keeps it, ranked by added travel and spread over days; or the reason.

    For days on which no window has a place, `repair_seconds` of processor time may be spent on putting the visits of a
    route into another order, each inside its own window. Pure: it sees the routes as given, so whoever books must check
    again under lock (`place_visit`, then `make_room`).
    """
    kept = places(routes, requirement, windows, travel, repair_seconds=repair_seconds)
    return answered(requirement, windows, kept, routes, travel)


def places(
    routes: Sequence[OpenRoute],
    requirement: Requirement,
    windows: Sequence[SlotWindow],
    travel: TravelModel,
    *,
    repair_seconds: float = 0.0,
) -> dict[int, Placement]:
    """The cheapest place for each window that has one, by the index of the window; otherwise as `find_slots`."""
    kept: dict[int, Placement] = {}
    if not windows:
        return kept
    field = _Field.of(routes, requirement.visit(windows[0].arrival), travel)
    for at, find in enumerate(field.search([window.arrival for window in windows], 0, len(routes))):
        if find is not None:
            kept[at] = placed(routes[find.route], requirement, windows[at].arrival, find, travel)
    if repair_seconds > 0 and len(kept) < len(windows):
        kept |= make_room_on_days(routes, requirement, windows, kept, travel, repair_seconds)
    return kept


def answered(
    requirement: Requirement,
    windows: Sequence[SlotWindow],
    kept: Mapping[int, Placement],
    routes: Sequence[OpenRoute],
    travel: TravelModel,
) -> SlotSearch:
    """The windows with their places, ranked; of the others the reasons on these routes, when somebody asks."""
    left = [window for at, window in enumerate(windows) if at not in kept]

    def explain() -> tuple[RefusedSlot, ...]:
        return refusing.refused(routes, requirement.visit(left[0].arrival), left, travel) if left else ()

    return SlotSearch(ranked([(windows[at], kept[at]) for at in sorted(kept)], requirement.own_visits), explain)


def place_visit(route: OpenRoute, visit: Task, travel: TravelModel) -> Placement | Refusal:
    """The cheapest place for the visit on this one route, or why there is none: the re-check before a hold."""
    return place_on_each([route], visit, travel)[0] or refusing.refusal(route, visit, travel)


def place_on_each(routes: Sequence[OpenRoute], visit: Task, travel: TravelModel) -> list[Placement | None]:
    """For each route by itself the cheapest place for the visit, None where it has none."""
    field = _Field.of(routes, visit, travel)
    out: list[Placement | None] = []
    for at, route in enumerate(routes):
        finds = [find for find in field.search(visit.starts, at, at + 1) if find is not None]
        found = _placed(route, visit.place, lambda: visit, min(finds), travel) if finds else None
        out.append(found.checked() if found is not None else None)
    return out


def placed(route: OpenRoute, requirement: Requirement, arrival: Span, find: Find, travel: TravelModel) -> Placement:
    """The place that was found on this route for a visit within `arrival`."""
    return _placed(route, requirement.place, lambda: requirement.visit(arrival), find, travel)


def _placed(route: OpenRoute, place: Place, visit: Callable[[], Task], find: Find, travel: TravelModel) -> Placement:
    at = find.position

    def grow() -> OpenRoute:
        stops = (*route.stops[:at], visit(), *route.stops[at:])
        places = route.places
        around = legs(travel, [places[at], place, places[at + 1]])
        return OpenRoute(route.route, stops, (*route.drives[:at], *around, *route.drives[at + 1 :]))

    sent_out = 0 if route.stops else route.route.use_price_seconds
    return Placement(route, place, at, find.cost - sent_out, grow)


class _Field(NamedTuple):
    """Routes with their times and the drives between all their places and one visit."""

    visit: Task
    parts: tuple[str, ...]
    tables: Tables
    state: State
    barred: Flags
    node: Ints
    there: Ints
    onward: Ints

    @classmethod
    def of(cls, routes: Sequence[OpenRoute], visit: Task, travel: TravelModel) -> _Field:
        """Measure each route once. One call of the travel model in each direction serves all of them."""
        parts = part_names(routes)
        tables, state = standing(routes, parts)
        shut = np.array([barred(item.route, visit) is not None for item in routes], np.uint8)
        places: dict[Place, int] = {}
        node = np.zeros((len(routes), state.seq.shape[1] + 2), np.int32)
        for at, item in enumerate(routes):
            if not shut[at]:
                for column, place in enumerate(item.places):
                    node[at, column] = places.setdefault(place, len(places))
        asked = list(places)
        there = travel.matrix(asked, [visit.place])[:, 0] if asked else np.zeros(0, np.int32)
        onward = travel.matrix([visit.place], asked)[0] if asked else np.zeros(0, np.int32)
        return cls(visit, parts, tables, state, shut, node, np.ascontiguousarray(there), np.ascontiguousarray(onward))

    def search(self, windows: Sequence[Span], first: int, beyond: int) -> list[Find | None]:
        """The cheapest place for each window on the routes from `first` to before `beyond`."""
        question = Question.of(windows, self.visit.service_seconds, self.barred, self.visit.parts, self.parts)
        sweep(self.tables, self.state, question.ask, self.node, self.there, self.onward, first, beyond)
        return question.answer()
