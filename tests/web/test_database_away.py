"""What people and programs hear while the database does not answer."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from pydantic import SecretStr

from hub.bootstrap import build_hub
from hub.settings import Settings
from infra.hosts.rooms import SUBSCRIPTIONS
from infra.hosts.web import create_app


@pytest.fixture
def address() -> str:
    """A host and port where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as closed:
        return f"127.0.0.1:{closed.getsockname()[1]}"


@pytest.fixture
def client(address: str, tmp_path: Path) -> Iterator[TestClient]:
    """A browser before a web host whose database is away."""
    settings = Settings(database_url=SecretStr(f"postgresql://me:secret-word@{address}/doorstep"), state_dir=tmp_path)
    hub = build_hub(settings, SUBSCRIPTIONS)
    with TestClient(create_app(hub), base_url="http://127.0.0.1:8080", raise_server_exceptions=False) as client:
        yield client
    hub.close()


def test_a_citizen_reads_a_sentence(client: TestClient, address: str) -> None:
    answer = client.get(f"/a/{'x' * 43}")
    assert answer.status_code == 503
    assert "We cannot reach our records just now." in answer.text
    assert "content-security-policy" in answer.headers
    assert address not in answer.text


def test_a_phone_gets_a_problem(client: TestClient, address: str) -> None:
    answer = client.get("/api/technician/v1/my-day", headers={"Authorization": "Bearer nobody"})
    assert answer.status_code == 503
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["type"] == "urn:doorstep:problem:database-unavailable"
    assert address not in answer.text


def test_whoever_asks_is_told_that_we_are_not_ready_but_not_where_the_database_is(
    client: TestClient, address: str
) -> None:
    answer = client.get("/health/ready")
    assert (answer.status_code, answer.json()) == (503, {"status": "the database does not answer"})
    assert address not in answer.text
    assert client.get("/health/alive").status_code == 200
