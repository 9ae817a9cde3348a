"""OR-Tools' routing solver as an engine: a turn in the search of a small problem, or the whole search.

It goes on from the best plan there is. What it reports is laid by the compiled route states and taken only when it is
better by our own purpose, so a turn can never make a plan worse, whatever OR-Tools counts differently.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from scheduling.engine.engines import Engine
from scheduling.engine.portfolio import Portfolio, Sequences
from scheduling.engine.problem import Problem

SMALL_TASKS = 60
SMALL_ROUTES = 15
"""Up to so many tasks and routes OR-Tools' routing has a turn; beyond them it has never been seen to find anything."""
MOST_TASKS = 500
"""It is not asked for more tasks than this: at 1,000 it reads the greedy plan for two seconds and never leaves it."""
LEAST_SECONDS = 0.1
"""A shorter turn is over before it has begun."""
_LONGEST_SECONDS = 30 * 86_400.0


class TooLargeForRouting(ValueError):
    """OR-Tools' routing alone was asked for a plan of more orders than it can take."""

    def __init__(self, tasks: int) -> None:
        super().__init__(
            f"{tasks:,} orders are too many for the engine {Engine.ROUTING}, which takes up to {MOST_TASKS:,}. "
            f"Take the engine {Engine.PORTFOLIO}."
        )


def load() -> None:
    """Import the solver beside the search, before it is needed; that takes a third of a second."""
    from ortools.constraint_solver import pywrapcp  # noqa: F401


def is_small(problem: Problem) -> bool:
    """Whether OR-Tools' routing may find in a second what the compiled search has missed."""
    return 0 < len(problem.tasks) <= SMALL_TASKS and 0 < len(problem.routes) <= SMALL_ROUTES


def refuse_large(problem: Problem) -> None:
    """Raise `TooLargeForRouting` for what OR-Tools' routing alone should not be asked."""
    if len(problem.tasks) > MOST_TASKS:
        raise TooLargeForRouting(len(problem.tasks))


@dataclass(frozen=True, slots=True)
class RoutingTurn:
    """A search by OR-Tools' routing in one problem; `alone` when nothing else searches."""

    problem: Problem
    seed: int
    alone: bool = False

    def take(
        self,
        portfolio: Portfolio,
        better: Callable[[], None],
        *,
        seconds: float,
        solutions: int | None = None,
        patience: float | None = None,
    ) -> None:
        """Search on from the portfolio's best plan, and give it every better one; `better` is called after each.

        `seconds` bounds it by wall time, `solutions` by what it has met and tried, which can be repeated as long as
        the seconds do not end it; `patience` as in `Stop`.
        """
        from scheduling.engine.routing_model import Budget, RoutingModel

        if not self.problem.tasks or not self.problem.routes or seconds <= 0:
            return
        best = portfolio.sequences()
        musts = frozenset(task for tasks in best for task in tasks if portfolio.tables.must[task])
        budget = Budget(min(seconds, _LONGEST_SECONDS), solutions, patience)

        def met(sequences: Sequences) -> None:
            if portfolio.offer(sequences):
                better()

        RoutingModel(self.problem, musts, self.seed).improve(best, budget, met)
