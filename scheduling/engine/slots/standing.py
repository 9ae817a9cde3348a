"""From standing routes to the arrays of the compiled slot search."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache
from itertools import accumulate, chain
from typing import Any

import numpy as np

from scheduling.engine.kernel.slot_places import measure
from scheduling.engine.kernel.tables import Ints, State, Tables, empty_state
from scheduling.engine.problem import Amounts, Problem, Route
from scheduling.engine.slots.shapes import OpenRoute
from scheduling.engine.tabulate import tables_of
from scheduling.engine.timeline import latest_home

_UNBOUNDED = 1 << 30
OTHERS = ""
"""The name under which parts are counted that no van and no visit of the standing routes names."""


@cache
def _no_tables() -> Tables:
    """Tables of a problem without anything: what the slot search does not read stays so."""
    return tables_of(Problem(datetime(2000, 1, 1, tzinfo=UTC), (), ()))


def standing(
    routes: Sequence[OpenRoute], parts: Sequence[str], most_stops: int = 0, most_pauses: int = 0
) -> tuple[Tables, State]:
    """The routes with all their times, ready to be asked for places.

    `parts` names the columns of vans and loads; `most_stops` and `most_pauses` are the least sizes of the arrays. A
    route's `State.home` is NEVER when it cannot be kept or nobody works; `seq` counts the stops of all routes.
    """
    stops = [stop for item in routes for stop in item.stops]
    starts = [stop.starts for stop in stops]
    lengths = np.array([len(item.stops) for item in routes], np.int32)
    tables = _no_tables()._replace(
        service=np.array([stop.service_seconds for stop in stops], np.int32),
        window_at=np.array([0, *accumulate(map(len, starts))], np.int32),
        window_from=np.array([span.start for some in starts for span in some], np.int32),
        window_till=np.array([span.end - 1 for some in starts for span in some], np.int32),
        start=np.zeros(len(routes), np.int32),
        end=np.zeros(len(routes), np.int32),
        max_travel=np.array([_most(item.route.max_travel_seconds) for item in routes], np.int32),
        use_price=np.array([item.route.use_price_seconds for item in routes], np.int64),
        van=_vans([item.route.van for item in routes], parts),
        **_workdays([item.route for item in routes], most_pauses),
    )
    state = empty_state(tables, max(most_stops, int(lengths.max(initial=0))))
    rows = np.repeat(np.arange(len(routes)), lengths)
    columns = np.arange(len(stops)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    state.seq[rows, columns] = np.arange(len(stops))
    state.length[:] = lengths
    drives = np.fromiter(chain.from_iterable(item.drives for item in routes if item.stops), np.int32)
    longer = np.where(lengths > 0, lengths + 1, 0)
    rows = np.repeat(np.arange(len(routes)), longer)
    columns = np.arange(len(drives)) - np.repeat(np.cumsum(longer) - longer, longer)
    state.leg[rows, columns] = drives
    if parts:
        for at, item in enumerate(routes):
            for stop in item.stops:
                if stop.parts:
                    state.load[at] += amounts(stop.parts, parts)
    measure(tables, state)
    return tables, state


def part_names(routes: Sequence[OpenRoute]) -> tuple[str, ...]:
    """The columns of vans and loads: every part that some van or visit names, and one for all others."""
    if all(item.route.van is None for item in routes):
        return ()
    vans = {name for item in routes for name, _ in item.route.van or ()}
    return (*sorted(vans | {name for item in routes for stop in item.stops for name, _ in stop.parts}), OTHERS)


def amounts(given: Amounts, parts: Sequence[str]) -> Ints:
    """Amounts by column; those of parts without one are added up in the last."""
    out = np.zeros(len(parts), np.int32)
    column = {name: at for at, name in enumerate(parts)}
    for name, amount in given:
        out[column.get(name, len(parts) - 1)] += amount
    return out


def _most(limit: int | None) -> int:
    return _UNBOUNDED if limit is None else limit


def _vans(vans: Sequence[Amounts | None], parts: Sequence[str]) -> Ints:
    out = np.full((len(vans), len(parts)), _UNBOUNDED, np.int32)
    if parts:
        for row, van in enumerate(vans):
            if van is not None:
                out[row] = amounts(van, parts)
    return out


def _workdays(routes: Sequence[Route], most_pauses: int) -> dict[str, Any]:
    """Working hours and pauses of each route."""
    days = [route.workday for route in routes]
    most = max([most_pauses, *(len(pauses) for _, pauses in days)])
    pauses = np.zeros((3, len(routes), most), np.int32)
    home = np.full((len(routes), most + 1), -_UNBOUNDED, np.int32)
    for at, (route, (hours, some)) in enumerate(zip(routes, days, strict=True)):
        if hours.start >= hours.end:
            continue
        by = route.home_by
        for index, pause in enumerate(some):
            pauses[:, at, index] = (pause.earliest, pause.latest, pause.seconds)
        for taken in range(len(some) + 1):
            home[at, taken] = max(latest_home(some[taken:], by), -_UNBOUNDED)
    return {
        "opens": np.array([hours.start for hours, _ in days], np.int32),
        "pause_count": np.array([len(some) for _, some in days], np.int32),
        "pause_from": pauses[0],
        "pause_till": pauses[1],
        "pause_long": pauses[2],
        "latest_home": home,
    }
