"""Why something cannot be planned: one vocabulary for plans, slots and the re-check of a hold."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Reason(StrEnum):
    """The rule that binds. The value is the stable code used on the wire and in texts."""

    NO_ROUTES = "no_routes"
    SKILL_MISSING = "skill_missing"
    SKILL_TOO_LOW = "skill_too_low"
    OUTSIDE_TERRITORY = "outside_territory"
    TECHNICIAN_NOT_ALLOWED = "technician_not_allowed"
    PINNED_ELSEWHERE = "pinned_elsewhere"
    OUTSIDE_SHIFT = "outside_shift"
    TOO_FAR = "too_far"
    WINDOW_MISSED = "window_missed"
    BREAK_MISSED = "break_missed"
    HOME_LATE = "home_late"
    NO_ROOM = "no_room"
    TRAVEL_LIMIT = "travel_limit"
    VAN_FULL = "van_full"
    PREDECESSOR = "predecessor"
    UNREACHABLE = "unreachable"


_SENTENCES = {
    Reason.NO_ROUTES: "No technician works in this period. Add a shift.",
    Reason.SKILL_MISSING: "No technician on shift has all the skills this visit needs. Add one who has them.",
    Reason.SKILL_TOO_LOW: "No technician on shift has the skill at the level this visit needs. Add one who has it.",
    Reason.OUTSIDE_TERRITORY: "The technicians on shift do not work in this territory. Add one who does.",
    Reason.TECHNICIAN_NOT_ALLOWED: "This visit may not be given to the technicians who could do it. Allow one of them.",
    Reason.PINNED_ELSEWHERE: "The visit is pinned to another route. Unpin it to plan it here.",
    Reason.OUTSIDE_SHIFT: "The window of this visit lies outside every suitable shift. Change the window or add a shift.",
    Reason.TOO_FAR: "A technician cannot drive there, do the visit and be back within the shift, even with no other visit.",
    Reason.WINDOW_MISSED: "The technician would arrive after the window has closed.",
    Reason.BREAK_MISSED: "The technician's break or absence would no longer be kept.",
    Reason.HOME_LATE: "The technician would be back after the end of the shift.",
    Reason.NO_ROOM: "The routes are full: every other visit would have to give way.",
    Reason.TRAVEL_LIMIT: "The technician would drive more than allowed in a day.",
    Reason.VAN_FULL: "The van does not hold the parts for this visit and the others together.",
    Reason.PREDECESSOR: "Work that must be done before this visit is not planned, or ends too late.",
    Reason.UNREACHABLE: "There is no road between the technician and this address. Check its position.",
}


_CLAUSES = {
    Reason.NO_ROUTES: "does not work in this period",
    Reason.SKILL_MISSING: "lacks a skill that this visit needs",
    Reason.SKILL_TOO_LOW: "has a skill at too low a level",
    Reason.OUTSIDE_TERRITORY: "does not work in this territory",
    Reason.TECHNICIAN_NOT_ALLOWED: "may not be given this visit",
    Reason.PINNED_ELSEWHERE: "is not the one it is pinned to",
    Reason.OUTSIDE_SHIFT: "does not work then",
    Reason.TOO_FAR: "could not drive there, do it and be back in time, even with no other visit",
    Reason.WINDOW_MISSED: "would arrive after the window has closed",
    Reason.BREAK_MISSED: "would miss the break or come into an absence",
    Reason.HOME_LATE: "would be home after the end of the shift",
    Reason.NO_ROOM: "has no room beside the other visits",
    Reason.TRAVEL_LIMIT: "would drive more than allowed in a day",
    Reason.VAN_FULL: "has not enough parts in the van",
    Reason.PREDECESSOR: "has to wait for other work that is not planned or ends too late",
    Reason.UNREACHABLE: "cannot reach it by road",
}
"""The same said of one technician, to follow a name."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A reason with its measure: `by_seconds` is what is short (room, or lateness), 0 when not a matter of time."""

    reason: Reason
    by_seconds: int = 0

    @property
    def by_minutes(self) -> int:
        """The shortage in minutes, rounded up, so that "0 minutes short" is never said of a real one."""
        return -(-self.by_seconds // 60)

    def sentence(self) -> str:
        """What happened and what to do, in English; other languages start from `reason`."""
        text = _SENTENCES[self.reason]
        return f"{text} Short by {self.by_minutes} min." if self.by_seconds > 0 else text

    def clause(self) -> str:
        """What keeps one technician from it, in English, to follow the name."""
        text = _CLAUSES[self.reason]
        return f"{text}, short by {self.by_minutes} min" if self.by_seconds > 0 else text
