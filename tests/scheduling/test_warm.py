"""Compiling ahead: nothing that Python calls is left for the first user, and nothing is compiled for several types."""

from __future__ import annotations

import pkgutil
from collections.abc import Iterator
from importlib import import_module

from numba.core.dispatcher import Dispatcher

from scheduling.engine import kernel
from scheduling.engine.solver import solve
from scheduling.engine.stopping import Stop
from scheduling.engine.warm import warm
from tests.scheduling.worlds import every_feature

TWICE = {"memory.copy"}
"""Copies rows of either width."""


def functions() -> Iterator[tuple[str, Dispatcher]]:
    """All compiled functions of the kernel by module and name."""
    for module in pkgutil.iter_modules(kernel.__path__):
        found = import_module(f"{kernel.__name__}.{module.name}")
        for name, function in vars(found).items():
            if isinstance(function, Dispatcher) and function.py_func.__module__ == found.__name__:
                yield f"{module.name}.{name}", function


def test_warming_compiles_all_that_python_calls_and_a_search_asks_for_no_more() -> None:
    warm()
    doors = {name: function for name, function in functions() if not function.targetoptions.get("no_cpython_wrapper")}
    assert {"search.search", "search.fill", "search.lay", "shortage.shortages", "slot_index.search"} <= doors.keys()
    assert {name: len(function.signatures) for name, function in doors.items()} == dict.fromkeys(doors, 1)
    solve(every_feature(1, tasks=40, technicians=4), Stop(seconds=None, solutions=2), 1)
    assert {name: len(function.signatures) for name, function in doors.items()} == dict.fromkeys(doors, 1)


def test_nothing_is_compiled_for_several_types() -> None:
    warm()
    several = {name for name, function in functions() if len(function.signatures) > 1}
    assert several <= TWICE
