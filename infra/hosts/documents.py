"""The machine-readable descriptions: of the bus (AsyncAPI) and of the HTTP interfaces (OpenAPI), each from the code that serves it."""

import asyncio
from collections.abc import Mapping
from functools import cache
from typing import Any

from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient, Response

from hub.settings import Settings
from infra.hosts.rooms import ROUTERS
from ingest.asyncapi import asyncapi_document
from ingest.examples import example_events

OPENAPI: Mapping[str, str] = {"technician": "/api/technician/v1/openapi.json", "utility": "/tmf-api/openapi.json"}
"""The HTTP interfaces, and where each describes itself."""


def asyncapi(settings: Settings) -> dict[str, Any]:
    """What arrives and leaves on this installation's bus."""
    return asyncapi_document(
        orders_queue=settings.orders_queue,
        events_topic=settings.events_topic,
        by_sessions=settings.orders_sessions,
        examples=example_events(),
    )


@cache
def openapi(interface: str) -> dict[str, Any]:
    """The description of one of `OPENAPI`, as the web host serves it. Touches no database."""
    app = FastAPI(openapi_url=None)
    for router in ROUTERS:
        app.include_router(router)

    async def ask() -> Response:
        async with AsyncClient(transport=ASGITransport(app), base_url="http://localhost") as client:
            return await client.get(OPENAPI[interface])

    answer = asyncio.run(ask())
    answer.raise_for_status()
    found: dict[str, Any] = answer.json()
    return found
