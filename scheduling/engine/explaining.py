"""`explain`: for one order of a plan, which rule binds for each technician in each of its windows.

It asks `reasons.room` of every route, for any order: one that is planned is explained as if it were not, so its own route
shows the room it has.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from scheduling.engine.plan import Plan, RoutePlan, linked_tasks
from scheduling.engine.problem import Pin, Problem, RouteId, Task, TaskId, TechnicianKey
from scheduling.engine.reasons import Reason, Refusal
from scheduling.engine.reasons.binding import CLOSENESS, OF_THE_DAY, binding
from scheduling.engine.reasons.room import MeasuredRoute, Room, rooms
from scheduling.engine.slots.shapes import OpenRoute
from scheduling.engine.spans import Span
from scheduling.engine.timeline import Stop, route_legs

ALWAYS = 1 << 30


@dataclass(frozen=True, slots=True)
class WindowReason:
    """One window of the order on one route, and what binds there; None: there is room."""

    window: Span
    refusal: Refusal | None


@dataclass(frozen=True, slots=True)
class RouteReason:
    """One technician on one day, window by window. `serves`: the order is on this route."""

    route: RouteId
    technician: TechnicianKey
    serves: bool
    windows: tuple[WindowReason, ...]

    @property
    def refusal(self) -> Refusal | None:
        """The rule of the window that came closest; None when one of them has room."""
        found = [one.refusal for one in self.windows if one.refusal is not None]
        return binding(found) if len(found) == len(self.windows) else None


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why an order is where it is. `refusal` binds over all routes, None when some have room; the closest routes first."""

    task: Task
    refusal: Refusal | None
    by_route: tuple[RouteReason, ...]

    @property
    def serves(self) -> RouteReason | None:
        """The route that has the order."""
        return next((one for one in self.by_route if one.serves), None)

    @property
    def reason(self) -> str:
        """Why it is not served, as a sentence in English; it has to be absent."""
        if self.refusal is not None:
            return self.refusal.sentence()
        fits = [one.route for one in self.by_route if one.refusal is None]
        return f"There is room for it on {len(fits)} routes, for instance {fits[0]}. Plan again."

    def sentence(self) -> str:
        """The whole in a sentence or two, in English."""
        if self.serves is not None:
            return f"Order {self.task.id} is served by {self.serves.technician} on route {self.serves.route}."
        return f"Order {self.task.id} is not served. {self.reason}"


class UnknownOrderError(LookupError):
    """The plan's problem has no such order."""

    def __init__(self, order: TaskId) -> None:
        super().__init__(f"There is no order {order} in this problem. Name one of its orders.")


def explain(problem: Problem, plan: Plan, order: TaskId) -> Explanation:
    """The binding rule for each route and window of the order, in `plan` of `problem`. Raises `UnknownOrderError`."""
    if order not in problem.task_at:
        raise UnknownOrderError(order)
    task = problem.tasks[problem.task_at[order]]
    serving = (item.route.id for item in plan.routes if any(stop.task.id == order for stop in item.timeline.stops))
    days = _as_planned(problem, plan.routes, without=order)
    return _explained(days, task, problem, serving=next(serving, ""), opens=_opens(task, plan.routes))


def explain_left_out(problem: Problem, routes: Sequence[RoutePlan], tasks: Iterable[Task]) -> Iterator[Explanation]:
    """As `explain`, for tasks that these routes leave out; each route is measured once."""
    days = _as_planned(problem, routes)
    for task in tasks:
        yield _explained(days, task, problem, opens=_opens(task, routes))


def explain_on(
    opened: Sequence[OpenRoute], task: Task, problem: Problem, *, serving: RouteId = "", opens: int | None = -ALWAYS
) -> Explanation:
    """As `explain`, for a task beside the stops of these routes, of which it is none.

    `serving` is the route that has it; `opens` the first second at which what comes before it allows it, None for never.
    """
    return _explained([one.measured for one in opened], task, problem, serving=serving, opens=opens)


def _explained(
    days: Sequence[MeasuredRoute], task: Task, problem: Problem, *, serving: RouteId = "", opens: int | None
) -> Explanation:
    found = rooms(days, task, task.starts, problem.travel)
    by_route = [
        RouteReason(
            room.route.id,
            room.route.technician,
            room.route.id == serving,
            tuple(WindowReason(window, _in_window(room, window, opens)) for window in task.starts),
        )
        for room in found
    ]
    by_route.sort(key=_closeness)
    refusals = [one.refusal for one in by_route if one.refusal is not None]
    refusal = binding(refusals) if len(refusals) == len(by_route) else None
    return Explanation(task, refusal, tuple(by_route))


def _as_planned(problem: Problem, routes: Sequence[RoutePlan], without: TaskId = "") -> list[MeasuredRoute]:
    """The planned routes without one task, to measure their room."""
    linked = {problem.tasks[at].id for at in linked_tasks(problem)}
    days = []
    for item in routes:
        stops = [_standing(item.route.id, stop, linked) for stop in item.timeline.stops if stop.task.id != without]
        days.append(MeasuredRoute(item.route, tuple(stops), route_legs(item.route, stops, problem.travel)))
    return days


def _standing(route: RouteId, stop: Stop, linked: set[TaskId]) -> Task:
    """Another visit of a route; one that comes before or after others keeps its second, which those rely on."""
    return replace(stop.task, pin=Pin(route, stop.start)) if stop.task.id in linked else stop.task


def _opens(task: Task, routes: Sequence[RoutePlan]) -> int | None:
    """The first second that what comes before the task allows; None when some of it is not planned."""
    if not task.after:
        return -ALWAYS
    ends = {stop.task.id: stop.end for item in routes for stop in item.timeline.stops}
    if any(link.task not in ends for link in task.after):
        return None
    return max(ends[link.task] + link.gap_seconds for link in task.after)


def _in_window(room: Room, window: Span, opens: int | None) -> Refusal | None:
    """What binds in this window on the route."""
    free = window if opens is None else Span(max(window.start, opens), window.end)
    if opens is not None and free.start < free.end:
        return room.refusal((free,))
    found = room.refusal((window,))
    return Refusal(Reason.PREDECESSOR) if found is None or found.reason in OF_THE_DAY else found


def _closeness(one: RouteReason) -> tuple[bool, bool, int, int]:
    """Those that serve or have room first, then those that came closest."""
    refusal = one.refusal
    if refusal is None:
        return not one.serves, False, 0, 0
    return True, True, -CLOSENESS.index(refusal.reason), refusal.by_seconds
