"""The problem in the words of OR-Tools' routing solver. No other file imports ortools.

The solver starts from a draft and reports better sequences as it finds them; whether they hold is for `timeline` to say.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from ortools.constraint_solver import pywrapcp, routing_enums_pb2

from scheduling.engine.draft import Draft
from scheduling.engine.problem import Problem, Task

type Sequences = list[list[int]]


@dataclass(frozen=True, slots=True)
class Budget:
    """When the search ends: after so many seconds, after so many solutions, or `patience` seconds without a better one.

    With `solutions` a count of checks bounds the search too, so that it ends at the same point every time.
    """

    seconds: float
    solutions: int | None = None
    patience: float | None = None


CHECKS_PER_SOLUTION = 200


class RoutingModel:
    """One OR-Tools model of one problem; `kept` are the tasks that no solution may leave out."""

    def __init__(self, draft: Draft, kept: frozenset[int], seed: int) -> None:
        problem = draft.problem
        self._problem = problem
        self._suited = draft.suited
        count = len(problem.routes)
        starts = [problem.start_node(at) for at in range(count)]
        ends = [problem.end_node(at) for at in range(count)]
        self._manager = pywrapcp.RoutingIndexManager(len(problem.tasks) + 2 * count, count, starts, ends)
        self._routing: Any = pywrapcp.RoutingModel(self._manager)
        self._routing.solver().ReSeed(seed)
        self._zero = _earliest(problem)
        self._heavy = sum(task.weight for task in problem.tasks) + 1
        self._service = [task.service_seconds for task in problem.tasks] + [0] * (2 * count)
        self._price_travel(draft.seconds)
        self._clock = self._add_clock(draft.seconds)
        for at in range(count):
            self._bound_route(at)
        unit = _weight_unit(problem)
        for index, task in enumerate(problem.tasks):
            self._bound_task(index, task, unit, must=index in kept)

    def improve(
        self, initial: Sequence[Sequence[int]], budget: Budget, on_solution: Callable[[Sequences], None]
    ) -> None:
        """Search from `initial`, calling `on_solution` with the sequences of every solution met."""
        parameters = _parameters(budget)
        self._routing.CloseModelWithParameters(parameters)
        routes = [[self._manager.NodeToIndex(task) for task in sequence] for sequence in initial]
        start = self._routing.ReadAssignmentFromRoutes(routes, True)
        if start is None:
            return
        watch = _Watch(budget)
        solver = self._routing.solver()

        def report() -> None:
            watch.met(self._routing.CostVar().Value())
            on_solution(self._sequences())

        self._routing.AddAtSolutionCallback(report)
        self._routing.AddSearchMonitor(solver.CustomLimit(watch.over))
        self._routing.SolveFromAssignmentWithParameters(start, parameters)

    def _price_travel(self, seconds: list[list[int]]) -> None:
        """Arc costs: travel, plus the price of entering a task from a route other than its current one."""
        routing, problem = self._routing, self._problem
        priced = [(i, t) for i, t in enumerate(problem.tasks) if t.current is not None and t.move_price_seconds > 0]
        if not priced:
            routing.SetArcCostEvaluatorOfAllVehicles(routing.RegisterTransitMatrix(seconds))
            return
        for at, route in enumerate(problem.routes):
            table = [row.copy() for row in seconds]
            for index, task in priced:
                if task.current is not None and task.current.route != route.id:
                    for row in table:
                        row[index] += task.move_price_seconds
            routing.SetArcCostEvaluatorOfVehicle(routing.RegisterTransitMatrix(table), at)

    def _add_clock(self, seconds: list[list[int]]) -> Any:
        """The dimension of time: its cumul is the start of service; a drive follows the service it leaves."""
        transit = [[drive + self._service[node] for drive in row] for node, row in enumerate(seconds)]
        horizon = max(route.shift.end for route in self._problem.routes) - self._zero
        index = self._routing.RegisterTransitMatrix(transit)
        self._routing.AddDimension(index, horizon, horizon, False, "clock")
        return self._routing.GetDimensionOrDie("clock")

    def _bound_route(self, at: int) -> None:
        """Working hours and pauses of one route."""
        route = self._problem.routes[at]
        solver = self._routing.solver()
        opens, closes = route.hours.start - self._zero, route.hours.end - self._zero
        for index in (self._routing.Start(at), self._routing.End(at)):
            self._clock.CumulVar(index).SetRange(opens, closes)
        intervals = [
            solver.FixedDurationIntervalVar(
                pause.earliest - self._zero,
                pause.latest - self._zero,
                pause.seconds,
                False,
                f"pause {number} of {route.id}",
            )
            for number, pause in enumerate(route.pauses)
        ]
        if intervals:
            visits = [self._service[self._manager.IndexToNode(index)] for index in range(self._routing.Size())]
            self._clock.SetBreakIntervalsOfVehicle(intervals, at, visits)

    def _bound_task(self, index: int, task: Task, unit: int, *, must: bool) -> None:
        """Windows, suited routes, and the price of leaving the task out."""
        node = self._manager.NodeToIndex(index)
        if not self._suited[index]:
            self._routing.VehicleVar(node).SetValues([-1])
            self._routing.AddDisjunction([node], 0)
            return
        cumul = self._clock.CumulVar(node)
        windows = task.starts
        cumul.SetRange(max(0, windows[0].start - self._zero), max(0, windows[-1].end - 1 - self._zero))
        closed = [gap for gap in pairwise(windows) if self._could_start_between(index, gap[0].end, gap[1].start)]
        if closed:
            # Holes cut into the variable itself cost milliseconds each; as a constraint they cost nothing.
            shut = [before.end - self._zero for before, _ in closed]
            opens = [after.start - 1 - self._zero for _, after in closed]
            solver = self._routing.solver()
            solver.Add(solver.NotMemberCt(cumul, shut, opens))
        if must:
            self._routing.VehicleVar(node).SetValues(self._suited[index])
            return
        self._routing.VehicleVar(node).SetValues([-1, *self._suited[index]])
        self._routing.AddDisjunction([node], unit * (self._heavy if task.must else task.weight))

    def _could_start_between(self, index: int, closes: int, opens: int) -> bool:
        """Whether some suited technician works while the task's windows are shut; at night nothing need be forbidden."""
        hours = (self._problem.routes[at].hours for at in self._suited[index])
        return any(span.start < opens and closes < span.end for span in hours)

    def _sequences(self) -> Sequences:
        """The tasks of each route in the solution just met."""
        out: Sequences = []
        for at in range(len(self._problem.routes)):
            sequence: list[int] = []
            index = self._routing.NextVar(self._routing.Start(at)).Value()
            while not self._routing.IsEnd(index):
                sequence.append(self._manager.IndexToNode(index))
                index = self._routing.NextVar(index).Value()
            out.append(sequence)
        return out


class _Watch:
    """Ends a search that has met nothing better for a while, or has been going on for its count of checks."""

    def __init__(self, budget: Budget) -> None:
        self._patience = budget.patience
        self._checks_left = None if budget.solutions is None else budget.solutions * CHECKS_PER_SOLUTION
        self._best: int | None = None
        self._since = time.monotonic()

    def met(self, cost: int) -> None:
        """Note the cost of a solution."""
        if self._best is None or cost < self._best:
            self._best, self._since = cost, time.monotonic()

    def over(self) -> bool:
        """True when the patience or the checks have run out."""
        if self._checks_left is not None:
            self._checks_left -= 1
            if self._checks_left < 0:
                return True
        return self._patience is not None and time.monotonic() - self._since > self._patience


def _parameters(budget: Budget) -> Any:
    parameters = pywrapcp.DefaultRoutingSearchParameters()
    parameters.local_search_metaheuristic = routing_enums_pb2.LocalSearchMetaheuristic.GUIDED_LOCAL_SEARCH
    parameters.time_limit.FromMilliseconds(max(1, round(budget.seconds * 1000)))
    parameters.lns_time_limit.FromMilliseconds(max(1, round(budget.seconds * 1000)))
    if budget.solutions is not None:
        parameters.solution_limit = budget.solutions
    return parameters


def _earliest(problem: Problem) -> int:
    """The second that becomes OR-Tools' zero; its times may not be negative."""
    return min(route.shift.start for route in problem.routes)


def _weight_unit(problem: Problem) -> int:
    """More than all travel and all prices of moving together, so that one unit of weight outweighs them."""
    hours = sum(route.hours.end - route.hours.start for route in problem.routes)
    return hours + sum(task.move_price_seconds for task in problem.tasks) + 1
