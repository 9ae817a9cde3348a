"""Start and stop the broker: configuration, port, state folder, signals."""

import errno
import signal
import socket
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path

from hub.domain.errors import DoorstepError, ErrorKind
from infra.local.broker import Broker
from infra.local.config import read_config
from infra.local.journal import Journal, StateRefused
from infra.local.loop import Loop

# The names the official emulator gives to its only key, so that its connection strings fit here too.
KEY_NAME = "RootManageSharedAccessKey"
KEY = "SAS_KEY_VALUE"


class PortTaken(DoorstepError):
    """The broker cannot listen where it was told to; the text says why and what to do."""

    kind = ErrorKind.CONFLICT
    code = "broker-port-taken"


def connection_string(host: str, port: int) -> str:
    """What the SDK needs to reach a broker of ours at this address."""
    return (
        f"Endpoint=sb://{host}:{port};SharedAccessKeyName={KEY_NAME};SharedAccessKey={KEY};UseDevelopmentEmulator=true;"
    )


def run_broker(
    config: Path,
    host: str,
    port: int,
    state: Path | None,
    on_ready: Callable[[str], None],
    on_loop: Callable[[Loop], None] | None = None,
) -> None:
    """Serve until SIGTERM or SIGINT; `on_ready` gets the connection string once clients can connect.

    `port` 0 takes a free port. Messages are kept in the folder `state`, or only in memory when it is None. `on_loop`
    gets the loop before it runs, for a caller in another thread to stop it. Raises ConfigurationRefused, StateRefused
    and PortTaken, each with a sentence, before anything is served, and StateRefused when the disk is full later.
    """
    namespace = read_config(config)
    listener = _listen(host, port)
    try:
        journal = Journal(state)
    except BaseException:
        listener.close()
        raise
    try:
        loop = Loop(Broker(namespace, journal, KEY), listener)
        if on_loop is not None:
            on_loop(loop)
        if threading.current_thread() is threading.main_thread():
            for name in (signal.SIGTERM, signal.SIGINT):
                signal.signal(name, lambda *_: loop.stop())
        on_ready(connection_string(host, listener.getsockname()[1]))
        loop.run()
    except sqlite3.Error as error:
        raise StateRefused(
            f"The broker stopped, because it could no longer keep its messages in {state} ({error})."
            " Nothing it acknowledged is lost. Make room there and start it again."
        ) from error
    finally:
        journal.close()


def _listen(host: str, port: int) -> socket.socket:
    try:
        return socket.create_server((host, port), backlog=128)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise PortTaken(
                f"Port {port} on {host} is in use by another program."
                " Stop that program, or give the broker another port."
            ) from error
        raise PortTaken(
            f"The broker cannot listen on {host}:{port} ({error.strerror}). Give it another address."
        ) from error
