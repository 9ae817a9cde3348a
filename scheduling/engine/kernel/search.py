"""Ruin and recreate in machine code: take strings of neighbouring visits off their routes, put them back better.

After Christiaens and Vanden Berghe, "Slack Induction by String Removals for Vehicle Routing Problems" (2020), with
absent tasks of the neighbourhood offered at every step, and with the best place of a task on a route remembered until
the route changes. A worse result is accepted now and then, less and less often (simulated annealing).
"""

from __future__ import annotations

import math

from scheduling.engine.kernel.compiled import compiled, inlined, inner
from scheduling.engine.kernel.links import bind, drop_successors, prepare, release
from scheduling.engine.kernel.memory import (
    ACCEPTED,
    OFFERED,
    SAVED,
    SEEDS,
    STEPS,
    Memory,
    Settings,
    begin_step,
    below,
    better,
    chance,
    keep_best,
    save,
    undo,
)
from scheduling.engine.kernel.places import NOWHERE, best_place, cheapest, has_room, linked
from scheduling.engine.kernel.pool import Pool, note_routes
from scheduling.engine.kernel.route_state import fits, put, take
from scheduling.engine.kernel.tables import SUM_COST, SUM_WORTH, Ints, State, Tables

NEARLY_BEST = 100
"""Routes are noted from plans that are at most one part in so many worse than the best."""
MOST_OFFERED = 110
"""Tasks that one step may put back."""


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


@inner
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
    if len(tab.after) > 0 and not drop_successors(tab, st, mem):
        return False
    absent = 0
    for index in range(-1, tab.near.shape[1]):
        task = centre if index < 0 else tab.near[centre, index]
        if st.at[task] >= 0 or not mem.mine[task] or absent >= cfg.offered:
            continue
        fresh = True
        for other in range(mem.counters[OFFERED]):
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


@inner
def place(tab: Tables, st: State, mem: Memory, cfg: Settings, task: int, limit: int, idle: bool) -> bool:
    """Put an absent task where it costs least, if that costs less than `limit`; with `idle` on a route without visits."""
    bonds = len(tab.before) > 0 and linked(tab, task)
    if bonds and not prepare(tab, st, mem, task):
        return False
    _, route, position = cheapest(tab, st, mem, cfg, task, limit, idle=idle)
    if route < 0:
        if bonds:
            release(tab, st, mem, task)
        return False
    save(tab, st, mem, route)
    put(tab, st, route, position, task)
    return not bonds or bind(tab, st, mem, task)


@inner
def recreate(tab: Tables, st: State, mem: Memory, cfg: Settings) -> None:
    """Put back the offered tasks, one by one; those that wait for others once more at the end."""
    sort_offered(tab, mem)
    if cfg.idle > 0.0 and chance(mem) < cfg.idle and mem.counters[OFFERED] > 0:
        task = mem.offered[0]
        place(tab, st, mem, cfg, task, tab.worth[task], idle=True)
    for again in range(2 if len(tab.before) > 0 else 1):
        for index in range(mem.counters[OFFERED]):
            task = mem.offered[index]
            if st.at[task] < 0 and (again == 0 or linked(tab, task)):
                place(tab, st, mem, cfg, task, tab.worth[task], idle=False)


@inner
def settle(tab: Tables, st: State, mem: Memory, pool: Pool, temperature: float) -> None:
    """Keep the step's result or undo it; keep the best plan; note good routes."""
    gain = mem.sums[SUM_COST] + mem.sums[SUM_WORTH] - st.sums[SUM_COST] - st.sums[SUM_WORTH]
    accepted = gain > 0 or (gain > -40.0 * temperature and chance(mem) < math.exp(gain / temperature))
    if not accepted:
        undo(tab, st, mem)
        return
    for slot in range(mem.counters[SAVED]):
        mem.changed[mem.saved[slot]] = 1
    mem.counters[ACCEPTED] += 1
    total, best = st.sums[SUM_COST] + st.sums[SUM_WORTH], mem.best_sums[SUM_COST] + mem.best_sums[SUM_WORTH]
    if gain != 0 and total - best <= best // NEARLY_BEST:
        note_routes(tab, st, mem, pool)
    if better(st.sums, mem.best_sums):
        keep_best(tab, st, mem)


@compiled
def search(tab: Tables, st: State, mem: Memory, pool: Pool, cfg: Settings, steps: int, hot: float, cold: float) -> None:
    """So many steps of ruin and recreate, from temperature `hot` to `cold` (seconds of travel)."""
    if mem.counters[SEEDS] == 0:
        return
    for step in range(steps):
        temperature = hot * (cold / hot) ** (step / steps)
        begin_step(tab, st, mem)
        mem.counters[STEPS] += 1
        if ruin(tab, st, mem, cfg):
            recreate(tab, st, mem, cfg)
            settle(tab, st, mem, pool, temperature)
        else:
            undo(tab, st, mem)


@compiled
def lay(tab: Tables, st: State, mem: Memory, route: int, tasks: Ints) -> int:
    """Append these tasks to the route in order, as far as each can be kept; returns how many could not."""
    left_out = 0
    for index in range(len(tasks)):
        task = tasks[index]
        if st.at[task] >= 0 or tab.price[task, route] < 0:
            left_out += 1
            continue
        begin_step(tab, st, mem)
        bonds = len(tab.before) > 0 and linked(tab, task)
        length = st.length[route]
        last = st.seq[route, length - 1] if length > 0 else tab.start[route]
        there, onward = tab.drive[last, task], tab.drive[task, tab.end[route]]
        if (
            (bonds and not prepare(tab, st, mem, task))
            or not has_room(tab, st, route, task, there + onward - st.leg[route, length])
            or not fits(tab, st, route, length, task, there, onward)
        ):
            undo(tab, st, mem)
            left_out += 1
            continue
        save(tab, st, mem, route)
        if not put(tab, st, route, length, task) or (bonds and not bind(tab, st, mem, task)):
            undo(tab, st, mem)
            left_out += 1
    return left_out


@compiled
def fill(tab: Tables, st: State, mem: Memory, cfg: Settings, tasks: Ints, limited: bool) -> None:
    """Put these tasks, in order, wherever on all routes they cost least: the last resort, which asks every route.

    With `limited` a place must cost less than the task is worth, else any will do.
    """
    for index in range(len(tasks)):
        task = tasks[index]
        if st.at[task] >= 0:
            continue
        begin_step(tab, st, mem)
        bonds = len(tab.before) > 0 and linked(tab, task)
        if bonds and not prepare(tab, st, mem, task):
            undo(tab, st, mem)
            continue
        best, at_route, at_position = tab.worth[task] if limited else NOWHERE, -1, -1
        for route in range(len(tab.start)):
            if tab.price[task, route] >= 0 and mem.active[route]:
                cost, position = best_place(tab, st, mem, route, task, 0.0)
                if position >= 0 and cost < best:
                    best, at_route, at_position = cost, route, position
        if at_route >= 0:
            save(tab, st, mem, at_route)
        if at_route < 0 or not put(tab, st, at_route, at_position, task) or (bonds and not bind(tab, st, mem, task)):
            undo(tab, st, mem)
            continue
        for slot in range(mem.counters[SAVED]):
            mem.changed[mem.saved[slot]] = 1
