"""Runs the web host under uvicorn."""

import uvicorn

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
        config = uvicorn.Config(
            create_app(hub),
            access_log=False,  # the path of a citizen's page is the citizen's key
            log_level="warning",
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=5,
            timeout_keep_alive=30,
        )
        uvicorn.Server(config).run(sockets=[listener])
