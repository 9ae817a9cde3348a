"""`explain`: for one order of a plan, which rule binds for each technician in each of its windows.

It takes the plain Python way over the exact room of every route, for any order: one that is planned is explained as if it
were not, so its own route shows the room it has.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from scheduling.engine import explain as closeness
from scheduling.engine.plan import Plan, linked_tasks
from scheduling.engine.problem import Pin, Problem, RouteId, Task, TaskId, TechnicianKey
from scheduling.engine.reasons import Reason, Refusal
from scheduling.engine.slots.refusing import refused
from scheduling.engine.slots.shapes import OpenRoute, SlotWindow
from scheduling.engine.spans import Span
from scheduling.engine.timeline import Stop, Timeline, route_legs, simulate

ALWAYS = 1 << 30
_OF_OTHERS = frozenset({Reason.NO_ROOM, Reason.TRAVEL_LIMIT})
"""What is named of a route where the other visits are in the way; without a measure they may not be."""


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
        return closeness.binding(found) if len(found) == len(self.windows) else None


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

    def sentence(self) -> str:
        """The whole in a sentence or two, in English."""
        if self.serves is not None:
            return f"Order {self.task.id} is served by {self.serves.technician} on route {self.serves.route}."
        if self.refusal is None:
            fits = sum(one.refusal is None for one in self.by_route)
            return f"Order {self.task.id} is not served, although {fits} routes have room for it. Plan again."
        return f"Order {self.task.id} is not served. {self.refusal.sentence()}"


class UnknownOrderError(LookupError):
    """The plan's problem has no such order."""

    def __init__(self, order: TaskId) -> None:
        super().__init__(f"There is no order {order} in this problem. Name one of its orders.")


def explain(problem: Problem, plan: Plan, order: TaskId) -> Explanation:
    """The binding rule for each route and window of the order, in `plan` of `problem`. Raises `UnknownOrderError`."""
    if order not in problem.task_at:
        raise UnknownOrderError(order)
    task = problem.tasks[problem.task_at[order]]
    starts = {stop.task.id: stop for item in plan.routes for stop in item.timeline.stops}
    linked = {problem.tasks[at].id for at in linked_tasks(problem)}
    opened, serving = [], ""
    for item in plan.routes:
        if any(stop.task.id == order for stop in item.timeline.stops):
            serving = item.route.id
        stops = [_standing(item.route.id, stop, linked) for stop in item.timeline.stops if stop.task.id != order]
        opened.append(OpenRoute.of(item.route, stops, problem.travel))
    return explain_on(opened, task, problem, serving=serving, opens=_opens(task, starts))


def explain_on(
    opened: Sequence[OpenRoute], task: Task, problem: Problem, *, serving: RouteId = "", opens: int | None = -ALWAYS
) -> Explanation:
    """As `explain`, for a task beside the stops of these routes, of which it is none.

    `serving` is the route that has it; `opens` the first second at which what comes before it allows it, None for never.
    """
    table = [_in_window(problem, opened, task, window, opens) for window in task.starts]
    by_route = [
        RouteReason(
            item.route.id,
            item.route.technician,
            item.route.id == serving,
            tuple(WindowReason(window, row[at]) for window, row in zip(task.starts, table, strict=True)),
        )
        for at, item in enumerate(opened)
    ]
    by_route.sort(key=_closeness)
    found = [one.refusal for one in by_route if one.refusal is not None]
    refusal = closeness.binding(found) if len(found) == len(by_route) else None
    return Explanation(task, refusal, tuple(by_route))


def _standing(route: RouteId, stop: Stop, linked: set[TaskId]) -> Task:
    """Another visit of a route; one that comes before or after others keeps its second, which those rely on."""
    return replace(stop.task, pin=Pin(route, stop.start)) if stop.task.id in linked else stop.task


def _opens(task: Task, starts: dict[TaskId, Stop]) -> int | None:
    """The first second that what comes before the task allows; None when some of it is not planned."""
    if any(link.task not in starts for link in task.after):
        return None
    return max((starts[link.task].end + link.gap_seconds for link in task.after), default=-ALWAYS)


def _in_window(
    problem: Problem, opened: Sequence[OpenRoute], task: Task, window: Span, opens: int | None
) -> list[Refusal | None]:
    """What binds in this window on each route."""
    free = window if opens is None else Span(max(window.start, opens), window.end)
    waits = opens is None or free.start >= free.end
    asked = window if waits else free
    day = (problem.origin + timedelta(seconds=asked.start)).date()
    (slot,) = refused(opened, task, [SlotWindow(asked, day, "")], problem.travel)
    out: list[Refusal | None] = []
    for item, one in zip(opened, slot.by_route, strict=True):
        refusal: Refusal | None = one.refusal
        if waits and one.refusal.reason in closeness.OF_THE_DAY:
            refusal = Refusal(Reason.PREDECESSOR)
        elif one.refusal.reason in _OF_OTHERS and one.refusal.by_seconds <= 0 and _fits(item, task, asked, problem):
            refusal = None
        out.append(refusal)
    return out


def _fits(item: OpenRoute, task: Task, window: Span, problem: Problem) -> bool:
    """Whether the task has a place on the route in this window, by simulating every one."""
    new = (
        task if task.pin is not None and task.pin.start is not None else replace(task, windows=(window,), release=None)
    )
    for at in range(len(item.stops) + 1):
        stops = [*item.stops[:at], new, *item.stops[at:]]
        if isinstance(simulate(item.route, stops, route_legs(item.route, stops, problem.travel)), Timeline):
            return True
    return False


def _closeness(one: RouteReason) -> tuple[bool, bool, int, int]:
    """Those that serve or have room first, then those that came closest."""
    refusal = one.refusal
    if refusal is None:
        return not one.serves, False, 0, 0
    return True, True, -closeness.CLOSENESS.index(refusal.reason), refusal.by_seconds
