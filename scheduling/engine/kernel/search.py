"""Ruin and recreate in machine code: take strings of neighbouring visits off their routes, put them back better.

After Christiaens and Vanden Berghe, "Slack Induction by String Removals for Vehicle Routing Problems" (2020), with
absent tasks of the neighbourhood offered at every step, and with the best place of a task on a route remembered until
the route changes. A worse result is accepted now and then, less and less often (simulated annealing).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from scheduling.engine.kernel.compiled import compiled, inlined
from scheduling.engine.kernel.route_state import drive_on, fits, opening, overtime, put, take
from scheduling.engine.kernel.tables import (
    NEVER,
    SUM_COST,
    SUM_ENTRIES,
    SUM_MUSTS,
    SUM_WEIGHT,
    SUM_WORTH,
    Flags,
    Floats,
    Ints,
    Longs,
    State,
    Tables,
)

NOWHERE = 1 << 60
"""More than any cost: no place was found."""
MOST_OFFERED = 110
"""Tasks that one step may put back."""


class Settings(NamedTuple):
    """What a search is told. Temperatures in seconds of travel."""

    removals: float  # how many visits a step removes on average
    longest: int  # the longest string removed from one route
    blink: float  # the share of places overlooked
    offered: int  # the most absent tasks offered in one step
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


@compiled
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


@compiled
def undo(tab: Tables, st: State, mem: Memory) -> None:
    """Bring everything back to how it was before this step; versions never go backwards."""
    for slot in range(mem.counters[SAVED]):
        route = mem.saved[slot]
        for position in range(st.length[route]):
            st.at[st.seq[route, position]] = -1
    versions = st.sums[4]
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
    st.sums[4] = versions
    if len(tab.before) > 0:
        copy(mem.low, st.low)
        copy(mem.high, st.high)


@inlined
def better(sums: Longs, than: Longs) -> bool:
    """Lexicographic: fewer musts missed, then less weight missed, then less cost."""
    if sums[SUM_MUSTS] != than[SUM_MUSTS]:
        return sums[SUM_MUSTS] < than[SUM_MUSTS]
    if sums[SUM_WEIGHT] != than[SUM_WEIGHT]:
        return sums[SUM_WEIGHT] < than[SUM_WEIGHT]
    return sums[SUM_COST] < than[SUM_COST]


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


@compiled
def overtime_with(
    tab: Tables, st: State, mem: Memory, route: int, position: int, task: int, there: int, onward: int
) -> int:
    """The overtime's price when the task stands before `position`: follows the route to its end, pause by pause."""
    states = tab.pause_count[route] + 1
    now = mem.now
    for taken in range(states):
        now[taken] = NEVER
        for before in range(taken + 1):
            since = st.free[route, position, before]
            if since < NEVER:
                now[taken] = min(now[taken], drive_on(tab, route, since, there, before, taken))
    length = st.length[route]
    for index in range(position - 1, length):
        here = task if index < position else st.seq[route, index]
        seconds = onward if index < position else st.leg[route, index + 1]
        for taken in range(states):
            start = opening(tab, st, here, now[taken]) if now[taken] < NEVER else NEVER
            now[taken] = start + tab.service[here] if start < NEVER else NEVER
        for taken in range(states - 1, -1, -1):
            best = NEVER
            for before in range(taken + 1):
                if now[before] < NEVER:
                    best = min(best, drive_on(tab, route, now[before], seconds, before, taken))
            now[taken] = best
    home = NEVER
    for taken in range(states):
        if now[taken] <= tab.latest_home[route, taken]:
            home = min(home, now[taken])
    return overtime(tab, route, home)


@inlined
def best_place(tab: Tables, st: State, mem: Memory, route: int, task: int, blink: float) -> tuple[int, int]:
    """The cheapest place of the task on the route and its cost; (NOWHERE, -1) when there is none.

    Counts travel, price, use and overtime. A share `blink` of the places is overlooked.
    """
    length = st.length[route]
    if length == st.seq.shape[1]:
        return NOWHERE, -1
    for part in range(tab.van.shape[1]):
        if tab.parts[task, part] > 0 and st.load[route, part] + tab.parts[task, part] > tab.van[route, part]:
            return NOWHERE, -1
    fixed = int(tab.price[task, route])
    if length == 0:
        fixed += tab.use_price[route]
    spare = tab.max_travel[route] - st.travel[route]
    pauses = tab.pause_count[route]
    service, low, high = tab.service[task], st.low[task], st.high[task]
    watched = tab.overtime_price[route] > 0 and tab.latest_home[route, pauses] > tab.shift_end[route]
    present = overtime(tab, route, st.home[route]) if watched and length > 0 else 0
    best, where = NOWHERE, -1
    before = tab.start[route]
    for position in range(length + 1):
        then = st.seq[route, position] if position < length else tab.end[route]
        there, onward = tab.drive_to[task, before], tab.drive[task, then]
        before = then
        soonest, latest = st.free[route, position, 0], st.due[route, position, pauses]
        for taken in range(1, pauses + 1):
            soonest = min(soonest, st.free[route, position, taken])
            latest = max(latest, st.due[route, position, pauses - taken])
        if soonest + there > high:
            if soonest > high:
                break
            continue
        extra = there + onward - st.leg[route, position]
        cost = extra + fixed
        if cost >= best or extra > spare:
            continue
        if max(soonest + there, low) + service + onward > latest:
            continue
        if blink > 0.0 and chance(mem) < blink:
            continue
        if not fits(tab, st, route, position, task, there, onward):
            continue
        if watched:
            cost += overtime_with(tab, st, mem, route, position, task, there, onward) - present
            if cost >= best:
                continue
        best, where = cost, position
    return best, where


@inlined
def place_on(tab: Tables, st: State, mem: Memory, cfg: Settings, route: int, task: int, loose: bool) -> tuple[int, int]:
    """`best_place`, remembered until the route changes; not for tasks whose bounds move with other routes."""
    if not cfg.remember or loose:
        return best_place(tab, st, mem, route, task, cfg.blink)
    known = mem.place[task, route]
    if known[0] == st.version[route]:
        return (NOWHERE, -1) if known[2] < 0 else (int(known[1]), int(known[2]))
    cost, where = best_place(tab, st, mem, route, task, cfg.blink)
    known[0], known[2] = st.version[route], where
    if where >= 0:
        known[1] = min(cost, 2000000000)
    return cost, where


@inlined
def linked(tab: Tables, task: int) -> bool:
    """Whether the task comes after or before another one."""
    return tab.before_at[task] < tab.before_at[task + 1] or tab.after_at[task] < tab.after_at[task + 1]


@inlined
def cheapest(tab: Tables, st: State, mem: Memory, cfg: Settings, task: int, limit: int) -> tuple[int, int, int]:
    """The cheapest place below `limit` among the routes worth asking: (cost, route, position), route -1 if none."""
    mem.counters[STAMPS] += 1
    mark = mem.counters[STAMPS]
    loose = linked(tab, task)
    best, at_route, at_position = limit, -1, -1
    first, beyond = tab.suited_at[task], tab.suited_at[task + 1]
    asked = beyond - first
    neighbours = 0 if tab.suited_all[task] else tab.near.shape[1]
    for index in range(asked + neighbours):
        if index < asked:
            route = tab.suited[first + index]
        else:
            route = st.at[tab.near[task, index - asked]]
            if route < 0 or tab.price[task, route] < 0:
                continue
        if mem.stamp[route] == mark or not mem.active[route]:
            continue
        mem.stamp[route] = mark
        if st.length[route] == 0:
            kind = tab.kind[route]
            if mem.stamp_kind[kind] == mark:
                continue
            mem.stamp_kind[kind] = mark
        if cfg.remember and chance(mem) < cfg.blink:
            continue
        cost, where = place_on(tab, st, mem, cfg, route, task, loose)
        if cost < best:
            best, at_route, at_position = cost, route, where
    return best, at_route, at_position


@inlined
def drop_string(tab: Tables, st: State, mem: Memory, cfg: Settings, task: int, longest: float) -> bool:
    """Remove a string of visits that holds the task from its route, half of the time with a piece kept in its middle."""
    route, position = st.at[task], st.pos[task]
    length = st.length[route]
    count = 1 + below(mem, int(min(float(length), longest)))
    kept = 0
    if count > 1 and count < length and chance(mem) < 0.5:
        kept = 1
        while count + kept < length and chance(mem) < 0.01:
            kept += 1
    span = count + kept
    first = max(0, position - span + 1)
    last = min(position, length - span)
    first += below(mem, last - first + 1)
    hole = first + 1 + below(mem, count - 1) if kept else -1
    save(tab, st, mem, route)
    for index in range(first, first + span):
        if kept and hole <= index < hole + kept:
            continue
        gone = st.seq[route, index]
        st.at[gone] = -2
        mem.offered[mem.counters[OFFERED]] = gone
        mem.counters[OFFERED] += 1
    return take(tab, st, route, first)


@compiled
def ruin(tab: Tables, st: State, mem: Memory, cfg: Settings) -> bool:
    """Remove strings around a random task and gather what may be put back; False when a remainder cannot be kept."""
    mem.counters[OFFERED] = 0
    centre = mem.seeds[below(mem, mem.counters[SEEDS])]
    served, used = 0, 0
    for index in range(-1, min(20, tab.near.shape[1])):
        task = centre if index < 0 else tab.near[centre, index]
        if st.at[task] >= 0:
            served += st.length[st.at[task]]
            used += 1
    longest = min(float(cfg.longest), served / max(1, used))
    most = 4.0 * cfg.removals / (1.0 + longest) - 1.0
    wanted = 1 + int(chance(mem) * most)
    for index in range(-1, tab.near.shape[1]):
        task = centre if index < 0 else tab.near[centre, index]
        route = st.at[task]
        if route < 0 or not mem.active[route] or mem.saved_at[route] >= 0:
            continue
        if not drop_string(tab, st, mem, cfg, task, longest):
            return False
        wanted -= 1
        if wanted <= 0 or mem.counters[OFFERED] >= MOST_OFFERED - cfg.longest:
            break
    removed, absent = mem.counters[OFFERED], 0
    for index in range(-1, tab.near.shape[1]):
        task = centre if index < 0 else tab.near[centre, index]
        if st.at[task] >= 0 or not mem.mine[task] or absent >= cfg.offered:
            continue
        fresh = True
        for other in range(removed):
            if mem.offered[other] == task:
                fresh = False
        if fresh:
            mem.offered[mem.counters[OFFERED]] = task
            mem.counters[OFFERED] += 1
            absent += 1
    return True


@inlined
def sort_offered(tab: Tables, mem: Memory) -> None:
    """Put the offered tasks into one of the orders of insertion."""
    count = mem.counters[OFFERED]
    draw = chance(mem)
    which = 0
    while which < len(tab.key_odds) - 1 and draw >= tab.key_odds[which]:
        which += 1
    for index in range(count):
        mem.order[index] = chance(mem) if which == 0 else tab.keys[which - 1, mem.offered[index]]
    for index in range(1, count):
        task, key = mem.offered[index], mem.order[index]
        at = index - 1
        while at >= 0 and mem.order[at] > key:
            mem.order[at + 1], mem.offered[at + 1] = mem.order[at], mem.offered[at]
            at -= 1
        mem.order[at + 1], mem.offered[at + 1] = key, task


@compiled
def recreate(tab: Tables, st: State, mem: Memory, cfg: Settings) -> None:
    """Put every offered task where it costs least, if that costs less than leaving it out."""
    sort_offered(tab, mem)
    for index in range(mem.counters[OFFERED]):
        task = mem.offered[index]
        cost, route, position = cheapest(tab, st, mem, cfg, task, tab.worth[task])
        if route >= 0:
            save(tab, st, mem, route)
            put(tab, st, route, position, task)


@compiled
def settle(tab: Tables, st: State, mem: Memory, temperature: float) -> None:
    """Keep the step's result or undo it; keep the best plan."""
    gain = mem.sums[SUM_COST] + mem.sums[SUM_WORTH] - st.sums[SUM_COST] - st.sums[SUM_WORTH]
    accepted = gain > 0 or (gain > -40.0 * temperature and chance(mem) < math.exp(gain / temperature))
    if not accepted:
        undo(tab, st, mem)
        return
    for slot in range(mem.counters[SAVED]):
        mem.changed[mem.saved[slot]] = 1
    mem.counters[ACCEPTED] += 1
    if better(st.sums, mem.best_sums):
        keep_best(tab, st, mem)


@compiled
def search(tab: Tables, st: State, mem: Memory, cfg: Settings, steps: int, hot: float, cold: float) -> None:
    """So many steps of ruin and recreate, from temperature `hot` to `cold` (seconds of travel)."""
    if mem.counters[SEEDS] == 0:
        return
    for step in range(steps):
        temperature = hot * (cold / hot) ** (step / steps)
        begin_step(tab, st, mem)
        mem.counters[STEPS] += 1
        if ruin(tab, st, mem, cfg):
            recreate(tab, st, mem, cfg)
            settle(tab, st, mem, temperature)
        else:
            undo(tab, st, mem)
