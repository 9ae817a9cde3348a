"""From a problem to the arrays of the compiled search."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scheduling.engine.eligibility import unsuited
from scheduling.engine.kernel.tables import Flags, Floats, Ints, Longs, Tables
from scheduling.engine.problem import Problem, Route, Task
from scheduling.engine.timeline import NEVER as NEVER_HOME
from scheduling.engine.timeline import Timeline, latest_home, simulate

WEIGHT_SECONDS = 3_000
"""What one unit of weight is worth while searching; a gentler exchange than the lexicographic one finds more."""
MUST_SECONDS = 100_000_000
"""What a promised or pinned task is worth: more than any travel it could save."""
STANDING = 100_000_000
"""A must on a route of the plan in force that can be kept counts as many others."""
STANDING_BROKEN = 10_000
"""So does one on a route that cannot be kept as it was."""
NEIGHBOURS = 100
APART = 0.2
"""How many seconds of travel a second between two windows counts for, when neighbours are chosen."""
FEW_ROUTES = 40
"""A task with no more suited routes than this is tried on all of them; else on those nearest and its neighbours'."""
NEAREST_ROUTES = 12
_BLOCK = 512
_UNBOUNDED = 1 << 30

KEY_ODDS = (0.30, 0.20, 0.20, 0.10, 0.10, 0.10)
"""How often tasks are put back at random, by worth, by worth an hour, narrow windows first, far first, near first."""


def tables_of(problem: Problem, near: Ints | None = None) -> Tables:
    """The arrays of a problem; drive tables are shared, not copied.

    `near` are the neighbours of each task where they are known already, see `neighbours`.
    """
    # Compiled code is for one layout; another one, or a read-only array, would be compiled for anew.
    drive = np.require(problem.seconds, np.int32, ["C", "W"])
    tasks, routes = problem.tasks, problem.routes
    start = _ints(problem.start_node(at) for at in range(len(routes)))
    end = _ints(problem.end_node(at) for at in range(len(routes)))
    windows = [task.starts for task in tasks]
    parts = sorted({name for task in tasks for name, _ in task.parts})
    must = _missing(problem)
    window_at = _starts(len(some) for some in windows)
    window_from = _ints(span.start for some in windows for span in some)
    window_till = _ints(span.end - 1 for some in windows for span in some)
    first, last = window_from[window_at[:-1]], window_till[window_at[1:] - 1]
    service = _ints(task.service_seconds for task in tasks)
    price = prices(problem)
    hours = _hours(problem)
    _bar_by_time(price, drive, start, end, hours, (first, last, service))
    weight = np.array([task.weight for task in tasks], np.int64)
    worth = _worth(weight, must)
    suited_at, suited, suited_all, trip = suited_routes(price, drive, start, end)
    return Tables(
        drive=drive,
        drive_to=drive if _symmetric(drive) else np.ascontiguousarray(drive.T),
        service=service,
        window_at=window_at,
        window_from=window_from,
        window_till=window_till,
        worth=np.where(must > 0, worth, np.minimum(worth + unavoidable(price), MUST_SECONDS // 2)),
        weight=weight,
        must=must,
        parts=_amounts([task.parts for task in tasks], parts),
        **_links(problem),
        near=neighbours(drive, first, last, min(NEIGHBOURS, max(0, len(tasks) - 1))) if near is None else near,
        keys=insertion_keys(worth, service, last - first, trip),
        key_odds=np.cumsum(KEY_ODDS),
        start=start,
        end=end,
        **hours,
        max_travel=_ints(_UNBOUNDED if r.max_travel_seconds is None else r.max_travel_seconds for r in routes),
        use_price=np.array([route.use_price_seconds for route in routes], np.int64),
        van=_vans(routes, parts),
        kind=_kinds(problem, price),
        price=price,
        suited_at=suited_at,
        suited=suited,
        suited_all=suited_all,
    )


def _worth(weight: Longs, must: Longs) -> Longs:
    """What a task is worth while searching, whatever it costs."""
    worth = np.minimum(weight * WEIGHT_SECONDS, MUST_SECONDS // 2)
    for least, times in ((1, 1), (STANDING_BROKEN, 10), (STANDING, 1000)):
        worth[must >= least] = times * MUST_SECONDS
    return worth


def by_worth(tables: Tables) -> list[int]:
    """The tasks by what an hour of them is worth, whatever they cost; musts first."""
    worth = np.where(tables.must > 0, tables.worth, tables.weight * WEIGHT_SECONDS)
    order: list[int] = np.argsort(-worth / (tables.service + 900.0), kind="stable").tolist()
    return order


def unavoidable(price: Ints) -> Longs:
    """What each task costs besides travel even on the cheapest of its routes.

    Work that is weeks overdue by now is late wherever it goes. The search weighs prices against worth; unless this is
    added to the worth of such work, it is left out for any lighter work that is not late.
    """
    if not price.size:
        return np.zeros(len(price), np.int64)
    least = np.where(price < 0, _UNBOUNDED, price).min(axis=1)
    return np.where(least == _UNBOUNDED, 0, least).astype(np.int64)


def _missing(problem: Problem) -> Longs:
    """How much missing each promised or pinned task counts; 0 for the others.

    Nothing is worse than losing one from a route of the plan in force that can be kept as it is; next comes one from a
    route that something has broken; then one that stands nowhere yet.
    """
    out = np.array([1 if task.must else 0 for task in problem.tasks], np.int64)
    for at, sequence in enumerate(standing(problem)):
        kept = STANDING if _can_be_kept(problem, at, sequence) else STANDING_BROKEN
        for index in sequence:
            out[index] *= kept
    return out


def _can_be_kept(problem: Problem, at: int, sequence: Sequence[int]) -> bool:
    """Whether a route of the plan in force still holds, each order's predecessors aside."""
    route, stops = problem.routes[at], [problem.tasks[index] for index in sequence]
    if any(unsuited(route, task) is not None for task in stops):
        return False
    nodes = [problem.start_node(at), *sequence, problem.end_node(at)]
    drives = [int(problem.seconds[a, b]) for a, b in pairwise(nodes)]
    return isinstance(simulate(route, stops, drives), Timeline)


def standing(problem: Problem) -> list[list[int]]:
    """The plan in force: for each route its tasks in the order of their starts."""
    out: list[list[tuple[int, int]]] = [[] for _ in problem.routes]
    for index, task in enumerate(problem.tasks):
        if task.current is not None and task.current.route in problem.route_at:
            out[problem.route_at[task.current.route]].append((task.current.start, index))
    return [[index for _, index in sorted(stops)] for stops in out]


def _kinds(problem: Problem, price: Ints) -> Ints:
    """A number for each route, equal for routes that are the same to every task; most technicians are one of a kind."""
    found: dict[object, int] = {}
    out = []
    for at, route in enumerate(problem.routes):
        days = (route.start, route.end, route.workday, route.home_by, route.max_travel_seconds, route.van)
        costs = (route.use_price_seconds, route.overtime_price_seconds, route.shift, price[:, at].tobytes())
        out.append(found.setdefault((days, costs), len(found)))
    return _ints(out)


def prices(problem: Problem) -> Ints:
    """What each task costs on each route besides travel, shape (tasks, routes); -1 where skill or person forbids it."""
    tasks, routes = problem.tasks, problem.routes
    able = _able(tasks, routes)
    by_technician: dict[str, list[int]] = {}
    for at, route in enumerate(routes):
        by_technician.setdefault(route.technician, []).append(at)
    everybody = frozenset(by_technician)
    out = np.where(able, np.int32(0), np.int32(-1)).astype(np.int32)
    for index, task in enumerate(tasks):
        if task.allowed_technicians is not None or task.excluded_technicians:
            allowed = everybody if task.allowed_technicians is None else task.allowed_technicians
            _only(
                out[index], [at for name in allowed - task.excluded_technicians for at in by_technician.get(name, ())]
            )
        if task.pin is not None:
            _only(out[index], [problem.route_at[task.pin.route]])
        if task.preferred_technicians or task.due is not None:
            for at in np.flatnonzero(out[index] >= 0).tolist():
                out[index, at] = min(task.price_on(routes[at]), _UNBOUNDED)
        elif task.current is not None and task.move_price_seconds:
            # The price of moving alone is the same everywhere but at home; asking each route would take most of the time.
            price = np.where(out[index] >= 0, min(task.move_price_seconds, _UNBOUNDED), np.int32(-1))
            home = problem.route_at.get(task.current.route)
            if home is not None and out[index, home] >= 0:
                price[home] = 0
            out[index] = price
    return out


def _able(tasks: Sequence[Task], routes: Sequence[Route]) -> NDArray[np.bool_]:
    """Who has the skills and works in the territory; asked once for each pair of different needs and abilities."""
    needs, need_of = _distinct(tasks, lambda task: (task.skills, task.levels, task.territory))
    gifts, gift_of = _distinct(routes, lambda route: (route.skills, route.levels, route.territories))
    table = np.zeros((len(needs), len(gifts)), np.bool_)
    for row, (skills, least, territory) in enumerate(needs):
        for column, (has, levels, territories) in enumerate(gifts):
            level = dict.fromkeys(has, 1) | dict(levels)
            table[row, column] = (
                skills <= has
                and all(level.get(name, 0) >= amount for name, amount in least)
                and (territory is None or not territories or territory in territories)
            )
    return table[np.ix_(need_of, gift_of)]


def _distinct[Item, Key](items: Sequence[Item], key: Callable[[Item], Key]) -> tuple[list[Key], NDArray[np.intp]]:
    found: dict[Key, int] = {}
    index = [found.setdefault(key(item), len(found)) for item in items]
    return list(found), np.array(index, np.intp)


def _only(row: NDArray[np.int32], routes: Sequence[int]) -> None:
    """Forbid all other routes."""
    allowed = np.zeros(len(row), np.bool_)
    allowed[list(routes)] = True
    row[~allowed] = -1


def _bar_by_time(
    price: Ints, drive: Ints, start: Ints, end: Ints, hours: Mapping[str, Ints], task: tuple[Ints, Ints, Ints]
) -> None:
    """Forbid what could not be done even without breaks and on an empty route."""
    first, last, service = task
    count = len(service)
    for at in range(len(start)):
        out, back = drive[start[at], :count].astype(np.int64), drive[:count, end[at]]
        begin = np.maximum(hours["opens"][at] + out, first)
        late = (begin > last) | (begin + service + back > hours["latest_home"][at].max(initial=-1))
        price[late, at] = -1


def suited_routes(price: Ints, drive: Ints, start: Ints, end: Ints) -> tuple[Ints, Ints, Flags, Floats]:
    """For each task the routes that suit it by round trip, all or the nearest; and the shortest round trip."""
    count, routes = price.shape
    rows, whole = [], np.ones(count, np.uint8)
    shortest = np.zeros(count)
    for begin in range(0, count, _BLOCK):
        block = slice(begin, min(begin + _BLOCK, count))
        trip = drive[start, block].T.astype(np.float64) + drive[block][:, end]
        trip[price[block] < 0] = np.inf
        if routes:
            shortest[block] = np.where(np.isinf(trip.min(axis=1)), 0, trip.min(axis=1))
        for index, row in enumerate(trip, start=begin):
            suited = int(np.count_nonzero(row < np.inf))
            if suited > FEW_ROUTES:
                whole[index], suited = 0, NEAREST_ROUTES
                nearest = np.argpartition(row, suited)[:suited]
                rows.append(nearest[np.argsort(row[nearest], kind="stable")])
            else:
                rows.append(np.argsort(row, kind="stable")[:suited])
    flat = np.concatenate(rows).astype(np.int32) if rows else np.zeros(0, np.int32)
    return _starts(len(row) for row in rows), flat, whole, shortest


def neighbours(drive: Ints, first: Ints, last: Ints, count: int) -> Ints:
    """For each task the `count` others nearest in travel and time: seconds of travel + 0.2 x seconds between windows."""
    tasks = len(first)
    out = np.zeros((tasks, count), np.int32)
    if count == 0:
        return out
    for begin in range(0, tasks, _BLOCK):
        block = slice(begin, min(begin + _BLOCK, tasks))
        apart = np.maximum(first[block, None] - last[None, :], first[None, :] - last[block, None])
        distance = drive[block, :tasks] + np.float32(APART) * np.maximum(apart, 0).astype(np.float32)
        distance[np.arange(len(distance)), np.arange(begin, begin + len(distance))] = np.inf
        nearest = np.argpartition(distance, count - 1, axis=1)[:, :count]
        order = np.argsort(np.take_along_axis(distance, nearest, axis=1), axis=1, kind="stable")
        out[block] = np.take_along_axis(nearest, order, axis=1)
    return out


def insertion_keys(worth: Longs, service: Ints, width: Ints, trip: Floats) -> Floats:
    """The orders in which tasks are put back; see `KEY_ODDS`."""
    return np.stack([-worth, -worth / (service + 900.0), width, -trip, trip]).astype(np.float64)


def _hours(problem: Problem) -> dict[str, Any]:
    """The working hours and pauses of each route."""
    routes = problem.routes
    most = max((len(route.pauses) for route in routes), default=0)
    pauses = np.zeros((3, len(routes), most), np.int32)
    home = np.full((len(routes), most + 1), -NEVER_HOME, np.int64)
    for at, route in enumerate(routes):
        for index, pause in enumerate(route.pauses):
            pauses[:, at, index] = (pause.earliest, pause.latest, pause.seconds)
        if route.hours.start < route.hours.end:
            for taken in range(len(route.pauses) + 1):
                home[at, taken] = latest_home(route.pauses[taken:], route.home_by)
    return {
        "opens": _ints(route.hours.start for route in routes),
        "shift_end": _ints(route.shift.end for route in routes),
        "overtime_price": np.array([route.overtime_price_seconds for route in routes], np.int64),
        "pause_count": _ints(len(route.pauses) for route in routes),
        "pause_from": pauses[0],
        "pause_till": pauses[1],
        "pause_long": pauses[2],
        "latest_home": np.maximum(home, -_UNBOUNDED).astype(np.int32),
    }


def _links(problem: Problem) -> dict[str, Any]:
    """Predecessors and successors of each task, with the gaps between."""
    before = [[(problem.task_at[link.task], link.gap_seconds) for link in task.after] for task in problem.tasks]
    after: list[list[tuple[int, int]]] = [[] for _ in problem.tasks]
    for index, links in enumerate(before):
        for other, gap in links:
            after[other].append((index, gap))
    return {
        f"{name}{suffix}": array
        for name, lists in (("before", before), ("after", after))
        for suffix, array in (
            ("_at", _starts(len(some) for some in lists)),
            ("", _ints(other for some in lists for other, _ in some)),
            ("_gap", _ints(gap for some in lists for _, gap in some)),
        )
    }


def _vans(routes: Sequence[Route], parts: Sequence[str]) -> Ints:
    out = _amounts([route.van or () for route in routes], parts)
    out[[route.van is None for route in routes]] = _UNBOUNDED
    return out


def _amounts(rows: Sequence[Sequence[tuple[str, int]]], names: Sequence[str]) -> Ints:
    out = np.zeros((len(rows), len(names)), np.int32)
    column = {name: at for at, name in enumerate(names)}
    for row, amounts in enumerate(rows):
        for name, amount in amounts:
            if name in column:
                out[row, column[name]] = amount
    return out


def _symmetric(table: Ints) -> bool:
    """Whether all drives take as long both ways; looked at block by block."""
    return all(
        np.array_equal(table[begin : begin + _BLOCK], table[:, begin : begin + _BLOCK].T)
        for begin in range(0, len(table), _BLOCK)
    )


def _ints(values: object) -> Ints:
    return np.fromiter(values, np.int32)  # type: ignore[call-overload,no-any-return]


def _starts(counts: object) -> Ints:
    """Where each of several lists begins when they are laid end to end; one more entry than lists."""
    sizes = np.fromiter(counts, np.int64)  # type: ignore[call-overload]
    return np.concatenate([[0], np.cumsum(sizes)]).astype(np.int32)
