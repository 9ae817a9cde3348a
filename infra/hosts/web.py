"""The web host: every room's pages and APIs in one FastAPI app."""

import os
from collections.abc import Callable
from pathlib import Path

from fastapi import FastAPI
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from hub.bootstrap import Hub
from hub.web.errors import install_error_handlers
from hub.web.pages import Pages
from hub.web.protection import SameSiteWrites, SecurityHeaders, content_security_policy
from hub.web.requests import HubDependency
from hub.web.tracing import RequestTracing
from infra.hosts.documents import asyncapi
from infra.hosts.health import readiness
from infra.hosts.metrics import answer_metrics
from infra.hosts.rooms import CONSOLE_MENU, ROUTERS
from portal.dossier import service as dossiers

_CHECKOUT = Path(__file__).resolve().parents[2]
VENDOR_FOLDER = _CHECKOUT / "build" / "static" / "vendor"
_ROOMS_WITH_PAGES = ("scheduling", "portal", "technician_api", "feedback")


class _LastingFiles(StaticFiles):
    """Static files whose address carries their content's hash, so they can be kept for a year."""

    def file_response(
        self, full_path: str | os.PathLike[str], stat_result: os.stat_result, scope: Scope, status_code: int = 200
    ) -> Response:
        """The file; kept for ever by browsers when the address carries its hash."""
        response = super().file_response(full_path, stat_result, scope, status_code)
        if b"v=" in scope.get("query_string", b""):
            response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
        return response


def page_folders() -> tuple[list[Path], dict[str, Path]]:
    """Where templates and static files lie: the template folders, and the static folders by first path part."""
    rooms = {
        "hub": _CHECKOUT / "hub" / "web",
        "console": _CHECKOUT / "infra" / "console",
        "board": _CHECKOUT / "scheduling" / "board",
        "details": _CHECKOUT / "portal" / "details",
        "day": _CHECKOUT / "portal" / "day",
        **{name: _CHECKOUT / name for name in _ROOMS_WITH_PAGES},
    }
    templates = [folder / "templates" for folder in rooms.values()]
    static = {name: folder / "static" for name, folder in rooms.items() if (folder / "static").is_dir()}
    return templates, {**static, "vendor": VENDOR_FOLDER}


def create_app(hub: Hub) -> FastAPI:
    """The app over `hub`; importing this module touches nothing."""
    app = FastAPI(title="Doorstep", docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False)
    templates, static = page_folders()
    pages = Pages(templates, static)
    pages.add_globals(console_menu=CONSOLE_MENU, demo=hub.settings.demo)
    app.state.hub, app.state.pages, app.state.dossiers = hub, pages, dossiers
    install_error_handlers(app)
    app.add_middleware(SameSiteWrites, public_url=hub.settings.public_url)
    app.add_middleware(GZipMiddleware, minimum_size=1024)
    app.add_middleware(
        SecurityHeaders,
        policy=content_security_policy(hub.settings.map_tiles_url),
        https=hub.settings.public_url.startswith("https://"),
    )
    app.add_middleware(RequestTracing)
    for name, folder in static.items():
        app.mount(f"/static/{name}", _LastingFiles(directory=folder, check_dir=False))
    for router in ROUTERS:
        app.include_router(router)
    # Our own instead of the framework's redirects: those go to whatever host the request named.
    for address in ("/console", "/technician"):
        app.add_api_route(f"{address}/", _leading_to(address), include_in_schema=False)
    app.add_api_route("/health/alive", _alive, include_in_schema=False)
    app.add_api_route("/health/ready", lambda: _ready(hub), include_in_schema=False)
    app.add_api_route("/metrics", _metrics, include_in_schema=False)
    app.add_api_route("/documents/asyncapi.json", _asyncapi, include_in_schema=False)
    return app


def _leading_to(address: str) -> Callable[[], Response]:
    def lead() -> Response:
        return RedirectResponse(address, status_code=308)

    return lead


def _alive() -> JSONResponse:
    return JSONResponse({"status": "alive"})


def _ready(hub: Hub) -> JSONResponse:
    # Anybody may ask here; where the database is stays between us and the log.
    found = readiness(hub)
    return JSONResponse(found.as_json(), status_code=200 if found.is_ready else 503)


def _metrics(request: Request, hub: HubDependency) -> Response:
    return answer_metrics(hub, request, token=hub.settings.metrics_token)


def _asyncapi(hub: HubDependency) -> JSONResponse:
    return JSONResponse(asyncapi(hub.settings))
