"""Compile the engine ahead of its first user: `python -m scheduling.engine.warm`, called by `make setup`.

Every compiled function is used once, with arrays of the same types as always; numba keeps the machine code on disk.
The search takes about as long to compile as all the rest, so where there are two cores each has a process of its own.
"""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, date, datetime
from multiprocessing import get_context

import numpy as np

from hub.domain.places import Place
from scheduling.engine.files.solomon import Vrptw
from scheduling.engine.improve import cores, tuning_for
from scheduling.engine.kernel.memory import better, empty_memory, keep_best
from scheduling.engine.kernel.pool import empty_pool
from scheduling.engine.kernel.route_state import adopt, open_all
from scheduling.engine.kernel.search import fill, lay, search
from scheduling.engine.kernel.shortage import shortages
from scheduling.engine.kernel.tables import empty_state
from scheduling.engine.problem import After, Problem, Route, Task
from scheduling.engine.slots import OpenRoute, Requirement, SlotIndex, SlotWindow, find_slots, make_room
from scheduling.engine.solver import solve
from scheduling.engine.spans import Span
from scheduling.engine.stopping import Stop
from scheduling.engine.tabulate import tables_of
from scheduling.engine.vrptw import solve_vrptw
from scheduling.travel.cache import CachedTravel
from scheduling.travel.great_circle import GreatCircle

_HOUR = 3600
_TOWN = Place(51.05, 3.72)


def warm() -> None:
    """Compile what is not on disk yet, then plan and route vehicles once, as small as can be."""
    _search()
    _rest()
    solve(_problem(), Stop(seconds=None, solutions=1), 1)
    solve_vrptw(_vehicles(), Stop(seconds=None, solutions=1), 1)


def _side_by_side() -> None:
    """Put the code of the search and all other code on disk at the same time."""
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as processes:
        for part in [processes.submit(_search), processes.submit(_rest)]:
            part.result()


def _search() -> None:
    """The search, and nothing else. To be compiled it has to be called, but not to take a step."""
    tables = tables_of(_problem())
    state, settings = empty_state(tables, 1), tuning_for(tables, counted=True).settings
    memory = empty_memory(tables, state, 1, remember=settings.remember)
    search(tables, state, memory, empty_pool(tables, state, 0), settings, 0, 1.0, 1.0)


def _rest() -> None:
    """What else plans need, with nothing to do; and slots on two open routes."""
    problem = _problem()
    tables = tables_of(problem)
    state, settings = empty_state(tables, 1), tuning_for(tables, counted=True).settings
    memory, nobody = empty_memory(tables, state, 1, remember=settings.remember), np.zeros(0, np.int32)
    open_all(tables, state)
    keep_best(tables, state, memory)
    better(state.sums, memory.best_sums)
    adopt(tables, state, memory.best_seq, memory.best_length, memory.best_low, memory.best_high)
    fill(tables, state, memory, settings, nobody, limited=True)
    lay(tables, state, memory, 0, nobody)
    shortages(tables, state, nobody, np.zeros((0, len(problem.routes)), np.int32))
    window = SlotWindow(Span(9 * _HOUR, 12 * _HOUR), date(2026, 1, 5), "morning")
    routes = [OpenRoute.of(route, (), problem.travel) for route in problem.routes]
    needed = Requirement("slot", _TOWN, _HOUR)
    find_slots(routes, needed, [window], problem.travel)
    make_room(routes[0], needed.visit(window.arrival), problem.travel)
    for travel in (problem.travel, CachedTravel(problem.travel, places=10)):
        index = SlotIndex(routes, travel)
        index.replace(routes[0])
        index.cheapest(needed, [window.arrival])


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
    if cores() > 1:
        _side_by_side()
    warm()
