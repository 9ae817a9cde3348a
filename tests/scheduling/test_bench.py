"""Our plans of the shared benchmark instances, judged by the benchmark's own scorer."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest

from hub.domain.places import Place
from scheduling.engine.problem import Problem, Route, Task
from scheduling.engine.solver import Stop, solve
from scheduling.engine.spans import Span
from scheduling.travel.great_circle import GreatCircle
from tests.scheduling.worlds import ORIGIN

BENCH = Path(__file__).parents[3] / "shared" / "bench"

pytestmark = pytest.mark.skipif(not BENCH.is_dir(), reason="needs the benchmark folder beside the checkout")


def scorer() -> Any:
    spec = importlib.util.spec_from_file_location("bench_score", BENCH / "score.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def route(vehicle: dict[str, Any]) -> Route:
    pause = vehicle["brk"]
    return Route(
        id=str(vehicle["id"]),
        technician=str(vehicle["tech"]),
        start=Place(*vehicle["start"]),
        end=Place(*vehicle["end"]),
        shift=Span(*vehicle["tw"]),
        breaks=((Span(pause["tw"][0], pause["tw"][1] + 1), pause["dur"]),) if pause else (),
        skills=frozenset(map(str, vehicle["skills"])),
    )


def task(order: dict[str, Any]) -> Task:
    return Task(
        id=str(order["id"]),
        place=Place(*order["loc"]),
        service_seconds=order["dur"],
        windows=(Span(order["tw"][0], order["tw"][1] + 1),),
        skills=frozenset(map(str, order["skills"])),
        weight=order["weight"],
        allowed_technicians=None if order["tech"] is None else frozenset({str(order["tech"])}),
    )


@pytest.mark.parametrize(
    ("name", "seconds", "at_most"),
    [("fs_50x8x1_s1", 2.0, 150), ("fs_50x8x1_s2", 2.0, 210), ("fs_200x25x1_s1", 3.0, 420)],
)
def test_the_scorer_accepts_the_plan_and_agrees_on_its_cost(name: str, seconds: float, at_most: int) -> None:
    instance = json.loads((BENCH / "instances" / f"{name}.json").read_text())
    model = GreatCircle(instance["model"]["detour"], instance["model"]["speed_mps"])
    world = Problem(ORIGIN, tuple(map(route, instance["vehicles"])), tuple(map(task, instance["orders"])), model)
    plan = solve(world, Stop(seconds=seconds), 1)
    routes = {item.route.id: [int(stop.task.id) for stop in item.timeline.stops] for item in plan.routes}
    verdict = scorer().score(instance, {"routes": routes})
    assert verdict["errors"] == []
    assert verdict["unserved_weight"] == plan.objective.missed_weight <= at_most
    assert abs(verdict["travel"] - plan.objective.cost_seconds) <= len(world.tasks)
