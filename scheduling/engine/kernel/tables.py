"""The arrays that the compiled code reads (`Tables`) and writes (`State`).

Nodes of the drive table: the tasks by index, then the places where routes start and end. A *state* is the number of
pauses taken: every time is kept once per state. All times are seconds, all costs seconds of travel.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

NEVER = 3 << 29
"""Later than any time of a problem, and small enough for 32 bits."""

type Ints = NDArray[np.int32]
type Longs = NDArray[np.int64]
type Floats = NDArray[np.float64]
type Flags = NDArray[np.uint8]


class Tables(NamedTuple):
    """What never changes during a search. n tasks, R routes, N nodes, K pauses at most, P parts, W windows in all."""

    drive: Ints  # (N, N) seconds from row to column
    drive_to: Ints  # (N, N) seconds from column to row; the same array where both ways take equally long
    # tasks
    service: Ints  # (n,)
    window_at: Ints  # (n + 1,) where the windows of each task begin
    window_from: Ints  # (W,) first second at which service may start
    window_till: Ints  # (W,) last second at which service may start
    worth: Longs  # (n,) what leaving the task out costs while searching
    weight: Longs  # (n,)
    must: Longs  # (n,) 0: may be left out; else how much missing it counts, see `tabulate`
    parts: Ints  # (n, P)
    before_at: Ints  # (n + 1,) where the predecessors of each task begin
    before: Ints  # predecessors
    before_gap: Ints  # seconds between the end of the predecessor and the start of the task
    after_at: Ints  # (n + 1,) where the successors of each task begin
    after: Ints
    after_gap: Ints
    near: Ints  # (n, M) the neighbours of each task, nearest first
    keys: Floats  # (Q, n) orders of insertion; the smallest comes first
    key_odds: Floats  # (Q + 1,) cumulated odds of a random order, then of each key
    # routes
    start: Ints  # (R,) node
    end: Ints  # (R,) node
    opens: Ints  # (R,) first second of work
    shift_end: Ints  # (R,) after it overtime begins
    overtime_price: Longs  # (R,) for an hour
    pause_count: Ints  # (R,)
    pause_from: Ints  # (R, K)
    pause_till: Ints  # (R, K) last second at which the pause may begin
    pause_long: Ints  # (R, K)
    latest_home: Ints  # (R, K + 1) by pauses taken
    max_travel: Ints  # (R,)
    use_price: Longs  # (R,)
    van: Ints  # (R, P)
    kind: Ints  # (R,) routes of equal kind are the same to every task
    # both
    price: Ints  # (n, R) cost of the task on the route besides travel; -1 where it may not be
    suited_at: Ints  # (n + 1,) where the routes that suit a task begin
    suited: Ints  # those routes, the shortest round trip first; of many only the first few
    suited_all: Flags  # (n,) whether those are all


class State(NamedTuple):
    """A plan in the making. Every route in it can be kept at all times. L stops at most on a route."""

    seq: Ints  # (R, L) tasks in order
    length: Ints  # (R,)
    free: Ints  # (R, L + 1, K + 1) earliest departure before the drive to position p
    due: Ints  # (R, L + 1, K + 1) latest arrival at position p
    leg: Ints  # (R, L + 1) drive to position p
    travel: Longs  # (R,)
    prices: Longs  # (R,) sum of `Tables.price`
    load: Ints  # (R, P)
    home: Ints  # (R,) earliest time of being home
    cost: Longs  # (R,) travel, prices, use and overtime
    version: Longs  # (R,) changes with every change of the route
    at: Ints  # (n,) the route of a task, or -1
    pos: Ints  # (n,) its position there
    low: Ints  # (n,) service not before, because of predecessors
    high: Ints  # (n,) service not after, because of successors
    fresh: Flags  # (R,) scratch
    sums: Longs  # see SUM_*


SUM_COST = 0
"""Cost of all routes."""
SUM_WORTH = 1
"""Worth of all absent tasks."""
SUM_WEIGHT = 2
"""Weight of the absent tasks that are not musts."""
SUM_MUSTS = 3
"""Absent musts."""
SUM_VERSIONS = 4
"""The last version given to a route."""
SUM_ENTRIES = 5


def empty_state(tables: Tables, most_stops: int) -> State:
    """A state of the right sizes with every route still to be opened (`route_state.open_all`)."""
    routes, tasks = len(tables.start), len(tables.service)
    states = tables.latest_home.shape[1]
    return State(
        seq=np.full((routes, most_stops), -1, np.int32),
        length=np.zeros(routes, np.int32),
        free=np.full((routes, most_stops + 1, states), NEVER, np.int32),
        due=np.full((routes, most_stops + 1, states), -NEVER, np.int32),
        leg=np.zeros((routes, most_stops + 1), np.int32),
        travel=np.zeros(routes, np.int64),
        prices=np.zeros(routes, np.int64),
        load=np.zeros((routes, tables.van.shape[1]), np.int32),
        home=np.zeros(routes, np.int32),
        cost=np.zeros(routes, np.int64),
        version=np.zeros(routes, np.int64),
        at=np.full(tasks, -1, np.int32),
        pos=np.full(tasks, -1, np.int32),
        low=tables.window_from[tables.window_at[:-1]].copy(),
        high=tables.window_till[tables.window_at[1:] - 1].copy(),
        fresh=np.zeros(routes, np.uint8),
        sums=np.zeros(SUM_ENTRIES, np.int64),
    )
