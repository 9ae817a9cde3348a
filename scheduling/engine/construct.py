"""The plan to start from: what stands already, then every other task where it costs least."""

from __future__ import annotations

import random

from scheduling.engine.draft import Draft
from scheduling.engine.problem import Problem


def incumbent(problem: Problem) -> Draft:
    """The plan in force, as far as it can still be kept.

    A route that cannot be kept as it is loses as little as it can: pinned tasks are laid down first, then promised
    ones, then by weight, each at its cheapest place on the same route.
    """
    draft = Draft(problem)
    standing: dict[int, list[tuple[int, int]]] = {}
    for index, task in enumerate(problem.tasks):
        if task.current is not None and task.current.route in problem.route_at:
            at = problem.route_at[task.current.route]
            if at in draft.suited[index]:
                standing.setdefault(at, []).append((task.current.start, index))
    for at, stops in standing.items():
        sequence = [index for _, index in sorted(stops)]
        if draft.try_sequence(at, sequence):
            continue
        for index in sorted(sequence, key=lambda task: _urgency(problem, task)):
            place = draft.best_insertion(index, [at])
            if place is not None:
                draft.insert(index, place)
    return draft


def fill(draft: Draft, rng: random.Random | None = None) -> None:
    """Put every absent task where it costs least: pinned, promised, then heavy ones first; `rng` varies the order."""
    problem = draft.problem

    def order(task: int) -> tuple[float, ...]:
        must, choice, weight = _urgency(problem, task)
        return (must, weight * (rng.uniform(0.5, 1.5) if rng else 1.0), choice, len(draft.suited[task]))

    for index in sorted(draft.absent(), key=order):
        place = draft.best_insertion(index)
        if place is not None:
            draft.insert(index, place)


def _urgency(problem: Problem, index: int) -> tuple[int, int, int]:
    """Sorts pinned before promised before others, then narrow windows first, then heavy ones."""
    task = problem.tasks[index]
    room = sum(window.end - window.start for window in task.starts)
    return (0 if task.pin is not None else 1 if task.promised else 2, room, -task.weight)
