"""`doorstep roads`, as a person meets it: build, list, ask; and a hub that drives on what was built."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from hub.domain.errors import ConfigurationError
from infra.hosts.cli import app
from infra.hosts.running import read_settings, running_hub
from scheduling.travel.model import UnreachablePlacesError
from scheduling.travel.road_building import RoadsNotBuiltError
from tests.scheduling.travel.small_map import MAINLAND, METRES_PER_SECOND, write_map


@pytest.fixture
def extract(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A map, and settings whose state folder no database server need enter; nothing asks the database they name."""
    monkeypatch.setenv("DOORSTEP_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("DATABASE_URL", "postgresql://127.0.0.1:9/none")
    file = tmp_path / "town.osm.pbf"
    write_map(file)
    return file


def roads(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["roads", *arguments])


def test_roads_are_built_listed_and_asked(extract: Path) -> None:
    assert "No roads are built in" in roads("show").stdout
    assert isinstance(roads("time", "50,10", "50,10.1").exception, ConfigurationError)
    built = roads("build", str(extract))
    assert built.exit_code == 0
    assert "Reading the map" in built.stderr
    assert "© OpenStreetMap contributors, ODbL" in built.stdout
    folder = built.stdout.split("DOORSTEP_TRAVEL_ROADS=")[1].strip()
    assert "built before" in roads("build", str(extract)).stdout
    shown = roads("show").stdout
    assert folder in shown
    assert "OpenStreetMap contributors" in shown
    here, there = (f"{one.lat},{one.lon}" for one in (MAINLAND.corner(5, 0), MAINLAND.corner(5, 30)))
    told = roads("time", here, there).stdout
    seconds = int(told.split("(")[1].split(" s)")[0])
    assert abs(seconds - MAINLAND.street_metres(30, 5) / METRES_PER_SECOND) < 9
    assert "car on town" in told
    assert "OpenStreetMap contributors" in told
    roads("build", str(extract), "--profile", "foot")
    assert "Several roads are built" in str(roads("time", here, there).exception)
    assert roads("time", here, there, "--roads", folder).stdout == told


def test_what_is_wrong_is_one_sentence(extract: Path) -> None:
    roads("build", str(extract))
    far = roads("time", "50.0,10.0", "-33.9,18.4").exception
    assert isinstance(far, UnreachablePlacesError)
    assert str(far).startswith("No road leads to or from -33.9,18.4 (")
    for wrong in ("nan,1", "91,1", "1;2", "Ghent", "1,2,3"):
        assert roads("time", wrong, "2,3").exit_code == 2
    missing = roads("build", str(extract.with_name("none.osm.pbf"))).exception
    assert isinstance(missing, RoadsNotBuiltError)
    assert "No such file" in str(missing)
    assert roads("build", str(extract), "--profile", "boat").exit_code == 2


def test_a_hub_whose_roads_are_missing_does_not_start(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("DOORSTEP_STATE_DIR", str(tmp_path))
    monkeypatch.setenv("DOORSTEP_TRAVEL", "roads")
    with (
        pytest.raises(ConfigurationError, match="Set DOORSTEP_TRAVEL_ROADS to a folder of `doorstep roads show`"),
        running_hub(read_settings()),
    ):
        pytest.fail("it started")
