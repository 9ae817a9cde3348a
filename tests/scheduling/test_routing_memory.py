"""A planner that runs for days searches thousands of times: nothing of a search stays in memory."""

from __future__ import annotations

import gc
import weakref

from scheduling.engine.routing_model import Budget, RoutingModel, Sequences
from tests.scheduling.worlds import random_problem


def test_a_model_is_freed_after_its_search() -> None:
    world = random_problem(1, tasks=6, routes=2)
    met: list[Sequences] = []
    model = RoutingModel(world, frozenset(), 1)
    tables = weakref.ref(model)
    model.improve([[], []], Budget(5.0, 5), met.append)
    assert met
    del model
    gc.collect()
    assert tables() is None
