"""The verbs of `doorstep roster`. They parse, call and print, nothing more."""

from datetime import date, datetime
from pathlib import Path
from typing import Annotated

import typer

roster = typer.Typer(help="Technicians and their working days, from a file.", no_args_is_help=True)


@roster.command("load")
def load(
    file: Annotated[Path, typer.Argument(help="The roster (TOML); doorstep roster sample prints one.")],
    first: Annotated[datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], help="First day; today.")] = None,
    days: Annotated[
        int, typer.Option(min=0, max=366, help="Calendar days that get routes, from the first day on.")
    ] = 28,
) -> None:
    """Store the technicians as the file has them, and the working days that are missing; days that stand stay."""
    from infra.hosts.running import read_settings, running_hub
    from scheduling.roster_file import read_roster, store_roster

    with running_hub(read_settings()) as hub:
        day: date = first.date() if first else hub.clock.now().date()
        read = read_roster(file, hub.catalogue)
        report = store_roster(hub, read, day, days)
    people = len(read.technicians)
    typer.echo(
        f"{people} technicians, {report.technicians_added} of them new; {report.routes_added} working days added "
        f"from {day} on."
    )


@roster.command("sample")
def sample() -> None:
    """Print a roster to begin from."""
    from scheduling.roster_file import SAMPLE

    typer.echo(SAMPLE.read_text(encoding="utf-8"), nl=False)
