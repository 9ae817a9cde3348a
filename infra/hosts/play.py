"""The command that plays the whole product fast-forward."""

import json
from pathlib import Path

import typer
from rich.console import Console

from hub.domain.errors import ConfigurationError
from infra.play.options import PlayOptions
from infra.play.play import run_play
from infra.play.progress import showing_play
from infra.play.summary import print_summary


def play_from_command_line(
    orders: int, technicians: int, days: int, seed: int, json_to: Path | None, *, kills: int, keep: bool
) -> None:
    """Play, print the account (table to stderr when the JSON goes to stdout), and exit 1 when something was lost or broken."""
    try:
        options = PlayOptions(orders=orders, technicians=technicians, days=days, seed=seed, kills=kills, keep=keep)
    except ValueError as error:
        raise ConfigurationError(str(error)) from error
    to_stdout = json_to is not None and str(json_to) == "-"
    if json_to is not None and not to_stdout:
        # Now, not after the play: it may take an hour.
        _check_writable(json_to)
    console = Console(stderr=True)
    with showing_play(console, orders) as show:
        outcome = run_play(options, show)
    print_summary(console if to_stdout else Console(), outcome)
    if json_to is not None:
        text = json.dumps(outcome.as_json(), ensure_ascii=False)
        if to_stdout:
            typer.echo(text)
        else:
            json_to.write_text(text + "\n", encoding="utf-8")
    if outcome.failed:
        raise typer.Exit(1)


def _check_writable(file: Path) -> None:
    try:
        file.open("a", encoding="utf-8").close()
    except OSError as error:
        message = f"The figures cannot be written to {file}: {error.strerror}. Name another file with --json."
        raise ConfigurationError(message) from error
