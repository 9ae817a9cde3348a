"""Roads for the tests of this folder: a small map of our own, and real extracts where they are at hand."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from scheduling.travel.osrm import RoadTravel
from scheduling.travel.road_building import build_roads
from tests.scheduling.travel.small_map import write_map

_EXTRACTS = Path(__file__).parents[4] / "shared" / "osm"
_MISSING = "needs the OpenStreetMap extracts beside the checkout (../shared/osm)"


@pytest.fixture(scope="session")
def town_map(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The extract of `small_map`."""
    file = tmp_path_factory.mktemp("map") / "town.osm.pbf"
    write_map(file)
    return file


@pytest.fixture(scope="session")
def town(town_map: Path, tmp_path_factory: pytest.TempPathFactory) -> RoadTravel:
    """Road times of the small map."""
    data, _ = build_roads(town_map, tmp_path_factory.mktemp("roads"))
    return RoadTravel(data)


@pytest.fixture(scope="session")
def liechtenstein_map() -> Path:
    """The real extract; where it is not at hand the test is skipped, but never in CI."""
    file = _EXTRACTS / "liechtenstein-latest.osm.pbf"
    if not file.exists():
        if os.environ.get("CI"):
            pytest.fail(_MISSING)
        pytest.skip(_MISSING)
    return file


@pytest.fixture(scope="session")
def liechtenstein(liechtenstein_map: Path, tmp_path_factory: pytest.TempPathFactory) -> RoadTravel:
    """Real road times."""
    data, _ = build_roads(liechtenstein_map, tmp_path_factory.mktemp("roads"))
    return RoadTravel(data)
