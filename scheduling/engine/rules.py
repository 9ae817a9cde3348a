"""The checks of a problem and the pauses of a working day. Errors name the order or technician and the rule."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from scheduling.engine.spans import Pause, Span
from scheduling.travel.model import UNREACHABLE, Seconds

if TYPE_CHECKING:
    from scheduling.engine.problem import Problem, Route, Task


MOST = (1 << 30) - 1
"""No time or amount is larger: 34 years in seconds, and sums of two stay inside 32 bits."""

MOST_PARTS = 1_000_000
"""No visit takes more of one part, so that those of a thousand visits stay inside 32 bits."""


class InvalidProblem(ValueError):
    """The problem contradicts itself. `subject` names the order or technician, `rule` is a stable code."""

    def __init__(self, subject: str, rule: str, text: str) -> None:
        super().__init__(f"{subject}: {text}")
        self.subject = subject
        self.rule = rule


def check_route(route: Route) -> None:
    """Raise `InvalidProblem` unless the route's times, amounts and limits make sense."""
    who = f"Technician {route.technician}, route {route.id}"
    _check_name(who, "technician", route.technician)
    _check_name(who, "id", route.id)
    _check_span(who, "shift", route.shift)
    for window, seconds in route.breaks:
        _check_span(who, "break", window)
        _check_amount(who, "break", seconds, least=1)
        if window.end <= route.shift.start or window.start >= route.shift.end:
            raise InvalidProblem(who, "break", "the break lies outside the shift. Move it into the shift.")
    for absence in route.absences:
        _check_span(who, "absence", absence)
    _check_amounts(who, "levels", route.levels, least=1)
    _check_amounts(who, "van", route.van or (), least=0)
    for rule, amount in (
        ("max_travel_seconds", route.max_travel_seconds),
        ("use_price_seconds", route.use_price_seconds),
        ("overtime_seconds", route.overtime_seconds),
        ("overtime_price_seconds", route.overtime_price_seconds),
    ):
        if amount is not None:
            _check_amount(who, rule, amount, least=0)
    _check_amount(who, "overtime_seconds", route.shift.end + route.overtime_seconds, least=None)
    if route.shift.end + route.overtime_seconds - route.shift.start >= UNREACHABLE:
        raise InvalidProblem(who, "shift", f"the shift is too long. It must be shorter than {UNREACHABLE} seconds.")
    unknown = {name for name, _ in route.levels} - route.skills
    if unknown:
        raise InvalidProblem(who, "levels", f"levels are given for skills the technician lacks: {_listed(unknown)}.")


def check_task(task: Task) -> None:
    """Raise `InvalidProblem` unless the task's times, amounts and wishes make sense."""
    who = f"Order {task.id}"
    _check_name(who, "id", task.id)
    for rule in ("service_seconds", "weight", "technicians"):
        _check_amount(who, rule, getattr(task, rule), least=1)
    for rule in ("move_price_seconds", "preference_price_seconds", "late_price_seconds"):
        _check_amount(who, rule, getattr(task, rule), least=0)
    _check_amounts(who, "levels", task.levels, least=1)
    _check_amounts(who, "parts", task.parts, least=0, most=MOST_PARTS)
    for link in task.after:
        _check_amount(who, "after", link.gap_seconds, least=0)
    _check_times(who, task)
    if task.technicians > 1:
        raise InvalidProblem(
            who, "technicians", f"it asks for {task.technicians} technicians at once. Only one at a time is supported."
        )
    if task.allowed_technicians is not None and task.allowed_technicians <= task.excluded_technicians:
        raise InvalidProblem(who, "technicians", "every allowed technician is excluded too. Allow another one.")


def _check_times(who: str, task: Task) -> None:
    """Windows are there, in order and apart; pin, release and due date are whole seconds that leave a window open."""
    if not task.windows:
        raise InvalidProblem(who, "windows", "it has no window. Give at least one in which service may start.")
    for window in task.windows:
        _check_span(who, "windows", window)
    for before, after in pairwise(task.windows):
        if before.end > after.start:
            raise InvalidProblem(who, "windows", "its windows overlap or are out of order. Sort and merge them.")
    pinned = None if task.pin is None else task.pin.start
    stands = None if task.current is None else task.current.start
    for rule, second in (("pin", pinned), ("current", stands), ("release", task.release), ("due", task.due)):
        if second is not None:
            _check_amount(who, rule, second, least=None)
    if task.release is not None and task.windows[-1].end <= task.release:
        raise InvalidProblem(who, "release", "its windows close before it is released. Give a later window.")


def check_problem(problem: Problem) -> None:
    """Raise `InvalidProblem` on an origin without a zone, double ids, a pin on no known route, a sequence that cannot
    begin, or shifts of one technician that overlap. The plan in force may name routes that are gone.
    """
    if problem.origin.tzinfo is None:
        raise InvalidProblem("The plan", "origin", "its origin has no zone. Give an aware UTC time.")
    _check_unique("Route", (route.id for route in problem.routes))
    _check_unique("Order", (task.id for task in problem.tasks))
    known = {route.id for route in problem.routes}
    for task in problem.tasks:
        if task.pin is not None and task.pin.route not in known:
            raise InvalidProblem(f"Order {task.id}", "pin", f"it is pinned to the unknown route {task.pin.route}.")
    _check_sequences(problem)
    by_technician: dict[str, list[Route]] = {}
    for route in problem.routes:
        by_technician.setdefault(route.technician, []).append(route)
    for name, routes in by_technician.items():
        _check_shifts(f"Technician {name}", sorted(routes, key=lambda route: route.shift.start))


def _check_shifts(who: str, routes: Iterable[Route]) -> None:
    """One technician's shifts, in order, leave each other alone, overtime included."""
    for before, after in pairwise(routes):
        if before.shift.overlaps(after.shift):
            raise InvalidProblem(who, "shift", f"the shifts of routes {before.id} and {after.id} overlap.")
        if before.shift.end + before.overtime_seconds > after.shift.start:
            raise InvalidProblem(
                who, "overtime_seconds", f"the overtime of route {before.id} reaches into the shift of {after.id}."
            )


def check_travel(problem: Problem, table: Seconds, count: int) -> Seconds:
    """The table between the problem's `count` nodes as 32-bit whole seconds.

    Raises `InvalidProblem` when it has another shape, other numbers than whole ones, negative ones, or some above
    `UNREACHABLE`; the error names the model and what stands at the two ends of the drive.
    """
    who = f"The travel model {problem.travel.name}"
    table = np.asarray(table)
    if table.shape != (count, count):
        raise InvalidProblem(who, "travel", f"its table has the shape {table.shape}, not {(count, count)}.")
    if not np.issubdtype(table.dtype, np.integer):
        raise InvalidProblem(who, "travel", f"its times must be whole seconds, not {table.dtype}.")
    if not count:
        return table.astype(np.int32)
    for at in (int(table.argmin()), int(table.argmax())):
        a, b = divmod(at, count)
        if not 0 <= table[a, b] <= UNREACHABLE:
            raise InvalidProblem(
                who,
                "travel",
                f"the drive from {_whose(problem, a)} to {_whose(problem, b)} takes {table[a, b]} seconds. "
                f"It must be from 0 to {UNREACHABLE}.",
            )
    return table.astype(np.int32, copy=False)


def _whose(problem: Problem, node: int) -> str:
    """Who is at a node of the travel table, in words."""
    if node < len(problem.tasks):
        return f"order {problem.tasks[node].id}"
    for at, route in enumerate(problem.routes):
        if problem.start_node(at) == node:
            return f"the start of route {route.id}"
        if problem.end_node(at) == node:
            return f"the end of route {route.id}"
    return f"place {node}"


def workday(route: Route) -> tuple[Span, tuple[Pause, ...]]:
    """The shift with absences cut out: the hours that remain, and the pauses inside them in the order they are taken.

    Absences at the ends of the shift shorten it; others become pauses that start at a fixed second. A break that can be
    had during an absence is had there. A break that could collide with an absence keeps the longer side of it, so that
    the order of the pauses is certain; one that has no room beside the absences gives way to them.
    """
    start, end = route.shift.start, route.shift.end
    away = _merged(route.absences)
    while away and away[0][0] <= start:
        start = max(start, away.pop(0)[1])
    latest = home_by(route)
    while away and away[-1][1] >= end:
        end = min(end, away.pop()[0])
    if start >= end:
        return Span(route.shift.start, route.shift.start), ()
    pauses = [Pause(a, a, b - a) for a, b in away]
    for window, seconds in route.breaks:
        choice = _break_beside((window.start, window.end - 1), seconds, _merged(route.absences), start, latest)
        if choice is not None:
            pauses.append(Pause(*choice, seconds))
    return Span(start, end), tuple(sorted(pauses))


def home_by(route: Route) -> int:
    """The latest second of being home: the end of the shift and of its overtime, or where an absence cuts them off."""
    end = route.shift.end
    for a, b in reversed(_merged(route.absences)):
        if a < end <= b:
            return a
    return min([end + route.overtime_seconds, *(span.start for span in route.absences if span.start >= end)])


def _break_beside(
    starts: tuple[int, int], seconds: int, away: list[tuple[int, int]], start: int, end: int
) -> tuple[int, int] | None:
    """The closed range of starts that is left beside the absences; None when the break needs no room of its own, or has none."""
    if any(max(starts[0], a) + seconds <= b and max(starts[0], a) <= starts[1] for a, b in away):
        return None
    free = [(max(starts[0], start), min(starts[1], end))]
    for a, b in away:
        free = [
            part for lo, hi in free for part in ((lo, min(hi, a - seconds)), (max(lo, b), hi)) if part[0] <= part[1]
        ]
    return max(free, key=lambda part: part[1] - part[0], default=None)


def _merged(spans: Iterable[Span]) -> list[tuple[int, int]]:
    out: list[tuple[int, int]] = []
    for span in sorted(spans):
        if out and span.start <= out[-1][1]:
            out[-1] = (out[-1][0], max(out[-1][1], span.end))
        else:
            out.append((span.start, span.end))
    return out


def _check_sequences(problem: Problem) -> None:
    """Every task that must come before another is in the problem, and no task waits for itself."""
    before = {task.id: [link.task for link in task.after] for task in problem.tasks}
    for name, earlier in before.items():
        for other in earlier:
            if other not in before:
                raise InvalidProblem(f"Order {name}", "after", f"it comes after the unknown order {other}.")
    try:
        TopologicalSorter(before).prepare()
    except CycleError as error:
        circle = error.args[1][:-1]
        raise InvalidProblem(
            f"Order {min(circle)}", "after", f"these orders wait for each other: {_listed(circle)}."
        ) from None


def _check_amounts(who: str, rule: str, amounts: Iterable[tuple[str, int]], *, least: int, most: int = MOST) -> None:
    if not amounts:
        return
    names = Counter(name for name, _ in amounts)
    for name, amount in amounts:
        _check_name(who, rule, name)
        _check_amount(who, rule, amount, least=least, most=most)
        if names[name] > 1:
            raise InvalidProblem(who, rule, f"{rule} names {name} {names[name]} times. Give it once.")


def _listed(names: Iterable[str]) -> str:
    some = sorted(names)
    return ", ".join(some[:10]) + (f" and {len(some) - 10} more" if len(some) > 10 else "")


def _check_amount(who: str, rule: str, value: object, *, least: int | None, most: int = MOST) -> None:
    if not isinstance(value, int) or isinstance(value, bool):
        raise InvalidProblem(who, rule, f"{rule} must be a whole number, not {value!r}.")
    if abs(value) > most:
        raise InvalidProblem(who, rule, f"{rule} is too large ({value}). The most is {most}.")
    if least is not None and value < least:
        raise InvalidProblem(who, rule, f"{rule} must be at least {least}, not {value}.")


def _check_name(who: str, rule: str, value: object) -> None:
    if not isinstance(value, str) or not value:
        raise InvalidProblem(who, rule, f"{rule} must be a text that is not empty, not {value!r}.")


def _check_span(who: str, rule: str, span: Span) -> None:
    _check_amount(who, rule, span.start, least=None)
    _check_amount(who, rule, span.end, least=None)
    if span.start >= span.end:
        raise InvalidProblem(who, rule, f"{rule} ends at or before its start ({span.start} to {span.end}).")


def _check_unique(kind: str, ids: Iterable[str]) -> None:
    for name, count in Counter(ids).items():
        if count > 1:
            raise InvalidProblem(f"{kind} {name}", "id", f"it is given {count} times. Give it once.")
