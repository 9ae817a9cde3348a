"""The best plan there is for a tiny problem, by CP-SAT: a model of its own that shares no rule with the engine.

One circuit per route, one time per visit; every pause is taken on the drive to one visit, on the way home, or at home.
Which pauses a day has beside its absences (`Route.pauses`) is taken as given.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from ortools.sat.python import cp_model

from scheduling.engine.problem import Problem, Route, Task
from tests.scheduling.checker import Drive, home_limit, may_start, price, unsuitable

type Figures = tuple[int, int, int]
"""Missed promises and pins, missed weight, cost: smaller is better from left to right."""

type Pause = tuple[cp_model.IntVar, int, dict[int, cp_model.IntVar]]

DEAREST = 1_000_000
"""More than any plan of a tiny problem costs."""


class Oracle:
    """The problem as a model, to be asked once: what is the best plan, or whether and how well given routes go."""

    def __init__(self, problem: Problem, drive: Drive) -> None:
        self.problem, self.drive = problem, drive
        self.model = cp_model.CpModel()
        self.starts = [self._start(task) for task in problem.tasks]
        self.on = [[self.model.new_bool_var(f"{t.id} on {r.id}") for t in problem.tasks] for r in problem.routes]
        self.served = [self.model.new_bool_var(task.id) for task in problem.tasks]
        for index in range(len(problem.tasks)):
            self.model.add(sum(row[index] for row in self.on) == self.served[index])
        self.ways = [_Way(self, at, route) for at, route in enumerate(problem.routes)]
        self._sequences()

    def best(self) -> Figures:
        """The figures of the best plan."""
        found = self._figures()
        assert found is not None, "a plan without visits is always possible"
        return found

    def rate(self, sequences: Sequence[Sequence[int]]) -> Figures | None:
        """The figures of exactly these tasks on these routes in this order, at the best times; None when impossible."""
        for row, way, sequence in zip(self.on, self.ways, sequences, strict=True):
            for index, literal in enumerate(row):
                self.model.add(literal == (index in sequence))
            for arc in pairwise([-1, *sequence, -1]):
                self.model.add(way.arcs[arc] == 1)
        return self._figures()

    def _figures(self) -> Figures | None:
        tasks = self.problem.tasks
        musts = [task.promised or task.pin is not None for task in tasks]
        weight = sum(task.weight for task in tasks)
        missed = sum(1 - s for s, must in zip(self.served, musts, strict=True) if must)
        light = sum(t.weight * (1 - s) for t, s, must in zip(tasks, self.served, musts, strict=True) if not must)
        cost = sum(way.cost for way in self.ways)
        self.model.minimize(missed * DEAREST * (weight + 1) + light * DEAREST + cost)
        solver = self._solved()
        return None if solver is None else (solver.value(missed), solver.value(light), solver.value(cost))

    def _solved(self) -> cp_model.CpSolver | None:
        solver = cp_model.CpSolver()
        solver.parameters.num_workers = 1
        solver.parameters.max_time_in_seconds = 60
        status = solver.solve(self.model)
        if status == cp_model.INFEASIBLE:
            return None
        assert status == cp_model.OPTIMAL, "the problem is too large for the oracle"
        return solver

    def _start(self, task: Task) -> cp_model.IntVar:
        """The start of service; it has no meaning when the task is not served."""
        spans = [(w.start, w.end) for w in task.windows]
        if task.pin is not None and task.pin.start is not None:
            spans = [(task.pin.start, task.pin.start + 1)]
        elif task.release is not None:
            spans = [(max(a, task.release), b) for a, b in spans if b > task.release]
        assert all(may_start(task, a) and may_start(task, b - 1) for a, b in spans)
        domain = cp_model.Domain.from_intervals([[a, b - 1] for a, b in spans])
        return self.model.new_int_var_from_domain(domain, f"start of {task.id}")

    def _sequences(self) -> None:
        tasks = self.problem.tasks
        index = {task.id: at for at, task in enumerate(tasks)}
        for at, task in enumerate(tasks):
            for link in task.after:
                first = index[link.task]
                self.model.add_implication(self.served[at], self.served[first])
                ended = self.starts[first] + tasks[first].service_seconds
                self.model.add(self.starts[at] >= ended + link.gap_seconds).only_enforce_if(self.served[at])


@dataclass
class _Way:
    """One route of the model. Node -1 is where it starts and ends."""

    oracle: Oracle
    at: int
    route: Route

    def __post_init__(self) -> None:
        model, tasks, route = self.oracle.model, self.oracle.problem.tasks, self.route
        self.on = self.oracle.on[self.at]
        nodes = range(-1, len(tasks))
        self.arcs = {(a, b): model.new_bool_var(f"{route.id} {a} {b}") for a in nodes for b in nodes}
        self.used = self.arcs[-1, -1].negated()
        model.add_circuit([(a + 1, b + 1, literal) for (a, b), literal in self.arcs.items()])
        for index, task in enumerate(tasks):
            model.add(self.arcs[index, index] == 1 - self.on[index])
            model.add_implication(self.on[index], self.used)
            if unsuitable(route, task):
                model.add(self.on[index] == 0)
        self.home = model.new_int_var(route.hours.start, max(route.hours.start, home_limit(route)), f"{route.id} home")
        self._times(self._pauses())
        self._limits()

    def _pauses(self) -> list[Pause]:
        """Start, length, and on the drive to which node each pause is taken; on none when it is taken at home."""
        model, route = self.oracle.model, self.route
        out: list[Pause] = []
        for number, pause in enumerate(route.pauses):
            first, last, seconds = pause.earliest, pause.latest, pause.seconds
            begin = model.new_int_var(first, last, f"{route.id} pause {number}")
            on_way = {node: model.new_bool_var("") for node in range(-1, len(self.on))}
            model.add(sum(on_way.values()) <= 1)
            at_home = model.new_bool_var("")
            model.add(sum(on_way.values()) + at_home == 1)
            model.add(begin >= self.home).only_enforce_if(at_home, self.used)
            if out:
                before, length, _ = out[-1]
                model.add(begin >= before + length).only_enforce_if(self.used)
            out.append((begin, seconds, on_way))
        return out

    def _times(self, pauses: Sequence[Pause]) -> None:
        oracle, tasks = self.oracle, self.oracle.problem.tasks
        for (a, b), literal in self.arcs.items():
            if a == b:
                continue
            left = self.route.hours.start if a < 0 else oracle.starts[a] + tasks[a].service_seconds
            there = self.home if b < 0 else oracle.starts[b]
            lost = sum(seconds * on_way[b] for _, seconds, on_way in pauses)
            oracle.model.add(there >= left + self._drive(a, b) + lost).only_enforce_if(literal)
            for begin, seconds, on_way in pauses:
                oracle.model.add(begin >= left).only_enforce_if(literal, on_way[b])
                oracle.model.add(begin + seconds <= there).only_enforce_if(literal, on_way[b])
        for _, _, on_way in pauses:
            for node, literal in on_way.items():
                oracle.model.add_implication(literal, self.used if node < 0 else self.on[node])

    def _drive(self, a: int, b: int) -> int:
        tasks = self.oracle.problem.tasks
        return self.oracle.drive(
            self.route.start if a < 0 else tasks[a].place, self.route.end if b < 0 else tasks[b].place
        )

    def _limits(self) -> None:
        """Driving and parts within their limits, and what the route costs."""
        model, route, tasks = self.oracle.model, self.route, self.oracle.problem.tasks
        travel = sum(self._drive(a, b) * literal for (a, b), literal in self.arcs.items() if a != b)
        if route.max_travel_seconds is not None:
            model.add(travel <= route.max_travel_seconds)
        for part in {name for task in tasks for name, _ in task.parts} if route.van is not None else ():
            needed = sum(dict(task.parts).get(part, 0) * on for task, on in zip(tasks, self.on, strict=True))
            model.add(needed <= dict(route.van or ()).get(part, 0))
        overtime = model.new_int_var(0, DEAREST, f"{route.id} overtime")
        late = (self.home - route.shift.end) * route.overtime_price_seconds
        model.add(3600 * overtime >= late).only_enforce_if(self.used)
        prices = sum(price(route, task) * on for task, on in zip(tasks, self.on, strict=True))
        self.cost = travel + prices + route.use_price_seconds * self.used + overtime
