"""`python -m infra.benchmarks.campaign`: run the campaign, print the table, write the figures and the picture."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from hub.domain.errors import ConfigurationError, DoorstepError
from infra.benchmarks.campaign.buckets import run_rival
from infra.benchmarks.campaign.campaign import Campaign, Show
from infra.benchmarks.campaign.options import ZONE, CampaignOptions
from infra.benchmarks.campaign.people import draw_company
from infra.benchmarks.campaign.report import as_json, draw, lines, print_table
from infra.benchmarks.campaign.stage import staged

_RIVALS = (("Buckets, usual", 1.0), ("Buckets, cautious", 0.85))
"""Name and share of the places that the usual rule gives."""


def run(
    citizens: Annotated[int, typer.Option(help="How many citizens book.")] = 5000,
    technicians: Annotated[int, typer.Option(help="How many technicians work.")] = 100,
    days: Annotated[int, typer.Option(help="How many working days they are on the road.")] = 10,
    seed: Annotated[int, typer.Option(help="The same seed gives the same people with the same wishes.")] = 1,
    processes: Annotated[int, typer.Option(help="How many processes book at once.")] = 3,
    folder: Annotated[Path, typer.Option(help="Where the figures and the picture go.")] = Path("build/campaign"),
) -> None:
    """Let citizens book, move and cancel while a planner works in the background, and count the promises that break.

    Exits with 1 when planning broke one.
    """
    logging.basicConfig(level=logging.WARNING)
    try:
        options = CampaignOptions(citizens, technicians, days, seed, processes)
    except ValueError as error:
        raise ConfigurationError(str(error)) from error
    company = draw_company(options)
    console = Console()
    with staged(options) as (hub, clock):
        with _showing(citizens) as show:
            outcome = Campaign(hub, clock, options, company, show).run()
        travel = outcome.travel_seconds / max(1, outcome.visits)
        console.print("Selling capacity buckets to the same citizens, and planning what was sold ...")
        rivals = [run_rival(hub, company, options, travel, name, share) for name, share in _RIVALS]
    compared = lines(outcome, rivals)
    print_table(console, compared, outcome)
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(as_json(options, outcome, rivals), indent=1)
    (folder / "campaign.json").write_text(text + "\n", encoding="utf-8")
    (folder / "campaign.svg").write_text(draw(compared), encoding="utf-8")
    console.print(f"Figures and picture are in {folder}.")
    if outcome.broken:
        raise typer.Exit(1)


@contextmanager
def _showing(citizens: int) -> Iterator[Show]:
    """A bar on the terminal: how many citizens have come, and what the simulated clock shows."""
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed}/{task.total}"))
    with Progress(*columns, TimeElapsedColumn(), console=Console(stderr=True)) as progress:
        bar = progress.add_task("Citizens book", total=citizens)

        def show(at: datetime, come: int) -> None:
            progress.update(bar, completed=come, description=f"{at.astimezone(ZONE):%a %d %b %H:%M %Z}")

        yield show


def main() -> None:
    """An error of ours is one sentence on stderr and exit code 1."""
    try:
        typer.run(run)
    except DoorstepError as error:
        typer.secho(str(error), fg=typer.colors.RED, err=True)
        raise SystemExit(1) from error


if __name__ == "__main__":
    main()
