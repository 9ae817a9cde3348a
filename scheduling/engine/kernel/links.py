"""Tasks that come after others, perhaps on another technician's route.

Between two linked tasks that are both planned stands a fixed moment: the first is over by then, the second begins no
earlier than the gap later. The moments are bounds on service (`State.low`, `State.high`), so each route can still be
judged alone. A task whose predecessor is taken off its route leaves the plan with it.
"""

from __future__ import annotations

from scheduling.engine.kernel.compiled import inner
from scheduling.engine.kernel.memory import OFFERED, Memory, save
from scheduling.engine.kernel.route_state import refresh, take
from scheduling.engine.kernel.tables import NEVER, State, Tables


@inner
def earliest_end(tab: Tables, st: State, task: int) -> int:
    """The earliest end of a planned task from which the rest of its route can still be kept."""
    route, position = st.at[task], st.pos[task]
    best = NEVER
    for taken in range(tab.pause_count[route] + 1):
        end = st.free[route, position + 1, taken]
        if end < NEVER and end - tab.service[task] <= st.due[route, position, taken]:
            best = min(best, end)
    return best


@inner
def bound_end(tab: Tables, st: State, mem: Memory, task: int, end: int) -> bool:
    """Let a planned task be over by `end`; False when its route cannot be kept so."""
    route = st.at[task]
    save(tab, st, mem, route)
    st.high[task] = end - tab.service[task]
    return refresh(tab, st, route, st.pos[task], st.pos[task])


@inner
def prepare(tab: Tables, st: State, mem: Memory, task: int) -> bool:
    """Before an absent task is placed: hold its predecessors to their earliest ends, and let it begin after them.

    What its own successors asked of it is forgotten: they left the plan with it. False when one of them is not planned.
    """
    for index in range(tab.before_at[task], tab.before_at[task + 1]):
        if st.at[tab.before[index]] < 0:
            return False
    low = tab.window_from[tab.window_at[task]]
    st.high[task] = tab.window_till[tab.window_at[task + 1] - 1]
    for index in range(tab.before_at[task], tab.before_at[task + 1]):
        other = tab.before[index]
        end = earliest_end(tab, st, other)
        if end >= NEVER or not bound_end(tab, st, mem, other, end):
            return False
        low = max(low, end + tab.before_gap[index])
    st.low[task] = min(low, NEVER)
    return True


@inner
def bind(tab: Tables, st: State, mem: Memory, task: int) -> bool:
    """After a task was placed: give half of the time between it and each predecessor to the predecessor."""
    start = earliest_end(tab, st, task) - tab.service[task]
    low = st.low[task]
    for index in range(tab.before_at[task], tab.before_at[task + 1]):
        other, gap = tab.before[index], tab.before_gap[index]
        end = st.high[other] + tab.service[other]
        moment = end + (start - gap - end) // 2
        last = tab.window_till[tab.window_at[other + 1] - 1]
        for after in range(tab.after_at[other], tab.after_at[other + 1]):
            follower = tab.after[after]
            if follower != task and st.at[follower] >= 0:
                last = min(last, st.low[follower] - tab.after_gap[after] - tab.service[other])
        if not bound_end(tab, st, mem, other, min(moment, last + tab.service[other])):
            return False
        low = max(low, moment + gap)
    st.low[task] = low
    route = st.at[task]
    save(tab, st, mem, route)
    return refresh(tab, st, route, st.pos[task], st.pos[task])


@inner
def release(tab: Tables, st: State, mem: Memory, task: int) -> bool:
    """After a task left the plan, or found no place: its predecessors are held only by who still follows them."""
    for index in range(tab.before_at[task], tab.before_at[task + 1]):
        other = tab.before[index]
        if st.at[other] < 0:
            continue
        end = tab.window_till[tab.window_at[other + 1] - 1] + tab.service[other]
        for after in range(tab.after_at[other], tab.after_at[other + 1]):
            follower = tab.after[after]
            if st.at[follower] >= 0:
                end = min(end, st.low[follower] - tab.after_gap[after])
        if not bound_end(tab, st, mem, other, end):
            return False
    return True


@inner
def drop_successors(tab: Tables, st: State, mem: Memory) -> bool:
    """Take everything off the routes that comes after a task taken off; it joins the offered ones."""
    index = 0
    while index < mem.counters[OFFERED]:
        task = mem.offered[index]
        for after in range(tab.after_at[task], tab.after_at[task + 1]):
            follower = tab.after[after]
            if st.at[follower] >= 0:
                route = st.at[follower]
                save(tab, st, mem, route)
                st.at[follower] = -2
                mem.offered[mem.counters[OFFERED]] = follower
                mem.counters[OFFERED] += 1
                if not take(tab, st, route, st.pos[follower]):
                    return False
        index += 1
    for index in range(mem.counters[OFFERED]):
        if not release(tab, st, mem, mem.offered[index]):
            return False
    return True
