"""A plan: every route's timeline, what is not planned and why, and how good it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from scheduling.engine.problem import Problem, Route, RouteId, Task
from scheduling.engine.reasons import Refusal
from scheduling.engine.spans import Span
from scheduling.engine.timeline import Timeline, keep


@dataclass(frozen=True, slots=True, order=True)
class Objective:
    """How good a plan is; smaller is better, and an earlier field outweighs all later ones.

    `missed_promises` counts promised or pinned tasks not served; `missed_weight` adds the weights of the other tasks
    not served; `cost_seconds` is travel plus all prices: moving, preference, lateness, technicians used and overtime.
    """

    missed_promises: int
    missed_weight: int
    cost_seconds: int


@dataclass(frozen=True, slots=True)
class RoutePlan:
    """One route with the times of all its visits."""

    route: Route
    timeline: Timeline


@dataclass(frozen=True, slots=True)
class RouteRefusal:
    """Why one route cannot take one task."""

    route: RouteId
    refusal: Refusal


@dataclass(frozen=True, slots=True)
class Unplanned:
    """A task that is not served: the binding reason, and the reasons of the routes that came closest, closest first."""

    task: Task
    refusal: Refusal
    by_route: tuple[RouteRefusal, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """The answer of `solve`: all routes in the problem's order, empty ones too; `travel_model` made its travel times."""

    routes: tuple[RoutePlan, ...]
    unplanned: tuple[Unplanned, ...]
    objective: Objective
    travel_model: str


def assembled(
    problem: Problem, sequences: Sequence[Sequence[int]], low: Sequence[int], high: Sequence[int]
) -> tuple[tuple[RoutePlan, ...], Objective]:
    """The routes with these tasks (indices) in this order, each simulated, and the plan's objective.

    `low` and `high` bound the service of tasks that come before or after others; see `kernel.links`. Raises
    `RouteNotKept` for a route that cannot be kept.
    """
    table = problem.seconds
    linked = linked_tasks(problem)
    routes = []
    cost = 0
    for at, (route, sequence) in enumerate(zip(problem.routes, sequences, strict=True)):
        stops = [problem.tasks[i] if i not in linked else _bounded(problem.tasks[i], low[i], high[i]) for i in sequence]
        nodes = [problem.start_node(at), *sequence, problem.end_node(at)]
        drives = [int(table[a, b]) for a, b in pairwise(nodes)]
        timeline = keep(route, stops, drives)
        if sequence:
            cost += timeline.travel_seconds + route.use_price_seconds + route.overtime_price(timeline.home)
            cost += sum(problem.tasks[index].price_on(route) for index in sequence)
        own = tuple(replace(stop, task=problem.tasks[i]) for stop, i in zip(timeline.stops, sequence, strict=True))
        routes.append(RoutePlan(route, replace(timeline, stops=own)))
    served = {task for sequence in sequences for task in sequence}
    missed = [task for index, task in enumerate(problem.tasks) if index not in served]
    weight = sum(task.weight for task in missed if not task.must)
    return tuple(routes), Objective(sum(task.must for task in missed), weight, cost)


def linked_tasks(problem: Problem) -> frozenset[int]:
    """Indices of the tasks that come before or after others."""
    after = {index for index, task in enumerate(problem.tasks) if task.after}
    before = {problem.task_at[link.task] for index in after for link in problem.tasks[index].after}
    return frozenset(after | before)


def _bounded(task: Task, low: int, high: int) -> Task:
    """The task with service from `low` to `high` only, both included."""
    windows = (Span(max(span.start, low), min(span.end, high + 1)) for span in task.starts)
    return replace(task, windows=tuple(span for span in windows if span.start < span.end), release=None, pin=None)
