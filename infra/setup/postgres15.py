"""Run a command against a PostgreSQL of Debian's, started for it alone and stopped after it.

The server runs in a temporary folder on a free port of 127.0.0.1, as the account `postgres` when we are root, with a
password made for the occasion; the command finds it in DATABASE_URL.
"""

import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psycopg

from hub.db.server_account import Identity, ServerAccount, server_account

VERSION = 15
THROWN_AWAY = "DOORSTEP_DATABASE_IS_THROWN_AWAY"
"""Set for the command: what it leaves in the server goes with the server."""
_START_SECONDS = 60.0


class NoPostgresError(Exception):
    """Debian's PostgreSQL is not installed, or does not start; the message says what to do."""


def programs_of_debian(version: int = VERSION) -> Path:
    """The folder of Debian's server programs.

    Raises:
        NoPostgresError: the package is not installed.
    """
    folder = Path(f"/usr/lib/postgresql/{version}/bin")
    if not (folder / "initdb").exists():
        raise NoPostgresError(
            f"PostgreSQL {version} is not installed. Debian 12: sudo apt-get install postgresql-{version}"
        )
    return folder


@contextmanager
def server(programs: Path) -> Iterator[str]:
    """A running server's URL; when the block ends the server is stopped and its data removed."""
    folder = Path(tempfile.mkdtemp(prefix="doorstep-postgres15-", dir="/tmp"))
    account = server_account(folder / "data")
    account.give(folder)
    try:
        password = secrets.token_urlsafe(24)
        _create_data(programs, folder, account, password)
        port = _free_port()
        process = _launch(programs, folder, account.identity, port)
        try:
            url = f"postgresql://postgres:{password}@127.0.0.1:{port}/postgres"
            _await(url, process, folder)
            yield url
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(timeout=30)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _create_data(programs: Path, folder: Path, account: ServerAccount, password: str) -> None:
    secret = folder / "password"
    secret.write_text(password, encoding="ascii")
    account.give_file(secret)
    command = [
        str(programs / "initdb"),
        "-D",
        str(folder / "data"),
        "-U",
        "postgres",
        "--encoding=UTF8",
        "--locale=C.UTF-8",
    ]
    command += ["--auth=scram-sha-256", f"--pwfile={secret}", "--no-sync"]
    made = subprocess.run(command, capture_output=True, text=True, check=False, cwd="/", **account.identity)
    if made.returncode != 0:
        raise NoPostgresError(f"PostgreSQL {VERSION} could not make its data folder:\n{made.stderr.strip()}")


def _launch(programs: Path, folder: Path, identity: Identity, port: int) -> "subprocess.Popen[bytes]":
    settings = {"listen_addresses": "127.0.0.1", "port": str(port), "unix_socket_directories": str(folder)}
    settings |= {"max_connections": "200", "fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
    command = [str(programs / "postgres"), "-D", str(folder / "data")]
    command += [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    with (folder / "server.log").open("wb") as log:
        return subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, cwd="/", **identity
        )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _await(url: str, process: "subprocess.Popen[bytes]", folder: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            psycopg.connect(url, connect_timeout=2).close()
        except psycopg.OperationalError:
            time.sleep(0.1)
        else:
            return
    log = "\n".join((folder / "server.log").read_text(errors="replace").splitlines()[-8:])
    raise NoPostgresError(f"PostgreSQL {VERSION} did not start. Its log ends:\n{log}")


def main(command: Sequence[str]) -> int:
    """Run the command with DATABASE_URL set; returns its exit code."""
    if not command:
        print("Say what to run: python -m infra.setup.postgres15 COMMAND …", file=sys.stderr)
        return 2
    try:
        with server(programs_of_debian()) as url:
            print(f"PostgreSQL {VERSION} is up; running {' '.join(command)}", flush=True)
            environment = {**os.environ, "DATABASE_URL": url, THROWN_AWAY: "1"}
            return subprocess.run(command, env=environment, check=False).returncode
    except NoPostgresError as missing:
        print(missing, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
