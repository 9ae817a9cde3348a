"""Doorstep's own processes side by side: started, watched, restarted when they die, and always stopped.

`doorstep demo` and `doorstep play` run the hosts this way. Each process is told to end when its parent does, so that
even a killed parent leaves nothing behind.
"""

import ctypes
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx

from hub.domain.errors import DoorstepError, ErrorKind

_log = logging.getLogger(__name__)
_PR_SET_PDEATHSIG = 1
_STOP_SECONDS = 12.0
_WATCH_SECONDS = 0.2
_MOST_RESTARTS = 20


class HostDiedError(DoorstepError):
    """A process ended before it was ready; the sentence names its log."""

    kind = ErrorKind.UNAVAILABLE
    code = "host-died"


def _end_with_parent() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


@dataclass
class HostProcess:
    """One `doorstep …` process with a log file of its own; `restarts` counts how often it was brought back.

    `module` is what Python runs instead of the command line, for a process that only takes the same arguments.
    """

    name: str
    arguments: Sequence[str]
    environment: Mapping[str, str]
    log: Path
    restarts: int = 0
    module: str = "infra.hosts"
    _process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    def start(self) -> None:
        """Start it; it is not ready yet."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", self.module, *self.arguments],
                env={**os.environ, **self.environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                # Ctrl-C on the terminal reaches the parent alone, which stops the others in the right order.
                start_new_session=True,
                preexec_fn=_end_with_parent,  # noqa: PLW1509 - prctl is safe there: nothing in it takes a lock
            )

    @property
    def pid(self) -> int | None:
        """Its process id, or None when it does not run."""
        return None if self._process is None else self._process.pid

    @property
    def has_died(self) -> bool:
        """Whether it was started and has ended by itself."""
        return self._process is not None and self._process.poll() is not None

    def ask_to_stop(self) -> None:
        """Send SIGTERM."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()

    def stop(self) -> None:
        """Wait for its end, by force when it takes too long."""
        if self._process is None:
            return
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def last_words(self) -> str:
        """The end of its log."""
        with suppress(OSError):
            lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
            return "\n".join(lines[-5:])
        return ""


class Hosts:
    """Several processes, watched by a thread: one that dies is started again, a bounded number of times."""

    def __init__(self, processes: Sequence[HostProcess]) -> None:
        self.processes = list(processes)
        self._stopping = threading.Event()
        self._watcher = threading.Thread(target=self._watch, name="hosts-watcher", daemon=True)

    def __enter__(self) -> Self:
        for process in self.processes:
            process.start()
        self._watcher.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        self._watcher.join()
        # In the order in which they were started: those that ask stop before those that answer.
        for process in reversed(self.processes):
            process.ask_to_stop()
        for process in reversed(self.processes):
            process.stop()

    def wait_for_address(self, process: HostProcess, url: str, seconds: float = 30.0) -> None:
        """Wait until `url` answers; raises HostDiedError when the process dies first or takes too long."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            with suppress(httpx.HTTPError):
                if httpx.get(url, timeout=2.0).is_success:
                    return
            if process.restarts > 1:
                break
            time.sleep(0.1)
        message = f"{process.name} did not start. The end of its log {process.log}:\n{process.last_words()}"
        raise HostDiedError(message)

    def _watch(self) -> None:
        while not self._stopping.wait(_WATCH_SECONDS):
            for process in self.processes:
                if process.has_died and process.restarts < _MOST_RESTARTS:
                    process.restarts += 1
                    _log.warning("%s ended by itself and is started again; its log is %s.", process.name, process.log)
                    process.start()
