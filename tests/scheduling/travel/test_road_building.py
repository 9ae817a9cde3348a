"""Building roads: once for each content, whole or not at all, and in sentences when it cannot be."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hub.domain.errors import ConfigurationError
from scheduling.travel import road_building
from scheduling.travel.osrm import RoadTravel
from scheduling.travel.road_building import RoadsNotBuiltError, Room, build_roads
from scheduling.travel.road_data import built_roads, read_road_data
from tests.scheduling.travel.small_map import MAINLAND


def test_the_same_content_is_built_once_whatever_its_name(town_map: Path, tmp_path: Path) -> None:
    steps: list[tuple[str, int]] = []
    into = tmp_path / "roads"
    first, made = build_roads(town_map, into, progress=lambda step, percent: steps.append((step, percent)))
    assert made
    assert list(dict.fromkeys(step for step, _ in steps)) == ["extract", "partition", "customize"]
    assert all(0 <= percent <= 100 for _, percent in steps)
    assert steps[-1] == ("customize", 100)
    steps.clear()
    again, made = build_roads(town_map, into, progress=lambda step, percent: steps.append((step, percent)))
    assert (again, made, steps) == (first, False, [])
    forced, made = build_roads(town_map, into, force=True)
    assert (forced, made) == (first, True)
    assert [one.name for one in into.iterdir()] == [first.folder.name]


def test_another_profile_is_another_set_of_roads(town_map: Path, tmp_path: Path) -> None:
    car, _ = build_roads(town_map, tmp_path)
    foot, _ = build_roads(town_map, tmp_path, profile="foot")
    assert car.key != foot.key
    assert built_roads(tmp_path) == sorted([car, foot], key=lambda one: one.folder)
    drive = RoadTravel(car).matrix([MAINLAND.corner(5, 0)], [MAINLAND.corner(5, 9)])
    walk = RoadTravel(foot).matrix([MAINLAND.corner(5, 0)], [MAINLAND.corner(5, 9)])
    assert walk[0, 0] > 3 * drive[0, 0]


def test_both_methods_give_the_same_times(liechtenstein: RoadTravel, liechtenstein_map: Path, tmp_path: Path) -> None:
    from hub.domain.places import Place

    other, _ = build_roads(liechtenstein_map, tmp_path, method="ch")
    places = [Place(47.07 + 0.01 * at, 9.50 + 0.003 * at) for at in range(15)]
    difference = RoadTravel(other).matrix(places, places) - liechtenstein.matrix(places, places)
    assert abs(difference).max() <= 1


def test_whose_data_it_is_lies_beside_it(town: RoadTravel) -> None:
    assert "© OpenStreetMap contributors, ODbL" in (town.data.folder / "ATTRIBUTION.txt").read_text(encoding="utf-8")
    assert "ODbL" in json.loads((town.data.folder / "roads.json").read_text(encoding="utf-8"))["attribution"]
    assert town.data.sha256
    assert read_road_data(town.data.folder) == town.data


def test_a_file_that_is_none_or_no_extract_or_cut_short_is_a_sentence_and_leaves_nothing(
    town_map: Path, tmp_path: Path
) -> None:
    into = tmp_path / "roads"
    photo, part, empty = tmp_path / "photo.osm.pbf", tmp_path / "part.osm.pbf", tmp_path / "empty.osm.pbf"
    photo.write_bytes(b"\x89PNG" * 100)
    part.write_bytes(town_map.read_bytes()[:-3000])
    empty.write_bytes(b"")
    for file, sentence in (
        (tmp_path / "nothing.osm.pbf", "No such file"),
        (tmp_path, "Is a directory"),
        (photo, "is not an OpenStreetMap extract"),
        (empty, "is not an OpenStreetMap extract"),
        (part, "damaged or only a part"),
    ):
        with pytest.raises(RoadsNotBuiltError, match=sentence):
            build_roads(file, into)
    assert not into.exists() or list(into.iterdir()) == []


def test_an_unknown_profile_or_method_is_a_sentence(town_map: Path, tmp_path: Path) -> None:
    with pytest.raises(RoadsNotBuiltError, match=r"no profile .boat.\. Choose one of car"):
        build_roads(town_map, tmp_path, profile="boat")
    with pytest.raises(RoadsNotBuiltError, match="no method 'fast'"):
        build_roads(town_map, tmp_path, method="fast")


@pytest.mark.parametrize(
    ("room", "sentence"),
    [
        (Room(disk=10_000, memory=None), "Too little disk .* 0 MB free, at least 0 MB needed. Make room"),
        (Room(disk=None, memory=10_000), "Too little memory"),
    ],
)
def test_too_little_room_is_told_before_the_work(town_map: Path, tmp_path: Path, room: Room, sentence: str) -> None:
    with pytest.raises(RoadsNotBuiltError, match=sentence):
        build_roads(town_map, tmp_path, room=lambda _: room)
    assert list(tmp_path.iterdir()) == []
    _, made = build_roads(town_map, tmp_path, room=lambda _: Room(None, None))
    assert made


@pytest.mark.parametrize(
    ("script", "sentence"),
    [
        ("kill -9 $$", "did not fit this machine's memory"),
        ("echo 'terminate called'; echo \"  what():  std::bad_alloc\"; exit 134", "did not fit this machine's memory"),
        ("echo '[error] write failed: No space left on device'; exit 1", "The disk is full"),
        ("echo '[2026-01-01T00:00:00] [error] no edges remain'; exit 1", r"extract ended with 1 \(no edges remain\)"),
    ],
)
def test_what_the_tools_die_of_is_a_sentence(
    town_map: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, sentence: str
) -> None:
    tools = tmp_path / "tools"
    (tools / "bin").mkdir(parents=True)
    (tools / "share" / "profiles").mkdir(parents=True)
    (tools / "share" / "profiles" / "car.lua").write_text("-- a profile")
    program = tools / "bin" / "osrm-extract"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setattr(road_building, "_tools", lambda: tools)
    with pytest.raises(RoadsNotBuiltError, match=sentence):
        build_roads(town_map, tmp_path / "roads")
    assert list((tmp_path / "roads").iterdir()) == []


def test_a_folder_without_roads_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="holds no built roads"):
        read_road_data(tmp_path)
    (tmp_path / "roads.json").write_text('{"surprise": 1}')
    with pytest.raises(ConfigurationError, match="holds no built roads"):
        read_road_data(tmp_path)
    assert built_roads(tmp_path / "nowhere") == []
