"""The hub and the web app of a function host: built at the first call, so that indexing the functions touches nothing."""

import atexit
import tempfile
import threading
from contextlib import ExitStack
from pathlib import Path

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hub.bootstrap import Hub
from hub.domain.errors import ConfigurationError
from hub.settings import Settings
from infra.hosts.running import running_hub


class LazyHub:
    """`settings` become a hub when first asked for it, once for all threads. A database that was away is tried again at the next call."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._turn = threading.Lock()
        self._stack = ExitStack()
        self._hub: Hub | None = None
        self._web: ASGIApp | None = None

    def hub(self) -> Hub:
        """The hub; raises ConfigurationError or DatabaseUnavailableError."""
        with self._turn:
            if self._hub is None:
                self._hub = self._stack.enter_context(running_hub(_for_functions(self.settings)))
                atexit.register(self.close)
            return self._hub

    def web(self) -> ASGIApp:
        """The web host's app over the hub; raises as `hub` does."""
        hub = self.hub()
        with self._turn:
            if self._web is None:
                from infra.hosts.web import create_app

                self._web = create_app(hub)
            return self._web

    def close(self) -> None:
        """Give back what was opened; the next call opens anew."""
        with self._turn:
            self._stack.close()
            self._hub = self._web = None
        atexit.unregister(self.close)


def _for_functions(settings: Settings) -> Settings:
    if settings.database_url is None:
        raise ConfigurationError("Functions keep nothing on their machine. Name the PostgreSQL server in DATABASE_URL.")
    if settings.state_dir is not None:
        return settings
    # The folder of the app itself is read only there.
    return settings.model_copy(update={"state_dir": Path(tempfile.gettempdir()) / "doorstep"})


class FunctionFront:
    """The ASGI app behind the functions' HTTP trigger: takes who asks, and how, from the front end that is always before it."""

    def __init__(self, lazy: LazyHub) -> None:
        self._lazy = lazy

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; the app has no start and no end of its own."""
        if scope["type"] == "lifespan":
            await _answer_lifespan(receive, send)
            return
        import asyncio

        web = await asyncio.to_thread(self._lazy.web)
        await web({**scope, **_as_the_sender_sent_it(scope)}, receive, send)


def _as_the_sender_sent_it(scope: Scope) -> dict[str, object]:
    """Address and scheme as Azure's front end noted them: it adds itself last, so the last entry is not of the sender's making."""
    headers = {name.lower(): value.decode("latin-1") for name, value in scope.get("headers", [])}
    found: dict[str, object] = {}
    if last := headers.get(b"x-forwarded-for", "").rpartition(",")[2].strip():
        host, _, port = last.rpartition(":") if "]:" in last or last.count(":") == 1 else (last, "", "")
        found["client"] = ((host or last).strip("[]"), int(port) if port.isdigit() else 0)
    if (scheme := headers.get(b"x-forwarded-proto", "").rpartition(",")[2].strip()) in {"http", "https"}:
        found["scheme"] = scheme
    return found


async def _answer_lifespan(receive: Receive, send: Send) -> None:
    while True:
        message: Message = await receive()
        if message["type"] == "lifespan.startup":
            await send({"type": "lifespan.startup.complete"})
        elif message["type"] == "lifespan.shutdown":
            await send({"type": "lifespan.shutdown.complete"})
            return
