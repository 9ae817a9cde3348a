"""Great-circle travel: known distances, symmetry, areas, the model's name, refusals."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence

import numpy as np
import pytest

from hub.domain.places import Place
from scheduling.travel.great_circle import Area, GreatCircle
from scheduling.travel.model import (
    UNREACHABLE,
    Seconds,
    UnreachablePlacesError,
    check_reachable,
    cut_off,
    legs,
    unreachable_pairs,
)
from tests.scheduling.checker import great_circle

GHENT, ANTWERP = Place(51.0543, 3.7174), Place(51.2194, 4.4025)


def test_ghent_to_antwerp_is_51_kilometres_as_the_crow_flies() -> None:
    seconds = int(GreatCircle(detour=1.0, metres_per_second=10.0).matrix([GHENT], [ANTWERP])[0, 0])
    assert seconds * 10 == pytest.approx(51_200, rel=0.01)


def test_it_agrees_with_the_formula_worked_one_pair_at_a_time() -> None:
    rng = random.Random(1)
    places = [Place(rng.uniform(-90, 90), rng.uniform(-180, 180)) for _ in range(40)] + [GHENT, GHENT]
    table = GreatCircle(1.3, 12.5).matrix(places, places)
    drive = great_circle(1.3, 12.5)
    assert table.dtype.name == "int32"
    assert all(abs(table[i, j] - drive(a, b)) <= 1 for i, a in enumerate(places) for j, b in enumerate(places))
    assert (table == table.T).all()
    assert table[-1, -2] == 0


def test_legs_follow_the_order_given() -> None:
    model = GreatCircle()
    assert legs(model, [GHENT, ANTWERP, GHENT]) == (int(model.matrix([GHENT], [ANTWERP])[0, 0]),) * 2
    assert legs(model, [GHENT]) == ()


def test_a_city_is_slower_at_both_ends_than_at_one() -> None:
    slow = GreatCircle(areas=(Area(GHENT, 3_000, 5.0), Area(ANTWERP, 3_000, 5.0)))
    half = GreatCircle(areas=(Area(GHENT, 3_000, 5.0),))
    both, one, none = (int(model.matrix([GHENT], [ANTWERP])[0, 0]) for model in (slow, half, GreatCircle()))
    assert both == pytest.approx(none * 12.5 / 5.0, abs=2)
    assert one == pytest.approx((both + none) / 2, abs=2)


def test_the_name_tells_models_apart() -> None:
    models = [GreatCircle(), GreatCircle(1.4), GreatCircle(1.3, 10), GreatCircle(areas=(Area(GHENT, 3_000, 5.0),))]
    assert len({model.name for model in models}) == 4
    assert GreatCircle().name == "great-circle x1.3 at 12.5 m/s"


@pytest.mark.parametrize("model", [GreatCircle(), GreatCircle(1.0, 1.0), GreatCircle(1.7, 31.3)])
def test_every_answer_is_the_formula_to_the_second(model: GreatCircle) -> None:
    """Towns and the whole globe, poles and the antimeridian; the table is worked another way and must not show it."""
    rng = random.Random(7)
    world = [Place(rng.uniform(-90, 90), rng.uniform(-180, 180)) for _ in range(120)]
    world += [Place(90, 0), Place(-90, 77), Place(0, 180), Place(0, -180), Place(12, 34), Place(-12, -146)]
    world += [Place(-12.000001, -146.000001), Place(12, 34.0000001)]
    region = [Place(rng.uniform(50.7, 51.4), rng.uniform(2.6, 5.9)) for _ in range(150)]
    for places in (world, region, [*region[:20], *world[:20]]):
        table = model.matrix(places, places)
        for i, a in enumerate(places):
            assert table[i].tolist() == [formula(model, a, b) for b in places]


def test_times_by_half_a_second_are_rounded_as_the_formula_rounds_them() -> None:
    """Pairs searched for whose time is within a millionth of a half: where a table worked another way would first differ."""
    here, base = Place(51.0, 4.0), GreatCircle(1.0, 1.0)
    near = []
    for metres in range(40, 60):
        low, high = 0.0, 0.01
        for _ in range(60):
            middle = (low + high) / 2
            low, high = (middle, high) if exact(base, here, Place(51.0 + middle, 4.0)) < metres + 0.5 else (low, middle)
        near += [Place(51.0 + low, 4.0), Place(51.0 + high, 4.0)]
    assert all(abs(exact(base, here, one) % 1 - 0.5) < 1e-6 for one in near)
    assert base.matrix([here], near)[0].tolist() == [formula(base, here, one) for one in near]
    assert base.matrix(near, [here])[:, 0].tolist() == [formula(base, here, one) for one in near]


def test_a_large_table_is_the_same_on_all_cores_as_in_small_parts() -> None:
    rng = random.Random(8)
    places = [Place(rng.uniform(50.7, 51.4), rng.uniform(2.6, 5.9)) for _ in range(1300)]
    model = GreatCircle(areas=(Area(GHENT, 9_000, 5.0),))
    table = model.matrix(places, places)
    for at in range(0, 1300, 100):
        assert (table[at : at + 100] == model.matrix(places[at : at + 100], places)).all()
    assert legs(model, places) == tuple(int(table[at, at + 1]) for at in range(1299))


def exact(model: GreatCircle, a: Place, b: Place) -> float:
    """The haversine formula as the benchmark's scorer has it."""
    la1, lo1, la2, lo2 = (math.radians(angle) for angle in (a.lat, a.lon, b.lat, b.lon))
    h = math.sin((la2 - la1) / 2) ** 2 + math.cos(la1) * math.cos(la2) * math.sin((lo2 - lo1) / 2) ** 2
    return 2 * 6_371_000.0 * math.asin(min(1.0, math.sqrt(h))) * model.detour / model.metres_per_second


def formula(model: GreatCircle, a: Place, b: Place) -> int:
    return round(exact(model, a, b))


class Grid:
    """Knows tables only, and counts the pairs asked for; nobody reaches the fourth place, or leaves the fifth."""

    name = "grid"
    pairs = 0

    def matrix(self, origins: Sequence[Place], destinations: Sequence[Place]) -> Seconds:
        self.pairs += len(origins) * len(destinations)
        away = [[a.lat == 4 or b.lat == 3 for b in destinations] for a in origins]
        return np.where(away, UNREACHABLE, GreatCircle().matrix(origins, destinations)).astype(np.int32)


def test_the_drives_of_a_long_route_do_not_need_a_table_of_it() -> None:
    grid = Grid()
    places = [Place(10 + at / 100, 4) for at in range(400)]
    assert legs(grid, places) == legs(GreatCircle(), places)
    assert grid.pairs < 400 * 20


def test_what_is_cut_off_is_named_from_where_most_is_reached() -> None:
    places = {f"order {at}": Place(at, 4) for at in range(7)}
    where = list(places.values())
    table = Grid().matrix(where, where)
    assert cut_off(table) == [3, 4]
    assert unreachable_pairs(table[:1], where[:1], where) == [(where[0], where[3])]
    assert {pair for pair in unreachable_pairs(table, where, where) if pair[1].lat == 0} == {(Place(4, 4), Place(0, 4))}
    with pytest.raises(UnreachablePlacesError, match="No road leads to or from order 3, order 4 by grid"):
        check_reachable(Grid(), places)
    check_reachable(Grid(), {"a": Place(1, 4), "b": Place(2, 4)})
    assert cut_off(np.full((3, 3), UNREACHABLE, dtype=np.int32)) == [0, 1, 2]
    assert cut_off(table[:1, :1]) == []
    many = UnreachablePlacesError([f"order {at}" for at in range(9)], "grid")
    assert "order 4 and 4 more by grid" in str(many)


@pytest.mark.parametrize(
    ("detour", "speed"), [(0.9, 10), (1.3, 0.001), (float("nan"), 10), (1.3, 0), (1.3, -1), (1.3, float("inf"))]
)
def test_impossible_settings_are_refused(detour: float, speed: float) -> None:
    with pytest.raises(ValueError):
        GreatCircle(detour, speed)


def test_no_places_give_an_empty_table() -> None:
    assert GreatCircle().matrix([], [GHENT]).shape == (0, 1)
