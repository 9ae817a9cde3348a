"""What a search keeps besides the plan it works on: the plan before the step, the best plan, places, chance, good routes."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from scheduling.engine.kernel.compiled import compiled, inlined, inner
from scheduling.engine.kernel.tables import (
    SUM_COST,
    SUM_ENTRIES,
    SUM_MUSTS,
    SUM_VERSIONS,
    SUM_WEIGHT,
    Flags,
    Floats,
    Ints,
    Longs,
    State,
    Tables,
)


class Settings(NamedTuple):
    """What a search is told. Temperatures in seconds of travel."""

    removals: float  # how many visits a step removes on average
    longest: int  # the longest string removed from one route
    blink: float  # the share of places overlooked
    offered: int  # the most absent tasks offered in one step
    idle: float  # the share of steps that begin by opening an idle route, which no single visit would pay for
    remember: bool  # whether best places are remembered; pays from about ten routes on


class Memory(NamedTuple):
    """What a search keeps besides its state: the state before the step, the best plan, places remembered, chance."""

    saved_at: Ints  # (R,) slot of a saved route, or -1
    saved: Ints  # (R,) the saved routes by slot
    seq: Ints  # from here on as in `State`, by slot
    length: Ints
    free: Ints
    due: Ints
    leg: Ints
    travel: Longs
    prices: Longs
    load: Ints
    home: Ints
    cost: Longs
    version: Longs
    low: Ints
    high: Ints
    sums: Longs
    best_seq: Ints  # (R, L)
    best_length: Ints  # (R,)
    best_low: Ints
    best_high: Ints
    best_sums: Longs
    changed: Flags  # (R,) differs from the best plan
    place: Longs  # (n, R, 3) version, cost and position of the best place; empty without remembering
    stamp: Longs  # (R,) and (kinds,) seen in this enquiry
    stamp_kind: Longs
    offered: Ints  # (n,) tasks to put back in this step
    order: Floats  # (n,) their keys
    active: Flags  # (R,) routes this search may change
    mine: Flags  # (n,) absent tasks this search may serve
    seeds: Ints  # (n,) tasks a ruin may begin at, the first `counters[1]` of them
    counters: Longs  # 0: saved routes, 1: seeds, 2: stamps, 3: steps, 4: steps accepted, 5: offered
    now: Longs  # (K + 1,) scratch
    chance: NDArray[np.uint64]


SAVED, SEEDS, STAMPS, STEPS, ACCEPTED, OFFERED = range(6)


def empty_memory(tables: Tables, state: State, seed: int, *, remember: bool) -> Memory:
    """A memory for this state, with every route active and every task a seed."""
    routes, tasks = len(state.length), len(state.at)
    shape = (tasks, routes, 3) if remember else (0, 0, 3)
    return Memory(
        saved_at=np.full(routes, -1, np.int32),
        saved=np.zeros(routes, np.int32),
        **{name: getattr(state, name).copy() for name in ("seq", "length", "free", "due", "leg", "travel", "prices")},
        **{name: getattr(state, name).copy() for name in ("load", "home", "cost", "version", "low", "high", "sums")},
        best_seq=state.seq.copy(),
        best_length=state.length.copy(),
        best_low=state.low.copy(),
        best_high=state.high.copy(),
        best_sums=state.sums.copy(),
        changed=np.zeros(routes, np.uint8),
        place=np.full(shape, -1, np.int32),
        stamp=np.zeros(routes, np.int64),
        stamp_kind=np.zeros(routes + 1, np.int64),
        offered=np.zeros(tasks, np.int32),
        order=np.zeros(tasks, np.float64),
        active=np.ones(routes, np.uint8),
        mine=np.ones(tasks, np.uint8),
        seeds=np.arange(tasks, dtype=np.int32),
        counters=np.array([0, tasks, 0, 0, 0, 0], np.int64),
        now=np.zeros(tables.latest_home.shape[1], np.int64),
        chance=np.array([seed * 2 + 1], np.uint64),
    )


@inlined
def chance(mem: Memory) -> float:
    """A random number from 0 to below 1 (splitmix64): repeatable whichever thread runs it."""
    mem.chance[0] += np.uint64(0x9E3779B97F4A7C15)
    z = mem.chance[0]
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z ^= z >> np.uint64(31)
    return float(z >> np.uint64(11)) * (1.0 / 9007199254740992.0)


@inlined
def below(mem: Memory, count: int) -> int:
    """A random whole number from 0 to below `count`."""
    return int(chance(mem) * count)


@inlined
def copy(source: Ints | Longs, target: Ints | Longs) -> None:
    """Copy one row onto another of its length; slices would need an allocator."""
    for index in range(len(source)):
        target[index] = source[index]


@inlined
def save(tab: Tables, st: State, mem: Memory, route: int) -> None:
    """Keep the route as it was before this step, once."""
    if mem.saved_at[route] >= 0:
        return
    slot = mem.counters[SAVED]
    mem.counters[SAVED] += 1
    mem.saved_at[route] = slot
    mem.saved[slot] = route
    length = st.length[route]
    mem.length[slot] = length
    for position in range(length):
        mem.seq[slot, position] = st.seq[route, position]
    for position in range(length + 1):
        mem.leg[slot, position] = st.leg[route, position]
        for taken in range(tab.pause_count[route] + 1):
            mem.free[slot, position, taken] = st.free[route, position, taken]
            mem.due[slot, position, taken] = st.due[route, position, taken]
    mem.travel[slot], mem.prices[slot] = st.travel[route], st.prices[route]
    mem.home[slot], mem.cost[slot], mem.version[slot] = st.home[route], st.cost[route], st.version[route]
    for part in range(tab.van.shape[1]):
        mem.load[slot, part] = st.load[route, part]


@inner
def begin_step(tab: Tables, st: State, mem: Memory) -> None:
    """Remember the sums; forget what the last step saved."""
    for slot in range(mem.counters[SAVED]):
        mem.saved_at[mem.saved[slot]] = -1
    mem.counters[SAVED] = 0
    for entry in range(SUM_ENTRIES):
        mem.sums[entry] = st.sums[entry]
    if len(tab.before) > 0:
        copy(st.low, mem.low)
        copy(st.high, mem.high)


@inner
def undo(tab: Tables, st: State, mem: Memory) -> None:
    """Bring everything back to how it was before this step; versions never go backwards."""
    for slot in range(mem.counters[SAVED]):
        route = mem.saved[slot]
        for position in range(st.length[route]):
            st.at[st.seq[route, position]] = -1
    versions = st.sums[SUM_VERSIONS]
    for slot in range(mem.counters[SAVED]):
        route = mem.saved[slot]
        length = mem.length[slot]
        st.length[route] = length
        for position in range(length):
            task = mem.seq[slot, position]
            st.seq[route, position] = task
            st.at[task] = route
            st.pos[task] = position
        for position in range(length + 1):
            st.leg[route, position] = mem.leg[slot, position]
            for taken in range(tab.pause_count[route] + 1):
                st.free[route, position, taken] = mem.free[slot, position, taken]
                st.due[route, position, taken] = mem.due[slot, position, taken]
        st.travel[route], st.prices[route] = mem.travel[slot], mem.prices[slot]
        st.home[route], st.cost[route], st.version[route] = mem.home[slot], mem.cost[slot], mem.version[slot]
        for part in range(tab.van.shape[1]):
            st.load[route, part] = mem.load[slot, part]
    for entry in range(SUM_ENTRIES):
        st.sums[entry] = mem.sums[entry]
    st.sums[SUM_VERSIONS] = versions
    if len(tab.before) > 0:
        copy(mem.low, st.low)
        copy(mem.high, st.high)


@compiled
def better(sums: Longs, than: Longs) -> bool:
    """Lexicographic: fewer musts missed, then less weight missed, then less cost."""
    if sums[SUM_MUSTS] != than[SUM_MUSTS]:
        return bool(sums[SUM_MUSTS] < than[SUM_MUSTS])
    if sums[SUM_WEIGHT] != than[SUM_WEIGHT]:
        return bool(sums[SUM_WEIGHT] < than[SUM_WEIGHT])
    return bool(sums[SUM_COST] < than[SUM_COST])


@compiled
def keep_best(tab: Tables, st: State, mem: Memory) -> None:
    """Make the present plan the best one; copies only routes that changed since the last best."""
    for route in range(len(st.length)):
        if mem.changed[route]:
            mem.changed[route] = 0
            mem.best_length[route] = st.length[route]
            for position in range(st.length[route]):
                mem.best_seq[route, position] = st.seq[route, position]
    copy(st.sums, mem.best_sums)
    if len(tab.before) > 0:
        copy(st.low, mem.best_low)
        copy(st.high, mem.best_high)
