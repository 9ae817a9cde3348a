"""Stretches of time in whole seconds from a problem's origin."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """Half-open seconds `[start, end)` from the origin."""

    start: int
    end: int

    def overlaps(self, other: Span) -> bool:
        """True when some second lies in both."""
        return self.start < other.end and other.start < self.end


@dataclass(frozen=True, slots=True, order=True)
class Pause:
    """Time in which the technician neither drives nor works: a break, or an absence in the middle of a shift.

    It *starts* at a second from `earliest` to `latest`, both included, and lasts `seconds`. It may interrupt a drive,
    never a service. A pause that may still start after the technician is home is taken at home.
    """

    earliest: int
    latest: int
    seconds: int
