"""The dossier of an order for its utility: what was tried to reach the citizen, as JSON to check and as an accessible PDF.

TM Forum has no resource for it, so it has an address of its own. Whoever makes dossiers is given to the web host: rooms do not
know each other.
"""

from typing import Annotated, Any, Literal, Protocol, cast

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response

from hub.bootstrap import Hub
from hub.domain.ids import WorkOrderId
from hub.domain.work_orders import WorkOrder
from hub.web.limits import bounded_route
from hub.web.requests import HubDependency
from ingest.api.access import ReadsOrders
from ingest.api.queries import get_order

DOSSIER_PATH = "/doorstep/v1/workOrder/{id}/dossier"
Language = Literal["nl", "fr", "de", "en"]


class DossierDesk(Protocol):
    """Who makes dossiers."""

    def json_of_order(self, hub: Hub, work_order_id: WorkOrderId) -> tuple[WorkOrder, bytes]:
        """An order and its dossier as JSON; raises NotFoundError."""

    def pdf_of_order(self, hub: Hub, work_order_id: WorkOrderId, language: str) -> tuple[WorkOrder, bytes]:
        """An order and its dossier as PDF; raises NotFoundError, or what says why there is no PDF now."""


def the_desk(request: Request) -> DossierDesk:
    """The desk this web host was built with."""
    return cast("DossierDesk", request.app.state.dossiers)


Desk = Annotated[DossierDesk, Depends(the_desk)]
_PROBLEM = {
    "application/problem+json": {"schema": {"type": "object", "required": ["type", "title", "status", "detail"]}}
}
_PROBLEMS: dict[int | str, dict[str, Any]] = {
    401: {"description": "No token, or one that is not valid any more (RFC 9457).", "content": _PROBLEM},
    403: {"description": "The token does not have the scope (RFC 9457).", "content": _PROBLEM},
    404: {"description": "The utility has no such order (RFC 9457).", "content": _PROBLEM},
}
_NO_PDF = {"description": "No PDF can be made now; the JSON document holds the same (RFC 9457).", "content": _PROBLEM}
_WRONG_LANGUAGE = {"description": "There are no words in that language (RFC 9457).", "content": _PROBLEM}
_HEADERS = {"Cache-Control": "no-store"}
router = APIRouter(route_class=bounded_route(1024))


@router.get(
    DOSSIER_PATH,
    response_class=Response,
    tags=["Dossiers"],
    responses={
        200: {
            "description": "The dossier; record.howToCheck says how to check it.",
            "content": {"application/json": {"schema": {"type": "object", "required": ["schema", "record"]}}},
        },
        **_PROBLEMS,
    },
)
def read_dossier(hub: HubDependency, client: ReadsOrders, desk: Desk, id: str) -> Response:  # noqa: A002 - TM Forum's name
    """What was tried to reach the citizen of one of the utility's orders, by our id, with the record to check it by."""
    _, document = desk.json_of_order(hub, _own_order(hub, client, id))
    return Response(document, media_type="application/json", headers=_HEADERS)


@router.get(
    DOSSIER_PATH + ".pdf",
    response_class=Response,
    tags=["Dossiers"],
    responses={
        200: {"description": "PDF/UA-1.", "content": {"application/pdf": {}}},
        **_PROBLEMS,
        422: _WRONG_LANGUAGE,
        503: _NO_PDF,
    },
)
def read_dossier_as_pdf(
    hub: HubDependency,
    client: ReadsOrders,
    desk: Desk,
    id: str,  # noqa: A002 - TM Forum's name
    lang: Annotated[
        Language | None, Query(description="Its language; absent: the one this installation writes to utilities in.")
    ] = None,
) -> Response:
    """The same as an accessible document for people."""
    order, document = desk.pdf_of_order(hub, _own_order(hub, client, id), lang or hub.settings.dossier_language)
    headers = {**_HEADERS, "Content-Disposition": f'attachment; filename="dossier-{order.id}.pdf"'}
    return Response(document, media_type="application/pdf", headers=headers)


def _own_order(hub: Hub, client: ReadsOrders, identity: str) -> WorkOrderId:
    with hub.snapshot() as work:
        return get_order(work, client, identity).id
