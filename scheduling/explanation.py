"""Why an order has no place: technician by technician, in the days as they stand or as a draft would make them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from hub.bootstrap import Hub
from hub.domain.ids import WorkOrderId
from hub.domain.plans import PlanRecord
from scheduling.days import Days
from scheduling.engine.explaining import Explanation, explain_on
from scheduling.engine.problem import Problem, Task
from scheduling.engine.slots import OpenRoute
from scheduling.planning import read_days


@dataclass(frozen=True)
class WindowAnswer:
    """What one technician says to one window `[starts_at, ends_at)`, as words that follow the name."""

    starts_at: datetime
    ends_at: datetime
    words: str


@dataclass(frozen=True)
class TechnicianAnswer:
    """One technician on one day; `closest` is the nearest he or she comes to doing the work."""

    technician: str
    day: date
    closest: str
    windows: tuple[WindowAnswer, ...]


@dataclass(frozen=True)
class OrderExplanation:
    """The binding reason as a sentence, and the answer of each technician, those that came closest first."""

    sentence: str
    answers: tuple[TechnicianAnswer, ...]


def explain_order(
    hub: Hub, territory: str, days: tuple[date, date], order: WorkOrderId, draft: PlanRecord | None
) -> OrderExplanation | None:
    """Why `order`, which is ready for planning, has no place on these days; with `draft` beside what that would place.

    None when the order is not among the work that could be planned there.
    """
    standing, _, problem = read_days(hub, territory, *days)
    at = problem.task_at.get(str(order))
    if at is None:
        return None
    opened = [one.open for one in standing.routes]
    if draft is not None:
        opened = _as_drafted(hub, draft, problem, opened)
    task = problem.tasks[at]
    found = explain_on([_without(one, task, problem) for one in opened], task, problem)
    return _in_words(standing, found)


def _as_drafted(hub: Hub, draft: PlanRecord, problem: Problem, opened: list[OpenRoute]) -> list[OpenRoute]:
    """The routes with the visits where the draft has them; visits that it does not know stay."""
    with hub.unit_of_work() as work:
        placed = work.plan_assignments.list_where(work.plan_assignments.table.c.plan_id == draft.id)
    stops: dict[str, list[tuple[int, Task]]] = {one.route.id: [] for one in opened}
    known = set()
    for one in placed:
        name = str(one.visit_id or one.work_order_id)
        if name in problem.task_at and str(one.route_id) in stops:
            known.add(name)
            start = int((one.starts_at - problem.origin).total_seconds())
            stops[str(one.route_id)].append((start, problem.tasks[problem.task_at[name]]))
    for route in opened:
        stops[route.route.id] += [
            (stop.current.start if stop.current else stop.windows[0].start, stop)
            for stop in route.stops
            if stop.id not in known
        ]
    return [
        OpenRoute.of(one.route, [task for _, task in sorted(stops[one.route.id], key=_by_start)], problem.travel)
        for one in opened
    ]


def _by_start(stop: tuple[int, Task]) -> tuple[int, str]:
    return stop[0], stop[1].id


def _without(route: OpenRoute, task: Task, problem: Problem) -> OpenRoute:
    """The route without the task, where it has it."""
    if all(stop.id != task.id for stop in route.stops):
        return route
    return OpenRoute.of(route.route, [stop for stop in route.stops if stop.id != task.id], problem.travel)


def _in_words(days: Days, found: Explanation) -> OrderExplanation:
    routes = {one.open.route.id: one for one in days.routes}
    answers = []
    for one in found.by_route:
        standing = routes[one.route]
        answers.append(
            TechnicianAnswer(
                technician=standing.technician.name,
                day=standing.record.day,
                closest=one.refusal.clause() if one.refusal else "has room for it",
                windows=tuple(
                    WindowAnswer(
                        days.instant(item.window.start),
                        days.instant(item.window.end),
                        item.refusal.clause() if item.refusal else "has room for it",
                    )
                    for item in one.windows
                ),
            )
        )
    sentence = found.refusal.sentence() if found.refusal else "Somebody has room for it. Plan these days again."
    return OrderExplanation(sentence, tuple(answers))
