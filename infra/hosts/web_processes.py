"""The processes of a web host: started on one port, watched, replaced when they die, and ended together.

uvicorn's supervisor, except where it waits: it asks a process whether it lives and waits for the answer, and one that is still loading does
not answer for as long as that takes, in which no signal is heard and no dead one replaced.
"""

import logging
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import resource_tracker
from typing import Any

from uvicorn import Config
from uvicorn.supervisors.multiprocess import Multiprocess, Process

from hub.domain.errors import DoorstepError, ErrorKind

_SILENT_SECONDS = 60.0
"""A process that says nothing for so long hangs. One that is loading on a busy machine takes a third of that."""
_STOP_SECONDS = 8.0
"""Whoever was asked to end and has not after so long is ended."""
_MOST_FAILED_STARTS = 6
"""So many in a row that ended before they served a page: another would too."""
_log = logging.getLogger(__name__)


class WebProcessesError(DoorstepError):
    """No process lives long enough to serve a page."""

    kind = ErrorKind.UNAVAILABLE
    code = "web-processes-die"

    def __init__(self) -> None:
        super().__init__("The processes that serve pages end before they can. What ends them is in the lines above.")


class WebProcesses(Multiprocess):
    """As many processes as `config.workers` that answer on `listener`; `address` is what the log calls it."""

    def __init__(self, config: Config, listener: socket.socket, address: str) -> None:
        super().__init__(config, [listener])
        self._address = address
        self._heard: dict[int | None, float] = {}
        self._serving: set[int | None] = set()
        self._failed_starts = 0
        self._all_served = False
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._end)

    def serve(self) -> None:
        """Serve until SIGINT or SIGTERM; on SIGHUP replace all, one after the other. Raises WebProcessesError."""
        _log.info("%s processes begin to serve pages at %s.", self.processes_num, self._address)
        self.run()
        if self._failed_starts >= _MOST_FAILED_STARTS:
            raise WebProcessesError

    def init_processes(self) -> None:
        """Start them."""
        with _interrupts_held_back():
            super().init_processes()

    def keep_subprocess_alive(self) -> None:
        """Replace whichever died or hangs. Waits for nobody: the answer to a question is read when the next is put."""
        for index, one in enumerate(self.processes):
            if self.should_exit.is_set():
                return
            if not one.process.is_alive():
                self._replace(index, one, f"ended by itself ({_ending(one.exitcode)})")
            elif not self._is_heard(one):
                self._replace(index, one, f"said nothing for {_SILENT_SECONDS:.0f} seconds")
        if not self._all_served and all(one.pid in self._serving for one in self.processes):
            self._all_served = True
            _log.info("Pages are served at %s.", self._address)

    def join_all(self) -> None:
        """Wait until all have ended, by force when they take too long."""
        until = time.monotonic() + _STOP_SECONDS
        for one in self.processes:
            one.process.join(max(0.0, until - time.monotonic()))
            one.process.kill()
            one.process.join()

    def handle_hup(self) -> None:
        """Replace all of them."""
        _log.info("The processes that serve pages are replaced, one after the other.")
        super().handle_hup()

    def _end(self, *_: Any) -> None:
        # At once and not when the loop comes round to it: a replacement that is waited for must not be waited for any more.
        self.should_exit.set()

    def _is_heard(self, one: Process) -> bool:
        now = time.monotonic()
        if one.is_ready(timeout=0):
            self._heard[one.pid] = now
            self._serving.add(one.pid)
            self._failed_starts = 0
        return now - self._heard.setdefault(one.pid, now) < _SILENT_SECONDS

    def _replace(self, index: int, one: Process, why: str) -> None:
        one.kill()
        one.process.join()
        if one.pid not in self._serving:
            self._failed_starts += 1
        self._serving.discard(one.pid)
        self._heard.pop(one.pid, None)
        if self._failed_starts >= _MOST_FAILED_STARTS:
            _log.error("Web process %s %s.", one.pid, why)
            self.should_exit.set()
            return
        fresh = Process(self.config, self.sockets)
        with _interrupts_held_back():
            fresh.start()
        self.processes[index] = fresh
        _log.warning("Web process %s %s and is started again as %s.", one.pid, why, fresh.pid)


def _ending(exit_code: int | None) -> str:
    if exit_code is None or exit_code >= 0:
        return f"exit code {exit_code}"
    return f"signal {-exit_code}"


@contextmanager
def _interrupts_held_back() -> Iterator[None]:
    """For whoever starts here: Ctrl-C reaches all processes of a terminal, and one that is still loading would only complain of it.

    A process begins with the mask of whoever starts it, so it never hears of an interrupt; the host hears of it as soon as this ends, and
    ends its processes by SIGTERM. To ignore interrupts here instead would lose the one that comes meanwhile.
    """
    # It takes the mask away when it starts its own process, which the first process to start would make it do.
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
