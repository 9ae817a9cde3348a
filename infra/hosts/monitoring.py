"""A worker's own door for monitoring: /metrics and /health on a port of its own."""

import ipaddress
import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from hub.bootstrap import Hub
from infra.hosts.health import readiness
from infra.hosts.metrics import answer_metrics
from infra.hosts.running import listening_socket

_STOP_SECONDS = 5.0
_log = logging.getLogger(__name__)


def monitoring_app(hub: Hub) -> Starlette:
    """The addresses. On a port only this machine reaches the metrics need no token; elsewhere, and when one is set, they do."""
    settings = hub.settings
    is_open = _only_this_machine(settings.metrics_host) and not settings.metrics_token.get_secret_value()
    token = None if is_open else settings.metrics_token

    def metrics(request: Request) -> Response:
        return answer_metrics(hub, request, token=token)

    def alive(_: Request) -> Response:
        return JSONResponse({"status": "alive"})

    def ready(_: Request) -> Response:
        found = readiness(hub)
        return JSONResponse(found.as_json(), status_code=200 if found.is_ready else 503)

    return Starlette(routes=[Route("/metrics", metrics), Route("/health/alive", alive), Route("/health/ready", ready)])


@contextmanager
def monitored(hub: Hub) -> Iterator[int]:
    """Serve the addresses beside the block, in a thread, and yield the port; 0 when the settings ask for none.

    Raises PortTakenError: each worker of one machine needs a port of its own.
    """
    settings = hub.settings
    if not settings.metrics_port:
        yield 0
        return
    listener = listening_socket(
        settings.metrics_host, settings.metrics_port, "give this worker another port with DOORSTEP_METRICS_PORT"
    )
    with listener:
        server = uvicorn.Server(
            uvicorn.Config(monitoring_app(hub), access_log=False, log_level="warning", lifespan="off")
        )
        thread = threading.Thread(target=server.run, args=([listener],), name="monitoring", daemon=True)
        thread.start()
        port = listener.getsockname()[1]
        _log.info("Metrics and health of this worker are served on port %s.", port)
        try:
            yield port
        finally:
            server.should_exit = True
            thread.join(_STOP_SECONDS)


def _only_this_machine(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
