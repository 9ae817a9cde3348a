"""Places for a visit among tens of thousands of positions, in machine code: a scan that leaves few to be tried exactly.

For travel by great circle. Every node of every route lies in flat arrays, segment by segment (a day and an ability), so
that one straight pass gives a lower bound of the added travel before each node, within a second or two of the truth.
Positions without the room for it drop out; the others are tried in the order of their bounds, until none can be cheaper.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from scheduling.engine.kernel.compiled import compiled, inlined
from scheduling.engine.kernel.slot_places import NOTHING, Ask, begin, offer, van_holds
from scheduling.engine.kernel.tables import NEVER, Flags, Floats, Ints, Longs, State, Tables
from scheduling.travel.great_circle import EARTH_RADIUS_METRES

type Single = np.float32
type Singles = NDArray[np.float32]

FAR = np.float32(3e38)
"""The bound of a node before which nothing fits."""
NO_SLACK = np.float32(-3e38)
"""The slack where nothing fits, whatever it takes."""
X, Y, Z, LAT, LON, PACE, POINT_ENTRIES = range(7)
ROUNDS = 12
"""Bounds are taken up to 1, 2, 4 … times `FIRST_ROUND` seconds, then all that are left."""
FIRST_ROUND = np.float32(15.0)
BLOCK = 64
"""Entries looked at together; most blocks hold none that has room."""
_DOUBT_SECONDS = 1e-5
_OPPOSITE = 0.998
"""Squared half chords from here on are all but the other side of the earth; there the arc sine blows small errors up."""


class Slots(NamedTuple):
    """R routes, M entries, S segments. The entry of a node is about the position right after it; see `pack`."""

    point: Floats  # (R, L + 2, POINT_ENTRIES) the start, the stops and the end of each route
    first: Ints  # (R,) where the entries of a route begin
    room: Ints  # (R,) how many there are
    x: Singles  # (M + 1,) on the unit sphere, from the middle of all nodes
    y: Singles
    z: Singles
    pace: Singles  # (M + 1,) seconds per metre
    leg: Singles  # (M + 1,) drive from this node to the next
    slack: Singles  # (M + 1,) from the earliest departure here to the latest arrival at the next node; NO_SLACK if none
    soonest: Ints  # (M + 1,) that earliest departure
    latest: Ints  # (M + 1,) that latest arrival
    owner: Ints  # (M + 1,) route
    segment_first: Ints  # (S,) where the entries of a segment begin
    segment_beyond: Ints  # (S,) and end
    segment_kind: Ints  # (S,) ability
    segment_opens: Longs  # (S,) first second at which anybody works
    segment_closes: Longs  # (S,) last second
    near: Singles  # (M + 1,) scratch: seconds between the node and the visit, at least
    bound: Singles  # (M + 1,) scratch: added travel, at least
    left: Ints  # (M + 1,) scratch: entries still to be tried
    left_first: Ints  # (S,) scratch
    left_count: Ints  # (S,) scratch
    window_first: Ints  # (S,) scratch
    window_beyond: Ints  # (S,) scratch


class Spot(NamedTuple):
    """Where the visit is, and how one drives there. Angles in radians, pace in seconds per metre."""

    x: float
    y: float
    z: float
    lat: float
    lon: float
    pace: float
    uniform: bool  # one speed everywhere
    metres_per_second: float
    detour: float
    middle_x: float
    middle_y: float
    middle_z: float
    margin: float  # by how much a bound may be too high: rounding to seconds, and to single precision


@compiled
def pack(tab: Tables, st: State, slots: Slots, spot: Spot, first_route: int, beyond_route: int) -> None:
    """Write the entries of some routes; of `spot` only the middle counts."""
    for route in range(first_route, beyond_route):
        at, length = slots.first[route], st.length[route]
        for index in range(slots.room[route]):
            entry = at + index
            slots.slack[entry], slots.owner[entry] = NO_SLACK, route
            slots.soonest[entry], slots.latest[entry], slots.leg[entry] = NEVER, -NEVER, 0
            if index > length + 1:
                slots.x[entry], slots.y[entry], slots.z[entry], slots.pace[entry] = 0, 0, 0, 0
                continue
            slots.x[entry] = slots.point[route, index, X] - spot.middle_x
            slots.y[entry] = slots.point[route, index, Y] - spot.middle_y
            slots.z[entry] = slots.point[route, index, Z] - spot.middle_z
            slots.pace[entry] = slots.point[route, index, PACE]
            if index > length or st.home[route] >= NEVER:
                continue
            soonest, latest = NEVER, -NEVER
            for taken in range(tab.pause_count[route] + 1):
                soonest = min(soonest, st.free[route, index, taken])
                latest = max(latest, st.due[route, index, taken])
            if soonest < NEVER and latest > -NEVER:
                slots.soonest[entry], slots.latest[entry] = soonest, latest
                slots.leg[entry] = st.leg[route, index]
                # Beyond 24 bits a single would round.
                slots.slack[entry] = latest - soonest if latest - soonest < 1 << 24 else -NO_SLACK


@compiled
def mark(st: State, ask: Ask, slots: Slots, wanted: Flags) -> None:
    """Mark the nodes around each position that may have room, whatever the drives; as `st` and `slots` have them."""
    first_start, last_close = ask.opens[0] + ask.service, ask.closes[0]
    for window in range(1, len(ask.closes)):
        last_close = max(last_close, ask.closes[window])
    for route in range(len(st.length)):
        if ask.barred[route]:
            continue
        for position in range(st.length[route] + 1):
            entry = slots.first[route] + position
            if slots.slack[entry] < ask.service:
                continue
            if slots.soonest[entry] <= last_close and slots.latest[entry] >= first_start:
                wanted[route, position] = 1
                wanted[route, position + 1] = 1


@compiled
def search(tab: Tables, st: State, ask: Ask, slots: Slots, spot: Spot, able: Flags) -> None:
    """The cheapest place for each window: what `sweep` finds, with far fewer positions tried. `able` is by ability."""
    begin(ask)
    gather(ask, slots, spot, able)
    limit = FIRST_ROUND
    for turn in range(ROUNDS):
        if turn == ROUNDS - 1:
            limit = FAR
        for segment in range(len(slots.segment_first)):
            if slots.left_count[segment] > 0:
                try_left(tab, st, ask, slots, spot, segment, limit)
        limit *= np.float32(2.0)


@inlined
def gather(ask: Ask, slots: Slots, spot: Spot, able: Flags) -> None:
    """List the entries of each segment that may have room, with their bounds."""
    count = 0
    for segment in range(len(slots.segment_first)):
        slots.left_first[segment], slots.left_count[segment] = count, 0
        if not able[slots.segment_kind[segment]]:
            continue
        first, beyond, last_close = len(ask.opens), 0, -NOTHING
        for window in range(len(ask.opens)):
            opens, closes = ask.opens[window], ask.closes[window]
            if closes >= slots.segment_opens[segment] and opens <= slots.segment_closes[segment]:
                first, beyond, last_close = min(first, window), window + 1, max(last_close, closes)
        if first >= beyond:
            continue
        slots.window_first[segment], slots.window_beyond[segment] = first, beyond
        count = estimate(slots, spot, ask, segment, last_close, count)
        slots.left_count[segment] = count - slots.left_first[segment]


@inlined
def estimate(slots: Slots, spot: Spot, ask: Ask, segment: int, last_close: int, count: int) -> int:
    """Bounds for the entries of a segment; those that may have room are listed from `count` on. Returns where the list ends."""
    first, beyond = slots.segment_first[segment], slots.segment_beyond[segment]
    measure_near(slots, spot, first, beyond)
    margin = np.float32(spot.margin)
    first_start = ask.opens[slots.window_first[segment]] + ask.service
    for block in range(first, beyond, BLOCK):
        end = min(block + BLOCK, beyond)
        if not measure_bounds(slots, margin, np.float32(ask.service), block, end):
            continue
        for entry in range(block, end):
            if slots.bound[entry] < FAR:
                there, onward = slots.near[entry] - margin, slots.near[entry + 1] - margin
                if slots.soonest[entry] + there <= last_close and slots.latest[entry] - onward >= first_start:
                    slots.left[count] = entry
                    count += 1
    return count


@inlined
def measure_near(slots: Slots, spot: Spot, first: int, beyond: int) -> None:
    """Seconds between the spot and each node, at least: chords are never longer than arcs.

    A straight loop over singles, which the compiler turns into vector code; the unsigned counter spares it a test for
    negative indices.
    """
    x, y, z, near = slots.x, slots.y, slots.z, slots.near
    px = np.float32(spot.x - spot.middle_x)
    py = np.float32(spot.y - spot.middle_y)
    pz = np.float32(spot.z - spot.middle_z)
    half = np.float32(0.5 * EARTH_RADIUS_METRES * spot.detour)
    pace = np.float32(spot.pace)
    if spot.uniform:
        scale = half * (pace + pace)
        for entry in range(np.uint64(first), np.uint64(beyond)):
            dx, dy, dz = x[entry] - px, y[entry] - py, z[entry] - pz
            near[entry] = scale * np.sqrt(dx * dx + dy * dy + dz * dz)
    else:
        for entry in range(np.uint64(first), np.uint64(beyond)):
            dx, dy, dz = x[entry] - px, y[entry] - py, z[entry] - pz
            near[entry] = half * (slots.pace[entry] + pace) * np.sqrt(dx * dx + dy * dy + dz * dz)


@inlined
def measure_bounds(slots: Slots, margin: Single, work: Single, first: int, beyond: int) -> bool:
    """A lower bound of the added travel at each entry, FAR where drives and service do not fit; whether any does.

    The last entry of a segment is the end of a route: what stands behind it does not matter.
    """
    near, leg, slack, bound = slots.near, slots.leg, slots.slack, slots.bound
    room = np.int32(0)
    for entry in range(np.uint64(first), np.uint64(beyond)):
        both = near[entry] + near[entry + np.uint64(1)] - margin
        fits = both + work <= slack[entry]
        bound[entry] = both - leg[entry] if fits else FAR
        room += np.int32(fits)
    return bool(room > 0)


@inlined
def try_left(tab: Tables, st: State, ask: Ask, slots: Slots, spot: Spot, segment: int, limit: Single) -> None:
    """Try the segment's entries with bounds up to `limit`; forget those that no window of the segment needs any more."""
    first, beyond = slots.window_first[segment], slots.window_beyond[segment]
    worst = dearest(ask, first, beyond)
    begin, kept = slots.left_first[segment], 0
    for index in range(slots.left_count[segment]):
        entry = slots.left[begin + index]
        bound = slots.bound[entry]
        if bound > worst:
            continue
        if bound > limit:
            slots.left[begin + kept] = entry
            kept += 1
            continue
        if not may_meet(ask, slots, spot, entry, first, beyond):
            continue
        route = slots.owner[entry]
        if ask.barred[route] or not van_holds(tab, st, ask, route):
            continue
        position = entry - slots.first[route]
        there, onward = drive_to(slots, spot, route, position), drive_to(slots, spot, route, position + 1)
        if offer(tab, st, ask, route, position, there, onward, first, beyond):
            worst = dearest(ask, first, beyond)
    slots.left_count[segment] = kept


@inlined
def may_meet(ask: Ask, slots: Slots, spot: Spot, entry: int, first: int, beyond: int) -> bool:
    """Whether the visit could begin here inside a window that nothing cheaper was found for, pauses left aside."""
    earliest = slots.soonest[entry] + slots.near[entry] - spot.margin
    latest = slots.latest[entry] - slots.near[entry + 1] + spot.margin - ask.service
    for window in range(first, beyond):
        meets = max(earliest, ask.opens[window]) <= min(latest, ask.closes[window])
        if meets and slots.bound[entry] <= ask.cost[window]:
            return True
    return False


@inlined
def dearest(ask: Ask, first: int, beyond: int) -> int:
    """The highest cost among some windows."""
    worst = ask.cost[first]
    for window in range(first + 1, beyond):
        worst = max(worst, ask.cost[window])
    return int(worst)


@inlined
def drive_to(slots: Slots, spot: Spot, route: int, node: int) -> int:
    """Seconds between a node and the spot, to the second what `GreatCircle.matrix` says, either way."""
    dx = slots.point[route, node, X] - spot.x
    dy = slots.point[route, node, Y] - spot.y
    dz = slots.point[route, node, Z] - spot.z
    pace = (slots.point[route, node, PACE] + spot.pace) / 2
    half = 0.25 * (dx * dx + dy * dy + dz * dz)
    if half < _OPPOSITE:
        metres = math.asin(math.sqrt(half)) * (2 * EARTH_RADIUS_METRES * spot.detour)
        time = metres / spot.metres_per_second if spot.uniform else metres * pace
        whole = math.floor(time + 0.5)
        if abs(time - whole) < 0.5 - _DOUBT_SECONDS:
            return int(whole)
    lat, lon = slots.point[route, node, LAT], slots.point[route, node, LON]
    across, along = math.sin((spot.lat - lat) / 2), math.sin((spot.lon - lon) / 2)
    half = across * across + math.cos(lat) * math.cos(spot.lat) * (along * along)
    metres = 2 * EARTH_RADIUS_METRES * math.asin(min(1.0, math.sqrt(half))) * spot.detour
    return int(np.rint(metres / spot.metres_per_second if spot.uniform else metres * pace))
