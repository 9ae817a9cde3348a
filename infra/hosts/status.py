"""`doorstep status`: how this installation stands, for a person or, with --json, for a program."""

import json

import typer
from sqlalchemy.exc import OperationalError

from hub.bootstrap import build_hub
from infra.hosts.health import Readiness, readiness
from infra.hosts.metrics import SharedFigures, read_figures
from infra.hosts.rooms import SUBSCRIPTIONS
from infra.hosts.running import read_settings, with_database


def show_status(*, as_json: bool) -> None:
    """Print it; exits with 1 when the installation cannot work. Changes nothing: an old schema is told, not upgraded."""
    with with_database(read_settings()) as settings:
        hub = build_hub(settings, SUBSCRIPTIONS)
        try:
            found = readiness(hub)
            figures = read_figures(hub) if found.is_ready else None
        except OperationalError:
            found, figures = Readiness("the database does not answer"), None
        finally:
            hub.close()
    if as_json:
        typer.echo(json.dumps({**found.as_json(), **({} if figures is None else vars(figures))}))
    else:
        for line in _lines(found, figures):
            typer.echo(line)
    if not found.is_ready:
        raise typer.Exit(1)


def _lines(found: Readiness, figures: SharedFigures | None) -> list[str]:
    if figures is None:
        return [f"Not ready: {found.why_not}."]
    messages = ", ".join(f"{number} {outcome}" for outcome, number in sorted(figures.messages.items()) if number)
    return [
        f"Ready. The schema is {found.schema}; the bus is {found.bus}.",
        f"Workers with a recent sign of life: {figures.workers}.",
        f"Messages of the utility: {messages or 'none'}; in quarantine: {figures.quarantined}.",
        f"Events that wait for the bus: {figures.outbox_backlog}, the first for {figures.outbox_lag:.0f} s.",
        f"Jobs: {figures.jobs['todo']} waiting, {figures.jobs['doing']} at work, {figures.jobs['failed']} failed.",
    ]
