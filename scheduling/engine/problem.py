"""What is to be planned, as frozen data. Times are whole seconds from the problem's origin, an aware UTC instant.

A *route* is one technician on one day. A *task* is one visit to plan. Its windows bound the **start of service** and are
half-open. Everything is checked once, here, so that no other file has to doubt what it gets.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property

import numpy as np

from hub.domain.places import Place
from scheduling.engine import rules
from scheduling.engine.spans import Pause, Span
from scheduling.travel.great_circle import GreatCircle
from scheduling.travel.model import UNREACHABLE, Seconds, TravelModel

type RouteId = str
type TaskId = str
type TechnicianKey = str

DAY_SECONDS = 86_400


type Amounts = tuple[tuple[str, int], ...]
"""Whole amounts by name, for instance levels of skills or parts."""


@dataclass(frozen=True)
class Route:
    """One technician on one day.

    `breaks` each say when the break may start (half-open) and how long it lasts. `absences` are half-open. An empty
    `territories` means anywhere. The technician leaves `start` within the shift and is back at `end` by its end, or up
    to `overtime_seconds` later at `overtime_price_seconds` an hour. All prices are in seconds of travel: a price of 600
    weighs as much as ten minutes of driving.

    `levels` says how well the technician has a skill; 1 where it says nothing. `max_travel_seconds` bounds the driving
    of the whole day, `van` the parts that all its visits together may need (None: whatever they need; a part that is
    not named: none). `use_price_seconds` is the price of sending the technician out at all that day.
    """

    id: RouteId
    technician: TechnicianKey
    start: Place
    end: Place
    shift: Span
    breaks: tuple[tuple[Span, int], ...] = ()
    absences: tuple[Span, ...] = ()
    skills: frozenset[str] = frozenset()
    levels: Amounts = ()
    territories: frozenset[str] = frozenset()
    max_travel_seconds: int | None = None
    van: Amounts | None = None
    use_price_seconds: int = 0
    overtime_seconds: int = 0
    overtime_price_seconds: int = 0

    def __post_init__(self) -> None:
        rules.check_route(self)

    @property
    def pauses(self) -> tuple[Pause, ...]:
        """The breaks and absences in the order in which they are taken."""
        return self.workday[1]

    @property
    def hours(self) -> Span:
        """The shift without absences at its ends; empty (`start == end`) when the technician is away all day."""
        return self.workday[0]

    @property
    def home_by(self) -> int:
        """The latest second of being home, overtime included; no overtime on a day that an absence ends."""
        return rules.home_by(self)

    def overtime_price(self, home: int) -> int:
        """What being home at that second costs, in seconds of travel, rounded up."""
        return -(-max(0, home - self.shift.end) * self.overtime_price_seconds // 3600)

    @cached_property
    def workday(self) -> tuple[Span, tuple[Pause, ...]]:
        """The working hours and the pauses in them."""
        return rules.workday(self)


@dataclass(frozen=True, slots=True)
class Pin:
    """The planner may not move it: the route is given, and the start of service too unless `start` is None."""

    route: RouteId
    start: int | None = None


@dataclass(frozen=True, slots=True)
class Current:
    """Where the task stands in the plan in force: its route and its start of service, which gives the order."""

    route: RouteId
    start: int


@dataclass(frozen=True, slots=True)
class After:
    """Service may start `gap_seconds` after the end of another task, and only if that one is served."""

    task: TaskId
    gap_seconds: int = 0


@dataclass(frozen=True, slots=True)
class Task:
    """One visit to plan.

    `promised` means an appointment is booked: it must be served. `weight` says how much it matters among the others.
    None for `allowed_technicians` means all. `levels` are the least levels of skills, `parts` what the visit takes from
    the van. `release` is the first second at which service may start, whatever the windows.

    Prices, all in seconds of travel: `move_price_seconds` for taking it off its current route,
    `preference_price_seconds` for a technician who is not among the preferred, `late_price_seconds` for each day begun
    between `due` and the start of the shift that serves it.
    """

    id: TaskId
    place: Place
    service_seconds: int
    windows: tuple[Span, ...]
    skills: frozenset[str] = frozenset()
    levels: Amounts = ()
    weight: int = 1
    promised: bool = False
    pin: Pin | None = None
    allowed_technicians: frozenset[TechnicianKey] | None = None
    excluded_technicians: frozenset[TechnicianKey] = frozenset()
    preferred_technicians: frozenset[TechnicianKey] = frozenset()
    preference_price_seconds: int = 0
    territory: str | None = None
    current: Current | None = None
    move_price_seconds: int = 0
    release: int | None = None
    due: int | None = None
    late_price_seconds: int = 0
    parts: Amounts = ()
    after: tuple[After, ...] = ()
    technicians: int = 1

    def __post_init__(self) -> None:
        rules.check_task(self)

    @property
    def must(self) -> bool:
        """Promised and pinned tasks come before all others, whatever the weights."""
        return self.promised or self.pin is not None

    @property
    def starts(self) -> tuple[Span, ...]:
        """The seconds at which service may start, in order: the windows after release, or the pinned second alone."""
        if self.pin is not None and self.pin.start is not None:
            return (Span(self.pin.start, self.pin.start + 1),)
        if self.release is None or self.release <= self.windows[0].start:
            return self.windows
        return tuple(Span(max(w.start, self.release), w.end) for w in self.windows if w.end > self.release)

    def price_on(self, route: Route) -> int:
        """What serving it on this route costs besides travel, in seconds of travel: moving, preference and lateness."""
        price = 0
        if self.current is not None and self.current.route != route.id:
            price += self.move_price_seconds
        if self.preferred_technicians and route.technician not in self.preferred_technicians:
            price += self.preference_price_seconds
        if self.due is not None:
            price += self.late_price_seconds * max(0, -((self.due - route.shift.start) // DAY_SECONDS))
        return price


@dataclass(frozen=True)
class Problem:
    """Routes, tasks and the model of travel between them. Raises `InvalidProblem` when something contradicts itself."""

    origin: datetime
    routes: tuple[Route, ...]
    tasks: tuple[Task, ...]
    travel: TravelModel = field(default_factory=GreatCircle)

    def __post_init__(self) -> None:
        rules.check_problem(self)

    @cached_property
    def seconds(self) -> Seconds:
        """Travel between all places: tasks first, then each place where a route starts or ends, once.

        Raises `InvalidProblem` when the model's table has another shape, or times that are negative or not whole.
        """
        places = [task.place for task in self.tasks] + list(self._depots)
        return rules.check_travel(self, self.travel.matrix(places, places), len(places))

    @cached_property
    def unreachable(self) -> tuple[TaskId, ...]:
        """Tasks that no route can drive to and come home from, for want of a road; none when there are no routes."""
        tasks, routes = len(self.tasks), range(len(self.routes))
        if not routes:
            return ()
        there = self.seconds[[self.start_node(at) for at in routes], :tasks] < UNREACHABLE
        back = self.seconds[:tasks, [self.end_node(at) for at in routes]].T < UNREACHABLE
        return tuple(self.tasks[index].id for index in np.flatnonzero(~(there & back).any(axis=0)))

    @cached_property
    def _depots(self) -> Mapping[Place, int]:
        """The places where routes start or end, with their index in `seconds`."""
        ends = dict.fromkeys(place for route in self.routes for place in (route.start, route.end))
        return {place: len(self.tasks) + index for index, place in enumerate(ends)}

    @cached_property
    def task_at(self) -> Mapping[TaskId, int]:
        """Index of each task by its id."""
        return {task.id: index for index, task in enumerate(self.tasks)}

    @cached_property
    def route_at(self) -> Mapping[RouteId, int]:
        """Index of each route by its id."""
        return {route.id: index for index, route in enumerate(self.routes)}

    def start_node(self, route: int) -> int:
        """Index in `seconds` of the place where the route starts."""
        return self._depots[self.routes[route].start]

    def end_node(self, route: int) -> int:
        """Index in `seconds` of the place where the route ends."""
        return self._depots[self.routes[route].end]


def seconds_from(origin: datetime, instant: datetime) -> int:
    """Whole seconds from the origin to an aware instant, rounded down. Raises `ValueError` for a naive one."""
    if instant.tzinfo is None or origin.tzinfo is None:
        raise ValueError(f"The time {instant.isoformat()} has no zone. Give an aware one.")
    return (instant - origin) // timedelta(seconds=1)


def instant_at(origin: datetime, seconds: int) -> datetime:
    """The aware UTC instant that many seconds after the origin."""
    return origin.astimezone(UTC) + timedelta(seconds=seconds)
