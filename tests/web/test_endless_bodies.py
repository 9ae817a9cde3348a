"""Requests that no browser of ours sends: bodies without end."""

import re
from collections.abc import Iterable, Iterator
from http import HTTPStatus

import pytest
from fastapi import APIRouter
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient

from hub.bootstrap import Hub
from infra.hosts.rooms import ROUTERS
from infra.hosts.web import create_app

_FORM = "multipart/form-data; boundary=edge"


@pytest.fixture
def stranger(hub: Hub) -> Iterator[TestClient]:
    """A client nobody has signed in with, which does not follow redirects."""
    with TestClient(create_app(hub), base_url="http://127.0.0.1:8080", follow_redirects=False) as client:
        yield client


def _routes(routers: Iterable[APIRouter]) -> Iterator[APIRoute]:
    """Every route of `routers` and of the routers within them."""
    for router in routers:
        for route in router.routes:
            if isinstance(route, APIRoute):
                yield route
            elif within := getattr(route, "original_router", None):
                yield from _routes([within])


def test_no_form_takes_a_file_without_end_from_a_stranger(stranger: TestClient) -> None:
    routes = [one for one in _routes(ROUTERS) if "POST" in (one.methods or ()) and one.body_field]
    assert {"/a/{token}/hold", "/console/sign-in", "/survey/{token}"} <= {one.path for one in routes}
    for route in routes:
        path = re.sub(r"{\w+}", "00000000-0000-0000-0000-000000000000", route.path)
        answer = stranger.post(path, content=_file_of_13_mb(), headers={"Content-Type": _FORM})
        assert answer.status_code == HTTPStatus.REQUEST_ENTITY_TOO_LARGE, route.path


def _file_of_13_mb() -> Iterator[bytes]:
    """A form with a file, sent in pieces and without its length being said."""
    yield b'--edge\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\n'
    for _ in range(200):
        yield b"x" * 64 * 1024
