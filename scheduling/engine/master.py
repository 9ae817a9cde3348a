"""OR-Tools picks the best combination of the good routes that a search has met (set packing).

Every column is a route with its tasks in order and its cost. At most one column per technician and day, every task at
most once; the purpose is the plan's own. The plan that the search ended with is given as a hint and is itself among the
columns, so the answer is never worse. SCIP solves it, by `ortools.math_opt`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np

from scheduling.engine.kernel.pool import Pool
from scheduling.engine.kernel.tables import Tables
from scheduling.engine.tabulate import unavoidable

if TYPE_CHECKING:
    from ortools.math_opt.python import mathopt

WEIGHT_SECONDS = 20_000
"""What a unit of weight is worth here: more than the detour for any visit, small enough for exact arithmetic."""
MUST_SECONDS = 50_000_000
MOST_COLUMNS = 5_000


@dataclass(frozen=True, slots=True)
class Column:
    """A route that could be taken: the route's index, its tasks in order, its cost in seconds of travel."""

    route: int
    tasks: tuple[int, ...]
    cost: int


def load() -> None:
    """Import the solver, which takes a third of a second: the search does it beside its work, before it is needed."""
    from ortools.math_opt.python import mathopt  # noqa: F401


def columns_of(pools: Sequence[Pool], best: Sequence[Sequence[int]], costs: Sequence[int]) -> list[Column]:
    """The routes of the best plan, then those noted last in each pool, each once."""
    found = {(at, frozenset(tasks)): Column(at, tuple(tasks), costs[at]) for at, tasks in enumerate(best) if tasks}
    quota = MOST_COLUMNS // max(1, len(pools))
    for pool in pools:
        size, noted = len(pool.length), int(pool.counters[0])
        for back in range(min(size, noted, quota)):
            slot = (noted - 1 - back) % size
            tasks = tuple(pool.seq[slot, : pool.length[slot]].tolist())
            column = Column(int(pool.route[slot]), tasks, int(pool.cost[slot]))
            key = (column.route, frozenset(tasks))
            if key not in found or found[key].cost > column.cost:
                found[key] = column
    return list(found.values())


def pick(tables: Tables, columns: Sequence[Column], best: Sequence[Sequence[int]], seconds: float) -> list[list[int]]:
    """The best combination found in that time, as tasks in order for each route."""
    from ortools.math_opt.python import mathopt

    model = mathopt.Model()
    take = [model.add_binary_variable() for _ in columns]
    kinds = tables.kind.tolist()
    of_kind: dict[int, list[mathopt.Variable]] = {}
    of_task: dict[int, list[mathopt.Variable]] = {}
    for column, variable in zip(columns, take, strict=True):
        of_kind.setdefault(kinds[column.route], []).append(variable)
        for task in column.tasks:
            of_task.setdefault(task, []).append(variable)
    for kind, variables in of_kind.items():
        model.add_linear_constraint(mathopt.fast_sum(variables) <= kinds.count(kind))
    for variables in of_task.values():
        model.add_linear_constraint(mathopt.fast_sum(variables) <= 1)
    prize = np.where(tables.must > 0, MUST_SECONDS, tables.weight * WEIGHT_SECONDS + unavoidable(tables.price))
    model.minimize(
        mathopt.fast_sum(
            float(column.cost - prize[list(column.tasks)].sum()) * variable
            for column, variable in zip(columns, take, strict=True)
        )
    )
    standing = {(at, tuple(tasks)) for at, tasks in enumerate(best)}
    hint = mathopt.SolutionHint(
        variable_values={
            variable: float((column.route, column.tasks) in standing)
            for column, variable in zip(columns, take, strict=True)
        }
    )
    result = mathopt.solve(
        model,
        mathopt.SolverType.GSCIP,
        params=mathopt.SolveParameters(time_limit=timedelta(seconds=seconds), threads=1),
        model_params=mathopt.ModelSolveParameters(solution_hints=[hint]),
    )
    if not result.has_primal_feasible_solution():
        return [list(tasks) for tasks in best]
    values = result.variable_values(take)
    chosen = [column for column, value in zip(columns, values, strict=True) if value > 0.5]
    return _routes(kinds, chosen)


def _routes(kinds: Sequence[int], chosen: Sequence[Column]) -> list[list[int]]:
    """Give every chosen column a route of its kind, its own if that is free."""
    out: list[list[int]] = [[] for _ in kinds]
    waiting = []
    for column in chosen:
        if out[column.route]:
            waiting.append(column)
        else:
            out[column.route] = list(column.tasks)
    for column in waiting:
        free = next(at for at, kind in enumerate(kinds) if kind == kinds[column.route] and not out[at])
        out[free] = list(column.tasks)
    return out
