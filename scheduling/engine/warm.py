"""Compile the engine ahead of its first user: `python -m scheduling.engine.warm`, called by `make setup`.

Every compiled function is used once, with arrays of the same types as always; numba keeps the machine code on disk.
"""

from __future__ import annotations

from datetime import UTC, date, datetime

import numpy as np

from hub.domain.places import Place
from scheduling.engine.files.solomon import Vrptw
from scheduling.engine.problem import After, Problem, Route, Task
from scheduling.engine.slots import OpenRoute, Requirement, SlotIndex, SlotWindow, find_slots, make_room
from scheduling.engine.solver import solve
from scheduling.engine.spans import Span
from scheduling.engine.stopping import Stop
from scheduling.engine.vrptw import solve_vrptw
from scheduling.travel.cache import CachedTravel
from scheduling.travel.great_circle import GreatCircle

_HOUR = 3600
_TOWN = Place(51.05, 3.72)


def warm() -> None:
    """Plan, offer slots and route vehicles once, as small as can be."""
    problem = _problem()
    solve(problem, Stop(seconds=None, solutions=1), 1)
    window = SlotWindow(Span(9 * _HOUR, 12 * _HOUR), date(2026, 1, 5), "morning")
    routes = [OpenRoute.of(route, (), problem.travel) for route in problem.routes]
    needed = Requirement("slot", _TOWN, _HOUR)
    find_slots(routes, needed, [window], problem.travel)
    make_room(routes[0], needed.visit(window.arrival), problem.travel)
    for travel in (problem.travel, CachedTravel(problem.travel, places=10)):
        index = SlotIndex(routes, travel)
        index.replace(routes[0])
        index.cheapest(needed, [window.arrival])
    solve_vrptw(_vehicles(), Stop(seconds=None, solutions=1), 1)


def _problem() -> Problem:
    """Two technicians, one of them with a lunch break, and four tasks, one after another one."""
    shift = Span(8 * _HOUR, 17 * _HOUR)
    lunch = ((Span(12 * _HOUR, 13 * _HOUR), 1800),)
    routes = (Route("a", "Ann", _TOWN, _TOWN, shift, breaks=lunch), Route("b", "Bob", _TOWN, _TOWN, shift))
    places = [Place(51.0 + index / 100, 3.7) for index in range(4)]
    tasks = [Task(str(index), place, _HOUR, (shift,), weight=index + 1) for index, place in enumerate(places)]
    tasks.append(Task("last", _TOWN, _HOUR, (shift,), after=(After("0", 600),)))
    return Problem(datetime(2026, 1, 5, tzinfo=UTC), routes, tuple(tasks), GreatCircle())


def _vehicles() -> Vrptw:
    """A depot and four customers."""
    count = 5
    at = np.arange(count)
    return Vrptw(
        name="warm",
        vehicles=2,
        capacity=10,
        x=at.astype(np.float64),
        y=at.astype(np.float64),
        demand=np.minimum(at, 1),
        opens=at * 0,
        closes=at * 0 + 10_000,
        service=at * 0 + 10,
    )


if __name__ == "__main__":
    warm()
