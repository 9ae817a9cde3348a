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
from scheduling import rules
from scheduling.spans import Pause, Span
from scheduling.travel import GreatCircle, Seconds, TravelModel

type RouteId = str
type TaskId = str
type TechnicianKey = str


@dataclass(frozen=True)
class Route:
    """One technician on one day.

    `breaks` each say when the break may start (half-open) and how long it lasts. `absences` are half-open. An empty
    `territories` means anywhere. The technician leaves `start` within the shift and is back at `end` by its end.
    """

    id: RouteId
    technician: TechnicianKey
    start: Place
    end: Place
    shift: Span
    breaks: tuple[tuple[Span, int], ...] = ()
    absences: tuple[Span, ...] = ()
    skills: frozenset[str] = frozenset()
    territories: frozenset[str] = frozenset()

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
class Task:
    """One visit to plan.

    `promised` means an appointment is booked: it must be served. `weight` says how much it matters among the others.
    `move_price_seconds` is what taking it off its current route costs, in travel seconds. None for
    `allowed_technicians` means all.
    """

    id: TaskId
    place: Place
    service_seconds: int
    windows: tuple[Span, ...]
    skills: frozenset[str] = frozenset()
    weight: int = 1
    promised: bool = False
    pin: Pin | None = None
    allowed_technicians: frozenset[TechnicianKey] | None = None
    excluded_technicians: frozenset[TechnicianKey] = frozenset()
    territory: str | None = None
    current: Current | None = None
    move_price_seconds: int = 0

    def __post_init__(self) -> None:
        rules.check_task(self)

    @property
    def must(self) -> bool:
        """Promised and pinned tasks come before all others, whatever the weights."""
        return self.promised or self.pin is not None

    @property
    def starts(self) -> tuple[Span, ...]:
        """The seconds at which service may start, in order: the windows, or the pinned second alone."""
        if self.pin is None or self.pin.start is None:
            return self.windows
        return (Span(self.pin.start, self.pin.start + 1),)


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
        """Travel between all places: tasks first, then the start of each route, then the end of each route."""
        places = [task.place for task in self.tasks]
        places += [route.start for route in self.routes] + [route.end for route in self.routes]
        distinct = {place: at for at, place in enumerate(dict.fromkeys(places))}
        table = self.travel.matrix(list(distinct), list(distinct))
        index = np.array([distinct[place] for place in places], dtype=np.intp)
        return table[np.ix_(index, index)]

    @cached_property
    def route_at(self) -> Mapping[RouteId, int]:
        """Index of each route by its id."""
        return {route.id: index for index, route in enumerate(self.routes)}

    def start_node(self, route: int) -> int:
        """Index in `seconds` of the place where the route starts."""
        return len(self.tasks) + route

    def end_node(self, route: int) -> int:
        """Index in `seconds` of the place where the route ends."""
        return len(self.tasks) + len(self.routes) + route


def seconds_from(origin: datetime, instant: datetime) -> int:
    """Whole seconds from the origin to an aware instant, rounded down. Raises `ValueError` for a naive one."""
    if instant.tzinfo is None or origin.tzinfo is None:
        raise ValueError(f"The time {instant.isoformat()} has no zone. Give an aware one.")
    return (instant - origin) // timedelta(seconds=1)


def instant_at(origin: datetime, seconds: int) -> datetime:
    """The aware UTC instant that many seconds after the origin."""
    return origin.astimezone(UTC) + timedelta(seconds=seconds)
