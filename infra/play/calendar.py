"""Who does what when: a heap of acts by simulated time.

Times lie on a grid of some minutes, rounded down, so that many people act at one instant, as they do in a real minute, and the
simulated clock has few stops. Rounding down keeps the order of one person's acts and keeps an arrival inside its window,
because windows start on the grid.
"""

import heapq
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

GRID = timedelta(minutes=10)
type Act = Callable[[datetime], None]
"""Something a person does; it is given the simulated instant."""


def on_grid(instant: datetime) -> datetime:
    """`instant` rounded down to the grid, in UTC."""
    moment = instant.astimezone(UTC)
    midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight + (moment - midnight) // GRID * GRID


@dataclass(frozen=True, order=True)
class Entry:
    """One act to come. `who` names the person: one person's acts run one after the other, others' beside them."""

    at: datetime
    number: int
    who: str = field(compare=False)
    act: Act = field(compare=False)


class Agenda:
    """The acts to come; threads may add to it while others run."""

    def __init__(self) -> None:
        self._heap: list[Entry] = []
        self._lock = threading.Lock()
        self._count = 0

    def add(self, at: datetime, who: str, act: Act) -> None:
        """Let `who` do `act` at `at`, rounded down to the grid."""
        with self._lock:
            self._count += 1
            heapq.heappush(self._heap, Entry(on_grid(at), self._count, who, act))

    @property
    def next_at(self) -> datetime | None:
        """When the next act is due; None when nobody intends anything."""
        with self._lock:
            return self._heap[0].at if self._heap else None

    def take_due(self, now: datetime) -> list[list[Entry]]:
        """Remove what is due by `now`; one list a person, each in order."""
        by_person: dict[str, list[Entry]] = {}
        with self._lock:
            while self._heap and self._heap[0].at <= now:
                entry = heapq.heappop(self._heap)
                by_person.setdefault(entry.who, []).append(entry)
        return list(by_person.values())
