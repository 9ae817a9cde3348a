"""What is to be drawn of a plan, before any question of size or colour."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from scheduling.engine.eligibility import barred
from scheduling.engine.explaining import explain_left_out
from scheduling.engine.plan import RoutePlan
from scheduling.engine.problem import DAY_SECONDS, Problem, Route, Task, TaskId
from scheduling.engine.spans import Span
from scheduling.engine.timeline import RouteNotKept, Timeline, keep, route_legs

_TIERS = (0.5, 0.8, 0.95)
"""The lighter half of the orders, the next 30 %, the next 15 %, and the heaviest 5 %, as far as weights differ."""
REASONED = 200
"""For so many of the heaviest orders that are left out the reason is sought."""


class PlanNotKept(ValueError):
    """The plan cannot be carried out, so there are no times to draw; the message says where it fails."""


@dataclass(frozen=True, slots=True)
class Label:
    """An order in words: its id, kind of work, weight, `tier` of weight (1 lightest to 4), and whether it is `bound`.

    Bound is what is promised, pinned, or for certain technicians alone.
    """

    order: TaskId
    kind: str
    weight: int
    tier: int
    bound: bool
    task: Task


@dataclass(frozen=True, slots=True)
class Visit:
    """A visit with its times; `number` counts from 1 along the route, `drives` are the spans in which the technician drives there."""

    number: int
    label: Label
    arrival: int
    start: int
    end: int
    drives: tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class Row:
    """A technician's day. `key` is the place of the route in the problem; `homeward` are the drives back."""

    key: int
    route: Route
    timeline: Timeline
    visits: tuple[Visit, ...]
    homeward: tuple[Span, ...]

    @property
    def day(self) -> int:
        """Days from the origin to the one on which the shift starts."""
        return self.route.shift.start // DAY_SECONDS


@dataclass(frozen=True, slots=True)
class LeftOut:
    """An order that is not served, and why ("" when the reason was not sought)."""

    label: Label
    reason: str


@dataclass(frozen=True, slots=True)
class Picture:
    """A whole plan. `tiers` are the least and the largest weight of each tier that has orders, by tier."""

    name: str
    rows: tuple[Row, ...]
    left_out: tuple[LeftOut, ...]
    tiers: Mapping[int, tuple[int, int]]

    @property
    def days(self) -> tuple[int, ...]:
        """The days on which somebody works."""
        return tuple(sorted({row.day for row in self.rows}))


def picture_of(
    name: str, problem: Problem, sequences: Sequence[Sequence[Task]], kinds: Mapping[TaskId, str]
) -> Picture:
    """The picture of the plan in which each route serves these tasks in this order.

    Raises:
        PlanNotKept: a technician may not serve an order of the route, or not at that time.
    """
    tiers = _tiers(problem.tasks)
    labels = {
        task.id: Label(task.id, kinds.get(task.id, ""), task.weight, tiers[task.weight], _bound(task), task)
        for task in problem.tasks
    }
    rows = tuple(
        _row(key, route, stops, problem, labels)
        for key, (route, stops) in enumerate(zip(problem.routes, sequences, strict=True))
    )
    served = {task.id for stops in sequences for task in stops}
    missing = sorted((task for task in problem.tasks if task.id not in served), key=lambda task: -task.weight)
    plans = [RoutePlan(row.route, row.timeline) for row in rows]
    why = {one.task.id: one.reason for one in explain_left_out(problem, plans, missing[:REASONED])}
    return Picture(
        name,
        rows,
        tuple(LeftOut(labels[task.id], why.get(task.id, "")) for task in missing),
        {tier: _range(tiers, tier) for tier in sorted(set(tiers.values()))},
    )


def refuse_barred(route: Route, stops: Sequence[Task]) -> None:
    """Raise `PlanNotKept` when the technician may not serve one of these orders at all."""
    for task in stops:
        refusal = barred(route, task)
        if refusal is not None:
            raise PlanNotKept(f"Route {route.id} may not serve order {task.id}: the technician {refusal.clause()}.")


def _row(key: int, route: Route, stops: Sequence[Task], problem: Problem, labels: Mapping[TaskId, Label]) -> Row:
    refuse_barred(route, stops)
    try:
        timeline = keep(route, stops, route_legs(route, stops, problem.travel))
    except RouteNotKept as error:
        raise PlanNotKept(str(error)) from error
    visits, free = [], timeline.departure
    for number, stop in enumerate(timeline.stops, start=1):
        drives = _driving(free, stop.travel_seconds, timeline.pauses)
        visits.append(Visit(number, labels[stop.task.id], stop.arrival, stop.start, stop.end, drives))
        free = stop.end
    back = timeline.travel_seconds - sum(stop.travel_seconds for stop in timeline.stops)
    homeward = _driving(free, back, timeline.pauses) if stops else ()
    return Row(key, route, timeline, tuple(visits), homeward)


def _driving(since: int, seconds: int, pauses: Sequence[Span]) -> tuple[Span, ...]:
    """The spans of a drive that begins at `since` and is interrupted by pauses."""
    spans = []
    for pause in pauses:
        if pause.end > since and pause.start < since + seconds:
            until = max(since, pause.start)
            if until > since:
                spans.append(Span(since, until))
            seconds -= until - since
            since = pause.end
    return (*spans, Span(since, since + seconds)) if seconds > 0 else tuple(spans)


def _tiers(tasks: Sequence[Task]) -> Mapping[int, int]:
    """The tier of each weight that occurs."""
    weights = sorted(task.weight for task in tasks)
    bounds = [weights[min(len(weights) - 1, int(share * len(weights)))] for share in _TIERS] if weights else []
    return {weight: 1 + bisect_left(bounds, weight) for weight in set(weights)}


def _range(tiers: Mapping[int, int], tier: int) -> tuple[int, int]:
    weights = [weight for weight, own in tiers.items() if own == tier]
    return min(weights), max(weights)


def _bound(task: Task) -> bool:
    return task.must or task.allowed_technicians is not None
