"""What a request belongs to: the id its sender gave, or a new one, in every line logged meanwhile and in the answer."""

import logging
import re
import time
from uuid import uuid4

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hub.logs import correlated

REQUEST_ID = "X-Request-ID"
_GIVEN = re.compile(r"[A-Za-z0-9._:/+=-]{1,128}")
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}(?:-.*)?")
"""https://www.w3.org/TR/trace-context/#traceparent-header"""
_READS = frozenset({"GET", "HEAD", "OPTIONS"})
_log = logging.getLogger(__name__)


def request_id(headers: Headers) -> str:
    """The request's id: `X-Request-ID` when it is a short word, else the trace of `traceparent`, else a new one."""
    given = headers.get(REQUEST_ID.lower(), "")
    if _GIVEN.fullmatch(given):
        return given
    trace = _TRACEPARENT.fullmatch(headers.get("traceparent", ""))
    # All zeros is what the specification calls invalid.
    return trace[1] if trace and int(trace[1], 16) else uuid4().hex


class RequestTracing:
    """Binds the request's id while it is served, answers with it, and logs each write and each failure.

    A line names the route's pattern, not the address: a citizen's address is the citizen's key.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on under its id."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        identity = request_id(Headers(scope=scope))
        status, begun = 500, time.perf_counter()

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message).setdefault(REQUEST_ID, identity)
            await send(message)

        with correlated(identity):
            try:
                await self._app(scope, receive, send_with_id)
            finally:
                if status >= 500 or scope["method"] not in _READS:
                    milliseconds = (time.perf_counter() - begun) * 1000
                    pattern = getattr(scope.get("route"), "path", "(no route)")
                    _log.info("%s %s: %s in %.0f ms", scope["method"], pattern, status, milliseconds)
