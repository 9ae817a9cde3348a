"""`doorstep texts …`: whether every language says the same, and bringing the others up to date with English."""

from pathlib import Path
from typing import Annotated

import typer

import hub

ROOMS = tuple(
    Path(hub.__file__).parents[1] / room
    for room in ("hub", "ingest", "scheduling", "portal", "technician_api", "feedback")
)
"""Where the product's own catalogues are."""

texts = typer.Typer(help="Look after what citizens read and hear, in every language.", no_args_is_help=True)
_Places = Annotated[
    list[Path] | None,
    typer.Argument(exists=True, file_okay=False, help="Folders to look in; default: the product's own."),
]


@texts.command("check")
def check(places: _Places = None) -> None:
    """Name every text that is missing, surplus, empty, fuzzy or behind, and every placeholder that differs. Exits with 1 when one is."""
    from hub.translations import check_texts, find_folders

    folders = [folder for place in places or ROOMS for folder in find_folders(place)]
    faults = [fault for folder in folders for fault in check_texts(folder)]
    for fault in faults:
        typer.echo(fault)
    typer.echo(f"{len(folders)} folders of texts, {len(faults)} faults.", err=True)
    # A place that holds no texts was not checked.
    if faults or not folders:
        raise typer.Exit(1)


@texts.command("update")
def update(places: _Places = None) -> None:
    """Bring the other languages up to date with English: new texts come in empty, those whose English changed are marked fuzzy."""
    from babel.messages.pofile import PoFileError

    from hub.domain.errors import ConfigurationError
    from hub.translations import find_folders, update_texts

    for folder in (folder for place in places or ROOMS for folder in find_folders(place)):
        try:
            changed = update_texts(folder)
        except (OSError, ValueError, PoFileError) as error:
            message = f"{folder} cannot be brought up to date ({error}). `doorstep texts check` says where it is wrong."
            raise ConfigurationError(message) from error
        for file in changed:
            typer.echo(file)
