"""Runs the web host under uvicorn: in this process, or in several that answer on one port.

One process of Python computes on one core at a time. Several share nothing but the port and the database, as web hosts on several
machines do; `web_processes` ends them with this process, and starts again whichever dies or hangs (SIGHUP: all, one after the other).
"""

import atexit
import multiprocessing
import os
import signal
import socket
import threading
from collections.abc import Callable
from functools import partial
from typing import Any

import uvicorn
from starlette.types import ASGIApp

from hub.bootstrap import build_hub
from hub.db.engine import MOST_CONNECTIONS
from hub.domain.errors import ConfigurationError
from hub.logs import configure_logging
from hub.settings import Settings
from infra.hosts.rooms import SUBSCRIPTIONS
from infra.hosts.running import how_many_processes, keep_what_is_loaded, listening_socket, read_settings, running_hub
from infra.hosts.web import VENDOR_FOLDER, create_app
from infra.hosts.web_processes import WebProcesses

_FEWEST_CONNECTIONS = 8


def serve_web(host: str | None = None, port: int | None = None, processes: int | None = None) -> None:
    """Serve until SIGINT or SIGTERM; raises PortTakenError or ConfigurationError before anything is started."""
    settings = read_settings()
    if not VENDOR_FOLDER.is_dir():
        message = f"The pages' scripts and fonts are missing: there is no {VENDOR_FOLDER}. Run `make setup`, then start again."
        raise ConfigurationError(message)
    listener = listening_socket(
        host or settings.host,
        settings.port if port is None else port,
        "choose another port with --port or DOORSTEP_PORT",
    )
    processes = how_many_processes(processes or settings.web_processes, settings)
    with listener, running_hub(settings) as hub:
        if processes > 1:
            _serve_by_processes(hub.settings, listener, processes)
            return
        app = create_app(hub)
        keep_what_is_loaded()
        uvicorn.Server(server_config(app, settings)).run(sockets=[listener])


def server_config(app: ASGIApp | Callable[[], ASGIApp], settings: Settings, **more: Any) -> uvicorn.Config:
    """How uvicorn serves `app`: it believes `X-Forwarded-For` and `X-Forwarded-Proto` from the trusted proxies only."""
    return uvicorn.Config(
        app,
        access_log=False,  # the path of a citizen's page is the citizen's key
        log_config=None,  # its lines go where ours go, and look like them
        log_level="warning",
        server_header=False,
        ws="none",  # no page speaks it, and whoever asks for it must not fill the log
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=settings.trusted_proxies,
        timeout_graceful_shutdown=5,
        timeout_keep_alive=30,
        **more,
    )


def _serve_by_processes(settings: Settings, listener: socket.socket, processes: int) -> None:
    app = partial(_app_of_one, settings, processes)
    config = server_config(app, settings, factory=True, workers=processes)
    host, port, *_ = listener.getsockname()
    WebProcesses(config, listener, f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}").serve()


def _app_of_one(settings: Settings, processes: int) -> ASGIApp:
    """What one process of several serves. The parent has looked whether settings and database are as they should be."""
    configure_logging(settings.log_format, is_host=True)
    threading.Thread(target=_end_with_parent, name="ends-with-parent", daemon=True).start()
    # Together they take no more connections than one process would, as long as each has enough to work with.
    connections = max(_FEWEST_CONNECTIONS, MOST_CONNECTIONS // processes)
    hub = build_hub(settings, SUBSCRIPTIONS, connections=connections)
    atexit.register(hub.close)
    app = create_app(hub)
    keep_what_is_loaded()
    return app


def _end_with_parent() -> None:
    """Also a parent that was killed must leave nobody behind."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)
