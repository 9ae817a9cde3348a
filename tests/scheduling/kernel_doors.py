"""Parts of the kernel that only machine code can call, each with a door for Python."""

from __future__ import annotations

from scheduling.engine.kernel import places, route_state, slot_index
from scheduling.engine.kernel.compiled import compiled
from scheduling.engine.kernel.memory import Memory
from scheduling.engine.kernel.slot_index import Slots, Spot
from scheduling.engine.kernel.tables import State, Tables

_fits, _put, _take = route_state.fits, route_state.put, route_state.take
_best_place, _drive_to = places.best_place, slot_index.drive_to


@compiled
def fits(tab: Tables, st: State, route: int, position: int, task: int, there: int, onward: int) -> bool:
    """See `route_state.fits`."""
    return _fits(tab, st, route, position, task, there, onward)


@compiled
def put(tab: Tables, st: State, route: int, position: int, task: int) -> bool:
    """See `route_state.put`."""
    return _put(tab, st, route, position, task)


@compiled
def take(tab: Tables, st: State, route: int, keep: int) -> bool:
    """See `route_state.take`."""
    return _take(tab, st, route, keep)


@compiled
def best_place(tab: Tables, st: State, mem: Memory, route: int, task: int, blink: float) -> tuple[int, int]:
    """See `places.best_place`."""
    return _best_place(tab, st, mem, route, task, blink)


@compiled
def drive_to(slots: Slots, spot: Spot, route: int, node: int) -> int:
    """See `slot_index.drive_to`."""
    return _drive_to(slots, spot, route, node)
