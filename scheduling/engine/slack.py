"""Room on a route: for every gap between two stops, exactly which visits fit, without simulating again.

For each gap and each number of pauses taken there is an earliest time at which the technician is free and a latest
arrival at the next stop from which all the rest can still be kept. Forward times come from the simulation's own rules, backward ones from the same
rules read in reverse; a visit fits when the two meet. (The forward and backward slack of Savelsbergh's insertion test,
1992, carried per number of pauses.)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from scheduling.engine.problem import Route, Task
from scheduling.engine.spans import Pause, Span
from scheduling.engine.timeline import NEVER, drive, latest_home, opening


@dataclass(frozen=True, slots=True)
class Gap:
    """The place before one stop. `free[k]`: earliest departure with k pauses taken; `due[k]`: latest arrival after it."""

    free: tuple[int, ...]
    due: tuple[int, ...]
    soonest: int
    latest: int

    @classmethod
    def between(cls, free: Sequence[int], due: Sequence[int]) -> Gap:
        """The gap with its widest bounds beside it, for a cheap test of what cannot fit whatever the pauses."""
        return cls(tuple(free), tuple(due), min(free), max(due))


@dataclass(frozen=True, slots=True)
class Opening:
    """Seconds in which a new service may start, both included, for one way of taking the pauses.

    It may be empty (`latest < earliest`): then the difference says by how much the visit does not fit.
    """

    earliest: int
    latest: int


def gaps(route: Route, stops: Sequence[Task], drives: Sequence[int]) -> tuple[Gap, ...] | None:
    """The gaps of a route, one before each stop and one before home; None when the route itself cannot be kept."""
    pauses, hours = route.pauses, route.hours
    states = range(len(pauses) + 1)
    free = [[hours.start] + [NEVER] * len(pauses)]
    for task, seconds in zip(stops, drives, strict=False):
        arrivals = [_soonest(free[-1], seconds, pauses, after) for after in states]
        starts = [opening(task.starts, at) if at < NEVER else NEVER for at in arrivals]
        free.append([at + task.service_seconds if at < NEVER else NEVER for at in starts])
    due = [[latest_home(pauses[taken:], route.home_by) for taken in states]]
    for task, seconds in zip(reversed(stops), reversed(drives), strict=False):
        leave = [_latest_leave(due[-1], seconds, pauses, before) for before in states]
        due.append([_closing(task.starts, at - task.service_seconds) for at in leave])
    due.reverse()
    if stops and all(_soonest(free[0], drives[0], pauses, k) > due[0][k] for k in states):
        return None
    return tuple(Gap.between(f, d) for f, d in zip(free, due, strict=True))


def empty_gap(route: Route) -> Gap:
    """The one gap of the route without visits."""
    waits = range(len(route.pauses) + 1)
    free = (route.hours.start, *(NEVER for _ in route.pauses))
    return Gap.between(free, [latest_home(route.pauses[taken:], route.home_by) for taken in waits])


def openings(gap: Gap, pauses: Sequence[Pause], there: int, onward: int, service: int) -> list[Opening]:
    """When a new service of `service` seconds may start in this gap, `there` and `onward` seconds from its neighbours.

    One opening per number of pauses taken on arrival; ways that cannot be driven at all are left out.
    """
    out = []
    for taken in range(len(gap.free)):
        earliest = _soonest(gap.free, there, pauses, taken)
        latest = _latest_leave(gap.due, onward, pauses, taken) - service
        if earliest < NEVER and latest > -NEVER // 2:
            out.append(Opening(earliest, latest))
    return out


def first_start(choices: Sequence[Opening], windows: Sequence[Span]) -> int:
    """The earliest start inside the windows that one of the openings allows; NEVER when there is none."""
    best = NEVER
    for choice in choices:
        start = opening(windows, choice.earliest)
        if start <= choice.latest and start < best:
            best = start
    return best


def shortage(choices: Sequence[Opening], windows: Sequence[Span]) -> int:
    """The least number of seconds by which the visit does not fit; NEVER when there is no opening to measure."""
    best = NEVER
    for choice in choices:
        for window in windows:
            best = min(best, max(choice.earliest, window.start) - min(choice.latest, window.end - 1))
    return best


def _soonest(free: Sequence[int], seconds: int, pauses: Sequence[Pause], after: int) -> int:
    if not pauses:
        return free[0] + seconds if free[0] < NEVER else NEVER
    best = NEVER
    for before in range(after + 1):
        if free[before] < NEVER:
            best = min(best, drive(free[before], seconds, pauses[before:after]))
    return best


def _latest_leave(due: Sequence[int], seconds: int, pauses: Sequence[Pause], before: int) -> int:
    """The latest departure with `before` pauses taken from which some due time can be met; -NEVER when none can."""
    best = -NEVER
    for after in range(before, len(due)):
        if due[after] > -NEVER:
            best = max(best, _drive_back(due[after], seconds, pauses[before:after]))
    return best


def _drive_back(arrival: int, seconds: int, pauses: Sequence[Pause]) -> int:
    """`drive` read backwards: the latest departure that still arrives by `arrival` with all `pauses` taken."""
    now, left = arrival, seconds
    for pause in reversed(pauses):
        begin = min(now - pause.seconds, pause.latest)
        if begin < pause.earliest:
            return -NEVER
        left -= min(left, now - begin - pause.seconds)
        now = begin
    return now - left


def _closing(windows: Sequence[Span], bound: int) -> int:
    """The last second at or before `bound` inside a window; -NEVER when none has opened by then."""
    for window in reversed(windows):
        if bound >= window.start:
            return min(bound, window.end - 1)
    return -NEVER
