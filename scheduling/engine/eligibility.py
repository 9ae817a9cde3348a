"""Who may do a visit at all, before any question of time."""

from __future__ import annotations

from collections.abc import Sequence

from scheduling.engine.problem import Route, Task
from scheduling.engine.reasons import Reason, Refusal
from scheduling.engine.spans import Span


def unsuited(route: Route, task: Task) -> Refusal | None:
    """The first rule that keeps this technician from ever doing this task on this route; None when nothing does."""
    return barred(route, task) or off_hours(route, task.starts)


def barred(route: Route, task: Task) -> Refusal | None:
    """The rule about skills, territory or persons that keeps the technician from the task at any hour."""
    if not task.skills <= route.skills:
        return Refusal(Reason.SKILL_MISSING)
    if task.levels:
        has = dict.fromkeys(route.skills, 1) | dict(route.levels)
        if any(has.get(name, 0) < least for name, least in task.levels):
            return Refusal(Reason.SKILL_TOO_LOW)
    if task.territory is not None and route.territories and task.territory not in route.territories:
        return Refusal(Reason.OUTSIDE_TERRITORY)
    allowed = task.allowed_technicians
    if route.technician in task.excluded_technicians or (allowed is not None and route.technician not in allowed):
        return Refusal(Reason.TECHNICIAN_NOT_ALLOWED)
    if task.pin is not None and task.pin.route != route.id:
        return Refusal(Reason.PINNED_ELSEWHERE)
    return None


def off_hours(route: Route, windows: Sequence[Span]) -> Refusal | None:
    """Set when the technician does not work in any of the windows, not even in overtime."""
    hours = route.hours
    if hours.start < hours.end and any(Span(hours.start, route.home_by).overlaps(window) for window in windows):
        return None
    return Refusal(Reason.OUTSIDE_SHIFT)
