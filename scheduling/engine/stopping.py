"""When a search ends, and what it says meanwhile."""

from __future__ import annotations

import time
from dataclasses import dataclass

from scheduling.engine.plan import Objective

STEPS_PER_SOLUTION = 100
FINISHING_SECONDS = 2.5e-7
"""What simulating the plan and finding the reasons takes at the end, for each task and route: 1.2 s for 10,000 and 500."""


@dataclass(frozen=True, slots=True)
class Stop:
    """When to stop, whichever comes first.

    `seconds` of wall time (None: no limit, then `solutions` must be given); `solutions` bounds the search by counting,
    which makes it repeatable for one seed; `patience` is how many seconds may pass without a better plan (None: small
    problems end as soon as more time seldom helps). Raises `ValueError` when nothing would ever stop it.
    """

    seconds: float | None = 2.0
    solutions: int | None = None
    patience: float | None = None

    def __post_init__(self) -> None:
        if self.seconds is None and self.solutions is None:
            raise ValueError("A search needs an end. Give seconds or solutions.")
        for name, value in (("seconds", self.seconds), ("solutions", self.solutions), ("patience", self.patience)):
            if value is not None and not value >= 0:
                raise ValueError(f"{name} must be 0 or more, not {value}.")


@dataclass(frozen=True, slots=True)
class Progress:
    """What a search has reached: `seconds` since it began and the best objective so far."""

    seconds: float
    objective: Objective


class Schedule:
    """How much of a search's time is over. Small problems get less than they are allowed, unless `patience` is given."""

    def __init__(self, stop: Stop, tasks: int, routes: int, began: float | None = None) -> None:
        self.began = time.monotonic() if began is None else began
        self._stop = stop
        enough = 0.3 + 0.02 * tasks
        finishing = 0.01 + FINISHING_SECONDS * tasks * routes
        self.seconds = float("inf") if stop.seconds is None else max(0.0, stop.seconds - finishing)
        if stop.patience is None and stop.solutions is None:
            self.seconds = min(self.seconds, enough)
        self._improved = self.began

    def improved(self) -> None:
        """A better plan was found just now."""
        self._improved = time.monotonic()

    @property
    def gone(self) -> float:
        """Seconds since the search began."""
        return time.monotonic() - self.began

    @property
    def left(self) -> float:
        """Seconds that remain."""
        return max(0.0, self.seconds - self.gone)

    def share(self, begin: float, end: float) -> float | None:
        """How much is over of the stretch from `begin` to `end`, in seconds of the search; None when it is over."""
        now = time.monotonic()
        patience = self._stop.patience
        if now - self.began >= end or (patience is not None and now - self._improved > patience):
            return None
        return max(0.0, (now - self.began - begin) / max(1e-9, end - begin))
