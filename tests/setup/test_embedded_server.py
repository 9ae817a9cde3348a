"""The embedded PostgreSQL starts, keeps data, is taken over after a kill, and leaves nothing behind."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from hub.db import embedded, server_account
from hub.db.databases import create_database, database_exists, drop_database, ensure_database
from hub.db.embedded import EmbeddedServer, ServerCannotRunError, default_state_dir

pytestmark = pytest.mark.database

# Starts a server, says so, and waits to be killed.
_OWNER = """
import sys, time
from pathlib import Path
from hub.db.embedded import EmbeddedServer
server = EmbeddedServer(Path(sys.argv[1]), throwaway=sys.argv[2] == "throwaway")
print(server.start(), flush=True)
time.sleep(120)
"""


@pytest.fixture
def start_owner() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start another process that owns a server on a folder."""
    started: list[subprocess.Popen[str]] = []

    def start(data_dir: Path, kind: str = "durable") -> subprocess.Popen[str]:
        command = [sys.executable, "-c", _OWNER, str(data_dir), kind]
        owner = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)
        started.append(owner)
        assert owner.stdout is not None
        assert owner.stdout.readline().startswith("postgresql://")
        return owner

    yield start
    for owner in started:
        owner.kill()
        owner.communicate(timeout=60)


def _answers(url: str) -> bool:
    try:
        with psycopg.connect(url) as connection:
            return connection.execute("SELECT 1").fetchone() == (1,)
    except psycopg.OperationalError:
        return False


def _eventually(happens: Callable[[], bool], seconds: float = 20) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if happens():
            return True
        time.sleep(0.05)
    return False


def test_it_keeps_its_data_over_a_restart(server_folder: Path) -> None:
    with EmbeddedServer(server_folder / "postgres") as server:
        url = ensure_database(server.url, "doorstep")
        with psycopg.connect(url) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    assert not _answers(server.url)
    with EmbeddedServer(server_folder / "postgres") as again:
        assert not again.taken_over
        with psycopg.connect(ensure_database(again.url, "doorstep")) as connection:
            assert connection.execute("SELECT answer FROM kept").fetchone() == (42,)


def test_the_folder_is_closed_to_other_accounts_and_nothing_listens_on_a_network(server_folder: Path) -> None:
    with EmbeddedServer(server_folder / "postgres") as server, psycopg.connect(server.url) as connection:
        assert (server_folder / "postgres").stat().st_mode & 0o077 == 0
        assert connection.execute("SHOW listen_addresses").fetchone() == ("",)
        assert connection.execute("SHOW fsync").fetchone() == ("on",)


def test_folders_above_the_data_keep_their_modes(server_folder: Path) -> None:
    deep = server_folder / "a" / "b"
    deep.mkdir(parents=True)
    (server_folder / "a").chmod(0o711)
    with EmbeddedServer(deep / "postgres"):
        assert (server_folder / "a").stat().st_mode & 0o777 == 0o711
        assert server_folder.stat().st_mode & 0o777 == 0o755


def test_a_server_left_by_a_killed_owner_is_taken_over_and_stopped(
    server_folder: Path, start_owner: Callable[..., subprocess.Popen[str]], caplog: pytest.LogCaptureFixture
) -> None:
    owner = start_owner(server_folder / "postgres")
    os.kill(owner.pid, signal.SIGKILL)
    owner.wait(timeout=60)
    server = EmbeddedServer(server_folder / "postgres")
    url = server.start()
    assert server.taken_over
    assert "left running by an earlier run" in caplog.text
    assert _answers(url)
    server.stop()
    assert not _answers(url)
    assert not (server_folder / "postgres" / "postmaster.pid").exists()


def test_a_guest_leaves_the_server_to_its_owner(
    server_folder: Path, start_owner: Callable[..., subprocess.Popen[str]]
) -> None:
    owner = start_owner(server_folder / "postgres")
    with EmbeddedServer(server_folder / "postgres") as guest:
        assert guest.is_guest
    assert _answers(guest.url)
    os.kill(owner.pid, signal.SIGKILL)
    owner.wait(timeout=60)
    with EmbeddedServer(server_folder / "postgres") as heir:
        assert heir.taken_over
        assert heir.url == guest.url
    assert not _answers(guest.url)


def test_a_throwaway_server_ends_with_a_killed_owner(
    server_folder: Path, start_owner: Callable[..., subprocess.Popen[str]]
) -> None:
    owner = start_owner(server_folder / "postgres", "throwaway")
    pid = int((server_folder / "postgres" / "postmaster.pid").read_text().split()[0])
    os.kill(owner.pid, signal.SIGKILL)
    owner.wait(timeout=60)
    assert _eventually(lambda: not (server_folder / "postgres").exists())
    assert _eventually(
        lambda: not Path(f"/proc/{pid}/cmdline").exists() or not Path(f"/proc/{pid}/cmdline").read_bytes()
    )


def test_a_stale_pid_file_of_another_process_does_not_deceive(server_folder: Path) -> None:
    with EmbeddedServer(server_folder / "postgres"):
        lines = (server_folder / "postgres" / "postmaster.pid").read_text().splitlines()
    lines[0] = str(os.getpid())  # after a power cut the number may be anyone's
    (server_folder / "postgres" / "postmaster.pid").write_text("\n".join(lines) + "\n")
    server = EmbeddedServer(server_folder / "postgres")
    assert server._found_running() is None


def test_a_pid_file_of_a_dead_server_is_not_waited_for_when_ours_cannot_start(
    server_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = server_folder / "postgres"
    with EmbeddedServer(folder):
        pass
    with (folder / "postgresql.conf").open("a") as settings:
        settings.write("no_such_setting = 1\n")
    ended = subprocess.Popen(["true"])
    ended.wait(timeout=60)
    (folder / "postmaster.pid").write_text(f"{ended.pid}\n{folder}\n")
    monkeypatch.setattr(embedded, "_START_SECONDS", 10.0)
    server = EmbeddedServer(folder)
    with pytest.raises(ServerCannotRunError, match="no_such_setting"):
        server.start()
    assert not server._another_is_starting()


def test_a_server_whose_socket_was_removed_is_stopped_all_the_same(server_folder: Path) -> None:
    server = EmbeddedServer(server_folder / "postgres")
    server.start()
    pid = int((server_folder / "postgres" / "postmaster.pid").read_text().split()[0])
    (server_folder / "postgres" / ".s.PGSQL.5432").unlink()
    server.stop()
    assert not Path(f"/proc/{pid}").exists()


def test_a_long_path_gets_a_socket_elsewhere(server_folder: Path) -> None:
    with EmbeddedServer(server_folder / ("long" * 30) / "postgres", throwaway=True) as server:
        assert _answers(server.url)
        socket_dir = Path(str(conninfo_to_dict(server.url)["host"]))
        assert socket_dir.parent == Path("/tmp")
        assert socket_dir.stat().st_mode & 0o077 == 0
    assert not socket_dir.exists()


def test_data_of_another_version_is_refused_in_a_sentence(server_folder: Path) -> None:
    (server_folder / "postgres").mkdir()
    (server_folder / "postgres" / "PG_VERSION").write_text("15\n")
    with pytest.raises(ServerCannotRunError, match=r"written by PostgreSQL 15, and this is PostgreSQL 18.*demo-reset"):
        EmbeddedServer(server_folder / "postgres").start()


def test_an_interrupted_creation_begins_afresh(server_folder: Path) -> None:
    (server_folder / "postgres").mkdir()
    (server_folder / "postgres" / "half").write_text("")
    with EmbeddedServer(server_folder / "postgres", throwaway=True) as server:
        assert _answers(server.url)
        assert not (server_folder / "postgres" / "half").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root lends the server another account")
def test_root_is_led_out_of_a_private_folder(server_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    private = server_folder / "private"
    private.mkdir(mode=0o700)
    monkeypatch.chdir(private)
    chosen = default_state_dir()
    assert chosen.is_relative_to("/var/tmp")
    assert default_state_dir() == chosen
    with pytest.raises(ServerCannotRunError, match="outside any private home"):
        default_state_dir(private / "state")
    with pytest.raises(ServerCannotRunError, match="outside any private home"):
        EmbeddedServer(private / "state" / "postgres").start()
    assert private.stat().st_mode & 0o777 == 0o700


def test_programs_in_a_private_folder_are_copied_to_where_they_run(
    server_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = server_account.server_account(server_folder / "postgres")
    assert not server_account.server_programs(account).is_relative_to(server_folder)
    monkeypatch.setattr(server_account.ServerAccount, "can_enter", lambda self, folder: False)
    monkeypatch.setattr(server_account, "shared_place", lambda: server_folder)
    programs = server_account.server_programs(account)
    assert programs.is_relative_to(server_folder)
    for program in ("initdb", "postgres"):
        command = [str(programs / program), "--version"]
        said = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True, **account.identity)
        assert "(PostgreSQL) 18" in said.stdout
    assert server_account.server_programs(account) == programs


def test_the_working_folder_holds_the_state_when_it_can(server_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(server_folder)
    assert default_state_dir() == server_folder / ".state"


def test_a_database_is_made_copied_and_dropped(postgres_url: str) -> None:
    first, second = f"doorstep_made_{os.getpid()}", f"doorstep_copied_{os.getpid()}"
    url = create_database(postgres_url, first)
    try:
        with psycopg.connect(url) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
        with psycopg.connect(create_database(postgres_url, second, template=first)) as connection:
            assert connection.execute("SELECT answer FROM kept").fetchone() == (42,)
    finally:
        drop_database(postgres_url, second)
        drop_database(postgres_url, first)
    assert not database_exists(postgres_url, first)
