"""What `doorstep roads` does: build road data from an OpenStreetMap extract, list what is built, tell a drive time."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from hub.domain.errors import ConfigurationError
from hub.domain.places import Place
from hub.settings import Settings
from infra.hosts.running import read_settings, state_dir
from scheduling.travel.model import UNREACHABLE, UnreachablePlacesError
from scheduling.travel.osrm import RoadTravel
from scheduling.travel.remote import RemoteRoads
from scheduling.travel.road_building import Progress as Told
from scheduling.travel.road_building import build_roads
from scheduling.travel.road_data import RoadData, built_roads, read_road_data

_WORDS = {
    "extract": "Reading the map",
    "contract": "Making shortcuts",
    "partition": "Cutting into cells",
    "customize": "Measuring the cells",
}


def build_from_command_line(file: Path, to: Path | None, profile: str, method: str, *, force: bool) -> None:
    """Build roads and say where they are, how to use them, and whose data it is."""
    began = time.monotonic()
    with _showing_steps() as progress:
        data, made = build_roads(
            file, to or _folder(read_settings()), profile=profile, method=method, force=force, progress=progress
        )
    took = f"built in {time.monotonic() - began:.0f} s" if made else "built before"
    typer.echo(f"Roads for {data.title}: {took}.\n{data.attribution}")
    typer.echo(f"To drive on them: DOORSTEP_TRAVEL=roads DOORSTEP_TRAVEL_ROADS={data.folder}")


def show_built(folder: Path | None) -> None:
    """List the roads below `folder`, or below the installation's own."""
    place = folder or _folder(read_settings())
    found = built_roads(place)
    if not found:
        typer.echo(f"No roads are built in {place}. Make some with `doorstep roads build FILE.osm.pbf`.")
    for data in found:
        size = sum(file.stat().st_size for file in data.folder.iterdir())
        typer.echo(f"{data.title}, {size / 1e6:,.0f} MB, {data.attribution}\n  {data.folder}")


def tell_drive_time(start: str, end: str, folder: Path | None) -> None:
    """Print the drive time between two places written as `lat,lon`; raises UnreachablePlacesError when there is no way."""
    here, there = _place(start), _place(end)
    settings = read_settings()
    model = _roads_to_ask(settings, folder)
    seconds = int(model.matrix([here], [there])[0, 0])
    if seconds >= UNREACHABLE:
        metres = model.metres_to_road([here, there])
        names = [f"{text} ({far / 1000:,.1f} km from a road)" for text, far in zip((start, end), metres, strict=True)]
        far_off = [name for name, far in zip(names, metres, strict=True) if far > settings.travel_snap_metres]
        raise UnreachablePlacesError(far_off or names, model.name)
    typer.echo(f"{seconds // 60} min {seconds % 60} s ({seconds} s) by {model.name}")
    if isinstance(model, RoadTravel):
        typer.echo(model.attribution)


def _roads_to_ask(settings: Settings, folder: Path | None) -> RoadTravel | RemoteRoads:
    """The roads named, else those of the settings, else the only ones that are built."""
    chosen = folder or settings.travel_roads
    if chosen is not None:
        return RoadTravel(read_road_data(chosen), settings.travel_snap_metres)
    if settings.travel == "osrm":
        return RemoteRoads(
            settings.travel_osrm_url.get_secret_value(),
            snap_metres=settings.travel_snap_metres,
            table_size=settings.travel_osrm_table_size,
        )
    return RoadTravel(_only(built_roads(_folder(settings))), settings.travel_snap_metres)


def _only(found: list[RoadData]) -> RoadData:
    if len(found) == 1:
        return found[0]
    if found:
        raise ConfigurationError("Several roads are built. Choose one of `doorstep roads show` with --roads.")
    raise ConfigurationError("No roads are built. Make some with `doorstep roads build FILE.osm.pbf`.")


def _folder(settings: Settings) -> Path:
    return state_dir(settings) / "roads"


def _place(text: str) -> Place:
    try:
        lat, lon = (float(part) for part in text.split(","))
        return Place(lat, lon)
    except ValueError as error:
        raise typer.BadParameter(
            f"'{text}' is not a place: {error}. Write it as 47.14,9.52 (degrees north, degrees east)."
        ) from error


@contextmanager
def _showing_steps() -> Iterator[Told]:
    """A bar for each step on standard error, or its name where that is no terminal."""
    console = Console(stderr=True)
    if not console.is_terminal:

        def tell(step: str, percent: int) -> None:
            if percent == 0:
                typer.echo(f"{_WORDS[step]} …", err=True)

        yield tell
        return
    with Progress(TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), console=console) as bars:
        tasks = {}

        def fill(step: str, percent: int) -> None:
            if step not in tasks:
                tasks[step] = bars.add_task(_WORDS[step], total=100)
            # OSRM counts several times from 0 to 100 within a step: the bar shows the stage at hand.
            bars.update(tasks[step], completed=percent)

        yield fill
