"""The only place that knows what time it is."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol
from uuid import uuid4


class Clock(Protocol):
    """Tells the present instant, aware and in UTC."""

    def now(self) -> datetime:
        """The present instant."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """The present instant."""
        return datetime.now(UTC)


class FixedClock:
    """A clock a test sets by hand."""

    def __init__(self, instant: datetime) -> None:
        self._instant = instant.astimezone(UTC)

    def now(self) -> datetime:
        """The instant it was set to."""
        return self._instant

    def set(self, instant: datetime) -> None:
        """Move to `instant`."""
        self._instant = instant.astimezone(UTC)

    def advance(self, step: timedelta) -> None:
        """Move by `step`."""
        self._instant += step


class SharedClock:
    """A simulated clock that several processes share through one small file; `doorstep play` drives it."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def now(self) -> datetime:
        """The simulated instant."""
        return datetime.fromisoformat(self._path.read_text(encoding="ascii"))

    def set(self, instant: datetime) -> None:
        """Move every process that reads the file to `instant`, at once."""
        draft = self._path.with_name(f"{self._path.name}.{uuid4().hex}")
        draft.write_text(instant.astimezone(UTC).isoformat(), encoding="ascii")
        draft.replace(self._path)
