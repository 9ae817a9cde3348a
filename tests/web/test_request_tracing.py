"""Each request has an id: its sender's when that is a short word, else a new one; the log and the answer say it."""

import json
import logging
import re

import pytest
from fastapi.testclient import TestClient

from hub.bootstrap import Hub
from hub.logs import JsonLines
from infra.hosts.web import create_app

_NEW = re.compile(r"[0-9a-f]{32}")


@pytest.fixture
def client(hub: Hub) -> TestClient:
    return TestClient(create_app(hub), raise_server_exceptions=False)


def test_a_short_word_is_taken_and_answered(client: TestClient) -> None:
    answer = client.get("/health/alive", headers={"X-Request-ID": "gateway:4711/a"})
    assert answer.headers["x-request-id"] == "gateway:4711/a"


@pytest.mark.parametrize("given", ["", "x" * 129, "two words", "<script>", "caf\u00e9"])
def test_anything_else_is_replaced(client: TestClient, given: str) -> None:
    answer = client.get("/health/alive", headers={"X-Request-ID": given.encode()})
    assert _NEW.fullmatch(answer.headers["x-request-id"])


def test_a_trace_serves_when_there_is_no_id(client: TestClient) -> None:
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    answer = client.get("/health/alive", headers={"traceparent": f"00-{trace}-00f067aa0ba902b7-01"})
    assert answer.headers["x-request-id"] == trace
    zeros = client.get("/health/alive", headers={"traceparent": f"00-{'0' * 32}-00f067aa0ba902b7-01"})
    assert zeros.headers["x-request-id"] != "0" * 32


def test_a_write_is_logged_under_its_id_with_the_pattern_of_its_address(
    client: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    token = "a" * 43
    caplog.handler.setFormatter(JsonLines())
    with caplog.at_level(logging.INFO, "hub.web.tracing"):
        client.post(f"/a/{token}/choose", headers={"X-Request-ID": "phone-1"})
    (written,) = [json.loads(one) for one in caplog.handler.stream.getvalue().splitlines() if "ms" in one]
    assert written["correlation_id"] == "phone-1"
    assert written["message"].startswith("POST /a/{token}")
    assert token not in json.dumps(written)
