"""Why tasks are not planned: for each the routes that came closest, measured by the compiled route states."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from scheduling.engine import explain
from scheduling.engine.eligibility import unsuited
from scheduling.engine.kernel.route_state import open_all
from scheduling.engine.kernel.shortage import NO_MEASURE, shortages
from scheduling.engine.kernel.tables import Ints, State, Tables, empty_state
from scheduling.engine.plan import RouteRefusal, Unplanned
from scheduling.engine.problem import Problem
from scheduling.engine.reasons import Reason, Refusal

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
                else _no_place(tables, state, index, at, int(room[at]), int(alone[at]))
            )
        refusals.append(RouteRefusal(route.id, refusal))
    return explain.unplanned(task, refusals)


def _no_place(tables: Tables, state: State, task: int, route: int, room: int, alone: int) -> Refusal:
    """Why a suited route has no place: even empty it would have none, or its other visits are in the way."""
    if alone > 0:
        return Refusal(Reason.TOO_FAR, alone if alone < NO_MEASURE else 0)
    if (state.load[route] + tables.parts[task] > tables.van[route]).any():
        return Refusal(Reason.VAN_FULL)
    if room > 0:
        return Refusal(Reason.NO_ROOM, room if room < NO_MEASURE else 0)
    if tables.before_at[task] < tables.before_at[task + 1]:
        return Refusal(Reason.PREDECESSOR)
    return Refusal(Reason.TRAVEL_LIMIT)
