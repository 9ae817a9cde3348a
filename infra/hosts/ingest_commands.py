"""The verbs of `doorstep ingest`: formats, files, and messages that could not be used. They parse and call, nothing more."""

from pathlib import Path
from typing import Annotated

import typer

from infra.hosts.plan_commands import read_day
from infra.hosts.quarantine_commands import dead_letters

ingest = typer.Typer(
    help="Take in the utilities' messages: try a format, take in a folder.",
    no_args_is_help=True,
    rich_markup_mode="rich",
)
ingest.add_typer(dead_letters, name="dead-letters")

_Json = Annotated[bool, typer.Option("--json", help="One JSON object, for programs.")]


@ingest.command("try")
def ingest_try(
    profile: Annotated[str, typer.Argument(help="A profile's name, or a profile file (.toml).")],
    file: Annotated[Path, typer.Argument(help="A message or file as the utility sends it.")],
    day: Annotated[str | None, typer.Option("--on", help="Judge it as if it came on this day (YYYY-MM-DD).")] = None,
    as_json: _Json = False,
) -> None:
    """Show what a profile makes of a file, or every error with its place. Nothing is stored; exits with 1 on errors."""
    from infra.hosts.ingest_try import try_profile

    try_profile(profile, file, read_day(day), as_json=as_json)


@ingest.command("profiles")
def ingest_profiles() -> None:
    """List the profiles: the shipped ones and those in DOORSTEP_PROFILES."""
    from infra.hosts.ingest_try import list_profiles

    list_profiles()


@ingest.command("folder")
def ingest_folder(
    folder: Annotated[Path | None, typer.Argument(help="The folder; default DOORSTEP_DROP_FOLDER.")] = None,
    profile: Annotated[str | None, typer.Option(help="How its files are read; default DOORSTEP_DROP_PROFILE.")] = None,
    as_json: _Json = False,
) -> None:
    """Take in the files of a drop folder once. Exits with 1 when orders were refused; the rejects folder says why."""
    from infra.hosts.ingest_try import take_in

    take_in(folder, profile, as_json=as_json)
