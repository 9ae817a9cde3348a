"""Why orders are not in a plan, found from the plan alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

from hub.domain.places import Place
from scheduling.engine import explain
from scheduling.engine.eligibility import unsuited
from scheduling.engine.problem import Problem, Route, Task, TaskId
from scheduling.engine.reasons import Refusal
from scheduling.engine.slack import Gap, empty_gap, gaps
from scheduling.engine.timeline import route_legs


class _Ways:
    """Drives between the orders in question and the places of the routes, looked up by place."""

    def __init__(self, problem: Problem, tasks: Sequence[Task], sequences: Sequence[Sequence[Task]]) -> None:
        ends = [place for route in problem.routes for place in (route.start, route.end)]
        stops = [task.place for sequence in sequences for task in sequence]
        near, far = list(dict.fromkeys(task.place for task in tasks)), list(dict.fromkeys([*ends, *stops]))
        self._near = {place: at for at, place in enumerate(near)}
        self._far = {place: at for at, place in enumerate(far)}
        self._there = problem.travel.matrix(far, near)
        self._onward = problem.travel.matrix(near, far)

    def through(self, before: Place, task: Task, after: Place) -> tuple[int, int]:
        """Seconds from a place of a route to the order, and on to the next."""
        at = self._near[task.place]
        return int(self._there[self._far[before], at]), int(self._onward[at, self._far[after]])


def reasons(problem: Problem, sequences: Sequence[Sequence[Task]], tasks: Sequence[Task]) -> Mapping[TaskId, str]:
    """The sentence of the reason that binds for each of the tasks, which the plan leaves out."""
    if not tasks:
        return {}
    ways = _Ways(problem, tasks, sequences)
    room = [
        gaps(route, stops, route_legs(route, stops, problem.travel)) or (empty_gap(route),)
        if stops
        else (empty_gap(route),)
        for route, stops in zip(problem.routes, sequences, strict=True)
    ]
    return {
        task.id: explain.binding(
            unsuited(route, task) or _refusal(route, stops, room[at], task, ways)
            for at, (route, stops) in enumerate(zip(problem.routes, sequences, strict=True))
        ).sentence()
        for task in tasks
    }


def _refusal(route: Route, stops: Sequence[Task], room: Sequence[Gap], task: Task, ways: _Ways) -> Refusal:
    """Why a technician who may serve the task has no place for it."""
    places = [route.start, *(stop.place for stop in stops), route.end]
    drives = [ways.through(before, task, after) for before, after in pairwise(places)]
    whole = [ways.through(route.start, task, route.end)]
    alone = explain.room_for(route, [empty_gap(route)], whole, task.service_seconds)[0]
    return explain.no_place(explain.room_for(route, room, drives, task.service_seconds), alone, task.starts)
