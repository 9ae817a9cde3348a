"""Good routes met during a search, from which the master problem picks the best combination."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from scheduling.engine.kernel.compiled import inner
from scheduling.engine.kernel.memory import SAVED, Memory
from scheduling.engine.kernel.tables import Ints, Longs, State, Tables


class Pool(NamedTuple):
    """The last C different routes noted; a route with the same tasks in a cheaper order replaces the dearer one."""

    seq: Ints  # (C, L)
    length: Ints  # (C,)
    route: Ints  # (C,)
    cost: Longs  # (C,)
    key: NDArray[np.uint64]  # (C,) of the route's kind and its set of tasks
    slots: Ints  # (power of two above 2 C,) where a key is, or -1
    counters: Longs  # 0: routes noted in all, 1: entries of `slots` in use
    signs: NDArray[np.uint64]  # (n + R,) random, one for each task and each route


def empty_pool(tables: Tables, state: State, capacity: int) -> Pool:
    """A pool for `capacity` routes; none are noted when it is 0."""
    bits = max(1, 2 * capacity).bit_length()
    signs = np.random.default_rng(1).integers(0, 1 << 63, len(tables.service) + len(tables.start), np.uint64)
    return Pool(
        seq=np.zeros((capacity, state.seq.shape[1]), np.int32),
        length=np.zeros(capacity, np.int32),
        route=np.zeros(capacity, np.int32),
        cost=np.zeros(capacity, np.int64),
        key=np.zeros(capacity, np.uint64),
        slots=np.full(1 << bits, -1, np.int32),
        counters=np.zeros(2, np.int64),
        signs=signs,
    )


@inner
def note_routes(tab: Tables, st: State, mem: Memory, pool: Pool) -> None:
    """Note the routes that the present step changed."""
    if len(pool.length) == 0:
        return
    for saved in range(mem.counters[SAVED]):
        if st.length[mem.saved[saved]] > 0:
            note(tab, st, pool, mem.saved[saved])


@inner
def note(tab: Tables, st: State, pool: Pool, route: int) -> None:
    """Note one route, unless it is there already at no higher cost."""
    key = pool.signs[len(tab.service) + tab.kind[route]]
    for position in range(st.length[route]):
        key ^= pool.signs[st.seq[route, position]]
    mask = len(pool.slots) - 1
    if 2 * pool.counters[1] > mask:
        for entry in range(len(pool.slots)):
            pool.slots[entry] = -1
        pool.counters[1] = 0
    # An unsigned number and a signed one would together become a float.
    entry = int(np.int64(key & np.uint64(mask)))
    while pool.slots[entry] >= 0:
        slot = pool.slots[entry]
        if pool.key[slot] == key:
            if st.cost[route] < pool.cost[slot]:
                write(st, pool, route, slot)
            return
        entry = (entry + 1) & mask
    slot = pool.counters[0] % len(pool.length)
    pool.counters[0] += 1
    pool.slots[entry] = slot
    pool.counters[1] += 1
    pool.key[slot] = key
    write(st, pool, route, slot)


@inner
def write(st: State, pool: Pool, route: int, slot: int) -> None:
    """Copy a route into the pool."""
    pool.length[slot], pool.route[slot], pool.cost[slot] = st.length[route], route, st.cost[route]
    for position in range(st.length[route]):
        pool.seq[slot, position] = st.seq[route, position]
