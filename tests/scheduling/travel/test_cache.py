"""The cache answers as the model does, asks for what is new only, and stays within its bounds."""

from __future__ import annotations

import random
import threading
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.domain.places import Place
from scheduling.travel.cache import CachedTravel
from scheduling.travel.model import UNREACHABLE, Seconds, legs
from scheduling.travel.osrm import RoadTravel
from tests.scheduling.travel.small_map import MAINLAND, SEA, YARD

PLACES = [Place(50 + at / 100, 4 + at / 50) for at in range(30)]


class Counting:
    """Answers by a formula that is different for each ordered pair, and counts the pairs it was asked for."""

    name = "counting"

    def __init__(self) -> None:
        self.pairs = 0

    def matrix(self, origins: Sequence[Place], destinations: Sequence[Place]) -> Seconds:
        self.pairs += len(origins) * len(destinations)
        return np.array([[self.answer(a, b) for b in destinations] for a in origins], dtype=np.int32).reshape(
            len(origins), len(destinations)
        )

    @staticmethod
    def answer(a: Place, b: Place) -> int:
        here, there = PLACES.index(a), PLACES.index(b)
        return 0 if here == there else UNREACHABLE if here == 29 else here * 100 + there + 1


def test_a_new_place_costs_one_row_and_one_column() -> None:
    base = Counting()
    cached = CachedTravel(base)
    cached.matrix(PLACES[:10], PLACES[:10])
    assert base.pairs == 100
    cached.matrix(PLACES[:10], PLACES[:10])
    assert base.pairs == 100
    table = cached.matrix(PLACES[:11], PLACES[:11])
    assert base.pairs == 100 + 11 + 10
    assert (table == Counting().matrix(PLACES[:11], PLACES[:11])).all()
    cached.matrix(PLACES[3:9], [PLACES[10]])
    assert base.pairs == 121


_SOME = st.lists(st.integers(0, 29), max_size=8)


@settings(max_examples=60, deadline=None)
@given(most=st.integers(1, 12), asked=st.lists(st.tuples(_SOME, _SOME, st.booleans()), max_size=12))
def test_whatever_is_asked_in_whatever_order_the_answers_are_the_model_s(
    most: int, asked: list[tuple[list[int], list[int], bool]]
) -> None:
    cached, plain = CachedTravel(Counting(), most), Counting()
    for here, there, walk in asked:
        origins, destinations = [PLACES[at] for at in here], [PLACES[at] for at in there]
        if walk:
            assert cached.legs(origins) == legs(plain, origins)
        else:
            assert (cached.matrix(origins, destinations) == plain.matrix(origins, destinations)).all()
        assert len(cached) <= most


def test_the_place_not_asked_for_the_longest_gives_way() -> None:
    base = Counting()
    cached = CachedTravel(base, 3)
    cached.matrix(PLACES[:3], PLACES[:3])
    cached.matrix([PLACES[0]], [PLACES[1]])
    cached.matrix([PLACES[3]], [PLACES[0]])
    before = base.pairs
    cached.matrix([PLACES[0], PLACES[1]], [PLACES[0], PLACES[1]])
    assert base.pairs == before
    cached.matrix([PLACES[2]], [PLACES[0]])
    assert base.pairs == before + 1


def test_a_table_does_not_change_when_the_cache_does() -> None:
    cached = CachedTravel(Counting(), 2)
    table = cached.matrix(PLACES[:2], PLACES[:2])
    copy = table.copy()
    table_of_others = cached.matrix(PLACES[5:7], PLACES[5:7])
    table_of_others[:] = -7
    assert (table == copy).all()
    assert (cached.matrix(PLACES[5:7], PLACES[5:7]) >= 0).all()


def test_threads_that_push_each_other_out_still_get_their_own_answers() -> None:
    cached, plain = CachedTravel(Counting(), 9), Counting()
    wrong: list[object] = []
    start = threading.Barrier(6)

    def ask(seed: int) -> None:
        rng = random.Random(seed)
        start.wait(10)
        for _ in range(150):
            some, others = rng.sample(PLACES, 4), rng.sample(PLACES, 4)
            if (cached.matrix(some, others) != plain.matrix(some, others)).any():
                wrong.append((some, others))
            if cached.legs(some) != legs(plain, some):
                wrong.append(some)

    threads = [threading.Thread(target=ask, args=(seed,)) for seed in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert wrong == []
    assert len(cached) == 9


def test_road_times_come_out_of_the_cache_as_they_went_in(town: RoadTravel) -> None:
    rng = random.Random(9)
    cached = CachedTravel(town, 40)
    everywhere = [MAINLAND.corner(rng.randrange(40), rng.randrange(40)) for _ in range(60)] + [*YARD, SEA]
    for _ in range(12):
        some, others = rng.sample(everywhere, 12), rng.sample(everywhere, 12)
        assert (cached.matrix(some, others) == town.matrix(some, others)).all()
    assert cached.name == town.name


def test_a_cache_without_room_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 1 place"):
        CachedTravel(Counting(), 0)
