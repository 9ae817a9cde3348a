"""The run's own PostgreSQL, which is killed and comes back with everything it had committed."""

import os
import signal
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

from hub.db.embedded import EmbeddedServer, ServerCannotRunError

_LEFTOVER_SECONDS = 20.0
_TRIES = 5


class KillableDatabase:
    """A server on one data folder. Its settings are those of an installation: a commit is in the file before it is reported.

    What a killed postmaster leaves are backends that still hold its shared memory; a new one refuses to start beside them.
    """

    name: Final = "database"

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._server = EmbeddedServer(folder)
        self.url = ""
        self.restarts = 0

    def start(self) -> None:
        """Start it for the first time."""
        self.url = self._server.start()

    @property
    def pid(self) -> int | None:
        """The postmaster's process id, or None when it does not run."""
        with suppress(OSError, ValueError, IndexError):
            pid = int((self._folder / "postmaster.pid").read_text().split()[0])
            if _is_alive(pid):
                return pid
        return None

    @property
    def is_up(self) -> bool:
        """Whether its postmaster runs."""
        return self.pid is not None

    def kill(self) -> None:
        """End the postmaster as the kernel's out-of-memory killer does (SIGKILL)."""
        if (pid := self.pid) is not None:
            os.kill(pid, signal.SIGKILL)

    def revive(self) -> None:
        """Start it again on the same folder, once what the killed one left has ended; raises ServerCannotRunError."""
        self._server.stop()
        for attempt in range(1, _TRIES + 1):
            self._wait_for_leftovers()
            self._server = EmbeddedServer(self._folder)
            # Counted before it is up: the next kill may hit it while it starts, and then it is started once more.
            self.restarts += 1
            try:
                self._server.start()
            except ServerCannotRunError:
                self._server.stop()
                if attempt == _TRIES:
                    raise
                time.sleep(0.5)
            else:
                return

    def stop(self) -> None:
        """Stop it for good."""
        self._server.stop()

    def _wait_for_leftovers(self) -> None:
        """Backends notice the postmaster's death by themselves; wait for that, and end by force who does not."""
        deadline = time.monotonic() + _LEFTOVER_SECONDS
        while left := _processes_in(self._folder):
            if time.monotonic() > deadline:
                for pid in left:
                    with suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
            time.sleep(0.02)


def _is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in {"Z", "X"}


def _processes_in(folder: Path) -> list[int]:
    """The servers' processes whose working folder is this data folder: a backend never leaves it."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError):
                if (entry / "cwd").readlink() == folder and _is_alive(int(entry.name)):
                    found.append(int(entry.name))
    return found
