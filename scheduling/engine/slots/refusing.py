"""Why a window is not offered: the reason of each route, and the one that binds."""

from __future__ import annotations

from collections.abc import Sequence

from scheduling.engine.plan import RouteRefusal
from scheduling.engine.problem import Task
from scheduling.engine.reasons import Reason, Refusal
from scheduling.engine.reasons.binding import binding
from scheduling.engine.reasons.room import rooms
from scheduling.engine.slots.shapes import OpenRoute, RefusedSlot, SlotWindow
from scheduling.travel.model import TravelModel

_NO_ROOM = Refusal(Reason.NO_ROOM)


def refused(
    routes: Sequence[OpenRoute], visit: Task, windows: Sequence[SlotWindow], travel: TravelModel
) -> tuple[RefusedSlot, ...]:
    """Each window with its reasons; the visit's own windows do not count. The windows must have no place anywhere."""
    if not windows:
        return ()
    found = rooms([one.measured for one in routes], visit, [window.arrival for window in windows], travel)
    out = []
    for window in windows:
        by_route = tuple(RouteRefusal(room.route.id, room.refusal((window.arrival,)) or _NO_ROOM) for room in found)
        out.append(RefusedSlot(window, binding(item.refusal for item in by_route), by_route))
    return tuple(out)


def refusal(route: OpenRoute, visit: Task, travel: TravelModel) -> Refusal:
    """Why the visit, which has no place on this route, has none."""
    return rooms([route.measured], visit, visit.starts, travel)[0].refusal(visit.starts) or _NO_ROOM
