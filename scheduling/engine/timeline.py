"""When everything on one route happens: the exact simulation that plans, slots and the re-check of a hold all share.

The technician leaves at the start of the working hours or later, does the stops in order, each as early as it can be,
and is home by the end. Pauses come in order; each may interrupt a drive or fill a wait, never a service. Because whether
to pause before or after a stop is a choice, the simulation carries one state per number of pauses taken: the earliest
time with just that many behind. Being earlier never hurts, so these states are all that need be kept, and the answer is
exact.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from scheduling.engine.problem import Route, Task
from scheduling.engine.reasons import Reason, Refusal
from scheduling.engine.spans import Pause, Span
from scheduling.travel.model import TravelModel, legs

NEVER = 1 << 60
"""Later than any time; an earliest time of NEVER means it cannot be reached."""


@dataclass(frozen=True, slots=True)
class Stop:
    """One visit on a simulated route: seconds of arrival, of start of service and of its end."""

    task: Task
    travel_seconds: int
    arrival: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Timeline:
    """A route that can be kept. `pauses` are the ones taken before the technician is home, as half-open spans."""

    stops: tuple[Stop, ...]
    pauses: tuple[Span, ...]
    departure: int
    home: int
    travel_seconds: int


@dataclass(frozen=True, slots=True)
class Infeasible:
    """A route that cannot be kept: which stop fails first (None: the way home), why, and by how much."""

    refusal: Refusal
    stop: Task | None


class RouteNotKept(Exception):
    """A route that should have been possible is not; `outcome` says where it fails."""

    def __init__(self, route: Route, outcome: Infeasible) -> None:
        where = f"order {outcome.stop.id}" if outcome.stop is not None else "the way home"
        super().__init__(f"Route {route.id} cannot be kept at {where}: {outcome.refusal.sentence()}")
        self.outcome = outcome


def drive(since: int, seconds: int, pauses: Sequence[Pause]) -> int:
    """When a drive of `seconds` begun at `since` is over and all `pauses` are taken; NEVER when one cannot start."""
    now, left = since, seconds
    for pause in pauses:
        begin = max(now, pause.earliest)
        if begin > pause.latest:
            return NEVER
        left -= min(left, begin - now)
        now = begin + pause.seconds
    return now + left


def opening(windows: Sequence[Span], arrival: int) -> int:
    """The first second at or after `arrival` inside a window; NEVER when all have closed."""
    for window in windows:
        if arrival < window.end:
            return max(arrival, window.start)
    return NEVER


def latest_home(pauses: Sequence[Pause], end: int) -> int:
    """The latest second of being home when `pauses` must still follow; -NEVER when they cannot follow each other."""
    bound = NEVER
    for pause in reversed(pauses):
        begin = min(bound - pause.seconds, pause.latest)
        if begin < pause.earliest:
            return -NEVER
        bound = begin
    return min(end, bound)


def route_legs(route: Route, stops: Sequence[Task], travel: TravelModel) -> tuple[int, ...]:
    """Seconds of each drive of the route, home included: one more than there are stops."""
    return legs(travel, [route.start, *(stop.place for stop in stops), route.end])


def simulate(route: Route, stops: Sequence[Task], drives: Sequence[int]) -> Timeline | Infeasible:
    """The earliest times at which the stops can be done in this order; `drives` as `route_legs` gives them.

    Looks at time, driving and parts: whether the technician has the skills is the caller's question. An empty route is
    kept by definition, whatever the way from its start to its end.
    """
    if not stops:
        return Timeline((), (), route.hours.start, route.hours.start, 0)
    beyond = overload(route, stops, drives)
    if beyond is not None:
        return beyond
    pauses = route.pauses
    count = len(pauses)
    ready = [route.hours.start] + [NEVER] * count
    came_from: list[list[int]] = []
    for task, seconds in zip(stops, drives, strict=False):
        arrivals, sources = _arrivals(ready, seconds, pauses)
        starts = [opening(task.starts, at) if at < NEVER else NEVER for at in arrivals]
        if min(starts) >= NEVER:
            return Infeasible(_lateness(task, arrivals), task)
        ready = [at + task.service_seconds if at < NEVER else NEVER for at in starts]
        came_from.append(sources)
    arrivals, sources = _arrivals(ready, drives[len(stops)], pauses)
    limits = [latest_home(pauses[taken:], route.home_by) for taken in range(count + 1)]
    kept = [taken for taken in range(count + 1) if arrivals[taken] <= limits[taken]]
    if not kept:
        return Infeasible(_late_home(arrivals, limits, route.home_by), None)
    best = min(kept, key=lambda taken: (arrivals[taken], -taken))
    taken_before = _trace([*came_from, sources], best)
    return _timeline(route, stops, drives, taken_before)


def overload(route: Route, stops: Sequence[Task], drives: Sequence[int]) -> Infeasible | None:
    """The limit on driving or on parts that these stops together break, at the stop that breaks it; None when none."""
    limit = route.max_travel_seconds
    if limit is not None and sum(drives) > limit:
        return Infeasible(Refusal(Reason.TRAVEL_LIMIT, sum(drives) - limit), None)
    if route.van is None:
        return None
    left = dict(route.van)
    for task in stops:
        for part, amount in task.parts:
            left[part] = left.get(part, 0) - amount
            if left[part] < 0:
                return Infeasible(Refusal(Reason.VAN_FULL), task)
    return None


def keep(route: Route, stops: Sequence[Task], drives: Sequence[int]) -> Timeline:
    """`simulate` for a route that must be possible. Raises `RouteNotKept` otherwise."""
    outcome = simulate(route, stops, drives)
    if isinstance(outcome, Infeasible):
        raise RouteNotKept(route, outcome)
    return outcome


def _arrivals(ready: Sequence[int], seconds: int, pauses: Sequence[Pause]) -> tuple[list[int], list[int]]:
    """Earliest arrival for each number of pauses taken, and the number taken before that drive."""
    arrivals, sources = [], []
    for after in range(len(ready)):
        best, source = NEVER, 0
        for before in range(after + 1):
            if ready[before] < NEVER:
                at = drive(ready[before], seconds, pauses[before:after])
                if at < best:
                    best, source = at, before
        arrivals.append(best)
        sources.append(source)
    return arrivals, sources


def _trace(sources: Sequence[Sequence[int]], last: int) -> list[int]:
    """How many pauses are behind the technician at each leg's end, following the choices that led to `last`."""
    taken = [last]
    for leg in reversed(sources):
        taken.append(leg[taken[-1]])
    taken.reverse()
    return taken


def _timeline(route: Route, stops: Sequence[Task], drives: Sequence[int], taken: Sequence[int]) -> Timeline:
    """Replay the chosen way and write every time down."""
    now = route.hours.start
    had: list[Span] = []
    done: list[Stop] = []
    departure = now
    for index, seconds in enumerate(drives):
        leg = route.pauses[taken[index] : taken[index + 1]]
        had += _begun(now, leg)
        arrival = drive(now, seconds, leg)
        if index == len(stops):
            return Timeline(tuple(done), tuple(had), departure, arrival, sum(drives))
        task = stops[index]
        start = opening(task.starts, arrival)
        if index == 0 and not leg:
            departure, arrival = start - seconds, start
        now = start + task.service_seconds
        done.append(Stop(task, seconds, arrival, start, now))
    raise AssertionError("a route has one more drive than it has stops")


def _begun(since: int, pauses: Sequence[Pause]) -> list[Span]:
    out = []
    for pause in pauses:
        begin = max(since, pause.earliest)
        since = begin + pause.seconds
        out.append(Span(begin, since))
    return out


def _lateness(task: Task, arrivals: Sequence[int]) -> Refusal:
    """By how much the technician misses the task's last start, or that a pause was in the way."""
    earliest = min(arrivals)
    if earliest >= NEVER:
        return Refusal(Reason.BREAK_MISSED)
    return Refusal(Reason.WINDOW_MISSED, earliest - (task.starts[-1].end - 1))


def _late_home(arrivals: Sequence[int], limits: Sequence[int], end: int) -> Refusal:
    """Whether the shift or a pause is what the technician comes home too late for."""
    reached = [(at - limit, at) for at, limit in zip(arrivals, limits, strict=True) if at < NEVER and limit > -NEVER]
    if not reached:
        return Refusal(Reason.BREAK_MISSED)
    by_seconds, at = min(reached)
    return Refusal(Reason.HOME_LATE if at > end else Reason.BREAK_MISSED, by_seconds)
