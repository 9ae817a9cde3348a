"""Runs the web host under uvicorn."""

import uvicorn
from starlette.types import ASGIApp

from hub.settings import Settings
from infra.hosts.running import listening_socket, read_settings, running_hub
from infra.hosts.web import create_app


def serve_web(host: str | None = None, port: int | None = None) -> None:
    """Serve until SIGINT or SIGTERM; raises PortTakenError before anything is started."""
    settings = read_settings()
    listener = listening_socket(
        host or settings.host,
        settings.port if port is None else port,
        "choose another port with --port or DOORSTEP_PORT",
    )
    with listener, running_hub(settings) as hub:
        uvicorn.Server(server_config(create_app(hub), settings)).run(sockets=[listener])


def server_config(app: ASGIApp, settings: Settings) -> uvicorn.Config:
    """How uvicorn serves `app`: it believes `X-Forwarded-For` and `X-Forwarded-Proto` from the trusted proxies only."""
    return uvicorn.Config(
        app,
        access_log=False,  # the path of a citizen's page is the citizen's key
        log_level="warning",
        server_header=False,
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=settings.trusted_proxies,
        timeout_graceful_shutdown=5,
        timeout_keep_alive=30,
    )
