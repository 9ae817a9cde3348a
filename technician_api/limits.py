"""Bodies are bounded while they arrive, so nobody can fill the disk or the memory with one request."""

from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from fastapi import HTTPException, Request, Response
from fastapi.routing import APIRoute
from starlette.types import Message

from technician_api.images import MOST_BYTES

MOST_JSON_BYTES = 256 * 1024
MOST_UPLOAD_BYTES = MOST_BYTES + 64 * 1024
"""A photo of 10 MB and what multipart puts around it."""


class BoundedRoute(APIRoute):
    """A route that answers 413 as soon as more has come than it takes, whatever `Content-Length` says."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The route's own handler behind the bound."""
        handle = super().get_route_handler()
        most = MOST_UPLOAD_BYTES if self.path.endswith("/photos") else MOST_JSON_BYTES

        async def bounded(request: Request) -> Response:
            announced = request.headers.get("content-length", "")
            if announced.isdigit() and int(announced) > most:
                raise HTTPException(413)
            return await handle(Request(request.scope, _bounded(request.receive, most)))

        return bounded


def _bounded(receive: Callable[[], Awaitable[Message]], most: int) -> Callable[[], Awaitable[Message]]:
    came = 0

    async def receive_bounded() -> Message:
        nonlocal came
        message = await receive()
        came += len(message.get("body", b""))
        if came > most:
            raise HTTPException(413)
        return message

    return receive_bounded
