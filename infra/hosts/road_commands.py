"""The verbs of `doorstep roads`. They parse and call, nothing more."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

roads = typer.Typer(help="Real road times: build them from an OpenStreetMap extract.", no_args_is_help=True)


class Profile(StrEnum):
    """Who drives."""

    CAR = "car"
    BICYCLE = "bicycle"
    FOOT = "foot"


class Method(StrEnum):
    """How OSRM prepares the roads: multi-level cells or contraction hierarchies."""

    MLD = "mld"
    CH = "ch"


@roads.command("build")
def build(
    file: Annotated[Path, typer.Argument(help="An OpenStreetMap extract (.osm.pbf).")],
    profile: Annotated[Profile, typer.Option(help="Who drives.")] = Profile.CAR,
    to: Annotated[Path | None, typer.Option(help="Folder for built roads; default: roads in the state folder.")] = None,
    method: Annotated[Method, typer.Option(help="mld builds faster; ch answers large tables faster.")] = Method.MLD,
    force: Annotated[bool, typer.Option("--force", help="Build again what is there already.")] = False,
) -> None:
    """Build roads from an extract; the same file again is there at once."""
    from infra.hosts.roads import build_from_command_line

    build_from_command_line(file, to, profile.value, method.value, force=force)


@roads.command("show")
def show(
    folder: Annotated[Path | None, typer.Option("--in", help="Folder of built roads; default as for build.")] = None,
) -> None:
    """List the roads that are built."""
    from infra.hosts.roads import show_built

    show_built(folder)


@roads.command("time", context_settings={"ignore_unknown_options": True})
def drive_time(
    start: Annotated[str, typer.Argument(metavar="LAT,LON", help="From where, for instance 47.14,9.52.")],
    end: Annotated[str, typer.Argument(metavar="LAT,LON", help="To where.")],
    folder: Annotated[
        Path | None, typer.Option("--roads", help="Built roads to use; default: the settings' or the only ones.")
    ] = None,
) -> None:
    """Tell how long a drive takes by road."""
    from infra.hosts.roads import tell_drive_time

    tell_drive_time(start, end, folder)
