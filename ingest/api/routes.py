"""The API as one router, and its own description."""

from functools import cache
from typing import Any

from fastapi import APIRouter
from fastapi.openapi.utils import get_openapi
from fastapi.responses import JSONResponse

from ingest.api import access, appointment_routes, dossier_routes, work_order_routes

router = APIRouter()


@cache
def openapi_document() -> dict[str, Any]:
    """This API's OpenAPI 3.1 document."""
    rooms = (access, work_order_routes, appointment_routes, dossier_routes)
    routes = [route for room in rooms for route in room.router.routes]
    document: dict[str, Any] = get_openapi(
        title="Doorstep for utilities",
        version="4.0.0",
        description=(
            "TM Forum's TMF697 (work orders) and TMF646 (appointments), v4, beside the bus and through the same "
            "services. A program of a utility gets a token with its id and secret, and sees its own utility's orders only. "
            "Writes take an `Idempotency-Key`: the same request again has no second effect. "
            "Errors are TM Forum's `Error`, whose `reason` is a sentence for people."
        ),
        routes=routes,
    )
    _leave_out_unsent(document)
    return document


@router.get("/tmf-api/openapi.json", include_in_schema=False)
def describe() -> JSONResponse:
    """The document; anybody may read it."""
    return JSONResponse(openapi_document())


def _leave_out_unsent(document: dict[str, Any]) -> None:
    """The framework promises a 422 wherever there are parameters; here it is a 400, which is described already."""
    for path, operations in document["paths"].items():
        for operation in operations.values():
            if path.startswith("/tmf-api/"):
                operation["responses"].pop("422", None)
    for name in ("HTTPValidationError", "ValidationError"):
        document["components"]["schemas"].pop(name, None)


router.include_router(access.router)
router.include_router(work_order_routes.router)
router.include_router(appointment_routes.router)
router.include_router(dossier_routes.router)
