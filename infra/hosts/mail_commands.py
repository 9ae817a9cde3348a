"""`doorstep mail …`: take in what came back from mail servers."""

from pathlib import Path
from typing import Annotated

import typer

mail = typer.Typer(help="Look after e-mail: take in what came back.", no_args_is_help=True)


@mail.command("bounces")
def bounces(
    folder: Annotated[
        Path | None, typer.Argument(help="A Maildir (with new, cur and tmp); default DOORSTEP_BOUNCES_FOLDER.")
    ] = None,
) -> None:
    """Read the delivery reports of a Maildir once: mark messages that did not arrive, and addresses nothing arrives at."""
    from hub.domain.errors import ConfigurationError
    from hub.notifications.bounces import BounceCounts, take_in_bounces
    from infra.hosts.running import read_settings, running_hub

    settings = read_settings()
    chosen = folder or settings.bounces_folder
    if chosen is None:
        message = "Name a Maildir, or set DOORSTEP_BOUNCES_FOLDER."
        raise ConfigurationError(message)
    total = BounceCounts()
    with running_hub(settings) as hub:
        # A batch at a time, until nothing new is there.
        while (found := take_in_bounces(hub, chosen)).mails:
            total = BounceCounts(
                total.mails + found.mails, total.reports + found.reports, total.settled + found.settled
            )
    typer.echo(f"{total.mails} mails read, {total.reports} delivery reports, {total.settled} messages settled.")
