"""`doorstep dossier …`: check a dossier without a database, and write one."""

import sys
from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer

from hub.domain.errors import DoorstepError

dossier = typer.Typer(help="Check and write dossiers: what was tried to reach a citizen.", no_args_is_help=True)


@dossier.command("verify")
def verify(
    file: Annotated[
        Path, typer.Argument(help="The JSON document, or an escalation event that carries it; - is standard input.")
    ],
    head: Annotated[str, typer.Option(help="The head hash you were given with the escalation.")] = "",
) -> None:
    """Say whether a dossier's record is as it was written. Needs no database. Exits with 1 when it is not."""
    from portal.dossier.checking import LONGEST_FILE, check_document, in_words, read_document

    verdict = check_document(read_document(_content(file, LONGEST_FILE)), head)
    for line in in_words(verdict):
        typer.echo(line)
    if not verdict.is_sound:
        raise typer.Exit(1)


@dossier.command("export")
def export(
    work_order_id: Annotated[UUID, typer.Argument(help="Our id of the work order.")],
    to: Annotated[Path, typer.Option(help="Where to write it: a name that ends in .json or .pdf.")],
    language: Annotated[
        str, typer.Option(help="Of the PDF: nl, fr, de or en; default DOORSTEP_DOSSIER_LANGUAGE.")
    ] = "",
) -> None:
    """Write the dossier of an order, as it stands now, into a file."""
    from hub.domain.ids import WorkOrderId
    from infra.hosts.running import read_settings, running_hub
    from portal.dossier.service import json_of_order, pdf_of_order

    if to.suffix not in {".json", ".pdf"}:
        message = f"{to} must end in .json or .pdf."
        raise DoorstepError(message)
    with running_hub(read_settings()) as hub:
        identity = WorkOrderId(work_order_id)
        if to.suffix == ".json":
            _, content = json_of_order(hub, identity)
        else:
            _, content = pdf_of_order(hub, identity, language or hub.settings.dossier_language)
    try:
        to.write_bytes(content)
    except OSError as error:
        message = f"{to} cannot be written: {error.strerror}."
        raise DoorstepError(message) from error
    typer.echo(f"{to} is written ({len(content)} bytes).")


def _content(file: Path, most: int) -> bytes:
    try:
        if str(file) == "-":
            content = sys.stdin.buffer.read(most + 1)
        else:
            with file.open("rb") as opened:
                content = opened.read(most + 1)
    except OSError as error:
        message = f"{file} cannot be read: {error.strerror}."
        raise DoorstepError(message) from error
    if len(content) > most:
        message = f"{file} is longer than any dossier ({most // 1024 // 1024} MB)."
        raise DoorstepError(message)
    return content
