"""Requests that name a host which is not ours."""

from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient

from hub.bootstrap import Hub
from infra.hosts.web import create_app


@pytest.fixture
def stranger(hub: Hub) -> Iterator[TestClient]:
    """A client nobody has signed in with, which does not follow redirects."""
    with TestClient(create_app(hub), base_url="http://127.0.0.1:8080", follow_redirects=False) as client:
        yield client


@pytest.mark.parametrize("path", ["/console/", "/technician/", "/console/orders/", "/static/hub"])
def test_no_redirect_leads_to_a_forged_host(stranger: TestClient, path: str) -> None:
    answer = stranger.get(path, headers={"Host": "evil.example"})
    assert "evil.example" not in answer.headers.get("location", "") + answer.text


@pytest.mark.parametrize("path", ["/console", "/technician"])
def test_an_address_typed_with_a_slash_leads_to_the_page(stranger: TestClient, path: str) -> None:
    assert stranger.get(f"{path}/").headers["location"] == path
