"""The command that explains one order of a plan from files."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import typer

from scheduling.engine.drawing.picture import PlanNotKept, refuse_barred
from scheduling.engine.explaining import RouteReason, UnknownOrderError, explain
from scheduling.engine.files.fields import BadFileError
from scheduling.engine.files.instance import read_instance
from scheduling.engine.files.solution import is_variant, read_sequences
from scheduling.engine.plan import Objective, Plan, RoutePlan
from scheduling.engine.problem import Problem, Task
from scheduling.engine.timeline import RouteNotKept, keep, route_legs


def explain_file(file: Path, solution: Path, order: str, most: int) -> None:
    """Print a sentence about the order, then a line for each of the `most` closest technicians and window."""
    instance = read_instance(file, no_breaks=is_variant(solution))
    try:
        plan = _plan_of(instance.problem, read_sequences(solution, instance))
        found = explain(instance.problem, plan, order)
    except UnknownOrderError as error:
        raise BadFileError(file.name, "", "order", str(error)) from error
    except (PlanNotKept, RouteNotKept) as error:
        raise BadFileError(solution.name, "", "plan", f"this plan cannot be carried out. {error}") from error
    typer.echo(found.sentence())
    for one in found.by_route[:most]:
        for line in _lines(instance.problem, one):
            typer.echo(f"  {line}")
    if len(found.by_route) > most:
        typer.echo(f"  and {len(found.by_route) - most} technicians further away; name more with --routes.")


def _plan_of(problem: Problem, sequences: list[list[Task]]) -> Plan:
    """The plan of these sequences, simulated. Raises `PlanNotKept` or `RouteNotKept`."""
    for route, stops in zip(problem.routes, sequences, strict=True):
        refuse_barred(route, stops)
    routes = tuple(
        RoutePlan(route, keep(route, stops, route_legs(route, stops, problem.travel)))
        for route, stops in zip(problem.routes, sequences, strict=True)
    )
    return Plan(routes, (), Objective(0, 0, 0), problem.travel.name)


def _lines(problem: Problem, one: RouteReason) -> list[str]:
    out = []
    for item in one.windows:
        (first, start), (last, end) = (_clock(problem, second) for second in (item.window.start, item.window.end))
        window = f"{first}{start:%H:%M}-{last}{end:%H:%M} UTC"
        says = item.refusal.clause() if item.refusal else "serves it" if one.serves else "has room for it"
        out.append(f"{one.technician}, {window}: {says}.")
    return out


def _clock(problem: Problem, second: int) -> tuple[str, datetime]:
    """The day, in words and only when it is not the first, and the instant in UTC."""
    origin = problem.origin.astimezone(UTC)
    at = origin + timedelta(seconds=second)
    days = (at.date() - origin.date()).days
    return f"day {days + 1} " if days else "", at
