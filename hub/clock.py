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


class ShiftedClock:
    """The machine's clock, moved by a number of seconds that several processes share through one small file.

    The demo runs on it: its week begins on a Monday morning whenever it is started first.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def now(self) -> datetime:
        """The machine's instant, shifted."""
        return datetime.now(UTC) + timedelta(seconds=float(self._path.read_text(encoding="ascii")))

    def shift_to(self, instant: datetime) -> None:
        """Let it be `instant` now, for every process that reads the file."""
        _replace(self._path, str((instant - datetime.now(UTC)).total_seconds()))


class SharedClock:
    """A simulated clock that several processes share through one small file; `doorstep play` drives it."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def now(self) -> datetime:
        """The simulated instant."""
        return datetime.fromisoformat(self._path.read_text(encoding="ascii"))

    def set(self, instant: datetime) -> None:
        """Move every process that reads the file to `instant`, at once."""
        _replace(self._path, instant.astimezone(UTC).isoformat())


def _replace(path: Path, content: str) -> None:
    """Write `content` so that a reader sees the old or the new one, never a part."""
    draft = path.with_name(f"{path.name}.{uuid4().hex}")
    draft.write_text(content, encoding="ascii")
    draft.replace(path)
