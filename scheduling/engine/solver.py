"""`solve`: from a problem to a plan.

The plan in force is kept as far as it can be, the other tasks are put where they cost least, OR-Tools' routing solver
improves that, and a ruin-and-recreate search goes on from there. Every plan that is considered is rated by the same
objective and simulated by the same timeline, so the answer is never worse than the plan in force.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from scheduling.engine import explain
from scheduling.engine.construct import fill, incumbent
from scheduling.engine.draft import Draft
from scheduling.engine.eligibility import unsuited
from scheduling.engine.plan import Objective, Plan, RoutePlan, RouteRefusal, Unplanned, objective_of
from scheduling.engine.problem import Problem
from scheduling.engine.reasons import Refusal
from scheduling.engine.routing_model import Budget, RoutingModel
from scheduling.engine.ruin import Ruin
from scheduling.engine.slack import Gap, empty_gap, openings

STEPS_PER_SOLUTION = 5
STARTS = 5
ROUTING_MOST = 400
"""Above so many tasks OR-Tools' routing solver stays near its first solution; the time is better spent on the other."""


@dataclass(frozen=True, slots=True)
class Stop:
    """When to stop, whichever comes first.

    `seconds` of wall time (None: no limit, then `solutions` must be given); `solutions` bounds the search by counting,
    which makes it repeatable for one seed; `patience` is how many seconds may pass without a better plan (None: chosen
    from the size of the problem; ignored without `seconds`). Raises `ValueError` when nothing would ever stop it.
    """

    seconds: float | None = 2.0
    solutions: int | None = None
    patience: float | None = None

    def __post_init__(self) -> None:
        if self.seconds is None and self.solutions is None:
            raise ValueError("A search needs an end. Give seconds or solutions.")
        for name, value in (("seconds", self.seconds), ("solutions", self.solutions), ("patience", self.patience)):
            if value is not None and not value >= 0:
                raise ValueError(f"{name} must be 0 or more, not {value}.")


@dataclass(frozen=True, slots=True)
class Progress:
    """What a search has reached: `seconds` since it began and the best objective so far."""

    seconds: float
    objective: Objective


def solve(problem: Problem, stop: Stop, seed: int, progress: Callable[[Progress], None] | None = None) -> Plan:
    """The best plan found before the stop.

    Never worse than the plan in force (`Task.current`), as far as that can still be kept, and never without a promised
    or pinned task that it serves. Equal inputs, seed and `Stop(seconds=None, solutions=n)` give equal plans.
    """
    return _plan(_Search(problem, stop, seed, progress).run())


class _Search:
    """The best plan so far, and the clock."""

    def __init__(self, problem: Problem, stop: Stop, seed: int, progress: Callable[[Progress], None] | None) -> None:
        self._problem = problem
        self._stop = stop
        self._seed = seed
        self._progress = progress
        self._began = time.monotonic()
        standing = incumbent(problem)
        self._standing = [list(sequence) for sequence in standing.sequences]
        served = (task for sequence in self._standing for task in sequence)
        self._keep = frozenset(task for task in served if problem.tasks[task].must)
        self._draft = standing
        self._best = self._standing
        self._objective = objective_of(problem, self._best)

    def run(self) -> Draft:
        """Construct, then improve in two ways; the draft that comes back has whatever still fits put into it."""
        self._construct()
        if self._problem.routes and any(self._draft.suited):
            self._improve_by_routing()
            self._improve_by_ruin()
        self._restore(self._best)
        fill(self._draft)
        return self._draft

    def _construct(self) -> None:
        """Fill the standing plan in a few orders; one is enough when everything fits."""
        rng = random.Random(self._seed)
        for attempt in range(STARTS):
            self._restore(self._standing)
            fill(self._draft, rng if attempt else None)
            self._consider(self._draft.sequences)
            if not self._draft.absent() or self._left() <= 0:
                return

    def _improve_by_routing(self) -> None:
        """OR-Tools gets half of the time; it does most of its good early."""
        left = self._left() / 2
        if left <= 0 or self._stop.solutions == 0 or len(self._problem.tasks) > ROUTING_MOST:
            return
        self._restore(self._best)
        budget = Budget(left, self._stop.solutions, self._patience())
        RoutingModel(self._problem, self._keep, self._seed).improve(self._best, budget, self._consider)

    def _improve_by_ruin(self) -> None:
        self._restore(self._best)
        ruin = Ruin(self._draft, self._keep, self._seed)
        began, left, patience = time.monotonic(), self._left(), self._patience()
        most = None if self._stop.solutions is None else self._stop.solutions * STEPS_PER_SOLUTION
        improved, steps = began, 0
        while True:
            now = time.monotonic()
            quiet = patience is not None and now - improved > patience
            if now - began >= left or quiet or (most is not None and steps >= most):
                break
            share = steps / most if most else (now - began) / left
            if ruin.step(share):
                improved = time.monotonic()
                self._consider(ruin.best_sequences)
            steps += 1

    def _consider(self, sequences: Sequence[Sequence[int]]) -> None:
        """Keep these sequences if they are better than the best and can be kept."""
        objective = objective_of(self._problem, sequences)
        if objective >= self._objective or not self._keep <= {task for sequence in sequences for task in sequence}:
            return
        if not all(self._draft.can_keep(at, sequence) for at, sequence in enumerate(sequences)):
            return
        self._best, self._objective = [list(sequence) for sequence in sequences], objective
        if self._progress is not None:
            self._progress(Progress(time.monotonic() - self._began, objective))

    def _restore(self, sequences: Sequence[Sequence[int]]) -> None:
        for at, sequence in enumerate(sequences):
            if not self._draft.try_sequence(at, sequence):
                raise AssertionError("a plan that was found to be kept cannot be kept")

    def _left(self) -> float:
        """Seconds until the stop; a day when only solutions are counted."""
        if self._stop.seconds is None:
            return 86_400.0
        return self._stop.seconds - (time.monotonic() - self._began)

    def _patience(self) -> float | None:
        if self._stop.seconds is None:
            return None
        usual = 0.05 + 0.004 * len(self._problem.tasks)
        return self._stop.patience if self._stop.patience is not None else min(usual, self._stop.seconds / 3)


def _plan(draft: Draft) -> Plan:
    problem = draft.problem
    vacant = [empty_gap(route) for route in problem.routes]
    return Plan(
        routes=tuple(RoutePlan(route, draft.timeline(at)) for at, route in enumerate(problem.routes)),
        unplanned=tuple(_unplanned(draft, task, vacant) for task in draft.absent()),
        objective=objective_of(problem, draft.sequences),
        travel_model=problem.travel.name,
    )


def _unplanned(draft: Draft, index: int, vacant: Sequence[Gap]) -> Unplanned:
    """Ask each route why it has no place for the task; `vacant` is each route's room without any visit."""
    task = draft.problem.tasks[index]
    refusals = [
        RouteRefusal(route.id, unsuited(route, task) or _refusal(draft, at, index, vacant[at]))
        for at, route in enumerate(draft.problem.routes)
    ]
    return explain.unplanned(task, refusals)


def _refusal(draft: Draft, at: int, index: int, vacant: Gap) -> Refusal:
    """Why a suited route has no place for the task."""
    seconds, route, task = draft.seconds, draft.problem.routes[at], draft.problem.tasks[index]
    nodes = draft.nodes(at, draft.sequences[at])
    alone = openings(vacant, route.pauses, seconds[nodes[0]][index], seconds[index][nodes[-1]], task.service_seconds)
    ways = [(seconds[a][index], seconds[index][b]) for a, b in pairwise(nodes)]
    return explain.no_place(explain.room_for(route, draft.gaps_of(at), ways, task.service_seconds), alone, task.starts)
