"""Which rule binds: on one route, by what it lacks for one more visit; and over several routes or windows.

Over several it is that of the one that came closest to serving the visit: a route that lacks ten minutes says more than
one whose technician lacks the skill.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from scheduling.engine.reasons.vocabulary import Reason, Refusal
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


@dataclass(frozen=True, slots=True)
class Shortage:
    """What a route whose technician may do a visit lacks for it, whoever measured it.

    Seconds that are 0 or less lack nothing. `time`: by how many service misses the windows at the best place beside the
    other visits, `time_alone` on the route without them. `driving`: by how many the driving of the day would pass its
    most at the best of the places that fit in time, `driving_alone` without the other visits. `parts`: whether the van
    lacks parts for it beside the others. `NEVER` is a shortage that nobody can put a number to.
    """

    time: int
    time_alone: int
    driving: int
    driving_alone: int
    parts: bool

    def refusal(self) -> Refusal | None:
        """The rule that binds; None when nothing is lacking.

        First what no change of the day would help: the time, then the driving, of an empty route. Then the van, the
        room in time, and the limit on driving where only that is in the way.
        """
        if self.time <= 0 and self.driving <= 0 and not self.parts:
            return None
        if self.time_alone > 0:
            return Refusal(Reason.TOO_FAR, _measured(self.time_alone))
        if self.driving_alone > 0:
            return Refusal(Reason.TRAVEL_LIMIT, _measured(self.driving_alone))
        if self.parts:
            return Refusal(Reason.VAN_FULL)
        if self.time > 0:
            return Refusal(Reason.NO_ROOM, _measured(self.time))
        return Refusal(Reason.TRAVEL_LIMIT, _measured(self.driving))


def binding(refusals: Iterable[Refusal]) -> Refusal:
    """The reason that came closest, and of equal reasons the one that is short by least."""
    return max(
        refusals,
        key=lambda refusal: (CLOSENESS.index(refusal.reason), -(refusal.by_seconds or NEVER)),
        default=Refusal(Reason.NO_ROUTES),
    )


def _measured(seconds: int) -> int:
    """A shortage that can be said in minutes; 0 when there was nothing to measure."""
    return seconds if 0 < seconds < NEVER // 2 else 0
