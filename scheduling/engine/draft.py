"""A plan in the making: the order of tasks on each route, with the room in every gap kept up to date."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from scheduling.engine.eligibility import unsuited
from scheduling.engine.problem import Problem
from scheduling.engine.slack import Gap, first_start, gaps, openings
from scheduling.engine.timeline import NEVER, Timeline, keep

OVERLOOKED = 0.02


@dataclass(frozen=True, slots=True)
class Insertion:
    """A place for a task: the gap before position `before` of a route, and what it costs in travel seconds."""

    cost: int
    route: int
    before: int


type Row = tuple[list[int], int, int, Gap]
"""A gap as the search reads it: drives from the node before it, the node after it, the drive between, the room."""


class Draft:
    """Sequences of task indices, one per route; every one of them can be kept at all times."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.seconds: list[list[int]] = problem.seconds.tolist()
        self.sequences: list[list[int]] = [[] for _ in problem.routes]
        self.suited = [
            [at for at, route in enumerate(problem.routes) if unsuited(route, task) is None] for task in problem.tasks
        ]
        self._pauses = [route.pauses for route in problem.routes]
        self._rows: list[list[Row]] = [self._measure(at, ()) or [] for at in range(len(problem.routes))]

    def nodes(self, at: int, sequence: Sequence[int]) -> list[int]:
        """The places of a route that would serve this sequence, as indices in `seconds`."""
        return [self.problem.start_node(at), *sequence, self.problem.end_node(at)]

    def drives(self, at: int, sequence: Sequence[int]) -> list[int]:
        """Seconds of each drive of a route that would serve this sequence."""
        return [self.seconds[a][b] for a, b in pairwise(self.nodes(at, sequence))]

    def try_sequence(self, at: int, sequence: Sequence[int]) -> bool:
        """Give the route this sequence if it can be kept; False (and no change) otherwise."""
        measured = self._measure(at, sequence)
        if measured is None:
            return False
        self.sequences[at] = list(sequence)
        self._rows[at] = measured
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
        item = self.problem.tasks[task]
        to_task, service = self.seconds[task], item.service_seconds
        opens, closes = item.starts[0].start, item.starts[-1].end - 1
        best_cost, best = NEVER, (-1, -1)
        for at in self.suited[task] if routes is None else routes:
            extra = self._price(task, at)
            for position, (from_before, after, direct, gap) in enumerate(self._rows[at]):
                there, onward = from_before[task], to_task[after]
                cost = there + onward - direct + extra
                if cost >= best_cost:
                    continue
                earliest, latest = gap.soonest + there, gap.latest - onward - service
                if earliest > latest or earliest > closes or latest < opens:
                    continue
                if rng is not None and rng.random() < OVERLOOKED:
                    continue
                if first_start(openings(gap, self._pauses[at], there, onward, service), item.starts) < NEVER:
                    best_cost, best = cost, (at, position)
        return Insertion(best_cost, *best) if best_cost < NEVER else None

    def insert(self, task: int, place: Insertion) -> None:
        """Put the task into the place that `best_insertion` found; the draft must not have changed in between."""
        sequence = self.sequences[place.route]
        longer = [*sequence[: place.before], task, *sequence[place.before :]]
        if not self.try_sequence(place.route, longer):
            raise AssertionError("a place that was found to fit does not fit")

    def gaps_of(self, at: int) -> list[Gap]:
        """The gaps of a route as it stands."""
        return [row[3] for row in self._rows[at]]

    def absent(self) -> list[int]:
        """Indices of the tasks on no route."""
        served = {task for sequence in self.sequences for task in sequence}
        return [task for task in range(len(self.problem.tasks)) if task not in served]

    def timeline(self, at: int) -> Timeline:
        """The exact times of a route as it stands. Raises `RouteNotKept` should the slack and the simulation differ."""
        sequence = self.sequences[at]
        stops = [self.problem.tasks[task] for task in sequence]
        return keep(self.problem.routes[at], stops, self.drives(at, sequence))

    def _price(self, task: int, at: int) -> int:
        """What it costs, besides travel, to have the task on this route."""
        item = self.problem.tasks[task]
        if not item.move_price_seconds or item.current is None or item.current.route == self.problem.routes[at].id:
            return 0
        return item.move_price_seconds

    def _measure(self, at: int, sequence: Sequence[int]) -> list[Row] | None:
        """The gaps with their drives; None when the route cannot serve the sequence."""
        stops = [self.problem.tasks[task] for task in sequence]
        nodes = self.nodes(at, sequence)
        drives = [self.seconds[a][b] for a, b in pairwise(nodes)]
        measured = gaps(self.problem.routes[at], stops, drives)
        if measured is None:
            return None
        direct = drives if sequence else [0]
        return [(self.seconds[nodes[n]], nodes[n + 1], direct[n], gap) for n, gap in enumerate(measured)]
