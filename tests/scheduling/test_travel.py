"""Great-circle travel: known distances, symmetry, areas, the model's name, refusals."""

from __future__ import annotations

import random

import pytest

from hub.domain.places import Place
from scheduling.travel.great_circle import Area, GreatCircle
from scheduling.travel.model import legs
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


@pytest.mark.parametrize(("detour", "speed"), [(0.9, 10), (float("nan"), 10), (1.3, 0), (1.3, -1), (1.3, float("inf"))])
def test_impossible_settings_are_refused(detour: float, speed: float) -> None:
    with pytest.raises(ValueError):
        GreatCircle(detour, speed)


def test_no_places_give_an_empty_table() -> None:
    assert GreatCircle().matrix([], [GHENT]).shape == (0, 1)
