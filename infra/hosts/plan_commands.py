"""The verbs of `doorstep plan`: days of the database, and files. They parse and call, nothing more."""

from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from scheduling.engine.engines import Engine

plan = typer.Typer(
    help="Plan routes: the coming days, or a file from elsewhere.", no_args_is_help=True, rich_markup_mode="rich"
)

_Seconds = Annotated[float, typer.Option(min=0.1, max=86_400, help="Time for reading and searching.")]
_Seed = Annotated[int, typer.Option(min=0, max=2**31 - 1, help="Where the search starts; another seed, another plan.")]


class Kind(StrEnum):
    """What a picture of a plan shows."""

    GANTT = "gantt"
    MAP = "map"
    BOTH = "both"


@plan.command("days")
def plan_days_of_database(
    day: Annotated[str | None, typer.Option(help="First day (YYYY-MM-DD); default tomorrow.")] = None,
    days: Annotated[int, typer.Option(min=1, max=31, help="How many days.")] = 1,
    territory: Annotated[str | None, typer.Option(help="One territory; default all that have routes.")] = None,
    seconds: Annotated[float, typer.Option(min=0.1, max=86_400, help="Time for each territory.")] = 5.0,
    seed: _Seed = 1,
    publish: Annotated[bool, typer.Option("--publish", help="Send the plan to the technicians' phones.")] = False,
) -> None:
    """Plan the routes of the coming days in the database, and publish them if asked."""
    first = read_day(day)
    from infra.hosts.planning import plan_from_command_line

    plan_from_command_line(first, days, territory, seconds, seed, publish=publish)


@plan.command("solve")
def plan_solve(
    instance: Annotated[Path, typer.Argument(help="A benchmark instance in JSON.", metavar="INSTANCE.json")],
    output: Annotated[Path, typer.Option(help="Where to write the plan, as JSON.", metavar="SOLUTION.json")],
    seconds: _Seconds = 10.0,
    seed: _Seed = 1,
    no_breaks: Annotated[
        bool, typer.Option("--no-breaks", help="Ignore breaks and orders bound to a technician, as some engines must.")
    ] = False,
    engine: Annotated[
        Engine,
        typer.Option(
            help="Who searches: the compiled search, OR-Tools' routing as a second opinion, or both together, the best."
        ),
    ] = Engine.PORTFOLIO,
) -> None:
    """Plan an instance from a file into a file; needs no database."""
    from infra.hosts.plan_files import solve_file

    solve_file(instance, output, seconds, seed, no_breaks=no_breaks, engine=engine)


@plan.command("solve-vrptw")
def plan_solve_vrptw(
    file: Annotated[Path, typer.Argument(help="An instance in Solomon's format.", metavar="FILE.txt")],
    output: Annotated[Path, typer.Option(help="Where to write the routes, as JSON.", metavar="SOLUTION.json")],
    seconds: _Seconds = 10.0,
    seed: _Seed = 1,
) -> None:
    """Plan a Solomon or Homberger file: least distance, all customers served within their windows and the capacity."""
    from infra.hosts.plan_files import solve_vrptw_file

    solve_vrptw_file(file, output, seconds, seed)


@plan.command("show")
def plan_show(
    instance: Annotated[Path, typer.Argument(help="The benchmark instance.", metavar="INSTANCE.json")],
    solution: Annotated[Path, typer.Argument(help="A plan of it.", metavar="SOLUTION.json")],
    output: Annotated[Path, typer.Option(help="Where to draw: .html or .svg.", metavar="PLAN.html|PLAN.svg")],
    kind: Annotated[Kind, typer.Option(help="The hours of each technician, the map, or both.")] = Kind.BOTH,
) -> None:
    """Draw a plan: who is where and when, what is left out and why. The file needs no network and no scripts."""
    from infra.hosts.plan_pictures import draw_file

    draw_file(instance, solution, output, kind.value)


@plan.command("explain")
def plan_explain(
    instance: Annotated[Path, typer.Argument(help="The benchmark instance.", metavar="INSTANCE.json")],
    solution: Annotated[Path, typer.Argument(help="A plan of it.", metavar="SOLUTION.json")],
    order: Annotated[str, typer.Argument(help="The order.", metavar="ORDER")],
    routes: Annotated[int, typer.Option(min=1, help="How many technicians to name, the closest first.")] = 20,
) -> None:
    """Say why an order is where it is in a plan: for each technician and window the rule that binds."""
    from infra.hosts.plan_explaining import explain_file

    explain_file(instance, solution, order, routes)


def read_day(text: str | None) -> date | None:
    """The day that was written as 2026-05-04; None for none. Raises `typer.BadParameter` for anything else."""
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        message = f"'{text}' is not a day; write it as 2026-05-04."
        raise typer.BadParameter(message) from error
