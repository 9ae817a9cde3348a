"""The part of a route that happens whatever is planned now: what has begun, the drive under way, what comes at once.

Time that is over, or that frozen visits need, is closed by absences that leave no second between, so nothing can be put
there; from the end of the last frozen visit, or from now, the technician is free, and stands where that visit is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from scheduling.engine.problem import DAY_SECONDS, Pin, Route, Task, TaskId
from scheduling.engine.rules import InvalidProblem
from scheduling.engine.spans import Span
from scheduling.engine.timeline import Infeasible, Stop, Timeline, route_legs, simulate
from scheduling.travel.model import TravelModel


@dataclass(frozen=True, slots=True)
class Nailed:
    """The route with its past closed, and the frozen visits, pinned to their route and second."""

    route: Route
    pinned: dict[TaskId, Task]


def nail_down(
    route: Route,
    stops: Sequence[Stop],
    planned: Timeline,
    away: Sequence[Span],
    now: int,
    freeze_seconds: int,
    travel: TravelModel,
) -> Nailed:
    """The route at the second `now`. `stops` are those of the timeline `planned` that are still wanted, with longer
    services where they overrun; `away` is what events take from the route.

    Raises `InvalidProblem` when the visits that have begun contradict each other.
    """
    if now + freeze_seconds <= min(planned.departure, route.shift.start) and not any(s.start < now for s in away):
        return Nailed(replace(route, absences=(*route.absences, *away)) if away else route, {})
    begun = [stop for stop in stops if stop.start <= now]
    frozen = _frozen(stops, planned, now + freeze_seconds)
    soon, rest = [stop for stop in frozen if stop.start > now], stops[len(frozen) :]
    if not away and len(stops) == len(planned.stops) and all(map(_is_as_planned, stops, planned.stops)):
        return _closed(route, replace(planned, stops=tuple(frozen)), planned, len(begun), now, travel)
    reached = begun[-1].start + begun[-1].task.service_seconds if begun else route.shift.start
    outcome: Timeline | Infeasible | None = None
    for home_first, breaks in ((False, True), (True, True), (True, False)):
        spans = [_clipped(span, reached) for span in away]
        bounded = _bounded(route, begun, spans, travel, home_first=home_first, breaks=breaks)
        outcome = _as_many_as_can(bounded, begun, soon, rest, travel)
        if isinstance(outcome, Timeline):
            return _closed(bounded, outcome, planned, len(begun), now, travel)
    stop = outcome.stop if isinstance(outcome, Infeasible) else None
    named = stop.id if stop is not None else begun[-1].task.id
    raise InvalidProblem(
        f"Order {named}", "event", f"route {route.id} cannot have been driven so. Correct the time now, or the overrun."
    )


def _is_as_planned(stop: Stop, planned: Stop) -> bool:
    return stop is planned


def _as_many_as_can(
    route: Route, begun: Sequence[Stop], soon: Sequence[Stop], rest: Sequence[Stop], travel: TravelModel
) -> Timeline | Infeasible:
    """When those that have begun happen, and as many of the others as the technician can still keep."""
    while True:
        outcome = _times(route, begun, soon, rest, travel)
        if isinstance(outcome, Timeline) or not soon:
            return outcome
        failing = {outcome.stop.id} if outcome.stop is not None else set()
        fewer = [stop for stop in soon if stop.task.id not in failing]
        soon = fewer if len(fewer) < len(soon) else soon[:-1]


def _frozen(stops: Sequence[Stop], planned: Timeline, until: int) -> list[Stop]:
    """The stops for which the technician must set off before `until`."""
    out, before = [], planned.departure
    for stop in stops:
        rest = sum(span.end - span.start for span in planned.pauses if before <= span.start < stop.start)
        if stop.start - stop.travel_seconds - rest >= until:
            break
        out.append(stop)
        before = stop.end
    return out


def _clipped(span: Span, reached: int) -> Span:
    """What is left of an absence once the visit under way is over."""
    return Span(max(span.start, reached), max(span.end, reached + 1))


def _bounded(
    route: Route, begun: Sequence[Stop], away: Sequence[Span], travel: TravelModel, *, home_first: bool, breaks: bool
) -> Route:
    """The route with the absences of the events. Who has begun a visit also drives home, however late that is.

    `home_first`: absences in the middle of the day wait for that too, for who would come home too late after them. Without
    `breaks`: those that the visits begun leave no time for are left out.
    """
    if not begun:
        return replace(route, absences=(*route.absences, *away))
    last = begun[-1]
    reached = last.start + last.task.service_seconds
    # A break that would have been taken in a visit that has begun is missed, which no plan can undo.
    kept = route.breaks if breaks else tuple(one for one in route.breaks if one[0].start >= reached)
    home = _home(replace(route, breaks=kept), begun, travel)
    spans = [
        Span(max(span.start, home), max(span.end, home + 1)) if home_first or span.end >= route.shift.end else span
        for span in away
    ]
    late = max(0, home - route.shift.end)
    return replace(
        route,
        breaks=kept,
        absences=(*(span for span in route.absences if not late or span.end < route.shift.end), *spans),
        overtime_seconds=max(route.overtime_seconds, late),
    )


def _home(route: Route, begun: Sequence[Stop], travel: TravelModel) -> int:
    """When the technician can be home from the visits begun, however late."""
    tasks = [replace(stop.task, pin=Pin(route.id, stop.start)) for stop in begun]
    drives = route_legs(route, tasks, travel)
    outcome = simulate(replace(route, overtime_seconds=DAY_SECONDS), tasks, drives)
    if isinstance(outcome, Timeline):
        return outcome.home
    return begun[-1].start + begun[-1].task.service_seconds + drives[-1]


def _times(
    route: Route, begun: Sequence[Stop], soon: Sequence[Stop], rest: Sequence[Stop], travel: TravelModel
) -> Timeline | Infeasible:
    """When the frozen visits happen: those begun as they began, the others no earlier than planned.

    Breaks are had when they suit the rest of the day too, if that can still be kept.
    """
    tasks = [replace(stop.task, pin=Pin(route.id, stop.start)) for stop in begun]
    for stop in soon:
        spans = tuple(Span(max(one.start, stop.start), one.end) for one in stop.task.windows if one.end > stop.start)
        pin = stop.task.pin if stop.task.pin is not None and stop.task.pin.start is not None else None
        tasks.append(replace(stop.task, windows=spans, release=None, pin=pin))
    whole = [*tasks, *(stop.task for stop in rest)]
    outcome = simulate(route, whole, route_legs(route, whole, travel))
    if not rest:
        return outcome
    if isinstance(outcome, Timeline):
        home = route_legs(route, tasks, travel)[-1] if tasks else 0
        kept = outcome.stops[: len(tasks)]
        ends = kept[-1].end + home if kept else outcome.departure
        return replace(outcome, stops=kept, home=ends, travel_seconds=0)
    return simulate(route, tasks, route_legs(route, tasks, travel))


def _closed(route: Route, times: Timeline, planned: Timeline, begun: int, now: int, travel: TravelModel) -> Nailed:
    """The route with all time closed that is over or that the frozen visits take."""
    tasks = [
        stop.task if stop.task.pin == Pin(route.id, stop.start) else replace(stop.task, pin=Pin(route.id, stop.start))
        for stop in times.stops
    ]
    pinned = {task.id: task for task in tasks}
    spans: list[Span] = []
    before = times.stops[begun - 1].end if begun else route.shift.start
    for stop in times.stops[begun:]:
        pauses = [span for span in times.pauses if before <= span.start < stop.start]
        spans += _idle(before, stop, pauses)
        before = stop.end
    under_way = (span.end for span in planned.pauses if span.start <= now < span.end)
    free = max([now, *under_way])
    if free > before:
        spans.append(Span(before, free))
    over = [span for span in times.pauses if span.end <= max(before, now)]
    had = {(span.start, span.end - span.start) for span in over}
    breaks = tuple(
        (window, seconds)
        for window, seconds in route.breaks
        if not any(window.start <= at < window.end and seconds == long for at, long in had)
    )
    nailed = replace(route, breaks=breaks, absences=(*route.absences, *spans, *over))
    if isinstance(simulate(nailed, tasks, route_legs(nailed, tasks, travel)), Timeline):
        return Nailed(nailed, pinned)
    # Too late to do anything but drive home: the day is over there.
    end = Span(times.home, max(times.home + 1, route.home_by))
    return Nailed(replace(route, absences=(*route.absences, end)), pinned)


def _idle(before: int, stop: Stop, pauses: Sequence[Span]) -> list[Span]:
    """The time from `before` to the stop that is not driven, with its pauses: the drive as early as it can be, none left."""
    out, left = [], stop.travel_seconds
    now = before
    for pause in [*pauses, Span(stop.start, stop.start)]:
        driven = min(left, pause.start - now)
        left -= driven
        if driven < pause.start - now:
            out.append(Span(now, pause.start - driven))
        if pause.start < pause.end:
            out.append(pause)
        now = pause.end
    return out
