"""A plan in the making: the order of tasks on each route, with the room in every gap kept up to date."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from scheduling.eligibility import unsuited
from scheduling.problem import Problem
from scheduling.slack import Gap, first_start, gaps, openings
from scheduling.timeline import NEVER, Timeline, keep

OVERLOOKED = 0.02


@dataclass(frozen=True, slots=True)
class Insertion:
    """A place for a task: the gap before position `before` of a route, and what it costs in travel seconds."""

    cost: int
    route: int
    before: int


class Draft:
    """Sequences of task indices, one per route; every one of them can be kept at all times."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.seconds: list[list[int]] = problem.seconds.tolist()
        self.sequences: list[list[int]] = [[] for _ in problem.routes]
        self.suited = [
            [at for at, route in enumerate(problem.routes) if unsuited(route, task) is None] for task in problem.tasks
        ]
        self._gaps: list[tuple[Gap, ...]] = [self._measure(at, ()) or () for at in range(len(problem.routes))]

    def drives(self, at: int, sequence: Sequence[int]) -> list[int]:
        """Seconds of each drive of a route that would serve this sequence."""
        nodes = [self.problem.start_node(at), *sequence, self.problem.end_node(at)]
        return [self.seconds[a][b] for a, b in pairwise(nodes)]

    def try_sequence(self, at: int, sequence: Sequence[int]) -> bool:
        """Give the route this sequence if it can be kept; False (and no change) otherwise."""
        measured = self._measure(at, sequence)
        if measured is None:
            return False
        self.sequences[at] = list(sequence)
        self._gaps[at] = measured
        return True

    def can_keep(self, at: int, sequence: Sequence[int]) -> bool:
        """Whether the route could serve this sequence; changes nothing."""
        return self._measure(at, sequence) is not None

    def best_insertion(
        self, task: int, routes: Iterable[int] | None = None, rng: random.Random | None = None
    ) -> Insertion | None:
        """The cheapest place where the task fits on one of `routes` (all suited ones by default); None when none.

        With `rng` one place in fifty is overlooked, so that a search does not always return to the same plan.
        """
        best: Insertion | None = None
        item = self.problem.tasks[task]
        to_task = self.seconds[task]
        for at in self.suited[task] if routes is None else routes:
            sequence = self.sequences[at]
            pauses = self.problem.routes[at].pauses
            moved = item.current is not None and item.current.route != self.problem.routes[at].id
            extra = item.move_price_seconds if moved else 0
            before_node = self.problem.start_node(at)
            for position in range(len(sequence) + 1):
                after_node = sequence[position] if position < len(sequence) else self.problem.end_node(at)
                there, onward = self.seconds[before_node][task], to_task[after_node]
                direct = self.seconds[before_node][after_node] if sequence else 0
                before_node = after_node
                cost = there + onward - direct + extra
                if (best is not None and cost >= best.cost) or (rng is not None and rng.random() < OVERLOOKED):
                    continue
                choices = openings(self._gaps[at][position], pauses, there, onward, item.service_seconds)
                if first_start(choices, item.starts) < NEVER:
                    best = Insertion(cost, at, position)
        return best

    def insert(self, task: int, place: Insertion) -> None:
        """Put the task into the place that `best_insertion` found; the draft must not have changed in between."""
        sequence = self.sequences[place.route]
        if not self.try_sequence(place.route, [*sequence[: place.before], task, *sequence[place.before :]]):
            raise AssertionError("a place that was found to fit does not fit")

    def gaps_of(self, at: int) -> tuple[Gap, ...]:
        """The gaps of a route as it stands."""
        return self._gaps[at]

    def absent(self) -> list[int]:
        """Indices of the tasks on no route."""
        served = {task for sequence in self.sequences for task in sequence}
        return [task for task in range(len(self.problem.tasks)) if task not in served]

    def timeline(self, at: int) -> Timeline:
        """The exact times of a route as it stands."""
        sequence = self.sequences[at]
        stops = [self.problem.tasks[task] for task in sequence]
        return keep(self.problem.routes[at], stops, self.drives(at, sequence))

    def _measure(self, at: int, sequence: Sequence[int]) -> tuple[Gap, ...] | None:
        stops = [self.problem.tasks[task] for task in sequence]
        return gaps(self.problem.routes[at], stops, self.drives(at, sequence))
