"""The embedded PostgreSQL: a private server on a local socket, for machines where DATABASE_URL names none.

It listens on no network address. The process that starts it owns it and stops it; other Doorstep processes on the same
data folder are guests. A server whose owner was killed keeps running: the next owner finds it, says so, and goes on
with it, so nothing committed is lost. A throwaway server (tests) trades safety on power loss for speed and ends with
its owner, even a killed one.
"""

import fcntl
import hashlib
import logging
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Self
from urllib.parse import quote

from hub.db.server_account import (
    POSTGRES_VERSION,
    ServerAccount,
    ServerCannotRunError,
    server_account,
    server_programs,
    shared_place,
)

__all__ = ["EmbeddedServer", "ServerCannotRunError", "default_state_dir"]

_log = logging.getLogger(__name__)

_PORT = 5432  # names the socket file; nothing listens on a network
_LONGEST_SOCKET_DIR = 80  # a socket's path is at most 107 bytes on Linux and 103 on macOS
_START_SECONDS = 60.0
_STOP_SECONDS = 30.0

_ALWAYS = {"listen_addresses": "", "max_connections": "200", "timezone": "UTC", "log_timezone": "UTC"}
_THROWAWAY = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}

# Runs beside a throwaway server: its standard input ends when the owner is killed, and it ends what the owner cannot.
_GUARD = """
import os, pathlib, shutil, signal, sys, time
folder = pathlib.Path(sys.argv[1])
sys.stdin.buffer.read()
pid_file = folder / "postmaster.pid"
if pid_file.exists():
    os.kill(int(pid_file.read_text().split()[0]), signal.SIGQUIT)
for _ in range(100):
    if not pid_file.exists():
        break
    time.sleep(0.1)
shutil.rmtree(folder, ignore_errors=True)
folder.with_name(folder.name + ".owner").unlink(missing_ok=True)
"""


def default_state_dir(wished: Path | None = None) -> Path:
    """Where Doorstep keeps its data: the folder wished for (DOORSTEP_STATE_DIR), else `.state` in the working folder.

    When root works in a private folder that the server's account cannot enter, `.state` is replaced by a folder under
    /var/tmp that belongs to this working folder alone.

    Raises:
        ServerCannotRunError: the folder wished for cannot be entered by the server's account.
    """
    chosen = (wished or Path.cwd() / ".state").absolute()
    account = server_account(chosen / "postgres")
    if account.can_enter(chosen):
        return chosen
    if wished is not None:
        raise ServerCannotRunError(
            f"The account that runs PostgreSQL cannot enter {chosen}. "
            "Set DOORSTEP_STATE_DIR to a folder outside any private home."
        )
    return shared_place() / hashlib.sha256(str(chosen).encode()).hexdigest()[:12]


@dataclass(frozen=True)
class _Running:
    """What a server says of itself in postmaster.pid."""

    pid: int
    socket_dir: str

    @property
    def url(self) -> str:
        return f"postgresql://postgres@/postgres?host={quote(self.socket_dir, safe='')}&port={_PORT}"


class EmbeddedServer:
    """A PostgreSQL server on one data folder; use it as a context manager, or call `start` and `stop`.

    Attributes:
        url: of the maintenance database, once started; see `hub.db.databases` for others on the same server.
        taken_over: the server was found running without an owner (its last one was killed).
        is_guest: another living process owns the server; `stop` then leaves it alone.
    """

    def __init__(self, data_dir: Path, *, throwaway: bool = False) -> None:
        """Nothing happens before `start`. `throwaway`: for tests; the data goes with the owner."""
        self.data_dir = data_dir.absolute()
        self.taken_over = False
        self.is_guest = False
        self.url = ""
        self._throwaway = throwaway
        self._owned: IO[bytes] | None = None
        self._running: _Running | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._guard: subprocess.Popen[bytes] | None = None

    def start(self) -> str:
        """Start the server, or join the one that runs on this folder; returns its URL. The first start takes ~1 s.

        Raises:
            ServerCannotRunError: with the reason and what to do.
        """
        try:
            return self._start()
        except PermissionError as refused:
            raise ServerCannotRunError(
                f"{refused.filename or self.data_dir} belongs to another account. "
                "Run Doorstep as the account that made it, or set DOORSTEP_STATE_DIR to a folder of yours."
            ) from refused

    def _start(self) -> str:
        self.data_dir.parent.mkdir(parents=True, exist_ok=True)
        account = server_account(self.data_dir)
        if not account.can_enter(self.data_dir.parent):
            raise ServerCannotRunError(
                f"The account that runs PostgreSQL cannot enter {self.data_dir.parent}. "
                "Set DOORSTEP_STATE_DIR to a folder outside any private home."
            )
        self._refuse_other_version()
        self.is_guest = not self._become_owner()
        running = self._await_running(_START_SECONDS) if self.is_guest else self._found_running()
        if running is None:
            programs = server_programs(account)
            self._create_data(account, programs)
            running = self._launch(account, programs)
        elif not self.is_guest:
            self.taken_over = True
            _log.warning("PostgreSQL was left running by an earlier run (process %d); going on with it.", running.pid)
        self._running = running
        self.url = running.url
        return self.url

    def stop(self) -> None:
        """Stop the server if we own it, and wait until its data is safe on disk; a throwaway's data is removed."""
        if self._owned is None:
            return
        running = self._found_running()
        if running is None and self._process is not None and self._process.poll() is None:
            # Ours and alive, but it does not answer: somebody removed its socket or its files. It ends all the same.
            running = self._running
        if self._guard is not None:
            self._guard.kill()
            self._guard.communicate(timeout=_STOP_SECONDS)
        if running is not None:
            self._end(running)
        if self._throwaway:
            shutil.rmtree(self.data_dir, ignore_errors=True)
            self._lock_file.unlink(missing_ok=True)
        self._owned.close()
        self._owned = self._process = self._guard = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def _lock_file(self) -> Path:
        return self.data_dir.with_name(f"{self.data_dir.name}.owner")

    def _refuse_other_version(self) -> None:
        version = self.data_dir / "PG_VERSION"
        if version.exists() and version.read_text().strip() != str(POSTGRES_VERSION):
            raise ServerCannotRunError(
                f"{self.data_dir} was written by PostgreSQL {version.read_text().strip()}, and this is "
                f"PostgreSQL {POSTGRES_VERSION}. Forget the data with `make demo-reset`, or name a server in DATABASE_URL."
            )

    def _become_owner(self) -> bool:
        """Take the lock that the operating system lets go when its holder dies, however it dies."""
        file = self._lock_file.open("ab")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            return False
        self._owned = file
        return True

    def _found_running(self) -> _Running | None:
        """The server on our data folder that is up and takes connections, if any."""
        try:
            lines = (self.data_dir / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return None
        if len(lines) < 8 or lines[7].strip() != "ready":
            return None
        # After a power cut the file is stale and the number may be another process's: only an answer counts.
        with socket.socket(socket.AF_UNIX) as probe:
            try:
                probe.connect(str(Path(lines[4]) / f".s.PGSQL.{_PORT}"))
            except OSError:
                return None
        return _Running(int(lines[0]), lines[4])

    def _await_running(self, seconds: float) -> _Running:
        """Wait for a server that is starting.

        Raises:
            ServerCannotRunError: it ended, or did not come up in time; with the end of its log.
        """
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if running := self._found_running():
                return running
            if self._process is not None and self._process.poll() is not None and not self._another_is_starting():
                break
            time.sleep(0.02)
        raise ServerCannotRunError(f"The embedded PostgreSQL did not start. Its log ends:\n{self._log_end()}")

    def _another_is_starting(self) -> bool:
        """Whether ours gave way to a server whose owner was killed while it started."""
        pid_file = self.data_dir / "postmaster.pid"
        words = pid_file.read_text().split() if self._process is not None and pid_file.exists() else []
        # A server that was killed leaves the file behind: only a process that is there can be starting.
        return bool(words) and words[0] != str(self._process and self._process.pid) and _is_there(words[0])

    def _log_end(self) -> str:
        log = self.data_dir / "server.log"
        return "\n".join(log.read_text(errors="replace").splitlines()[-8:]) if log.exists() else "(nothing)"

    def _create_data(self, account: ServerAccount, programs: Path) -> None:
        if (self.data_dir / "PG_VERSION").exists():
            return
        # A folder without PG_VERSION is new, or one whose creation was interrupted: begin afresh.
        shutil.rmtree(self.data_dir, ignore_errors=True)
        self.data_dir.mkdir(mode=0o700)
        account.give(self.data_dir)
        command = [str(programs / "initdb"), "-D", str(self.data_dir), "-U", "postgres", "--encoding=UTF8"]
        # One collation on every machine, whatever its locales; only the folder's owner reaches the socket.
        command += ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        command += ["--auth-local=trust", "--auth-host=reject"]
        if self._throwaway:
            command.append("--no-sync")
        made = subprocess.run(command, capture_output=True, text=True, check=False, cwd="/", **account.identity)
        if made.returncode != 0:
            raise ServerCannotRunError(
                f"The embedded PostgreSQL could not make its data folder:\n{made.stderr.strip()}"
            )

    def _launch(self, account: ServerAccount, programs: Path) -> _Running:
        socket_dir = self._socket_dir(account)
        settings = {**_ALWAYS, **(_THROWAWAY if self._throwaway else {})}
        settings |= {"unix_socket_directories": str(socket_dir), "port": str(_PORT)}
        command = [str(programs / "postgres"), "-D", str(self.data_dir)]
        command += [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        with (self.data_dir / "server.log").open("ab") as log:
            # A session of its own: Ctrl-C in the terminal reaches us, and we stop the server when it is time.
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                cwd="/",
                **account.identity,
            )
        if self._throwaway:
            self._guard = subprocess.Popen(
                [sys.executable, "-c", _GUARD, str(self.data_dir)],
                stdin=subprocess.PIPE,
                start_new_session=True,
            )
        return self._await_running(_START_SECONDS)

    def _socket_dir(self, account: ServerAccount) -> Path:
        """The data folder, or a private temporary one where that has too long a name for a socket."""
        if len(os.fsencode(self.data_dir)) <= _LONGEST_SOCKET_DIR:
            return self.data_dir
        folder = Path(tempfile.mkdtemp(prefix="doorstep-postgres-", dir="/tmp"))
        account.give(folder)
        return folder

    def _end(self, running: _Running) -> None:
        """A fast shutdown: open transactions are rolled back, the rest is written to disk."""
        os.kill(running.pid, signal.SIGINT)
        deadline = time.monotonic() + _STOP_SECONDS
        while (self.data_dir / "postmaster.pid").exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        if self._process is not None:
            self._process.wait(timeout=_STOP_SECONDS)
        if running.socket_dir != str(self.data_dir):
            shutil.rmtree(running.socket_dir, ignore_errors=True)


def _is_there(pid: str) -> bool:
    """Whether a process of that number runs, whoever owns it."""
    try:
        os.kill(int(pid), 0)
    except PermissionError:
        return True
    except (ValueError, OverflowError, ProcessLookupError):
        return False
    return True
