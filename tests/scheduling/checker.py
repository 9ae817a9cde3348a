"""Judges plans by arithmetic of its own; it shares no code with the planner beyond the data it reads."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise

from hub.domain.places import Place
from scheduling.engine.plan import Plan
from scheduling.engine.problem import Problem, Route, Task
from scheduling.engine.timeline import Timeline

type Drive = Callable[[Place, Place], int]


def great_circle(detour: float, metres_per_second: float) -> Drive:
    def seconds(a: Place, b: Place) -> int:
        lat1, lon1, lat2, lon2 = (math.radians(x) for x in (a.lat, a.lon, b.lat, b.lon))
        h = math.sin((lat2 - lat1) / 2) ** 2 + math.cos(lat1) * math.cos(lat2) * math.sin((lon2 - lon1) / 2) ** 2
        return round(2 * 6_371_000 * math.asin(math.sqrt(h)) * detour / metres_per_second)

    return seconds


def faults(problem: Problem, plan: Plan, drive: Drive) -> list[str]:
    """Everything that is wrong with a plan, as sentences."""
    found: list[str] = []
    served: list[str] = []
    cost = 0
    for route, planned in zip(problem.routes, plan.routes, strict=True):
        if planned.route != route:
            found.append(f"route {route.id} is not where it should be")
        tasks = [stop.task for stop in planned.timeline.stops]
        served += [task.id for task in tasks]
        found += route_faults(route, planned.timeline, drive)
        found += [f"{task.id} on {route.id}: {text}" for task in tasks for text in _suitability(route, task)]
        if tasks:
            cost += sum(drive(a, b) for a, b in pairwise([route.start, *(t.place for t in tasks), route.end]))
        cost += sum(t.move_price_seconds for t in tasks if t.current and t.current.route != route.id)
    absent = [item.task.id for item in plan.unplanned]
    if sorted(served + absent) != sorted(task.id for task in problem.tasks):
        found.append("some task is served twice, or neither served nor unplanned")
    left = [task for task in problem.tasks if task.id in set(absent)]
    must = [task for task in left if task.promised or task.pin]
    weight = sum(task.weight for task in left if not (task.promised or task.pin))
    stated = (plan.objective.missed_promises, plan.objective.missed_weight, plan.objective.cost_seconds)
    if stated != (len(must), weight, cost):
        found.append(f"the objective is {(len(must), weight, cost)}, not {stated}")
    return found


def route_faults(route: Route, timeline: Timeline, drive: Drive) -> list[str]:
    """What is wrong with the times of one route."""
    if not timeline.stops:
        return []
    found = []
    away = [(pause.start, pause.end) for pause in timeline.pauses]
    here, now, total = route.start, timeline.departure, 0
    if now < route.shift.start:
        found.append("leaves before the shift")
    legs = [(s.task.place, s.arrival, s.start, s.end) for s in timeline.stops]
    legs.append((route.end, timeline.home, timeline.home, timeline.home))
    for place, arrival, start, end in legs:
        total += drive(here, place)
        if arrival - now - _overlap(now, arrival, [*away, *_spans(route)]) < drive(here, place):
            found.append(f"drives faster than possible, to be there at {arrival}")
        if start < arrival:
            found.append(f"begins at {start} before arriving at {arrival}")
        if _overlap(start, end, [*away, *_spans(route)]):
            found.append(f"works in a pause between {start} and {end}")
        here, now = place, end
    if timeline.home > route.shift.end:
        found.append(f"is home at {timeline.home}, after the shift")
    if timeline.travel_seconds != total:
        found.append("its travel does not add up")
    return found + _stop_faults(timeline) + _break_faults(route, timeline)


def _stop_faults(timeline: Timeline) -> list[str]:
    """Each service has its length, inside a window or where it is pinned."""
    found = []
    for stop in timeline.stops:
        if stop.end - stop.start != stop.task.service_seconds:
            found.append(f"{stop.task.id} does not get its service time")
        if not any(window.start <= stop.start < window.end for window in stop.task.windows) and not stop.task.pin:
            found.append(f"{stop.task.id} begins at {stop.start}, outside its windows")
        if stop.task.pin and stop.task.pin.start not in {None, stop.start}:
            found.append(f"{stop.task.id} begins at {stop.start}, not where it is pinned")
    return found


def _break_faults(route: Route, timeline: Timeline) -> list[str]:
    """Each break is among the pauses, or fits into an absence, or can start after the technician is home."""
    found = []
    free = sorted((pause.start, pause.end) for pause in timeline.pauses)
    if any(a[1] > b[0] for a, b in pairwise(free)):
        found.append("pauses overlap")
    after = timeline.home
    for window, seconds in sorted(route.breaks, key=lambda item: (item[0].start, item[0].end)):
        taken = [p for p in free if p[1] - p[0] == seconds and window.start <= p[0] < window.end]
        if taken:
            free.remove(taken[0])
        elif any(max(a, window.start) + seconds <= b and max(a, window.start) < window.end for a, b in _spans(route)):
            continue
        elif max(after, window.start) < window.end:
            after = max(after, window.start) + seconds
        else:
            found.append(f"the break of {seconds} s from {window.start} is not had")
    return found


def _suitability(route: Route, task: Task) -> list[str]:
    found = []
    if set(task.skills) - set(route.skills):
        found.append("a skill is missing")
    if task.territory and route.territories and task.territory not in route.territories:
        found.append("another territory")
    if task.allowed_technicians is not None and route.technician not in task.allowed_technicians:
        found.append("technician is not among the allowed")
    if route.technician in task.excluded_technicians:
        found.append("technician is excluded")
    if task.pin and task.pin.route != route.id:
        found.append("pinned to another route")
    return found


def _spans(route: Route) -> list[tuple[int, int]]:
    return [(span.start, span.end) for span in route.absences]


def _overlap(start: int, end: int, spans: Sequence[tuple[int, int]]) -> int:
    """Seconds of `[start, end)` that lie in at least one of the spans."""
    total, reached = 0, start
    for a, b in sorted(spans):
        low, high = max(a, reached), min(b, end)
        if high > low:
            total += high - low
            reached = high
    return total
