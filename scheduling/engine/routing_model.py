"""The problem in the words of OR-Tools' routing solver: an engine for small problems, and a second opinion on any plan.

No other file of the engine's search opens this solver. It starts from sequences and reports better ones as it finds
them; whether they hold is for `timeline` to say. `accepts` asks the other way round: whether OR-Tools, by its own rules
of time, breaks and capacity, can drive given sequences.

What is exact: windows, release, pins, breaks and absences in their order, home by the end of shift and overtime, most
driving, parts in the van, skills, levels, territories and persons, sequences with gaps, all prices. What is not: the
price of overtime is not rounded up to whole seconds, and weights are scaled down when their sum would pass 64 bits.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from ortools.constraint_solver import pywrapcp, routing_enums_pb2

from scheduling.engine.eligibility import unsuited
from scheduling.engine.problem import Problem, Route, Task
from scheduling.engine.timeline import latest_home

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
STEP_SHARE, STEP_SECONDS = 0.25, 0.3
"""One step of the search, or reading the plan it starts from, may take so many seconds, but no larger share of them all."""
STEP_LEAST_SHARE = 0.1
"""Where there is more time, a step may take this share of it."""
MOST_COST = 1 << 60
"""The costs of a whole plan must stay below; above 64 bits OR-Tools takes them for infinite."""
MOST_FAILURES = 200_000


class Undecided(RuntimeError):
    """OR-Tools could neither find times for the given sequences nor rule them out within its bounds."""


def accepts(
    problem: Problem, sequences: Sequence[Sequence[int]], starts: Sequence[Sequence[int]] | None = None
) -> bool:
    """Whether OR-Tools finds times at which exactly these tasks (indices) can be done on these routes in this order.

    With `starts` (seconds from the origin, one per task in the same shape) it must be at these times. Raises
    `Undecided` when it cannot tell; that takes many breaks on one route.
    """
    return RoutingModel(problem, frozenset(), 0).accepts(sequences, starts)


class RoutingModel:
    """One OR-Tools model of one problem; `kept` are the tasks that no solution may leave out."""

    def __init__(self, problem: Problem, kept: frozenset[int], seed: int) -> None:
        self._problem = problem
        usable = [_usable(route) for route in problem.routes]
        self._suited = [
            [at for at, route in enumerate(problem.routes) if usable[at] and unsuited(route, task) is None]
            for task in problem.tasks
        ]
        count = len(problem.routes)
        starts = [problem.start_node(at) for at in range(count)]
        ends = [problem.end_node(at) for at in range(count)]
        self._manager = pywrapcp.RoutingIndexManager(len(problem.seconds), count, starts, ends)
        self._routing: Any = pywrapcp.RoutingModel(self._manager)
        self._routing.solver().ReSeed(seed)
        self._zero = min(route.shift.start for route in problem.routes)
        self._service = [task.service_seconds for task in problem.tasks]
        self._service += [0] * (len(problem.seconds) - len(problem.tasks))
        self._breaks: list[Any] = []
        self._clock = self._add_clock()
        for at, route in enumerate(problem.routes):
            self._bound_route(at, route, usable=usable[at])
        self._add_limits()
        penalties = self._add_prices()
        for index, task in enumerate(problem.tasks):
            self._bound_task(index, task, penalties[index], must=index in kept)
        self._add_sequences()

    def improve(
        self, initial: Sequence[Sequence[int]], budget: Budget, on_solution: Callable[[Sequences], None]
    ) -> None:
        """Search from `initial`, calling `on_solution` with the sequences of every solution met.

        What `on_solution` raises ends the search and is raised here. The model is of no further use.
        """
        parameters = _parameters(budget)
        self._routing.CloseModelWithParameters(parameters)
        routes = [[self._manager.NodeToIndex(task) for task in sequence] for sequence in initial]
        start = self._routing.ReadAssignmentFromRoutes(routes, True)
        if start is None:
            return
        watch = _Watch(budget)
        solver = self._routing.solver()

        def report() -> None:
            if watch.failed is not None:
                return
            watch.met(self._routing.CostVar().Value())
            try:
                on_solution(self._sequences())
            except BaseException as error:  # noqa: BLE001 - it must not pass through C++; it is raised below.
                watch.failed = error

        self._routing.AddAtSolutionCallback(report)
        self._routing.AddSearchMonitor(solver.CustomLimit(watch.over))
        try:
            self._routing.SolveFromAssignmentWithParameters(start, parameters)
        finally:
            # Its callback holds us, and we hold it, out of sight of Python's collector: let go, or a planner that runs for
            # days keeps the tables of every search it ever made.
            del self._routing
        if watch.failed is not None:
            raise watch.failed

    def accepts(self, sequences: Sequence[Sequence[int]], starts: Sequence[Sequence[int]] | None = None) -> bool:
        """See `accepts` of this module. The model is of no further use."""
        routing, manager, solver = self._routing, self._manager, self._routing.solver()
        absent = set(range(len(self._problem.tasks)))
        for at, sequence in enumerate(sequences):
            if any(at not in self._suited[task] for task in sequence):
                return False
            absent.difference_update(sequence)
            nodes = [routing.Start(at), *(manager.NodeToIndex(task) for task in sequence), routing.End(at)]
            for here, there in pairwise(nodes):
                routing.NextVar(here).SetValue(there)
        for task in absent:
            routing.NextVar(manager.NodeToIndex(task)).SetValue(manager.NodeToIndex(task))
        for sequence, times in zip(sequences, starts or (), strict=starts is not None):
            for task, second in zip(sequence, times, strict=True):
                solver.Add(self._clock.CumulVar(manager.NodeToIndex(task)) == second - self._zero)
        routing.CloseModel()
        times = [pause.StartExpr().Var() for pause in self._breaks]
        times += [self._clock.CumulVar(index) for index in range(routing.Size() + routing.vehicles())]
        halves = solver.Phase(times, solver.CHOOSE_FIRST_UNBOUND, solver.SPLIT_LOWER_HALF)
        found = solver.Solve(halves, [solver.FailuresLimit(MOST_FAILURES)])
        if not found and solver.Failures() >= MOST_FAILURES:
            raise Undecided(
                f"OR-Tools met {MOST_FAILURES} dead ends without an answer. Ask for fewer routes at a time."
            )
        return bool(found)

    def _add_clock(self) -> Any:
        """The dimension of time: its cumul is the start of service; a drive follows the service it leaves."""
        transit = (self._drives() + np.array(self._service)[:, None]).tolist()
        horizon = max(0, *(route.home_by - self._zero for route in self._problem.routes))
        index = self._routing.RegisterTransitMatrix(transit)
        self._routing.AddDimension(index, horizon, horizon, False, "clock")
        return self._routing.GetDimensionOrDie("clock")

    def _drives(self) -> NDArray[np.int64]:
        """The travel table; a route without visits is not driven, so its way from start to end takes no time."""
        table = self._problem.seconds.astype(np.int64)
        for at in range(len(self._problem.routes)):
            table[self._problem.start_node(at), self._problem.end_node(at)] = 0
        return table

    def _bound_route(self, at: int, route: Route, *, usable: bool) -> None:
        """Working hours and pauses of one route; one that cannot be used keeps its clock where it is."""
        solver = self._routing.solver()
        opens = route.hours.start - self._zero
        closes = route.home_by - self._zero if usable else opens
        for index in (self._routing.Start(at), self._routing.End(at)):
            self._clock.CumulVar(index).SetRange(opens, closes)
        if not usable or not route.pauses:
            return
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
        for before, after in pairwise(intervals):
            solver.Add(after.StartsAfterEnd(before))
        visits = [self._service[self._manager.IndexToNode(index)] for index in range(self._routing.Size())]
        self._clock.SetBreakIntervalsOfVehicle(intervals, at, visits)
        self._breaks += intervals

    def _add_limits(self) -> None:
        """The most driving of a day, and the parts in the van, as dimensions of their own."""
        routing, problem = self._routing, self._problem
        if any(route.max_travel_seconds is not None for route in problem.routes):
            drives = routing.RegisterTransitMatrix(self._drives().tolist())
            most = [MOST_COST if r.max_travel_seconds is None else r.max_travel_seconds for r in problem.routes]
            routing.AddDimensionWithVehicleCapacity(drives, 0, most, True, "driving")
        if all(route.van is None for route in problem.routes):
            return
        for part in sorted({name for task in problem.tasks for name, _ in task.parts}):
            needs = [dict(task.parts).get(part, 0) for task in problem.tasks]
            needs += [0] * (len(problem.seconds) - len(needs))
            most = [MOST_COST if route.van is None else dict(route.van).get(part, 0) for route in problem.routes]
            index = routing.RegisterUnaryTransitVector(needs)
            routing.AddDimensionWithVehicleCapacity(index, 0, most, True, f"parts {part}")

    def _add_prices(self) -> list[int]:
        """Price everything in fractions of a second of travel; returns the price of leaving each task out."""
        problem = self._problem
        prices = [[task.price_on(route) for task in problem.tasks] for route in problem.routes]
        dearest = sum(max(column) for column in zip(*prices, strict=True))
        for route in problem.routes:
            dearest += max(0, route.home_by - route.hours.start) + route.use_price_seconds
            dearest += route.overtime_price(route.home_by)
        scale = _scale(problem.routes)
        if dearest * scale > MOST_COST >> 8:
            scale = 1
        self._price_travel(prices, scale)
        for at, route in enumerate(problem.routes):
            self._routing.SetFixedCostOfVehicle(route.use_price_seconds * scale, at)
            dear = route.overtime_price_seconds * scale // 3600
            if dear and route.home_by > route.shift.end:
                end = self._routing.End(at)
                self._clock.SetCumulVarSoftUpperBound(end, route.shift.end - self._zero, dear)
        return _penalties(problem.tasks, dearest * scale + 1)

    def _price_travel(self, prices: list[list[int]], scale: int) -> None:
        """Arc costs: travel, plus what the task entered costs on that route."""
        routing, problem = self._routing, self._problem
        table = problem.seconds.astype(np.int64) * scale
        if not any(map(any, prices)):
            routing.SetArcCostEvaluatorOfAllVehicles(routing.RegisterTransitMatrix(table.tolist()))
            return
        known: dict[tuple[int, ...], int] = {}
        for at, row in enumerate(prices):
            evaluator = known.get(tuple(row))
            if evaluator is None:
                priced = table.copy()
                priced[:, : len(row)] += [price * scale for price in row]
                evaluator = known[tuple(row)] = routing.RegisterTransitMatrix(priced.tolist())
            routing.SetArcCostEvaluatorOfVehicle(evaluator, at)

    def _bound_task(self, index: int, task: Task, penalty: int, *, must: bool) -> None:
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
        self._routing.AddDisjunction([node], penalty)

    def _could_start_between(self, index: int, closes: int, opens: int) -> bool:
        """Whether some suited technician works while the task's windows are shut; at night nothing need be forbidden."""
        if closes == opens:
            return False
        routes = (self._problem.routes[at] for at in self._suited[index])
        return any(route.hours.start < opens and closes < route.home_by for route in routes)

    def _add_sequences(self) -> None:
        """A task that comes after another is served only with it, and late enough after its end."""
        routing, problem, solver = self._routing, self._problem, self._routing.solver()
        for index, task in enumerate(problem.tasks):
            node = self._manager.NodeToIndex(index)
            for link in task.after:
                first = self._manager.NodeToIndex(problem.task_at[link.task])
                active = routing.ActiveVar(node)
                solver.Add(active <= routing.ActiveVar(first))
                wait = self._service[problem.task_at[link.task]] + link.gap_seconds
                solver.Add(self._clock.CumulVar(node) >= (self._clock.CumulVar(first) + wait) * active)

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
    """Ends a search that has met nothing better for a while, has been going on for its count of checks, or has `failed`."""

    def __init__(self, budget: Budget) -> None:
        self.failed: BaseException | None = None
        self._patience = budget.patience
        self._checks_left = None if budget.solutions is None else budget.solutions * CHECKS_PER_SOLUTION
        self._best: int | None = None
        self._since = time.monotonic()

    def met(self, cost: int) -> None:
        """Note the cost of a solution."""
        if self._best is None or cost < self._best:
            self._best, self._since = cost, time.monotonic()

    def over(self) -> bool:
        """True when the patience or the checks have run out, or somebody failed."""
        if self.failed is not None:
            return True
        if self._checks_left is not None:
            self._checks_left -= 1
            if self._checks_left < 0:
                return True
        return self._patience is not None and time.monotonic() - self._since > self._patience


def _parameters(budget: Budget) -> Any:
    parameters = pywrapcp.DefaultRoutingSearchParameters()
    parameters.local_search_metaheuristic = routing_enums_pb2.LocalSearchMetaheuristic.GUIDED_LOCAL_SEARCH
    # A step that has begun runs on beyond the limit of the whole, up to its own.
    step = min(STEP_SHARE * budget.seconds, max(STEP_SECONDS, STEP_LEAST_SHARE * budget.seconds))
    parameters.time_limit.FromMilliseconds(max(1, round((budget.seconds - step) * 1000)))
    parameters.lns_time_limit.FromMilliseconds(max(1, round(step * 1000)))
    if budget.solutions is not None:
        parameters.solution_limit = budget.solutions
    return parameters


def _usable(route: Route) -> bool:
    """Whether the technician works at all that day and can take all the pauses."""
    return route.hours.start < route.hours.end and latest_home(route.pauses, route.home_by) >= route.hours.start


def _scale(routes: Sequence[Route]) -> int:
    """By how much a second is divided so that a second of overtime costs a whole number on every route."""
    return math.lcm(*(3600 // math.gcd(3600, route.overtime_price_seconds) for route in routes))


def _penalties(tasks: Sequence[Task], unit: int) -> list[int]:
    """The price of leaving each task out: one unit of weight outweighs all costs, one promise all weights."""
    heavy = sum(task.weight for task in tasks if not task.must) + 1
    prices = [unit * (heavy if task.must else task.weight) for task in tasks]
    shrink = -(-sum(prices) // MOST_COST) or 1
    return [max(1, price // shrink) for price in prices]
