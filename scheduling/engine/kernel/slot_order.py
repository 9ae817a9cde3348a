"""The best order of a handful of visits on one route, in machine code: depth first, with bounds that lose nothing.

Where there is no room for a visit between the others as they stand, another order may have some. All visits are served
inside their windows or none is: promises are not weighed here.
"""

from __future__ import annotations

from typing import NamedTuple

from scheduling.engine.kernel.compiled import compiled, inlined
from scheduling.engine.kernel.route_state import arrival_at, opening
from scheduling.engine.kernel.tables import NEVER, Ints, Longs, State, Tables


class Orders(NamedTuple):
    """n visits to order; the start of the route is node n and its end node n + 1."""

    drive: Ints  # (n + 2, n + 2) seconds
    least: Ints  # (n + 1,) the shortest drive to each visit, and to the end, from anywhere
    tried: Ints  # (n,) visits in the order in which they are tried
    turn: Ints  # (n + 1,) scratch: which of `tried` comes next at each depth
    here: Ints  # (n,) scratch: the order in the making
    used: Ints  # (n,) scratch
    travel: Longs  # (n + 1,) scratch: driving so far
    best: Ints  # (n,) answer


@inlined
def hopeful(tab: Tables, st: State, ways: Orders, depth: int, limit: int) -> bool:
    """Whether what is left could still be reached in time, and with less than `limit` of driving in all."""
    count = len(ways.tried)
    soonest = st.free[0, depth, 0]
    for taken in range(1, tab.pause_count[0] + 1):
        soonest = min(soonest, st.free[0, depth, taken])
    left, work = ways.least[count], 0
    for task in range(count):
        if not ways.used[task]:
            if soonest + ways.least[task] > st.high[task]:
                return False
            left += ways.least[task]
            work += tab.service[task]
    home = -NEVER
    for taken in range(tab.pause_count[0] + 1):
        home = max(home, tab.latest_home[0, taken])
    return bool(ways.travel[depth] + left < limit and soonest + left + work <= home)


@inlined
def step(tab: Tables, st: State, ways: Orders, depth: int, task: int) -> bool:
    """Serve the visit next; False when it cannot be served then."""
    before = ways.here[depth - 1] if depth > 0 else len(ways.tried)
    seconds = ways.drive[before, task]
    possible = False
    for taken in range(tab.pause_count[0] + 1):
        arrival = arrival_at(tab, st, 0, depth, seconds, taken)
        start = opening(tab, st, task, arrival) if arrival < NEVER else NEVER
        st.free[0, depth + 1, taken] = start + tab.service[task] if start < NEVER else NEVER
        possible = possible or start < NEVER
    ways.travel[depth + 1] = ways.travel[depth] + seconds
    return possible


@inlined
def comes_home(tab: Tables, st: State, ways: Orders) -> bool:
    """Whether the technician is home in time after all visits."""
    count = len(ways.tried)
    seconds = ways.drive[ways.here[count - 1], count + 1]
    for taken in range(tab.pause_count[0] + 1):
        if arrival_at(tab, st, 0, count, seconds, taken) <= tab.latest_home[0, taken]:
            return True
    return False


@compiled
def least_travel(tab: Tables, st: State, ways: Orders, most_steps: int) -> int:
    """The least driving with which the one route of the state serves all tasks, -1 if no order was found.

    `ways.best` gets the order. After `most_steps` steps the best order so far counts.
    """
    count = len(ways.tried)
    for taken in range(tab.pause_count[0] + 1):
        st.free[0, 0, taken] = NEVER
    st.free[0, 0, 0] = tab.opens[0]
    for task in range(count):
        ways.used[task] = 0
    ways.turn[0], ways.travel[0] = 0, 0
    depth, steps, found = 0, 0, -1
    limit = int(tab.max_travel[0]) + 1
    while depth >= 0 and steps < most_steps:
        if ways.turn[depth] > 0 and depth < count:
            ways.used[ways.tried[ways.turn[depth] - 1]] = 0
        while ways.turn[depth] < count and ways.used[ways.tried[ways.turn[depth]]]:
            ways.turn[depth] += 1
        if ways.turn[depth] >= count:
            depth -= 1
            continue
        task = ways.tried[ways.turn[depth]]
        ways.turn[depth] += 1
        ways.used[task] = 1
        steps += 1
        if not step(tab, st, ways, depth, task):
            continue
        ways.here[depth] = task
        if depth + 1 < count:
            if hopeful(tab, st, ways, depth + 1, limit):
                depth += 1
                ways.turn[depth] = 0
            continue
        total = ways.travel[count] + ways.drive[task, count + 1]
        if total < limit and comes_home(tab, st, ways):
            limit, found = total, total
            for index in range(count):
                ways.best[index] = ways.here[index]
    return found
