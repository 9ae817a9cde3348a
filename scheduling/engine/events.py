"""What happens to a plan in force, and the problem that is left: past and present nailed down, the rest open.

A visit is *frozen* when its technician has set off for it or will within `Terms.freeze_seconds`. Frozen visits stay where
they are: those begun to the second, the others as soon as the events let them. One that is not begun and that its
technician can no longer keep is let go and may go to somebody else.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from scheduling.engine.frozen import Nailed, nail_down
from scheduling.engine.plan import Plan, Unplanned
from scheduling.engine.problem import Current, Problem, Route, RouteId, Task, TaskId, TechnicianKey
from scheduling.engine.reasons import Reason, Refusal
from scheduling.engine.rules import InvalidProblem
from scheduling.engine.spans import Span


@dataclass(frozen=True, slots=True)
class Absence:
    """The technician does not work in this span. A visit that has begun is finished first, and so is the drive home."""

    technician: TechnicianKey
    span: Span


@dataclass(frozen=True, slots=True)
class Overrun:
    """A visit takes so many seconds longer than planned."""

    task: TaskId
    seconds: int


@dataclass(frozen=True, slots=True)
class Urgent:
    """New work. It replaces a task of the same id that is not served yet."""

    task: Task


@dataclass(frozen=True, slots=True)
class Cancelled:
    """A visit is not wanted any more, nor is what comes after it."""

    task: TaskId


@dataclass(frozen=True, slots=True)
class Delayed:
    """The technician cannot go on before the second `until`, whatever the cause."""

    route: RouteId
    until: int


type Event = Absence | Overrun | Urgent | Cancelled | Delayed


@dataclass(frozen=True, slots=True)
class Terms:
    """What a change to a published plan costs.

    `move_price_seconds`: another technician or day for a published visit, in seconds of travel. `drop_weight`: dropping one,
    in weight, on top of its own. `freeze_seconds`: so long before its technician sets off a visit is moved no more.
    """

    move_price_seconds: int = 1800
    drop_weight: int = 15
    freeze_seconds: int = 900


@dataclass(frozen=True, slots=True)
class Aftermath:
    """What the events left: the problem with the plan in force, which visits are frozen and where the events struck.

    `touched` are routes, `urgent` new tasks, `gone` tasks that are in the problem no more, with the reason.
    """

    problem: Problem
    frozen: frozenset[TaskId]
    touched: frozenset[RouteId]
    urgent: tuple[TaskId, ...]
    gone: tuple[Unplanned, ...]


def in_force(problem: Problem, plan: Plan, terms: Terms, published: frozenset[TaskId] | None = None) -> Problem:
    """The problem with this plan in force; moving or dropping its `published` visits (None: all) has its price."""
    at = {stop.task.id: (item.route.id, stop.start) for item in plan.routes for stop in item.timeline.stops}
    return replace(problem, tasks=tuple(_in_force(task, at.get(task.id), terms, published) for task in problem.tasks))


def _in_force(task: Task, place: tuple[RouteId, int] | None, terms: Terms, published: frozenset[TaskId] | None) -> Task:
    if place is None:
        return task if task.current is None else replace(task, current=None)
    if published is not None and task.id not in published:
        return replace(task, current=Current(*place))
    return replace(
        task,
        current=Current(*place),
        move_price_seconds=terms.move_price_seconds,
        weight=task.weight + terms.drop_weight,
    )


def aftermath(problem: Problem, plan: Plan, events: Sequence[Event], now: int, terms: Terms) -> Aftermath:
    """The problem after the events, at the second `now`. `problem` has the plan in force, see `in_force`; `plan` its tasks.

    Raises `InvalidProblem` for an event that names somebody or something unknown, or that cannot have happened.
    """
    check(problem, events)
    cancelled = _with_followers(problem, (event.task for event in events if isinstance(event, Cancelled)))
    overrun = {event.task for event in events if isinstance(event, Overrun)}
    tasks = _tasks(problem, events)
    touched = set[RouteId]()
    routes, pinned = [], dict[TaskId, Task]()
    for route, item in zip(problem.routes, plan.routes, strict=True):
        away = _away(route, events)
        stops = [
            stop if stop.task is tasks[stop.task.id] else replace(stop, task=tasks[stop.task.id])
            for stop in item.timeline.stops
        ]
        if away or any(stop.task.id in cancelled | overrun for stop in stops):
            touched.add(route.id)
        left = [stop for stop in stops if stop.task.id not in cancelled or stop.start <= now]
        nailed: Nailed = nail_down(route, left, item.timeline, away, now, terms.freeze_seconds, problem.travel)
        routes.append(nailed.route)
        pinned |= nailed.pinned
    cancelled -= pinned.keys()
    kept, gone = _left(tasks, cancelled, pinned, now)
    return Aftermath(
        replace(problem, routes=tuple(routes), tasks=kept),
        frozenset(pinned),
        frozenset(touched),
        tuple(event.task.id for event in events if isinstance(event, Urgent)),
        gone,
    )


def check(problem: Problem, events: Iterable[Event]) -> None:
    """Raise `InvalidProblem` for an event that names what the problem does not have, or says nothing."""
    technicians = {route.technician for route in problem.routes}
    for event in events:
        match event:
            case Absence(technician, span):
                _check(technician in technicians, f"Technician {technician}", "is absent but has no route")
                _check(span.start < span.end, f"Technician {technician}", "has an absence that ends before it begins")
            case Overrun(task, seconds):
                _check(task in problem.task_at, f"Order {task}", "takes longer but is not in the plan")
                _check(seconds >= 0, f"Order {task}", "takes less time, which is no event")
            case Cancelled(task):
                _check(task in problem.task_at, f"Order {task}", "is cancelled but is not in the plan")
            case Delayed(route, _):
                _check(route in problem.route_at, f"Route {route}", "is delayed but is not in the plan")
            case Urgent(task):
                known = problem.task_at.get(task.id)
                served = known is not None and problem.tasks[known].current is not None
                _check(not served, f"Order {task.id}", "is called urgent but is planned already")


def _check(holds: bool, who: str, text: str) -> None:
    if not holds:
        raise InvalidProblem(who, "event", f"it {text}. Name one that is, or leave the event out.")


def _tasks(problem: Problem, events: Sequence[Event]) -> dict[TaskId, Task]:
    """All tasks by id, longer or new as the events say."""
    tasks = {task.id: task for task in problem.tasks}
    for event in events:
        if isinstance(event, Overrun):
            task = tasks[event.task]
            tasks[event.task] = replace(task, service_seconds=task.service_seconds + event.seconds)
        elif isinstance(event, Urgent):
            tasks[event.task.id] = replace(event.task, current=None)
    return tasks


def _away(route: Route, events: Sequence[Event]) -> tuple[Span, ...]:
    """The spans that events take from this route."""
    out = []
    for event in events:
        if isinstance(event, Absence) and event.technician == route.technician and event.span.overlaps(route.shift):
            out.append(event.span)
        elif isinstance(event, Delayed) and event.route == route.id and event.until > route.shift.start:
            out.append(Span(route.shift.start, event.until))
    return tuple(out)


def _with_followers(problem: Problem, tasks: Iterable[TaskId]) -> set[TaskId]:
    """These tasks and all that come after them."""
    found, followers = set(tasks), dict[TaskId, list[TaskId]]()
    for task in problem.tasks:
        for link in task.after:
            followers.setdefault(link.task, []).append(task.id)
    left = list(found)
    while left:
        more = [name for name in followers.get(left.pop(), ()) if name not in found]
        found |= set(more)
        left += more
    return found


def _left(
    tasks: Mapping[TaskId, Task], cancelled: set[TaskId], pinned: Mapping[TaskId, Task], now: int
) -> tuple[tuple[Task, ...], tuple[Unplanned, ...]]:
    """The tasks that can still be planned, none of them before now but the frozen ones; and those that are over."""
    kept, gone = dict[TaskId, Task](), []
    over = {name for name, task in tasks.items() if name not in pinned and task.windows[-1].end <= now}
    while late := {n for n, t in tasks.items() if n not in over and any(link.task in over for link in t.after)}:
        over |= late
    for name, task in tasks.items():
        if name in cancelled:
            continue
        if name in over:
            gone.append(Unplanned(task, Refusal(Reason.WINDOW_MISSED), ()))
        elif name in pinned:
            kept[name] = pinned[name]
        elif task.starts[0].start < now:
            kept[name] = replace(task, release=now)
        else:
            kept[name] = task
    return tuple(kept.values()), tuple(gone)
