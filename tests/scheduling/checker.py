"""Judges plans by arithmetic of its own; it shares no code with the planner beyond the data it reads."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Container, Mapping, Sequence
from fractions import Fraction
from itertools import pairwise

from hub.domain.places import Place
from scheduling.engine.plan import Plan
from scheduling.engine.problem import Problem, Route, Task
from scheduling.engine.spans import Span
from scheduling.engine.timeline import Stop, Timeline

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
    served: dict[str, Stop] = {}
    cost = 0
    for route, planned in zip(problem.routes, plan.routes, strict=True):
        if planned.route != route:
            found.append(f"route {route.id} is not where it should be")
        stops = planned.timeline.stops
        found += [f"{stop.task.id} is served twice" for stop in stops if stop.task.id in served]
        served |= {stop.task.id: stop for stop in stops}
        found += route_faults(route, planned.timeline, drive)
        found += [f"{s.task.id} on {route.id}: {text}" for s in stops for text in unsuitable(route, s.task)]
        cost += route_cost(route, planned.timeline, drive)
    absent = [item.task.id for item in plan.unplanned]
    if sorted([*served, *absent]) != sorted(task.id for task in problem.tasks):
        found.append("some task is both served and unplanned, or neither")
    found += [f"{stop.task.id} is not the problem's" for stop in served.values() if stop.task not in problem.tasks]
    for item in plan.unplanned:
        named = [one.route for one in item.by_route]
        if len(set(named)) != len(named) or not {route.id for route in problem.routes}.issuperset(named):
            found.append(f"{item.task.id} is unplanned for reasons of routes that are not there, or twice")
        if problem.routes and not named:
            found.append(f"{item.task.id} is unplanned without a route's reason")
    stated = (plan.objective.missed_promises, plan.objective.missed_weight, plan.objective.cost_seconds)
    actual = (*missed(problem, served), cost)
    if stated != actual:
        found.append(f"the objective is {actual}, not {stated}")
    return found + sequence_faults(problem, served)


def missed(problem: Problem, served: Container[str]) -> tuple[int, int]:
    """How many promised or pinned tasks are not served, and the weight of the others that are not."""
    left = [task for task in problem.tasks if task.id not in served]
    must = [task for task in left if task.promised or task.pin]
    return len(must), sum(task.weight for task in left if task not in must)


def route_cost(route: Route, timeline: Timeline, drive: Drive) -> int:
    """Travel, the prices of its visits, of sending the technician out, and of overtime; nothing without visits."""
    tasks = [stop.task for stop in timeline.stops]
    if not tasks:
        return 0
    travel = sum(drive(a, b) for a, b in pairwise([route.start, *(t.place for t in tasks), route.end]))
    late = max(0, timeline.home - route.shift.end)
    overtime = math.ceil(Fraction(late * route.overtime_price_seconds, 3600))
    return travel + sum(price(route, task) for task in tasks) + route.use_price_seconds + overtime


def price(route: Route, task: Task) -> int:
    """What serving the task on this route costs besides travel."""
    total = 0
    if task.current and task.current.route != route.id:
        total += task.move_price_seconds
    if task.preferred_technicians and route.technician not in task.preferred_technicians:
        total += task.preference_price_seconds
    if task.due is not None and route.shift.start > task.due:
        total += task.late_price_seconds * math.ceil(Fraction(route.shift.start - task.due, 86_400))
    return total


def sequence_faults(problem: Problem, served: Mapping[str, Stop]) -> list[str]:
    """Each task that comes after another starts late enough after the other's end, on whatever route and day."""
    found = []
    for task in problem.tasks:
        for link in task.after if task.id in served else ():
            if link.task not in served:
                found.append(f"{task.id} is served without {link.task} before it")
            elif served[task.id].start < served[link.task].end + link.gap_seconds:
                found.append(f"{task.id} starts too soon after {link.task}")
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
    if timeline.home > home_limit(route):
        found.append(f"is home at {timeline.home}, after the shift and its overtime")
    if timeline.travel_seconds != total:
        found.append("its travel does not add up")
    return (
        found
        + limit_faults(route, [s.task for s in timeline.stops], total)
        + _stop_faults(timeline)
        + _break_faults(route, timeline)
    )


def home_limit(route: Route) -> int:
    """The last second of being home: overtime counts, unless an absence ends the day or begins meanwhile."""
    limit = route.shift.end + route.overtime_seconds
    away = [span for span in _spans(route) if span[1] >= route.shift.end]
    while True:
        covering = [a for a, b in _spans(route) if a < limit <= b or ((a, b) in away and a < limit)]
        if not covering:
            return limit
        limit = min(covering)


def limit_faults(route: Route, tasks: Sequence[Task], travel: int) -> list[str]:
    """The most driving in a day, and the parts in the van."""
    found = []
    if route.max_travel_seconds is not None and travel > route.max_travel_seconds:
        found.append(f"drives {travel} s, more than allowed")
    if route.van is not None:
        needed = Counter[str]()
        for task in tasks:
            needed.update(dict(task.parts))
        found += [
            f"needs {n} of {part}, more than the van has"
            for part, n in needed.items()
            if n > dict(route.van).get(part, 0)
        ]
    return found


def _stop_faults(timeline: Timeline) -> list[str]:
    """Each service has its length, inside a window or where it is pinned."""
    found = []
    for stop in timeline.stops:
        if stop.end - stop.start != stop.task.service_seconds:
            found.append(f"{stop.task.id} does not get its service time")
        if not may_start(stop.task, stop.start):
            found.append(f"{stop.task.id} begins at {stop.start}, outside its windows, too early or not where pinned")
    return found


def may_start(task: Task, second: int) -> bool:
    """Whether service may start at that second: at the pinned one alone, or in a window and not before the release."""
    if task.pin is not None and task.pin.start is not None:
        return second == task.pin.start
    released = task.release is None or second >= task.release
    return released and any(window.start <= second < window.end for window in task.windows)


def _break_faults(route: Route, timeline: Timeline) -> list[str]:
    """Each break is among the pauses, or fits into an absence, can start once home, or gives way to absences."""
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
        elif _has_room(route, window, seconds):
            found.append(f"the break of {seconds} s from {window.start} is not had")
    return found


def _has_room(route: Route, window: Span, seconds: int) -> bool:
    """Whether the break could start at all beside the absences; one that could not gives way to them."""
    starts = range(max(window.start, route.shift.start), min(window.end, home_limit(route) + 1))
    return any(_overlap(start, start + seconds, _spans(route)) == 0 for start in starts)


def unsuitable(route: Route, task: Task) -> list[str]:
    """Why the technician may not do the task at any hour."""
    found = []
    if set(task.skills) - set(route.skills):
        found.append("a skill is missing")
    for skill, least in task.levels:
        has = dict(route.levels).get(skill, 1) if skill in route.skills else 0
        if has < least:
            found.append(f"{skill} is at level {has} only")
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
