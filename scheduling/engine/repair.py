"""`repair`: what has become of a plan after an absence, an overrun, urgent work, a cancellation or a delay, at once.

The plan in force is laid as it stands; what the events dislodged and what is urgent goes where it costs least, and a cool
search near the events looks for better, at the price that moving and dropping published visits has (`events.Terms`).
Work that had no place before may use room that is left, but moves nobody: that is for the full planning, which can go on
from the repaired plan in the background (`Replanning`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from hub.domain.places import Place
from scheduling.engine import solver
from scheduling.engine.events import (
    Absence,
    Aftermath,
    Cancelled,
    Delayed,
    Event,
    Overrun,
    Terms,
    Urgent,
    aftermath,
    in_force,
)
from scheduling.engine.improve import tuning_for
from scheduling.engine.kernel.memory import SEEDS
from scheduling.engine.kernel.tables import Ints, Tables
from scheduling.engine.plan import Objective, Plan, Unplanned, assembled
from scheduling.engine.portfolio import Portfolio, Sequences, needed
from scheduling.engine.problem import Problem, RouteId, Task, TaskId
from scheduling.engine.reasons.unplanned import unplanned
from scheduling.engine.stopping import Progress, Stop
from scheduling.engine.tabulate import by_worth, tables_of
from scheduling.engine.tabulate import standing as standing_sequences
from scheduling.engine.timeline import Timeline
from scheduling.travel.remembered import Remembered

__all__ = [
    "Absence",
    "Cancelled",
    "Delayed",
    "Event",
    "Moved",
    "Overrun",
    "Repair",
    "Replanning",
    "Standing",
    "Terms",
    "Urgent",
    "mend",
    "repair",
]

HOT, COLD = 600.0, 30.0
"""Seconds of travel: a repair accepts little that is worse on its way."""
AROUND = 20
"""So many nearest visits of each one that an event struck are searched too."""
FINISHING = 0.4
"""Writing the plan down takes this share of the time that passed before the search, measured."""
FROZEN = 1_000
"""Missing what has begun counts as missing so many promises that stand: what happens cannot be given up for them."""
LEAST_SEARCH = 0.25
"""The search gets this share of the time, whatever a busy machine took before."""


@dataclass(frozen=True, slots=True)
class Moved:
    """A visit that the repair gave to another route, or the same one at another time: routes and starts of service."""

    task: TaskId
    route: RouteId
    start: int
    from_route: RouteId
    from_start: int

    @property
    def elsewhere(self) -> bool:
        """Whether the route is another one."""
        return self.route != self.from_route


@dataclass(frozen=True)
class Repair:
    """The answer of `repair`.

    `plan` is a plan of `problem`, in which past and frozen visits are pinned and published visits weigh more. `moved` and
    `retimed` say what changed against the plan in force, `placed` which urgent work found a place. `dropped` had a place
    and have none any more, `unplaced` is urgent work without one, `gone` what cannot be planned any more at all, each with
    its reasons. `dislodged` could not stay where they were. `before` is the objective of the plan in force before the
    events, `untouched` that of what is left of it if nobody does anything, `after` that of the repaired plan.
    """

    problem: Problem
    plan: Plan
    frozen: frozenset[TaskId]
    moved: tuple[Moved, ...]
    retimed: tuple[Moved, ...]
    placed: tuple[TaskId, ...]
    dropped: tuple[Unplanned, ...]
    unplaced: tuple[Unplanned, ...]
    gone: tuple[Unplanned, ...]
    dislodged: tuple[TaskId, ...]
    before: Objective
    untouched: Objective
    seconds: float

    @property
    def after(self) -> Objective:
        """The objective of the repaired plan."""
        return self.plan.objective


@dataclass(frozen=True)
class Standing:
    """A plan in force with all that a repair can know beforehand: drives between its places, and which are near."""

    problem: Problem
    plan: Plan
    terms: Terms
    near: Ints
    """(n, M) the neighbours of each task, as in `kernel.tables.Tables`."""

    @classmethod
    def of(
        cls, problem: Problem, plan: Plan, terms: Terms | None = None, published: frozenset[TaskId] | None = None
    ) -> Standing:
        """Make ready to repair `plan`, of which these visits are published (None: all). Takes longer than a repair."""
        terms = terms or Terms()
        problem = replace(
            in_force(problem, plan, terms, published), travel=Remembered.of(problem.travel, _places(problem))
        )
        own = {task.id: task for task in problem.tasks}
        routes = tuple(replace(item, timeline=_with_tasks(item.timeline, own)) for item in plan.routes)
        return cls(problem, replace(plan, routes=routes), terms, tables_of(problem).near)

    def neighbours(self, problem: Problem) -> Ints | None:
        """The neighbours of each task of a later problem; None when it is too different. New tasks come last."""
        old = self.problem.task_at
        at = np.array([old.get(task.id, -1) for task in problem.tasks], np.int64)
        new = np.flatnonzero(at < 0)
        width = self.near.shape[1]
        if len(problem.tasks) <= width or len(new) > len(at) // 10:
            return None
        now_at = np.full(len(old) + 1, -1, np.int64)
        now_at[at[at >= 0]] = np.flatnonzero(at >= 0)
        out = _without_gaps(now_at[self.near[at]])
        if out.shape[1] < min(AROUND, width):
            return None
        # All new tasks are met around their neighbours too, in the places of the furthest; no row may name one twice.
        last = out.shape[1] - len(new)
        if last < AROUND:
            return None
        out[:, last:] = new
        drive = problem.seconds[:, : len(at)]
        for task in new.tolist():
            order = np.argsort(drive[task], kind="stable")
            out[task] = order[order != task][: out.shape[1]]
        return out.astype(np.int32)


def _without_gaps(near: NDArray[np.int64]) -> NDArray[np.int64]:
    """The rows without their negative entries, all cut to the shortest."""
    gone = near < 0
    order = np.argsort(gone, axis=1, kind="stable")
    count = int((~gone).sum(axis=1).min(initial=near.shape[1]))
    return np.take_along_axis(near, order, axis=1)[:, :count]


def repair(standing: Standing, events: Sequence[Event], now: int, *, seconds: float = 0.3, seed: int = 1) -> Repair:
    """Answer the events at the second `now` (from the origin) within about `seconds` of wall time, all included.

    Frozen visits never move; promised ones never leave their windows and are dropped only where no route has room for
    them beside its other promises. Never worse than `untouched`. Raises `InvalidProblem` for events that cannot be.
    """
    began = time.monotonic()
    left = aftermath(standing.problem, standing.plan, events, now, standing.terms)
    tables = _holding(tables_of(left.problem, standing.neighbours(left.problem)), left)
    portfolio, dislodged, untouched = _settled(left, tables, seed)
    _search(portfolio, struck := _struck(left, dislodged), _around(left, tables, struck), began, seconds)
    plan = _written(left, tables, portfolio, standing.plan)
    return _answer(standing, left, plan, dislodged, untouched, time.monotonic() - began)


def mend(problem: Problem, *, seconds: float = 0.3, seed: int = 1) -> Plan:
    """Repair a problem that says by itself what is in force (`Task.current`) and what happened to it.

    For who reads the days anew from where they are kept: absences are in its routes, urgent work is a task without a
    current place. All of its absent work may be placed. Never worse than the plan in force as far as that can be kept.
    """
    began = time.monotonic()
    urgent = tuple(task.id for task in problem.tasks if task.current is None)
    left = Aftermath(problem, frozenset(), frozenset(), urgent, ())
    tables = tables_of(problem)
    portfolio, dislodged, _ = _settled(left, tables, seed)
    _search(portfolio, struck := _struck(left, dislodged), _around(left, tables, struck), began, seconds)
    return _written(left, tables, portfolio, None)


class Replanning:
    """A full planning that begins at a repaired plan and is never worse, in a thread of its own; ask `done`, then take `plan()`."""

    def __init__(
        self,
        problem: Problem,
        plan: Plan,
        stop: Stop,
        seed: int = 1,
        progress: Callable[[Progress], None] | None = None,
    ) -> None:
        """`problem` and `plan` as a `Repair` has them; `progress` hears of better plans from that thread."""
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="replanning")
        search = partial(solver.solve, problem, stop, seed, progress, begin=plan)
        self._future: Future[Plan] = self._executor.submit(search)
        self._executor.shutdown(wait=False)

    @property
    def done(self) -> bool:
        """Whether `plan` will answer at once."""
        return self._future.done()

    def plan(self, timeout: float | None = None) -> Plan:
        """The plan; waits for it. Raises `TimeoutError` after `timeout` seconds, and what planning raised."""
        return self._future.result(timeout)


def _holding(tables: Tables, left: Aftermath) -> Tables:
    """The tables with the frozen visits above all promises."""
    frozen = [left.problem.task_at[name] for name in left.frozen]
    must, worth = tables.must.copy(), tables.worth.copy()
    must[frozen] *= FROZEN
    worth[frozen] *= 2
    return tables._replace(must=must, worth=worth)


def _settled(left: Aftermath, tables: Tables, seed: int) -> tuple[Portfolio, list[int], Objective]:
    """A portfolio at the plan in force as far as it can be kept, with what is urgent where it fits.

    Also the tasks that could not stay, and the objective with them left out.
    """
    problem = left.problem
    tuning = replace(tuning_for(tables, counted=False), hot=HOT, cold=COLD, parts=False, pool=0)
    portfolio = Portfolio(tables, tuning, seed, solver.positions(problem))
    standing = standing_sequences(problem)
    _lay_musts_first(portfolio, tables, standing)
    laid = set[int]().union(*portfolio.sequences())
    dislodged = [task for tasks in standing for task in tasks if task not in laid]
    untouched = solver.objective_so_far(problem, portfolio)
    urgent = [*dislodged, *(problem.task_at[name] for name in left.urgent if name in problem.task_at)]
    first = needed(tables)
    urgent.sort(key=lambda task: (-int(first[task]), -int(tables.weight[task])))
    portfolio.fill(urgent, limited=True)
    _make_way(portfolio)
    return portfolio, dislodged, untouched


def _lay_musts_first(portfolio: Portfolio, tables: Tables, standing: Sequences) -> None:
    """Lay the plan in force; where a route cannot be kept whole, its promises come first, then the rest as it fits."""
    if portfolio.lay(standing) == 0:
        return
    first = needed(tables)
    whole = [len(found) == len(wanted) for found, wanted in zip(portfolio.sequences(), standing, strict=True)]
    portfolio.clear()
    portfolio.lay(
        [
            tasks if kept else [task for task in tasks if first[task]]
            for tasks, kept in zip(standing, whole, strict=True)
        ]
    )
    for route, (tasks, kept) in enumerate(zip(standing, whole, strict=True)):
        if not kept:
            portfolio.fill_route(route, sorted(tasks, key=lambda task: (-first[task], -tables.weight[task])))


def _make_way(portfolio: Portfolio) -> None:
    """Where a promise has no place: give it one beside the other promises, and then all else as it fits.

    What has to come before a promise is treated as one here.
    """
    tables, before = portfolio.tables, portfolio.sequences()
    first = needed(tables)
    at = portfolio.workers[0].state.at
    missing = [int(task) for task in np.flatnonzero((at < 0) & (first > 0))]
    if not missing:
        return
    other = Portfolio(
        tables, replace(portfolio.tuning, workers=1), 1, np.zeros((len(tables.service) + len(tables.start), 2))
    )
    other.lay([[task for task in tasks if first[task]] for tasks in before])
    other.fill(sorted(missing, key=lambda task: -first[task]), limited=False)
    for route, tasks in enumerate(before):
        rest = [task for task in tasks if not first[task]]
        other.fill_route(route, sorted(rest, key=lambda task: -tables.weight[task]))
    other.fill(sorted((t for tasks in before for t in tasks), key=lambda t: -tables.weight[t]), limited=True)
    portfolio.offer(other.sequences())


def _struck(left: Aftermath, dislodged: Iterable[int]) -> list[int]:
    """The tasks that look for a place because of the events."""
    return [*dislodged, *(left.problem.task_at[name] for name in left.urgent if name in left.problem.task_at)]


def _around(left: Aftermath, tables: Tables, struck: Iterable[int]) -> list[int]:
    """Where to search: those tasks, the ones on routes that the events are about, and the nearest of each."""
    found = set(struck)
    for index, task in enumerate(left.problem.tasks):
        if task.current is not None and task.current.route in left.touched:
            found.add(index)
    return sorted(found.union(*(tables.near[task, :AROUND].tolist() for task in found)))


def _search(portfolio: Portfolio, struck: Sequence[int], seeds: Sequence[int], began: float, seconds: float) -> None:
    """Search around the seeds in what time is left, then let work that had no place use the room that is left.

    While searching only what is planned or struck by the events may be placed, so nobody moves for other work.
    """
    tables = portfolio.tables
    at = portfolio.workers[0].state.at
    for worker in portfolio.workers:
        memory = worker.memory
        memory.mine[:] = at >= 0
        memory.mine[list(struck)] = 1
        memory.seeds[: len(seeds)] = seeds
        memory.counters[SEEDS] = len(seeds)
    start = time.monotonic()
    end = max(began + seconds - FINISHING * (start - began), start + LEAST_SEARCH * seconds)
    if seeds and len(tables.start) and seconds > 0:
        portfolio.run(lambda: _share(start, end), lambda: None)
    portfolio.fill([*struck, *by_worth(tables)], limited=False)
    _make_way(portfolio)


def _share(start: float, end: float) -> float | None:
    now = time.monotonic()
    return None if now >= end else (now - start) / (end - start)


def _written(left: Aftermath, tables: Tables, portfolio: Portfolio, before: Plan | None) -> Plan:
    """The best plan, simulated; tasks that had no place before keep the reasons they had."""
    problem, best = left.problem, portfolio.best
    routes, objective = assembled(problem, portfolio.sequences(), best.low.tolist(), best.high.tolist())
    state = portfolio.workers[0].state
    known = {item.task.id: item for item in before.unplanned} if before is not None else {}
    urgent = set(left.urgent)
    absent = [int(at) for at in np.flatnonzero(state.at < 0)]
    asked = [at for at in absent if problem.tasks[at].id not in known or problem.tasks[at].id in urgent]
    fresh = {item.task.id: item for item in unplanned(problem, tables, state, asked)}
    missed = tuple(
        fresh.get(task.id) or replace(known[task.id], task=task) for task in (problem.tasks[at] for at in absent)
    )
    return Plan(routes, missed, objective, problem.travel.name)


def _answer(
    standing: Standing, left: Aftermath, plan: Plan, dislodged: Sequence[int], untouched: Objective, took: float
) -> Repair:
    """What changed, in the words of `Repair`."""
    was = {s.task.id: (item.route.id, s.start) for item in standing.plan.routes for s in item.timeline.stops}
    at = {s.task.id: (item.route.id, s.start) for item in plan.routes for s in item.timeline.stops}
    changed = [Moved(name, *at[name], *was[name]) for name in was if name in at and at[name] != was[name]]
    return Repair(
        problem=left.problem,
        plan=plan,
        frozen=left.frozen,
        moved=tuple(one for one in changed if one.elsewhere),
        retimed=tuple(one for one in changed if not one.elsewhere),
        placed=tuple(name for name in left.urgent if name in at),
        dropped=tuple(item for item in plan.unplanned if item.task.id in was),
        unplaced=tuple(item for item in plan.unplanned if item.task.id in set(left.urgent)),
        gone=left.gone,
        dislodged=tuple(left.problem.tasks[task].id for task in dislodged),
        before=_standing_objective(standing, was),
        untouched=untouched,
        seconds=took,
    )


def _standing_objective(standing: Standing, was: dict[TaskId, tuple[RouteId, int]]) -> Objective:
    """The plan in force before the events, by the weights of the repair; nothing in it has moved yet."""
    missed = [task for task in standing.problem.tasks if task.id not in was]
    return Objective(
        sum(task.must for task in missed),
        sum(task.weight for task in missed if not task.must),
        standing.plan.objective.cost_seconds,
    )


def _with_tasks(timeline: Timeline, tasks: Mapping[TaskId, Task]) -> Timeline:
    return replace(timeline, stops=tuple(replace(stop, task=tasks[stop.task.id]) for stop in timeline.stops))


def _places(problem: Problem) -> list[Place]:
    return [*(task.place for task in problem.tasks), *(place for r in problem.routes for place in (r.start, r.end))]
