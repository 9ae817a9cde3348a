"""Half-open spans of time."""

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True, order=True)
class Window:
    """The instants from `start` up to, not including, `end`; both aware.

    An *arrival* window bounds the technician's arrival (the start of service), not the end of the work.
    Raises ValueError when an instant is naive or the end is not after the start.
    """

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        if self.start.tzinfo is None or self.end.tzinfo is None:
            message = "a window needs instants with a time zone"
            raise ValueError(message)
        if self.end <= self.start:
            message = f"a window must end after it starts, not {self.start.isoformat()} to {self.end.isoformat()}"
            raise ValueError(message)

    @property
    def length(self) -> timedelta:
        """How long the window is."""
        return self.end - self.start

    def contains(self, instant: datetime) -> bool:
        """Whether `instant` lies inside; the end itself does not."""
        return self.start <= instant < self.end

    def overlaps(self, other: "Window") -> bool:
        """Whether the two share an instant."""
        return self.start < other.end and other.start < self.end
