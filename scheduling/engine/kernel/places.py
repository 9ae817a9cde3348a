"""Where a task costs least: every position of every route worth asking, by the exact state of the route."""

from __future__ import annotations

from scheduling.engine.kernel.compiled import inlined, inner
from scheduling.engine.kernel.memory import STAMPS, Memory, Settings, chance
from scheduling.engine.kernel.route_state import drive_on, fits, opening, overtime
from scheduling.engine.kernel.tables import NEVER, State, Tables

NOWHERE = 1 << 60
"""More than any cost: no place was found."""


@inner
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
def has_room(tab: Tables, st: State, route: int, task: int, extra: int) -> bool:
    """Whether the van holds the parts of one more task, the day `extra` seconds of driving, and the array a stop."""
    for part in range(tab.van.shape[1]):
        if tab.parts[task, part] > 0 and st.load[route, part] + tab.parts[task, part] > tab.van[route, part]:
            return False
    return bool(st.travel[route] + extra <= tab.max_travel[route] and st.length[route] < st.seq.shape[1])


@inlined
def best_place(tab: Tables, st: State, mem: Memory, route: int, task: int, blink: float) -> tuple[int, int]:
    """The cheapest place of the task on the route and its cost; (NOWHERE, -1) when there is none.

    Counts travel, price, use and overtime. A share `blink` of the places is overlooked.
    """
    length = st.length[route]
    if not has_room(tab, st, route, task, 0):
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
    return bool(tab.before_at[task] < tab.before_at[task + 1] or tab.after_at[task] < tab.after_at[task + 1])


@inlined
def cheapest(
    tab: Tables, st: State, mem: Memory, cfg: Settings, task: int, limit: int, idle: bool
) -> tuple[int, int, int]:
    """The cheapest place below `limit` among the routes worth asking: (cost, route, position), route -1 if none.

    With `idle` only routes without visits are asked.
    """
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
        if mem.stamp[route] == mark or not mem.active[route] or (idle and st.length[route] > 0):
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
