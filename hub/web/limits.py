"""Bodies are bounded while they arrive, so nobody can fill the disk or the memory with one request."""

from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from fastapi import HTTPException, Request, Response
from fastapi.routing import APIRoute
from starlette.types import Message

MOST_FORM_BYTES = 64 * 1024
"""More than any form of a page sends: the longest text in one is a comment of 2000 characters."""


def bounded_route(most_bytes: int) -> type[APIRoute]:
    """A route class for `APIRouter(route_class=…)` that answers 413 as soon as more than `most_bytes` has come.

    It counts what arrives and believes `Content-Length` only when that is too large already.
    """

    class BoundedRoute(APIRoute):
        """A route that takes bodies of a bounded size."""

        def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
            """The route's own handler behind the bound."""
            handle = super().get_route_handler()

            async def bounded(request: Request) -> Response:
                announced = request.headers.get("content-length", "")
                if announced.isdigit() and int(announced) > most_bytes:
                    raise HTTPException(413)
                return await handle(Request(request.scope, _bounded(request.receive, most_bytes)))

            return bounded

    return BoundedRoute


def _bounded(receive: Callable[[], Awaitable[Message]], most_bytes: int) -> Callable[[], Awaitable[Message]]:
    came = 0

    async def receive_bounded() -> Message:
        nonlocal came
        message = await receive()
        came += len(message.get("body", b""))
        if came > most_bytes:
            raise HTTPException(413)
        return message

    return receive_bounded
