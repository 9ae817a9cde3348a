"""The slow and obvious way to run one route: try every second, every choice. Only for small numbers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from scheduling.engine.problem import Route, Task
from scheduling.engine.spans import Span
from tests.scheduling.checker import home_limit, limit_faults, may_start

type State = tuple[int, int, int, int]


def earliest_home(route: Route, stops: Sequence[Task], drives: Sequence[int]) -> int | None:
    """The earliest second of being home after all stops with all breaks kept, or None when there is no way.

    A state is (second, leg, seconds still to drive, breaks had). Breaks come in the order of their windows; the ones
    left when home is reached must still be able to follow each other.
    """
    if limit_faults(route, stops, sum(drives)):
        return None
    breaks = sorted(route.breaks, key=lambda item: (item[0].start, item[0].end))
    by = home_limit(route)
    todo = {(route.shift.start, 0, drives[0], 0)}
    seen = set(todo)
    homes = []
    while todo:
        now, leg, left, had = state = todo.pop()
        if leg == len(stops) and left == 0 and now <= by and _rest(breaks[had:], now):
            homes.append(now)
        for follower in _moves(route, stops, drives, breaks, state):
            if follower[0] <= by and follower not in seen:
                seen.add(follower)
                todo.add(follower)
    return min(homes, default=None)


def _moves(
    route: Route, stops: Sequence[Task], drives: Sequence[int], breaks: Sequence[tuple[Span, int]], state: State
) -> Iterator[State]:
    now, leg, left, had = state
    yield now + 1, leg, left, had
    if left > 0 and _free(route, now, now + 1):
        yield now + 1, leg, left - 1, had
    if had < len(breaks):
        window, seconds = breaks[had]
        if window.start <= now < window.end and _free(route, now, now + seconds):
            yield now + seconds, leg, left, had + 1
    if left == 0 and leg < len(stops):
        task = stops[leg]
        if may_start(task, now) and _free(route, now, now + task.service_seconds):
            yield now + task.service_seconds, leg + 1, drives[leg + 1], had


def _free(route: Route, start: int, end: int) -> bool:
    return not any(start < span.end and span.start < end for span in route.absences)


def _rest(breaks: Sequence[tuple[Span, int]], now: int) -> bool:
    for window, seconds in breaks:
        begin = max(now, window.start)
        if begin >= window.end:
            return False
        now = begin + seconds
    return True
