"""A plan: every route's timeline, what is not planned and why, and how good it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from scheduling.engine.problem import Problem, Route, RouteId, Task
from scheduling.engine.reasons import Refusal
from scheduling.engine.timeline import Timeline


@dataclass(frozen=True, slots=True, order=True)
class Objective:
    """How good a plan is; smaller is better, and an earlier field outweighs all later ones.

    `missed_promises` counts promised or pinned tasks not served; `missed_weight` adds the weights of the other tasks
    not served; `cost_seconds` is travel plus the price of every task moved off its current route.
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
    """A task that is not served: the binding reason, and the reason of each route."""

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


def objective_of(problem: Problem, sequences: Sequence[Sequence[int]]) -> Objective:
    """Rate the plan in which each route serves these tasks (indices) in this order; does not check that it can be."""
    table = problem.seconds
    served: dict[int, int] = {}
    cost = 0
    for at, sequence in enumerate(sequences):
        if not sequence:
            continue
        nodes = [problem.start_node(at), *sequence, problem.end_node(at)]
        cost += sum(int(table[a, b]) for a, b in pairwise(nodes))
        served.update(dict.fromkeys(sequence, at))
    missed = [task for index, task in enumerate(problem.tasks) if index not in served]
    for index, at in served.items():
        task = problem.tasks[index]
        if task.current is not None and task.current.route != problem.routes[at].id:
            cost += task.move_price_seconds
    return Objective(sum(t.must for t in missed), sum(t.weight for t in missed if not t.must), cost)
