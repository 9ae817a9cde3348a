"""The commands that plan from a file into a file: no database, no settings, nothing of the web is loaded for them."""

import os
import time
from itertools import pairwise
from pathlib import Path

import typer

from infra.hosts.searching import showing_search
from scheduling.engine.engines import Engine
from scheduling.engine.files.fields import BadFileError
from scheduling.engine.files.instance import Instance, read_instance
from scheduling.engine.files.solomon import TENTHS, Vrptw, distances, read_vrptw
from scheduling.engine.files.solution import refuse_unwritable, write_json, write_plan
from scheduling.engine.plan import Plan

_LEAST_SECONDS = 0.05
_WRITING_SECONDS = 0.05
_START_SECONDS = 2.0


def solve_file(
    file: Path, output: Path, seconds: float, seed: int, *, no_breaks: bool, engine: Engine = Engine.PORTFOLIO
) -> None:
    """Plan a benchmark instance and write the plan; `seconds` counts reading and searching (see `_Clock`)."""
    began = time.monotonic()
    refuse_unwritable(output)
    instance = read_instance(file, no_breaks=no_breaks)
    reading = time.monotonic() - began
    from scheduling.engine.solver import Progress, Stop, TooLargeForRouting, solve

    clock = _Clock(seconds, reading)
    left = clock.left
    with showing_search(instance.name, left) as say:

        def tell(progress: Progress) -> None:
            best = progress.objective
            promises = f"{best.missed_promises} promises missed, " if best.missed_promises else ""
            say(f"{promises}unserved weight {best.missed_weight:,}, cost {_hours(best.cost_seconds)}")

        try:
            plan = solve(instance.problem, Stop(seconds=left, patience=left), seed, tell, engine)
        except TooLargeForRouting as error:
            raise BadFileError(file.name, "", "engine", str(error)) from error
    write_plan(output, instance, plan)
    typer.echo(f"{_described(instance, plan)} Written to {output} after {clock.gone:.1f} s.")


def solve_vrptw_file(file: Path, output: Path, seconds: float, seed: int) -> None:
    """Plan a Solomon or Homberger file and write `{"routes": [[customer numbers], …]}`."""
    began = time.monotonic()
    refuse_unwritable(output)
    instance = read_vrptw(file)
    reading = time.monotonic() - began
    from scheduling.engine.solver import Stop
    from scheduling.engine.vrptw import solve_vrptw

    clock = _Clock(seconds, reading)
    left = clock.left
    with showing_search(instance.name, left) as say:
        stop = Stop(seconds=left, patience=left)
        try:
            routes = solve_vrptw(instance, stop, seed, lambda _, distance: say(f"distance {distance:,.1f}"))
        except ValueError as error:
            raise BadFileError(file.name, "", "reach", str(error)) from error
    write_json(output, {"instance": instance.name, "routes": [[int(customer) for customer in one] for one in routes]})
    served = sum(map(len, routes))
    typer.echo(
        f"{instance.name}: {served} of {instance.customers} customers on {len(routes)} routes, "
        f"distance {distance_of(instance, routes):.1f}. Written to {output} after {clock.gone:.1f} s."
    )


def distance_of(instance: Vrptw, routes: list[list[int]]) -> float:
    """Total distance of the routes, each from the depot and back."""
    table = distances(instance)
    return sum(int(table[a, b]) for route in routes for a, b in pairwise([0, *route, 0])) / TENTHS


class _Clock:
    """The time a search may take: `seconds` less what reading took, and the whole process little more.

    Starting Python and loading the engine take about a second, more on a busy machine; what is beyond `_START_SECONDS` the
    search gives up, so that a limit means the same here as for any other program.
    """

    def __init__(self, seconds: float, reading: float) -> None:
        self._began = time.monotonic() - reading
        spent = max(reading, _process_seconds() - _START_SECONDS)
        self._until = time.monotonic() + seconds - spent

    @property
    def left(self) -> float:
        """Seconds that the search may still take."""
        return max(_LEAST_SECONDS, self._until - _WRITING_SECONDS - time.monotonic())

    @property
    def gone(self) -> float:
        """Seconds of reading and searching so far."""
        return time.monotonic() - self._began


def _process_seconds() -> float:
    """Seconds since this process was started, where the system tells; 0 elsewhere."""
    try:
        ticks = int(Path("/proc/self/stat").read_text(encoding="ascii").rpartition(")")[2].split()[19])
        return time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError, AttributeError):
        return 0.0


def _described(instance: Instance, plan: Plan) -> str:
    """What came out, as a sentence."""
    tasks = instance.problem.tasks
    missed = sum(item.task.weight for item in plan.unplanned)
    used = sum(1 for item in plan.routes if item.timeline.stops)
    travel = sum(item.timeline.travel_seconds for item in plan.routes)
    return (
        f"{instance.name}: {len(tasks) - len(plan.unplanned)} of {len(tasks)} orders served; unserved weight {missed} of "
        f"{sum(task.weight for task in tasks)}, travel {travel} s ({_hours(travel)}), {used} of {len(plan.routes)} routes used."
    )


def _hours(seconds: int) -> str:
    return f"{seconds // 3600} h {seconds // 60 % 60:02d} min"
