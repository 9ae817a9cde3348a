"""The command `doorstep`, as a person meets it: what it says when something is wrong, and that nothing is left behind."""

import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import cast
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command
from typer.testing import CliRunner

from hub.bootstrap import Hub
from hub.db import tables
from hub.domain.errors import ConfigurationError
from infra.hosts.cli import app
from infra.hosts.instants import in_utc
from infra.hosts.running import PortTakenError, listening_socket

_SECONDS = 120


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


def _commands(command: TyperGroup | TyperCommand, name: str = "doorstep") -> Iterator[tuple[str, TyperCommand]]:
    if isinstance(command, TyperGroup):
        for below, one in command.commands.items():
            yield from _commands(cast("TyperGroup | TyperCommand", one), f"{name} {below}")
    else:
        yield name, command


def test_help_calls_nothing_required_that_is_asked_for_or_has_a_default() -> None:
    found = dict(_commands(cast("TyperGroup", get_command(app))))
    assert len(found) > 30
    for name, command in found.items():
        context = command.make_context(name, [], resilient_parsing=True)
        for param in command.params:
            record = param.get_help_record(context)
            said = record[1] if record else ""
            asked = "required" in said
            assert asked == param.required, f"{name} {param.name}: {said}"
            assert not (asked and "default" in said.lower()), f"{name} {param.name}: {said}"
            assert not (asked and (getattr(param, "prompt", None) or "when absent" in said)), (
                f"{name} {param.name}: {said}"
            )


def test_what_is_not_given_is_asked_for(hub: Hub, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert hub.settings.database_url is not None
    monkeypatch.setenv("DATABASE_URL", hub.settings.database_url.get_secret_value())
    monkeypatch.setenv("DOORSTEP_STATE_DIR", str(tmp_path))
    word = "a long enough word"
    typed = f"\nNora New\n{word}\n{word}\n"
    added = CliRunner().invoke(app, ["staff", "add", "nora@company.example", "--role", "dispatcher"], input=typed)
    assert "nora@company.example can sign in now." in added.output, added.output
    assert word not in added.output
    with hub.reading() as connection:
        assert connection.execute(select(tables.staff_account.c.name)).scalars().all() == ["Nora New"]


def test_a_command_says_in_which_zone_it_speaks() -> None:
    summer = datetime(2026, 7, 4, 9, 5, tzinfo=ZoneInfo("Europe/Brussels"))
    assert in_utc(summer) == "2026-07-04 07:05 UTC"
    infra = Path(__file__).resolve().parents[2] / "infra"
    files = sorted(infra.rglob("*.py"))
    assert any(file.name == "week.py" for file in files)
    for file in files:
        bare = [line.strip() for line in file.read_text(encoding="utf-8").splitlines() if _is_without_zone(line)]
        assert bare == [], f"{file.name} prints an instant without its zone"


@pytest.mark.parametrize(
    ("line", "is_bare"),
    [
        ('f"{one.at:%Y-%m-%d %H:%M} {one.status}"', True),
        ('f"It is {now:%A %d %B %Y, %H:%M} in the demo."', True),
        ('return f"{at:%H:%M:%S}"', True),
        ('at.strftime("%c")', True),
        ('f"{at:%d %b %I:%M %p}"', True),
        ('f"{at:%H:%M %Z}"', False),
        ('f"{at:%Y-%m-%d %H:%M} UTC"', False),
        ('f"{at:%Y-%m-%dT%H:%MZ}"', False),
        ('formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M"],', False),
        ('f"{share:.0%}"', False),
    ],
)
def test_each_spelling_of_an_instant_without_its_zone_is_found(line: str, is_bare: bool) -> None:
    assert _is_without_zone(line) == is_bare


def _is_without_zone(line: str) -> bool:
    """Whether the line writes a time of day and does not say in which zone; what is only read (`formats`) says it elsewhere."""
    writes = re.search(r"%(?:[HI]:%M|[cXTR]\b)", line) and "formats=" not in line
    return bool(writes) and not re.search(r"%[Zz]|%MZ|\bUTC\b", line)


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


@pytest.mark.parametrize(
    ("day", "sentence"),
    [("0001-01-01", "so nothing was planned"), ("9999-12-31", "go past the end of the calendar")],
)
def test_a_day_at_an_end_of_the_calendar_is_a_sentence(database_url: str, day: str, sentence: str) -> None:
    answer = run("plan", "days", "--day", day, "--days", "2", DATABASE_URL=database_url)
    assert "Traceback" not in answer.stderr
    assert sentence in re.sub(r"[\s│]+", " ", answer.stdout + answer.stderr)


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


def test_of_two_that_begin_at_once_only_one_has_the_port() -> None:
    with listening_socket("127.0.0.1", 0, "try again") as first:
        port = int(first.getsockname()[1])
        with pytest.raises(PortTakenError, match=f"Port {port} on 127.0.0.1 is taken"):
            listening_socket("127.0.0.1", port, "choose another")
