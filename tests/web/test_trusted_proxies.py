"""Who a request comes from, behind a reverse proxy and without one."""

import pytest
from fastapi import FastAPI, Request
from fastapi.testclient import TestClient

from hub.settings import Settings
from infra.hosts.web_server import server_config


@pytest.mark.parametrize(
    ("trusted", "speaker", "seen"),
    [
        ("", "127.0.0.1", "127.0.0.1"),
        ("10.0.0.9", "10.0.0.9", "198.51.100.7"),
        ("10.0.0.0/24,192.0.2.1", "10.0.0.9", "198.51.100.7"),
        ("10.0.0.9", "203.0.113.5", "203.0.113.5"),
    ],
)
def test_only_a_trusted_proxy_is_believed_about_the_sender(trusted: str, speaker: str, seen: str) -> None:
    app = FastAPI()

    def sender(request: Request) -> str:
        return request.client.host if request.client else ""

    app.add_api_route("/sender", sender)
    config = server_config(app, Settings(trusted_proxies=trusted))
    config.load()
    with TestClient(config.loaded_app, client=(speaker, 4711)) as client:
        # The first address is what the client itself sent along: only the proxy's own word, the last one, counts.
        answer = client.get("/sender", headers={"X-Forwarded-For": "192.0.2.99, 198.51.100.7"})
    assert answer.json() == seen
