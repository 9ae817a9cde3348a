"""A broker beside the caller: in a thread of its own, or in a process of its own that can be killed and started again."""

import queue
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Self

from hub.domain.errors import DoorstepError, ErrorKind
from infra.local.config import DEFAULT_CONFIG
from infra.local.loop import Loop
from infra.local.server import connection_string, run_broker

_START_SECONDS = 20.0
_STOP_SECONDS = 10.0


class BrokerNotStarted(DoorstepError):
    """The broker ended before it was ready; the text is what it said."""

    kind = ErrorKind.UNAVAILABLE
    code = "broker-not-started"


@contextmanager
def broker_thread(config: Path = DEFAULT_CONFIG, state: Path | None = None) -> Iterator[str]:
    """Serve on a free port of 127.0.0.1 for the length of the block; gives the connection string."""
    told: queue.Queue[str | Exception] = queue.Queue()
    loops: list[Loop] = []

    def serve() -> None:
        try:
            run_broker(config, "127.0.0.1", 0, state, told.put, loops.append)
        except Exception as error:  # noqa: BLE001 - raised again in the thread that asked
            told.put(error)

    thread = threading.Thread(target=serve, name="service-bus-broker", daemon=True)
    thread.start()
    answer = told.get(timeout=_START_SECONDS)
    if isinstance(answer, Exception):
        raise answer
    try:
        yield answer
    finally:
        loops[0].stop()
        thread.join(_STOP_SECONDS)


class BrokerProcess:
    """A broker in a process of its own, on one port for all its starts."""

    def __init__(self, config: Path = DEFAULT_CONFIG, state: Path | None = None, port: int = 0) -> None:
        self.port = port or _free_port()
        self.connection_string = connection_string("127.0.0.1", self.port)
        self._command = [sys.executable, "-m", "infra.local", "--config", str(config), "--port", str(self.port)]
        if state is not None:
            self._command += ["--state", str(state)]
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> Self:
        """Start and wait until clients can connect; one that runs already stays. Raises BrokerNotStarted."""
        if self._process is not None and self._process.poll() is None:
            return self
        process = subprocess.Popen(self._command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert process.stdout is not None
        watchdog = threading.Timer(_START_SECONDS, process.kill)
        watchdog.start()
        first_line = process.stdout.readline()
        watchdog.cancel()
        if not first_line:
            _, said = process.communicate(timeout=_STOP_SECONDS)
            raise BrokerNotStarted(said.strip() or "The broker did not start in time.")
        self._process = process
        return self

    def stop(self) -> None:
        """Stop as a service manager does (SIGTERM), and by force when that takes too long."""
        if self._process is None:
            return
        self._process.terminate()
        with suppress(subprocess.TimeoutExpired):
            self._process.communicate(timeout=_STOP_SECONDS)
        self.kill()

    def kill(self) -> None:
        """End it at once (SIGKILL), as a crash does."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate(timeout=_STOP_SECONDS)
            self._process = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *error: object) -> None:
        self.stop()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])
