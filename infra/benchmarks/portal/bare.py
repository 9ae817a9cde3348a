"""`python -m infra.benchmarks.portal.bare PORT PROCESSES`: the limit, a page of FastAPI and Jinja that looks nothing up.

As many days and times as the portal shows, from values at hand, by a plain function and compressed as the portal's pages are.
"""

import sys
from pathlib import Path

import uvicorn
from fastapi import FastAPI
from jinja2 import Environment, FileSystemLoader
from starlette.middleware.gzip import GZipMiddleware
from starlette.responses import HTMLResponse
from uvicorn.supervisors import Multiprocess

from hub.settings import Settings
from infra.hosts.running import listening_socket
from infra.hosts.web_server import server_config

DAYS, SLOTS = 20, 4


def create_bare_app() -> FastAPI:
    """One page at `/page`."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    app.add_middleware(GZipMiddleware, minimum_size=1024)
    template = Environment(
        loader=FileSystemLoader(Path(__file__).with_name("templates")), autoescape=True, auto_reload=False
    ).get_template("bare.html")
    days = [
        {
            "title": f"Monday {day} November",
            "slots": [
                {
                    "value": f"2026-11-{day:02}T{8 + 2 * slot:02}:00Z",
                    "hours": f"{8 + 2 * slot:02}:00–{10 + 2 * slot:02}:00",
                    "why": "A technician is in your street",
                }
                for slot in range(SLOTS)
            ],
        }
        for day in range(1, DAYS + 1)
    ]

    @app.get("/page")
    def page() -> HTMLResponse:
        return HTMLResponse(template.render(days=days))

    return app


def main() -> None:
    """Serve until SIGTERM."""
    port, processes = map(int, sys.argv[1:])
    config = server_config(create_bare_app, Settings(), factory=True, workers=processes)
    with listening_socket("127.0.0.1", port, "choose another port") as listener:
        if processes > 1:
            Multiprocess(config, [listener]).run()
        else:
            uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    main()
