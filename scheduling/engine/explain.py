"""Why a task is not planned: the reason of each route, and the one that binds.

The binding reason is that of the route that came closest to serving the task: a route that lacks ten minutes says more
than one whose technician lacks the skill.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from scheduling.engine.plan import RouteRefusal, Unplanned
from scheduling.engine.problem import Route, Task
from scheduling.engine.reasons import Reason, Refusal
from scheduling.engine.slack import Gap, Opening, openings, shortage
from scheduling.engine.spans import Span
from scheduling.engine.timeline import NEVER

CLOSENESS = (
    Reason.NO_ROUTES,
    Reason.UNREACHABLE,
    Reason.SKILL_MISSING,
    Reason.SKILL_TOO_LOW,
    Reason.OUTSIDE_TERRITORY,
    Reason.TECHNICIAN_NOT_ALLOWED,
    Reason.PINNED_ELSEWHERE,
    Reason.OUTSIDE_SHIFT,
    Reason.TOO_FAR,
    Reason.BREAK_MISSED,
    Reason.HOME_LATE,
    Reason.WINDOW_MISSED,
    Reason.PREDECESSOR,
    Reason.VAN_FULL,
    Reason.TRAVEL_LIMIT,
    Reason.NO_ROOM,
)
"""From the reason furthest from a visit to the one nearest."""
OF_THE_DAY = frozenset(CLOSENESS[CLOSENESS.index(Reason.OUTSIDE_SHIFT) :])
"""The reasons that depend on the hour, and not on who or where."""


def no_place(room: Sequence[Sequence[Opening]], alone: Sequence[Opening], windows: Sequence[Span]) -> Refusal:
    """Why a suited route has no place: even empty it would have none, or its other visits are in the way.

    `room` holds the openings of each gap of the route as it stands, `alone` those of the route without visits.
    """
    short = shortage(alone, windows)
    if short > 0:
        return Refusal(Reason.TOO_FAR, _measured(short))
    return Refusal(Reason.NO_ROOM, _measured(min((shortage(choices, windows) for choices in room), default=NEVER)))


def room_for(route: Route, room: Sequence[Gap], ways: Sequence[tuple[int, int]], service: int) -> list[list[Opening]]:
    """The openings for a new service in each gap; `ways` are the drives there and onward for each gap."""
    return [
        openings(gap, route.pauses, there, onward, service) for gap, (there, onward) in zip(room, ways, strict=True)
    ]


def binding(refusals: Iterable[Refusal]) -> Refusal:
    """The reason that came closest, and of equal reasons the one that is short by least."""
    return max(
        refusals,
        key=lambda refusal: (CLOSENESS.index(refusal.reason), -(refusal.by_seconds or NEVER)),
        default=Refusal(Reason.NO_ROUTES),
    )


def unplanned(task: Task, refusals: Sequence[RouteRefusal]) -> Unplanned:
    """The task with the reasons of all routes."""
    return Unplanned(task, binding(item.refusal for item in refusals), tuple(refusals))


def _measured(seconds: int) -> int:
    """A shortage that can be said in minutes; 0 when there was nothing to measure."""
    return seconds if 0 < seconds < NEVER // 2 else 0
