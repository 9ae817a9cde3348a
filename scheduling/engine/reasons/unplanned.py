"""Why tasks are not planned: for each the routes that came closest, measured by the compiled route states."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from scheduling.engine.eligibility import unsuited
from scheduling.engine.kernel.route_state import open_all
from scheduling.engine.kernel.shortage import NO_MEASURE, shortages
from scheduling.engine.kernel.tables import Ints, State, Tables, empty_state
from scheduling.engine.plan import RouteRefusal, Unplanned
from scheduling.engine.problem import Problem
from scheduling.engine.reasons.binding import Shortage, binding
from scheduling.engine.reasons.room import MeasuredRoute, Room
from scheduling.engine.reasons.vocabulary import Reason, Refusal
from scheduling.engine.timeline import NEVER

MOST_NAMED = 50
"""So many routes at most are named for one task."""


def unplanned(
    problem: Problem, tables: Tables, state: State, tasks: Sequence[int] | None = None
) -> tuple[Unplanned, ...]:
    """The tasks on no route of the plan in `state`, each with the binding reason and those of the closest routes.

    `tasks`: only these, all of them absent.
    """
    absent = np.flatnonzero(state.at < 0).astype(np.int32) if tasks is None else np.array(tasks, np.int32)
    if not len(absent):
        return ()
    unreachable = frozenset(problem.unreachable)
    room = _measure(tables, state, absent)
    bare = empty_state(tables, 1)
    open_all(tables, bare)
    alone = _measure(tables, bare, absent)
    return tuple(
        _explained(problem, tables, state, int(task), room[row], alone[row], unreachable)
        for row, task in enumerate(absent)
    )


def _measure(tables: Tables, state: State, tasks: Ints) -> Ints:
    out = np.empty((len(tasks), len(tables.start)), np.int32)
    shortages(tables, state, tasks, out)
    return out


def _explained(
    problem: Problem, tables: Tables, state: State, index: int, room: Ints, alone: Ints, unreachable: frozenset[str]
) -> Unplanned:
    task = problem.tasks[index]
    if task.id in unreachable:
        return Unplanned(task, Refusal(Reason.UNREACHABLE), ())
    waits = any(state.at[problem.task_at[link.task]] < 0 for link in task.after)
    refusals = []
    for at in np.argsort(room, kind="stable")[:MOST_NAMED].tolist():
        route = problem.routes[at]
        refusal = unsuited(route, task)
        if refusal is None:
            refusal = (
                Refusal(Reason.PREDECESSOR)
                if waits
                else _no_place(problem, tables, state, index, at, int(room[at]), int(alone[at]))
            )
        refusals.append(RouteRefusal(route.id, refusal))
    return Unplanned(task, binding(item.refusal for item in refusals), tuple(refusals))


def _no_place(problem: Problem, tables: Tables, state: State, task: int, route: int, room: int, alone: int) -> Refusal:
    """Why a suited route has no place for the task."""
    if alone >= NO_MEASURE or room <= 0:
        # The compiled states have no number for it, or do not say where in the day the driving would be too much.
        others = state.seq[route, : state.length[route]].tolist() if room <= 0 else []
        found = _measured_slowly(problem, task, route, others)
    else:
        trip = tables.drive[tables.start[route], task] + tables.drive[task, tables.end[route]]
        parts = bool((state.load[route] + tables.parts[task] > tables.van[route]).any())
        time = room if room < NO_MEASURE else NEVER
        found = Shortage(time, alone, 0, int(trip - tables.max_travel[route]), parts).refusal()
    if found is None:
        # It fits by itself: work before or after it, on whatever route, is in the way.
        linked = (
            tables.before_at[task] < tables.before_at[task + 1] or tables.after_at[task] < tables.after_at[task + 1]
        )
        return Refusal(Reason.PREDECESSOR if linked else Reason.NO_ROOM)
    return found


def _measured_slowly(problem: Problem, task: int, route: int, others: Sequence[int]) -> Refusal | None:
    """The same asked of `room`, beside these tasks, for the few where that tells more."""
    nodes = [problem.start_node(route), *others, problem.end_node(route)]
    table, wanted = problem.seconds, problem.tasks[task]
    drives = tuple(int(table[a, b]) for a, b in pairwise(nodes))
    day = MeasuredRoute(problem.routes[route], tuple(problem.tasks[at] for at in others), drives)
    ways = [(int(table[a, task]), int(table[task, b])) for a, b in pairwise(nodes)]
    return Room.of(day, wanted, ways).refusal(wanted.starts)
