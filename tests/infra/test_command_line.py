"""The command `doorstep`, as a person meets it: what it says when something is wrong, and that nothing is left behind."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from hub.domain.errors import ConfigurationError
from infra.hosts.cli import app
from infra.hosts.running import listening_socket

_SECONDS = 60


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command in a process of its own."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("DOORSTEP_")}
    return subprocess.run(
        [sys.executable, "-m", "infra.hosts", *arguments],
        env={**clean, "COLUMNS": "200", **environment},
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        check=False,
    )


def test_help_names_every_verb() -> None:
    said = run("--help").stdout
    for verb in ("demo", "play", "web", "worker", "broker", "utility", "plan", "staff", "db"):
        assert verb in said


def test_a_database_that_does_not_answer_is_a_sentence_without_the_password() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    answer = run("db", "upgrade", DATABASE_URL=f"postgresql://somebody:secret-word@127.0.0.1:{port}/doorstep")
    assert answer.returncode == 1
    assert f"The database at 127.0.0.1:{port}/doorstep does not answer." in answer.stderr
    assert "secret-word" not in answer.stderr
    assert "Traceback" not in answer.stderr


def test_an_address_that_is_no_database_is_a_sentence() -> None:
    answer = run("db", "upgrade", DATABASE_URL="mysql://somewhere/else")
    assert answer.returncode == 1
    assert "DATABASE_URL must look like postgresql://" in answer.stderr


@pytest.mark.parametrize("verb", ["web", "broker", "demo"])
def test_a_port_in_use_is_a_sentence_that_names_it(verb: str, database_url: str, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        answer = run(verb, "--port", str(port), DATABASE_URL=database_url, DOORSTEP_STATE_DIR=str(tmp_path))
    assert answer.returncode != 0
    assert f"{port}" in answer.stderr
    assert "another program" in answer.stderr
    assert "Traceback" not in answer.stderr


def test_a_wrong_setting_is_named_and_its_value_is_not_printed() -> None:
    answer = run("db", "upgrade", DATABASE_URL="postgresql://127.0.0.1/x", DOORSTEP_PORT="secret-word")
    assert answer.returncode == 1
    assert "DOORSTEP_PORT" in answer.stderr
    assert "secret-word" not in answer.stderr


@pytest.mark.parametrize("verb", ["send", "receive", "dead-letters"])
def test_without_a_bus_the_utility_is_told_what_to_set(verb: str, tmp_path: Path) -> None:
    feed = tmp_path / "orders.jsonl"
    feed.write_text("{}\n")
    answer = run("utility", verb, *([str(feed)] if verb == "send" else []))
    assert answer.returncode == 1
    assert "DOORSTEP_SERVICE_BUS" in answer.stderr


def test_a_bus_that_does_not_answer_is_a_sentence_without_the_key(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    feed = tmp_path / "orders.jsonl"
    feed.write_text("{}\n")
    bus = (
        f"Endpoint=sb://127.0.0.1:{port};SharedAccessKeyName=n;SharedAccessKey=secret-word;UseDevelopmentEmulator=true;"
    )
    answer = run("utility", "send", str(feed), DOORSTEP_SERVICE_BUS=bus)
    assert answer.returncode == 1
    assert str(port) in answer.stderr
    assert "secret-word" not in answer.stderr
    assert "Traceback" not in answer.stderr


def test_a_feed_that_is_not_there_is_a_sentence(tmp_path: Path) -> None:
    answer = run("utility", "send", str(tmp_path / "nothing.jsonl"), DOORSTEP_SERVICE_BUS="Endpoint=sb://127.0.0.1:1;")
    assert answer.returncode == 1
    assert "nothing.jsonl" in answer.stderr
    assert "Traceback" not in answer.stderr


def test_the_same_seed_writes_the_same_feed(tmp_path: Path) -> None:
    for name in ("one", "two"):
        answer = run("utility", "sample", str(tmp_path / name), "--orders", "20", "--first-day", "2026-05-04")
        assert answer.returncode == 0, answer.stderr
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_a_day_that_is_none_is_a_sentence(database_url: str) -> None:
    answer = run("plan", "days", "--day", "tomorrow", DATABASE_URL=database_url)
    assert answer.returncode == 2
    assert "write it as 2026-05-04" in answer.stderr


def test_the_demo_never_removes_a_database_of_ones_own(database_url: str, tmp_path: Path) -> None:
    answer = run("demo", "--reset", DATABASE_URL=database_url, DOORSTEP_STATE_DIR=str(tmp_path))
    assert answer.returncode == 1
    assert "never removed" in answer.stderr


def test_answers_leave_at_once() -> None:
    # asyncio turns Nagle's algorithm off only for sockets that name their protocol.
    with listening_socket("127.0.0.1", 0, "try again") as listener:
        assert listener.proto == socket.IPPROTO_TCP


def test_a_program_is_no_feed(tmp_path: Path) -> None:
    (tmp_path / "program").write_bytes(b"\x7fELF\x02\x01\x00\x00" + bytes(100))
    answer = run("utility", "send", str(tmp_path / "program"), DOORSTEP_SERVICE_BUS="Endpoint=sb://127.0.0.1:1;")
    assert answer.returncode == 1
    assert "is no feed" in answer.stderr


def test_an_address_that_is_not_of_this_machine_is_not_called_a_port_in_use() -> None:
    # 192.0.2.0/24 is kept for documentation: no machine has it.
    with pytest.raises(ConfigurationError, match=r"Port 8080 on 192\.0\.2\.1 cannot be opened: .*, or choose another"):
        listening_socket("192.0.2.1", 8080, "choose another")


@pytest.mark.parametrize("verb", ["web", "broker", "demo"])
def test_a_port_that_does_not_exist_is_refused(verb: str) -> None:
    answer = CliRunner().invoke(app, [verb, "--port", "99999"])
    assert answer.exit_code == 2
    assert "Invalid value for '--port'" in answer.output
    assert "65535" in answer.output
