"""The benchmark's judge: it finds what is broken, and agrees with the scorer that came with the instances."""

from __future__ import annotations

import importlib.util
import json
import math
import random
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from infra.benchmarks.checker import drive_seconds, judge_plan, judge_vrptw
from infra.benchmarks.generate import generate
from infra.benchmarks.instances import BENCH
from infra.benchmarks.world import Customers, World

HOUR = 3600
HOME = [51.05, 3.72]
NEAR = [51.06, 3.73]


def world(orders: list[dict[str, Any]], **vehicle: Any) -> World:
    given = {"id": 0, "tech": 0, "start": HOME, "end": HOME, "skills": [0], "tw": [8 * HOUR, 12 * HOUR], "brk": None}
    return World(orders, [{**given, **vehicle}], {"speed_mps": 12.5, "detour": 1.3, "radius": 6371000.0})


def order(number: int = 0, **changes: Any) -> dict[str, Any]:
    given = {
        "id": number,
        "loc": NEAR,
        "dur": HOUR,
        "skills": [0],
        "weight": 5,
        "tw": [8 * HOUR, 12 * HOUR],
        "tech": None,
    }
    return {**given, **changes}


def errors(of: World, ids: list[int], *, no_breaks: bool = False) -> tuple[str, ...]:
    return judge_plan(of, {"0": ids}, no_breaks=no_breaks).errors


def test_a_good_plan_is_counted() -> None:
    score = judge_plan(world([order(0), order(1, weight=7)]), {"0": [0]}, no_breaks=False)
    there = drive_seconds(world([]), HOME, NEAR)
    assert (score.errors, score.unserved_weight, score.served, score.travel) == ((), 7, 1, 2 * there)
    assert score.cost == 70_000 + 2 * there


@pytest.mark.parametrize(
    ("changes", "vehicle", "text"),
    [
        ({"skills": [1]}, {}, "order 0 is not for vehicle 0"),
        ({"tech": 9}, {}, "order 0 is not for vehicle 0"),
        ({"tw": [0, 8 * HOUR]}, {}, "late at order 0"),
        ({"dur": 4 * HOUR}, {}, "late at home"),
        ({"dur": 3 * HOUR}, {"brk": {"dur": HOUR, "tw": [8 * HOUR, 8 * HOUR + 60]}}, "no room"),
        (
            {"dur": 3 * HOUR, "tw": [8 * HOUR, 8 * HOUR + 300]},
            {"brk": {"dur": 900, "tw": [9 * HOUR, 9 * HOUR]}},
            "no room",
        ),
    ],
)
def test_a_broken_rule_is_named(changes: dict[str, Any], vehicle: dict[str, Any], text: str) -> None:
    assert any(text in error for error in errors(world([order(**changes)], **vehicle), [0]))


def test_the_last_second_of_a_window_is_in_it() -> None:
    there = drive_seconds(world([]), HOME, NEAR)
    assert not errors(world([order(tw=[0, 8 * HOUR + there])]), [0])
    assert errors(world([order(tw=[0, 8 * HOUR + there - 1])]), [0])


def test_breaks_and_bound_orders_do_not_count_in_the_variant() -> None:
    hard = world([order(tech=9, dur=3 * HOUR)], brk={"dur": 2 * HOUR, "tw": [8 * HOUR, 12 * HOUR]})
    assert errors(hard, [0])
    assert not errors(hard, [0], no_breaks=True)


def test_nobody_is_served_twice_and_nobody_is_invented() -> None:
    assert "order 0 is served twice" in errors(world([order(dur=60)]), [0, 0])
    assert "unknown" in errors(world([order()]), [7])[0]
    assert "unknown" in judge_plan(world([order()]), {"9": [0]}, no_breaks=False).errors[0]


@pytest.mark.skipif(not BENCH.is_dir(), reason="needs the benchmark folder beside the checkout")
@pytest.mark.parametrize("no_breaks", [False, True])
def test_it_agrees_with_the_scorer_of_the_instances(no_breaks: bool) -> None:
    spec = importlib.util.spec_from_file_location("bench_score", BENCH / "score.py")
    assert spec is not None
    assert spec.loader is not None
    scorer = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(scorer)
    dice, good = random.Random(7), 0
    for content in [json.loads((BENCH / "instances" / "fs_50x8x1_s1.json").read_text()), generate(60, 8, 1, 3)]:
        instance = World(content["orders"], content["vehicles"], content["model"])
        for _ in range(400):
            vehicle = dice.choice(instance.vehicles)
            able = [o["id"] for o in instance.orders if set(o["skills"]) <= set(vehicle["skills"])]
            ids = sorted(
                dice.sample(able, min(len(able), dice.randint(1, 4))), key=lambda i: instance.orders[i]["tw"][0]
            )
            routes = {str(vehicle["id"]): ids}
            theirs = scorer.score(content, {"routes": routes, "nobreak": no_breaks})
            ours = judge_plan(instance, routes, no_breaks=no_breaks)
            assert (not ours.errors) == theirs["feasible"], (ids, ours.errors, theirs["errors"])
            assert (ours.unserved_weight, ours.travel) == (theirs["unserved_weight"], theirs["travel"])
            good += not ours.errors
    assert 100 < good < 700, "the sample must hold good and bad plans"


def customers(**changes: Any) -> Customers:
    given: dict[str, Any] = {
        "vehicles": 2,
        "capacity": 10,
        "demand": [0, 6, 5],
        "opens": [0, 0, 0],
        "closes": [1000, 500, 500],
        "service": [0, 100, 100],
        "points": [(0, 0), (3, 4), (-3, 4)],
    }
    return Customers(**{**deepcopy(given), **changes})


def test_a_good_vrptw_plan_is_measured() -> None:
    score = judge_vrptw(customers(), [[1], [2]])
    assert (score.errors, score.distance, score.routes) == ((), 20.0, 2)


@pytest.mark.parametrize(
    ("routes", "changes", "text"),
    [
        ([[1, 2]], {}, "overloaded"),
        ([[1]], {}, "not served"),
        ([[1], [1, 2]], {}, "twice"),
        ([[1], [2], [3]], {}, "unknown"),
        ([[1], [2]], {"vehicles": 1}, "2 routes, but 1 vehicles"),
        ([[1], [2]], {"closes": [1000, 49, 500]}, "late at customer 1"),
        ([[1], [2]], {"closes": [199, 500, 500]}, "late at customer 0"),
    ],
)
def test_a_broken_vrptw_rule_is_named(routes: list[list[int]], changes: dict[str, Any], text: str) -> None:
    assert any(text in error for error in judge_vrptw(customers(**changes), routes).errors)


def test_distances_are_truncated_to_one_decimal(tmp_path: Path) -> None:
    dice = random.Random(1)
    points = [(dice.randrange(200), dice.randrange(200)) for _ in range(60)]
    table = customers(points=points).tenths
    for a, (x1, y1) in enumerate(points):
        for b, (x2, y2) in enumerate(points):
            assert table[a, b] == math.isqrt(100 * ((x1 - x2) ** 2 + (y1 - y2) ** 2))
