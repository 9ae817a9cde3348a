"""Requests that no browser of ours sends: bodies without end."""

import asyncio
import re
from collections.abc import Iterable, Iterator
from http import HTTPStatus

import pytest
from fastapi import APIRouter
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient
from starlette.types import Message, Scope

from hub.bootstrap import Hub
from infra.hosts.rooms import ROUTERS
from infra.hosts.web import create_app

_FORM = "multipart/form-data; boundary=edge"
_FOR_CITIZENS = "/a/{token}/details/files"


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
        # Where a citizen may send more, a stranger's body is not read at all.
        wanted = HTTPStatus.NOT_FOUND if route.path == _FOR_CITIZENS else HTTPStatus.REQUEST_ENTITY_TOO_LARGE
        assert answer.status_code == wanted, route.path


def test_a_body_is_not_read_for_a_link_that_opens_nothing(hub: Hub) -> None:
    """Asked of the app itself: a client of the tests would send the body whatever the answer."""
    sent: list[Message] = []

    async def never() -> Message:
        raise AssertionError("the body was read")

    async def answered(message: Message) -> None:
        sent.append(message)

    scope: Scope = {
        "type": "http", "http_version": "1.1", "method": "POST", "path": "/a/nonsense/details/files", "root_path": "",
        "raw_path": b"/a/nonsense/details/files", "query_string": b"", "scheme": "http", "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 8080), "headers": [(b"host", b"127.0.0.1:8080"), (b"content-type", _FORM.encode())],
    }  # fmt: skip
    asyncio.run(create_app(hub)(scope, never, answered))
    assert sent[0]["status"] == HTTPStatus.NOT_FOUND


def _file_of_13_mb() -> Iterator[bytes]:
    """A form with a file, sent in pieces and without its length being said."""
    yield b'--edge\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\n'
    for _ in range(200):
        yield b"x" * 64 * 1024
