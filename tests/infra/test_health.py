"""Alive is not ready: a process answers, but can it work?"""

import json
import socket
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from fastapi.testclient import TestClient
from pydantic import SecretStr
from sqlalchemy import text
from typer.testing import CliRunner

from hub.bootstrap import Hub
from hub.db import tables
from infra.hosts.cli import app
from infra.hosts.web import create_app


def ready(hub: Hub) -> tuple[int, Any]:
    answer = TestClient(create_app(hub)).get("/health/ready")
    return answer.status_code, answer.json()


def set_revision(hub: Hub, revision: str) -> None:
    with hub.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = :revision"), {"revision": revision})


def test_ready_says_what_it_stands_on(hub: Hub) -> None:
    status, told = ready(hub)
    assert status == 200
    assert told["status"] == "ready"
    assert (told["database"], told["workers"], told["bus"]) == ("answers", 0, "none")
    with hub.engine.begin() as connection:
        now = hub.clock.now()
        connection.execute(tables.worker_beat.insert(), {"worker": "w", "caught_up_to": now, "beat_at": now})
    assert ready(hub)[1]["workers"] == 1


def test_an_older_schema_is_not_ready_and_a_newer_one_is(hub: Hub) -> None:
    set_revision(hub, "0001")
    status, told = ready(hub)
    assert (status, told["status"]) == (503, "the database has an older schema; run doorstep db upgrade")
    assert told["schema"] == "0001"
    # The next release upgrades while this one still serves.
    set_revision(hub, "9999")
    assert ready(hub)[0] == 200


def test_a_database_without_a_schema_is_not_ready(hub: Hub) -> None:
    with hub.engine.begin() as connection:
        connection.execute(text("DROP TABLE alembic_version"))
    status, told = ready(hub)
    assert (status, told["schema"]) == (503, "")
    assert TestClient(create_app(hub)).get("/health/alive").status_code == 200


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as made:
        yield made


def test_the_bus_is_told_but_nobody_is_less_ready_without_it(hub: Hub, listener: socket.socket) -> None:
    def with_bus(port: int) -> Hub:
        address = f"Endpoint=sb://127.0.0.1:{port};SharedAccessKeyName=name;SharedAccessKey=secret-word"
        return replace(hub, settings=hub.settings.model_copy(update={"service_bus": SecretStr(address)}))

    port = listener.getsockname()[1]
    assert ready(with_bus(port))[1]["bus"] == "reachable"
    with socket.create_server(("127.0.0.1", 0)) as closed:
        away = closed.getsockname()[1]
    status, told = ready(with_bus(away))
    assert (status, told["bus"]) == (200, "away")
    assert "secret-word" not in json.dumps(told)
    # Asking often does not knock at the bus each time.
    listener.settimeout(0.2)
    listener.accept()[0].close()
    assert ready(with_bus(port))[1]["bus"] == "reachable"
    with pytest.raises(TimeoutError):
        listener.accept()


@pytest.fixture
def this_installation(hub: Hub, database_url: str, monkeypatch: pytest.MonkeyPatch) -> Hub:
    """The commands work on the test's database."""
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("DOORSTEP_STATE_DIR", str(hub.settings.state_dir))
    monkeypatch.delenv("DOORSTEP_SERVICE_BUS", raising=False)
    return hub


def test_status_tells_a_person_and_a_program(this_installation: Hub) -> None:
    told = CliRunner().invoke(app, ["status"])
    assert told.exit_code == 0, told.output
    assert "Ready." in told.stdout
    assert "Messages of the utility: none; in quarantine: 0." in told.stdout
    printed = CliRunner().invoke(app, ["status", "--json"])
    found = json.loads(printed.stdout)
    assert (found["status"], found["outbox_backlog"], found["jobs"]["todo"]) == ("ready", 0, 0)


def test_status_changes_nothing_and_exits_with_1_when_not_ready(this_installation: Hub) -> None:
    set_revision(this_installation, "0001")
    told = CliRunner().invoke(app, ["status"])
    assert told.exit_code == 1
    assert "Not ready: the database has an older schema" in told.stdout
    with this_installation.reading() as connection:
        assert connection.scalar(text("SELECT version_num FROM alembic_version")) == "0001"
