"""The exact state of a route, in machine code: what `timeline.simulate` says, answered for one insertion in O(1).

For each position and each number of pauses taken there is an earliest departure before it and a latest arrival at it.
A visit fits between them exactly when some way of taking the pauses lets the two meet (forward and backward slack,
Savelsbergh 1992, once per number of pauses). Planning, repair and slot offering all ask here.
"""

from __future__ import annotations

from scheduling.engine.kernel.compiled import compiled, inlined, inner
from scheduling.engine.kernel.tables import (
    NEVER,
    SUM_COST,
    SUM_MUSTS,
    SUM_VERSIONS,
    SUM_WEIGHT,
    SUM_WORTH,
    Ints,
    State,
    Tables,
)


@inlined
def drive_on(tab: Tables, route: int, since: int, seconds: int, taken: int, then: int) -> int:
    """When a drive begun at `since` is over with the pauses `taken` to `then` taken on the way; NEVER if one cannot start."""
    now, left = since, seconds
    for pause in range(taken, then):
        begin = max(now, tab.pause_from[route, pause])
        if begin > tab.pause_till[route, pause]:
            return NEVER
        left -= min(left, begin - now)
        now = begin + tab.pause_long[route, pause]
    return now + left


@inlined
def drive_back(tab: Tables, route: int, arrival: int, seconds: int, taken: int, then: int) -> int:
    """`drive_on` read backwards: the latest departure that arrives in time; -NEVER if a pause cannot start."""
    now, left = arrival, seconds
    for pause in range(then - 1, taken - 1, -1):
        begin = min(now - tab.pause_long[route, pause], tab.pause_till[route, pause])
        if begin < tab.pause_from[route, pause]:
            return -NEVER
        left -= min(left, now - begin - tab.pause_long[route, pause])
        now = begin
    return now - left


@inlined
def opening(tab: Tables, st: State, task: int, arrival: int) -> int:
    """The first second at or after `arrival` at which the task's service may start; NEVER when there is none."""
    start = max(arrival, st.low[task])
    first, beyond = tab.window_at[task], tab.window_at[task + 1]
    if beyond - first > 1:
        while first < beyond and start > tab.window_till[first]:
            first += 1
        if first == beyond:
            return NEVER
        start = max(start, tab.window_from[first])
    return start if start <= st.high[task] else NEVER


@inlined
def closing(tab: Tables, st: State, task: int, bound: int) -> int:
    """The last second at or before `bound` at which the task's service may start; -NEVER when there is none."""
    start = min(bound, st.high[task])
    first, last = tab.window_at[task], tab.window_at[task + 1] - 1
    if last > first:
        while last >= first and start < tab.window_from[last]:
            last -= 1
        if last < first:
            return -NEVER
        start = min(start, tab.window_till[last])
    return start if start >= st.low[task] else -NEVER


@inlined
def arrival_at(tab: Tables, st: State, route: int, position: int, seconds: int, taken: int) -> int:
    """Earliest arrival after a drive of `seconds` from before `position`, with `taken` pauses had; NEVER if impossible."""
    best = NEVER
    for before in range(taken + 1):
        since = st.free[route, position, before]
        if since < NEVER:
            best = min(best, drive_on(tab, route, since, seconds, before, taken))
    return best


@inlined
def fits(tab: Tables, st: State, route: int, position: int, task: int, there: int, onward: int) -> bool:
    """Whether the task can be done before `position`, `there` and `onward` seconds from its neighbours. Time only."""
    pauses = tab.pause_count[route]
    service = tab.service[task]
    if pauses == 0:
        start = opening(tab, st, task, st.free[route, position, 0] + there)
        return bool(start + service + onward <= st.due[route, position, 0])
    for taken in range(pauses + 1):
        arrival = arrival_at(tab, st, route, position, there, taken)
        if arrival >= NEVER:
            continue
        start = opening(tab, st, task, arrival)
        if start >= NEVER:
            continue
        for then in range(taken, pauses + 1):
            due = st.due[route, position, then]
            if due > -NEVER and drive_on(tab, route, start + service, onward, taken, then) <= due:
                return True
    return False


@inlined
def forward(tab: Tables, st: State, route: int, first: int) -> int:
    """Bring `free` up to date behind position `first`; returns the earliest time of being home, NEVER if there is none."""
    states = tab.pause_count[route] + 1
    length = st.length[route]
    for position in range(first, length):
        task = st.seq[route, position]
        seconds = st.leg[route, position]
        for taken in range(states):
            arrival = arrival_at(tab, st, route, position, seconds, taken)
            start = opening(tab, st, task, arrival) if arrival < NEVER else NEVER
            st.free[route, position + 1, taken] = start + tab.service[task] if start < NEVER else NEVER
    home = NEVER
    for taken in range(states):
        arrival = arrival_at(tab, st, route, length, st.leg[route, length], taken)
        if arrival <= tab.latest_home[route, taken]:
            home = min(home, arrival)
    return home


@inlined
def backward(tab: Tables, st: State, route: int, last: int) -> None:
    """Bring `due` up to date at position `last` and all before it."""
    states = tab.pause_count[route] + 1
    length = st.length[route]
    for position in range(last, -1, -1):
        if position == length:
            for taken in range(states):
                st.due[route, position, taken] = tab.latest_home[route, taken]
            continue
        task = st.seq[route, position]
        onward = st.leg[route, position + 1]
        for taken in range(states):
            leave = -NEVER
            for then in range(taken, states):
                due = st.due[route, position + 1, then]
                if due > -NEVER:
                    leave = max(leave, drive_back(tab, route, due, onward, taken, then))
            st.due[route, position, taken] = (
                closing(tab, st, task, leave - tab.service[task]) if leave > -NEVER else -NEVER
            )


@inlined
def overtime(tab: Tables, route: int, home: int) -> int:
    """What being home at that second costs: the part of an hour after the shift, at the price of an hour, rounded up."""
    late = home - tab.shift_end[route]
    if late <= 0:
        return 0
    return int((late * tab.overtime_price[route] + 3599) // 3600)


@inlined
def refresh(tab: Tables, st: State, route: int, first: int, last: int) -> bool:
    """After stops from `first` to before `last` are new and all others as they were: times, sums and cost.

    False when the route cannot be kept; then its state must be restored.
    """
    length = st.length[route]
    node = tab.start[route] if first == 0 else st.seq[route, first - 1]
    for position in range(first, last + 1):
        then = st.seq[route, position] if position < length else tab.end[route]
        st.leg[route, position] = tab.drive[node, then]
        node = then
    if length == 0:
        st.leg[route, 0] = 0
    home = forward(tab, st, route, first)
    if home >= NEVER and length > 0:
        return False
    backward(tab, st, route, last)
    travel = 0
    for position in range(length + 1):
        travel += st.leg[route, position]
    for position in range(first, length):
        task = st.seq[route, position]
        st.at[task] = route
        st.pos[task] = position
    cost = travel + st.prices[route]
    if length > 0:
        cost += tab.use_price[route] + overtime(tab, route, home)
    st.sums[SUM_COST] += cost - st.cost[route]
    st.travel[route], st.home[route], st.cost[route] = travel, home, cost
    st.sums[SUM_VERSIONS] += 1
    st.version[route] = st.sums[SUM_VERSIONS]
    return bool(travel <= tab.max_travel[route])


@compiled
def open_all(tab: Tables, st: State) -> None:
    """Make every route empty and every task absent."""
    for entry in range(len(st.sums)):
        st.sums[entry] = 0
    for task in range(len(tab.service)):
        st.at[task] = -1
        st.low[task] = tab.window_from[tab.window_at[task]]
        st.high[task] = tab.window_till[tab.window_at[task + 1] - 1]
        note_absence(tab, st, task, 1)
    for route in range(len(tab.start)):
        st.length[route] = 0
        st.cost[route] = 0
        st.prices[route] = 0
        for part in range(tab.van.shape[1]):
            st.load[route, part] = 0
        for taken in range(tab.latest_home.shape[1]):
            st.free[route, 0, taken] = NEVER
        st.free[route, 0, 0] = tab.opens[route]
        refresh(tab, st, route, 0, 0)


@inlined
def note_absence(tab: Tables, st: State, task: int, change: int) -> None:
    """Count a task among the absent (`change` 1) or no longer (-1)."""
    st.sums[SUM_WORTH] += change * tab.worth[task]
    if tab.must[task]:
        st.sums[SUM_MUSTS] += change * tab.must[task]
    else:
        st.sums[SUM_WEIGHT] += change * tab.weight[task]


@inlined
def put(tab: Tables, st: State, route: int, position: int, task: int) -> bool:
    """Insert an absent task; False when the route cannot be kept so, or has no room left in its array."""
    length = st.length[route]
    if length == st.seq.shape[1]:
        return False
    for index in range(length, position, -1):
        st.seq[route, index] = st.seq[route, index - 1]
    st.seq[route, position] = task
    st.length[route] = length + 1
    # The new stop splits a drive in two; those behind it keep theirs, one place further on.
    for index in range(length + 1, position + 1, -1):
        st.leg[route, index] = st.leg[route, index - 1]
    for index in range(length + 1, position, -1):
        for taken in range(tab.pause_count[route] + 1):
            st.due[route, index, taken] = st.due[route, index - 1, taken]
    st.prices[route] += tab.price[task, route]
    for part in range(tab.van.shape[1]):
        st.load[route, part] += tab.parts[task, part]
    st.at[task] = route
    note_absence(tab, st, task, -1)
    return refresh(tab, st, route, position, position + 1)


@inlined
def take(tab: Tables, st: State, route: int, keep: int) -> bool:
    """Remove every stop of the route whose task is marked by `at == -2`, from position `keep` on; they become absent.

    False when the rest cannot be kept, which happens where a detour is quicker than the direct way.
    """
    length, kept = st.length[route], keep
    for position in range(keep, length):
        task = st.seq[route, position]
        if st.at[task] != -2:
            st.seq[route, kept] = task
            kept += 1
            continue
        st.at[task] = -1
        st.prices[route] -= tab.price[task, route]
        for part in range(tab.van.shape[1]):
            st.load[route, part] -= tab.parts[task, part]
        note_absence(tab, st, task, 1)
    st.length[route] = kept
    return refresh(tab, st, route, keep, kept)


@compiled
def adopt(tab: Tables, st: State, seq: Ints, length: Ints, low: Ints, high: Ints) -> None:
    """Make the state the plan of these sequences, which can be kept; routes that are the same already stay untouched."""
    bonds = len(tab.before) > 0
    differs = st.fresh
    for route in range(len(tab.start)):
        differs[route] = bonds or st.length[route] != length[route]
        for position in range(length[route]):
            differs[route] = differs[route] or st.seq[route, position] != seq[route, position]
        if differs[route]:
            for position in range(st.length[route]):
                st.at[st.seq[route, position]] = -1
    for task in range(len(tab.service)):
        st.low[task], st.high[task] = low[task], high[task]
    for route in range(len(tab.start)):
        if differs[route]:
            rebuild(tab, st, route, seq, length[route])
    for entry in range(SUM_VERSIONS):
        st.sums[entry] = 0
    for route in range(len(tab.start)):
        st.sums[SUM_COST] += st.cost[route]
    for task in range(len(tab.service)):
        if st.at[task] < 0:
            note_absence(tab, st, task, 1)


@inner
def rebuild(tab: Tables, st: State, route: int, seq: Ints, length: int) -> None:
    """Give the route these stops and everything that follows from them."""
    st.length[route] = length
    st.prices[route] = 0
    for part in range(tab.van.shape[1]):
        st.load[route, part] = 0
    for position in range(length):
        task = seq[route, position]
        st.seq[route, position] = task
        st.prices[route] += tab.price[task, route]
        for part in range(tab.van.shape[1]):
            st.load[route, part] += tab.parts[task, part]
    refresh(tab, st, route, 0, length)
