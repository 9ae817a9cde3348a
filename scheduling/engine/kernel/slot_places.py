"""Which arrival windows have a place on standing routes, in machine code: every position tried, exactly.

The routes are a `State` whose tasks are the visits that stand; the new visit is no task of it but an `Ask`. A visit fits
before a position when, for some number of pauses taken on arrival, an opening of time and a window meet.
"""

from __future__ import annotations

from typing import NamedTuple

from scheduling.engine.kernel.compiled import compiled, inlined
from scheduling.engine.kernel.route_state import arrival_at, backward, drive_back, forward
from scheduling.engine.kernel.tables import NEVER, Flags, Ints, Longs, State, Tables

NOTHING = 1 << 60
"""The cost of a window for which no place was found."""


class Ask(NamedTuple):
    """A visit to place, and the answer. W windows in the order of their openings, R routes, P parts."""

    service: int  # seconds
    opens: Longs  # (W,) first second at which service may start
    closes: Longs  # (W,) last second
    barred: Flags  # (R,) routes that must not be asked
    parts: Longs  # (P,) taken from the van
    cost: Longs  # (W,) answer: added travel, and the price of using a route that was empty; NOTHING if none
    route: Longs  # (W,) answer, -1 if none
    position: Longs  # (W,) answer: before which stop


@compiled
def measure(tab: Tables, st: State) -> None:
    """Fill in all times of routes whose stops, drives and loads are given.

    `home` is NEVER where a route cannot be kept, or its van does not hold what its visits need.
    """
    for route in range(len(st.length)):
        for taken in range(tab.latest_home.shape[1]):
            st.free[route, 0, taken] = NEVER
        st.free[route, 0, 0] = tab.opens[route]
        st.home[route] = forward(tab, st, route, 0)
        backward(tab, st, route, st.length[route])
        travel = 0
        for position in range(st.length[route] + 1):
            travel += st.leg[route, position]
        st.travel[route] = travel
        for part in range(tab.van.shape[1]):
            if st.load[route, part] > tab.van[route, part]:
                st.home[route] = NEVER


@inlined
def begin(ask: Ask) -> None:
    """Forget the answer."""
    for window in range(len(ask.opens)):
        ask.cost[window], ask.route[window], ask.position[window] = NOTHING, -1, -1


@inlined
def van_holds(tab: Tables, st: State, ask: Ask, route: int) -> bool:
    """Whether the parts still fit beside those of the visits that stand."""
    for part in range(len(ask.parts)):
        if ask.parts[part] > 0 and st.load[route, part] + ask.parts[part] > tab.van[route, part]:
            return False
    return True


@inlined
def offer(
    tab: Tables, st: State, ask: Ask, route: int, position: int, there: int, onward: int, first: int, beyond: int
) -> bool:
    """Note the place for each window from `first` to before `beyond` that it serves more cheaply than what is known.

    True when there is such a window.
    Of equally cheap places the one on the first route counts, and on that the first position.
    """
    extra = there + onward - st.leg[route, position]
    if extra > tab.max_travel[route] - st.travel[route]:
        return False
    better = False
    cost = extra + tab.use_price[route] if st.length[route] == 0 else extra
    pauses = tab.pause_count[route]
    for taken in range(pauses + 1):
        earliest = arrival_at(tab, st, route, position, there, taken)
        if earliest >= NEVER:
            continue
        latest = -NEVER
        for then in range(taken, pauses + 1):
            due = st.due[route, position, then]
            if due > -NEVER:
                latest = max(latest, drive_back(tab, route, due, onward, taken, then))
        latest -= ask.service
        for window in range(first, beyond):
            if max(earliest, ask.opens[window]) > min(latest, ask.closes[window]) or cost > ask.cost[window]:
                continue
            if cost == ask.cost[window]:
                known = ask.route[window]
                if known < route or (known == route and ask.position[window] <= position):
                    continue
            ask.cost[window], ask.route[window], ask.position[window] = cost, route, position
            better = True
    return better


@compiled
def sweep(
    tab: Tables, st: State, ask: Ask, node: Ints, there: Ints, onward: Ints, first: int, beyond_route: int
) -> None:
    """The cheapest place for each window, all positions tried on the routes from `first` to before `beyond_route`.

    `node[route, position]` says which place comes before each position, the end of the route after the last one;
    `there` and `onward` the drives from those places to the visit and back.
    """
    begin(ask)
    for route in range(first, beyond_route):
        if ask.barred[route] or st.home[route] >= NEVER or not van_holds(tab, st, ask, route):
            continue
        for position in range(st.length[route] + 1):
            before, then = node[route, position], node[route, position + 1]
            offer(tab, st, ask, route, position, there[before], onward[then], 0, len(ask.opens))
