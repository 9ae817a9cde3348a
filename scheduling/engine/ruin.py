"""Improve a draft by taking neighbouring visits off their routes and putting them back better.

Ruin and recreate after Christiaens and Vanden Berghe, "Slack Induction by String Removals" (2020): strings of visits
near a random one are removed, then those and the absent ones nearby are put back one by one where they cost least,
sometimes skipping a place at random. A worse result is now and then accepted, less and less often (simulated annealing).
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence

import numpy as np

from scheduling.engine.draft import Draft
from scheduling.engine.plan import Objective, objective_of
from scheduling.engine.problem import Problem

NEIGHBOURS = 30
WEIGHT_SECONDS = 3_000
"""What one unit of weight is worth while searching; a gentler exchange than the lexicographic one finds more."""
MUST_SECONDS = 50_000_000
HOT, COLD = 500.0, 10.0


class Ruin:
    """A search that owns its draft. `keep` are tasks that no accepted draft may leave out."""

    def __init__(self, draft: Draft, keep: frozenset[int], seed: int) -> None:
        self.draft = draft
        self.best_sequences = [list(sequence) for sequence in draft.sequences]
        self.best: Objective = objective_of(draft.problem, draft.sequences)
        self._keep = keep
        self._rng = random.Random(seed)
        self._near = _neighbours(draft.problem)
        self._worth = [MUST_SECONDS if t.must else t.weight * WEIGHT_SECONDS for t in draft.problem.tasks]
        self._route_of = [-1] * len(draft.problem.tasks)
        for at, sequence in enumerate(draft.sequences):
            for task in sequence:
                self._route_of[task] = at

    def step(self, share: float) -> bool:
        """One ruin, one recreate, one decision; True when the result is the best so far.

        `share` is how much of the search is over, from 0 to 1.
        """
        temperature = HOT * (COLD / HOT) ** min(1.0, share)
        seed = self._rng.randrange(len(self._near))
        before: dict[int, list[int]] = {}
        removed = self._remove(seed, before)
        absent = [task for task in (seed, *self._near[seed]) if self._route_of[task] < 0 and task not in removed]
        inserted = self._put_back([*removed, *absent], before)
        gain = sum(self._cost(at, sequence) for at, sequence in before.items())
        gain -= sum(self._cost(at, self.draft.sequences[at]) for at in before)
        gain += sum(self._worth[task] for task in inserted) - sum(self._worth[task] for task in removed)
        lost = any(self._route_of[task] < 0 and task in self._keep for task in removed)
        if lost or (gain < 0 and self._rng.random() >= math.exp(gain / temperature)):
            self._undo(before)
            return False
        if gain <= 0:
            return False
        objective = objective_of(self.draft.problem, self.draft.sequences)
        if objective >= self.best:
            return False
        self.best = objective
        self.best_sequences = [list(sequence) for sequence in self.draft.sequences]
        return True

    def _remove(self, seed: int, before: dict[int, list[int]]) -> list[int]:
        """Take strings off up to three routes near the seed; returns the tasks, notes the routes as they were."""
        removed: list[int] = []
        wanted = self._rng.randint(1, 3)
        for task in (seed, *self._near[seed]):
            at = self._route_of[task]
            if at < 0 or at in before:
                continue
            sequence = self.draft.sequences[at]
            length = self._rng.randint(1, min(6, len(sequence)))
            position = sequence.index(task)
            first = self._rng.randint(max(0, position - length + 1), min(position, len(sequence) - length))
            if self.draft.try_sequence(at, sequence[:first] + sequence[first + length :]):
                before[at] = sequence
                removed += sequence[first : first + length]
                if len(before) == wanted:
                    break
        for task in removed:
            self._route_of[task] = -1
        return removed

    def _put_back(self, tasks: list[int], before: dict[int, list[int]]) -> list[int]:
        """Insert what fits, in one of several orders; returns the inserted tasks."""
        problem = self.draft.problem
        orders: list[Callable[[int], float]] = [
            lambda _: self._rng.random(),
            lambda task: -self._worth[task],
            lambda task: -self._worth[task] / (problem.tasks[task].service_seconds + 900),
            lambda task: problem.tasks[task].starts[-1].end - problem.tasks[task].starts[0].start,
        ]
        inserted = []
        for task in sorted(tasks, key=self._rng.choice(orders)):
            place = self.draft.best_insertion(task, rng=self._rng)
            if place is None or (place.cost >= self._worth[task] and task not in self._keep):
                continue
            before.setdefault(place.route, self.draft.sequences[place.route])
            self.draft.insert(task, place)
            self._route_of[task] = place.route
            inserted.append(task)
        return inserted

    def _undo(self, before: dict[int, list[int]]) -> None:
        for at in before:
            for task in self.draft.sequences[at]:
                self._route_of[task] = -1
        for at, sequence in before.items():
            self.draft.try_sequence(at, sequence)
            for task in sequence:
                self._route_of[task] = at

    def _cost(self, at: int, sequence: Sequence[int]) -> int:
        problem = self.draft.problem
        route = problem.routes[at].id
        cost = sum(self.draft.drives(at, sequence)) if sequence else 0
        for index in sequence:
            task = problem.tasks[index]
            if task.move_price_seconds and task.current is not None and task.current.route != route:
                cost += task.move_price_seconds
        return cost


def _neighbours(problem: Problem) -> list[list[int]]:
    """For each task the others that could share a technician's hour: near in travel and in time."""
    count = len(problem.tasks)
    if count == 0:
        return []
    opens = np.array([task.starts[0].start for task in problem.tasks])
    closes = np.array([task.starts[-1].end for task in problem.tasks])
    apart = np.maximum(0, np.maximum(opens[:, None] - closes[None, :], opens[None, :] - closes[:, None]))
    distance = problem.seconds[:count, :count] + 0.2 * apart
    np.fill_diagonal(distance, np.inf)
    order = np.argsort(distance, axis=1, kind="stable")[:, : min(NEIGHBOURS, count - 1)]
    out: list[list[int]] = order.tolist()
    return out
