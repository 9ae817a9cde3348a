"""Road times of a small map whose answers can be told in advance, and of a real one."""

from __future__ import annotations

import random
import threading
import time
from typing import Any

import numpy as np
import osrm
import pytest

from hub.domain.places import Place
from scheduling.travel import osrm as roads
from scheduling.travel.great_circle import GreatCircle
from scheduling.travel.model import (
    UNREACHABLE,
    TravelUnavailableError,
    UnreachablePlacesError,
    check_reachable,
    legs,
    unreachable_pairs,
)
from scheduling.travel.osrm import RoadTravel
from scheduling.travel.road_data import write_road_data
from tests.scheduling.travel.small_map import ISLAND, MAINLAND, METRES_PER_SECOND, SEA, YARD

POLE, ANTIMERIDIAN = Place(90.0, 0.0), (Place(0.0, 180.0), Place(0.0, -180.0))


def test_a_straight_street_takes_its_length_at_the_signed_speed(town: RoadTravel) -> None:
    for columns in (1, 10, 30):
        expected = MAINLAND.street_metres(columns, row=5) / METRES_PER_SECOND
        table = town.matrix([MAINLAND.corner(5, 0)], [MAINLAND.corner(5, columns)])
        assert table.dtype == np.int32
        assert int(table[0, 0]) == pytest.approx(expected, rel=0.01, abs=1)


def test_a_one_way_street_makes_the_way_back_longer(town: RoadTravel) -> None:
    west, east = MAINLAND.corner(0, 0), MAINLAND.corner(0, 30)
    table = town.matrix([west, east], [west, east])
    assert table[0, 0] == table[1, 1] == 0
    assert table[1, 0] > table[0, 1] + 2 * 200 / METRES_PER_SECOND


def test_what_no_road_reaches_is_named_and_never_zero(town: RoadTravel) -> None:
    places = {"order A": MAINLAND.corner(5, 5), "order B": MAINLAND.corner(9, 9), "order S": SEA}
    places |= {"order I": ISLAND.corner(3, 3), "order P": POLE, "order W": ANTIMERIDIAN[0]}
    where = list(places.values())
    table = town.matrix(where, where)
    assert (np.diagonal(table) == 0).all()
    assert len(unreachable_pairs(table, where, where)) == 6 * 5 - 2
    assert (SEA, POLE) in unreachable_pairs(table, where, where)
    assert table[0, 1] > 0
    with pytest.raises(UnreachablePlacesError, match="order S, order I, order P, order W by osrm car on town") as told:
        check_reachable(town, places)
    assert told.value.names == ("order S", "order I", "order P", "order W")


def test_a_place_beyond_the_limit_is_unreachable_and_one_within_is_not(town: RoadTravel) -> None:
    corner = MAINLAND.corner(39, 5)
    aside = Place(corner.lat + 0.003, corner.lon)
    metres = town.metres_to_road([aside])[0]
    assert metres == pytest.approx(0.003 * 111_195, rel=0.02)
    near, far = RoadTravel(town.data, int(metres) + 2), RoadTravel(town.data, int(metres) - 2)
    assert near.matrix([aside], [MAINLAND.corner(5, 5)])[0, 0] < UNREACHABLE
    assert far.matrix([aside], [MAINLAND.corner(5, 5)])[0, 0] == UNREACHABLE
    assert far.matrix([MAINLAND.corner(5, 5)], [aside])[0, 0] == UNREACHABLE
    assert near.name != far.name


def test_an_answer_does_not_depend_on_what_is_asked_with_it(town: RoadTravel) -> None:
    """Without the anchor the two ends of the yard stay in the yard when they are asked for alone, and 4 seconds apart."""
    alone = town.matrix(YARD, YARD)
    crowd = [*YARD, MAINLAND.corner(3, 3), ISLAND.corner(1, 1)]
    assert (town.matrix(crowd, crowd)[:2, :2] == alone).all()
    assert alone[0, 1] > 10
    unguarded = RoadTravel(town.data)
    unguarded._roads._anchor = (None,)
    assert (unguarded.matrix(YARD, YARD) != alone).any()


def test_a_table_in_blocks_is_the_same_table(town: RoadTravel, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = random.Random(2)
    places = [MAINLAND.corner(rng.randrange(40), rng.randrange(40)) for _ in range(60)] + [SEA, *YARD]
    whole = town.matrix(places, places[:40])
    small = RoadTravel(town.data)
    monkeypatch.setattr(small._roads._desk, "locations", 7)
    assert (small.matrix(places, places[:40]) == whole).all()
    assert small.metres_to_road(places) == town.metres_to_road(places)


def test_legs_are_the_table_s_drives_in_work_that_grows_with_their_number(town: RoadTravel) -> None:
    rng = random.Random(3)
    places = [MAINLAND.corner(rng.randrange(40), rng.randrange(40)) for _ in range(50)]
    table = town.matrix(places, places)
    assert legs(town, places) == tuple(int(table[at, at + 1]) for at in range(49))
    assert legs(town, places[:1]) == ()


def test_empty_sides_give_an_empty_table(town: RoadTravel) -> None:
    assert town.matrix([], [SEA]).shape == (0, 1)
    assert town.matrix([SEA], []).shape == (1, 0)
    assert town.metres_to_road([]) == []


def test_the_data_is_loaded_once_however_many_threads_ask_first(
    town: RoadTravel, monkeypatch: pytest.MonkeyPatch
) -> None:
    loads: list[str] = []
    real = osrm.OSRM

    def load(**options: Any) -> Any:
        loads.append(options["storage_config"])
        time.sleep(0.05)
        return real(**options)

    monkeypatch.setattr(osrm, "OSRM", load)
    monkeypatch.setattr(roads, "_engines", {})
    start, answers = threading.Barrier(8), list[int]()
    here, there = MAINLAND.corner(1, 1), MAINLAND.corner(7, 7)

    def ask() -> None:
        model = RoadTravel(town.data)
        start.wait(10)
        answers.append(int(model.matrix([here], [there])[0, 0]))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert loads == [str(town.data.base)]
    assert len(answers) == 8
    assert len(set(answers)) == 1


def test_nothing_is_loaded_before_the_first_question(town: RoadTravel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(roads, "_engines", {})
    model = RoadTravel(town.data)
    assert model.name == f"osrm {town.data.title}, roads within 1000 m"
    assert "OpenStreetMap contributors" in model.attribution
    assert roads._engines == {}
    model.matrix([SEA], [YARD[0]])
    assert list(roads._engines) == [town.data.folder]


def test_data_that_cannot_be_read_is_a_sentence(town: RoadTravel, tmp_path: Any) -> None:
    from dataclasses import replace

    empty = replace(town.data, folder=tmp_path)
    write_road_data(empty)
    with pytest.raises(TravelUnavailableError, match=r"cannot be read.*Build them again"):
        RoadTravel(empty).matrix([YARD[0]], [YARD[1]])


def test_real_roads_take_longer_than_the_crow_and_not_for_ever(liechtenstein: RoadTravel) -> None:
    vaduz, schaan, balzers, malbun = (
        Place(47.1410, 9.5209),
        Place(47.1656, 9.5093),
        Place(47.0663, 9.5030),
        Place(47.1018, 9.6094),
    )
    places = [vaduz, schaan, balzers, malbun]
    table = liechtenstein.matrix(places, places)
    # No road of the country allows more than 100 km/h; Malbun lies up a mountain road, 14 km from Vaduz.
    fastest = GreatCircle(1.0, 100 / 3.6).matrix(places, places)
    assert (table >= fastest).all()
    assert 180 < table[0, 1] < 600
    assert 900 < table[0, 3] < 2400
    assert liechtenstein.data.dated == "2015-07-27"


def test_500_places_make_a_table_without_gaps(liechtenstein: RoadTravel) -> None:
    rng = random.Random(1)
    places = [Place(rng.uniform(47.06, 47.25), rng.uniform(9.49, 9.60)) for _ in range(520)]
    table = liechtenstein.matrix(places, places)
    far = [metres > 1000 for metres in liechtenstein.metres_to_road(places)]
    assert any(far)
    assert not all(far)
    for at, lost in enumerate(far):
        others = np.delete(table[at], at)
        assert (others[~np.delete(far, at)] >= UNREACHABLE).all() == lost
        assert ((others >= 0) & (others <= UNREACHABLE)).all()
