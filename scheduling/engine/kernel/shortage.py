"""By how much a task does not fit: the measure behind every "no room"."""

from __future__ import annotations

from scheduling.engine.kernel.compiled import compiled, inlined
from scheduling.engine.kernel.route_state import arrival_at, drive_back
from scheduling.engine.kernel.tables import NEVER, Ints, State, Tables

NO_MEASURE = NEVER
"""Nothing to measure: a break or an absence leaves no way at all."""


@inlined
def shortage_at(tab: Tables, st: State, route: int, position: int, task: int, there: int, onward: int) -> int:
    """The fewest seconds by which service misses its windows before `position`; 0 or less where it fits in time."""
    states = tab.pause_count[route] + 1
    best = NO_MEASURE
    for taken in range(states):
        arrival = arrival_at(tab, st, route, position, there, taken)
        if arrival >= NEVER:
            continue
        leave = -NEVER
        for then in range(taken, states):
            due = st.due[route, position, then]
            if due > -NEVER:
                leave = max(leave, drive_back(tab, route, due, onward, taken, then))
        if leave <= -NEVER:
            continue
        latest = min(leave - tab.service[task], st.high[task])
        earliest = max(arrival, st.low[task])
        for window in range(tab.window_at[task], tab.window_at[task + 1]):
            short = max(earliest, tab.window_from[window]) - min(latest, tab.window_till[window])
            best = min(best, short)
    return best


@compiled
def shortages(tab: Tables, st: State, tasks: Ints, out: Ints) -> None:
    """For each task (row) and route (column) the shortage at the best position; NO_MEASURE where it may not be at all."""
    for row in range(len(tasks)):
        task = tasks[row]
        for route in range(len(tab.start)):
            best = NO_MEASURE
            if tab.price[task, route] >= 0:
                before = tab.start[route]
                for position in range(st.length[route] + 1):
                    then = st.seq[route, position] if position < st.length[route] else tab.end[route]
                    there, onward = tab.drive_to[task, before], tab.drive[task, then]
                    best = min(best, shortage_at(tab, st, route, position, task, there, onward))
                    before = then
            out[row, route] = best
