"""Our plans of the shared benchmark instances, judged by the benchmark's own scorer."""

from __future__ import annotations

import importlib.util
import json
from typing import Any

import pytest

from infra.benchmarks.instances import BENCH
from scheduling.engine.files.instance import read_instance
from scheduling.engine.solver import Stop, solve

pytestmark = pytest.mark.skipif(not BENCH.is_dir(), reason="needs the benchmark folder beside the checkout")


def scorer() -> Any:
    spec = importlib.util.spec_from_file_location("bench_score", BENCH / "score.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("no_breaks", [False, True])
@pytest.mark.parametrize(
    ("name", "seconds", "at_most"),
    [("fs_50x8x1_s1", 2.0, 150), ("fs_50x8x1_s2", 2.0, 210), ("fs_200x25x1_s1", 3.0, 420)],
)
def test_the_scorer_accepts_the_plan_and_agrees_on_its_cost(
    name: str, seconds: float, at_most: int, no_breaks: bool
) -> None:
    path = BENCH / "instances" / f"{name}.json"
    instance = read_instance(path, no_breaks=no_breaks)
    plan = solve(instance.problem, Stop(seconds=seconds), 1)
    routes = {item.route.id: [instance.order_ids[stop.task.id] for stop in item.timeline.stops] for item in plan.routes}
    verdict = scorer().score(json.loads(path.read_text()), {"routes": routes, "nobreak": no_breaks})
    assert verdict["errors"] == []
    assert verdict["unserved_weight"] == plan.objective.missed_weight <= at_most
    assert verdict["travel"] == plan.objective.cost_seconds
