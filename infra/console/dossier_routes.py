"""HTTP of an order's dossier for staff: what the utility can have, to read, to check and to print."""

from typing import Annotated, Any, cast
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from starlette.responses import Response

from hub.contact_record import first_fault, read_entries
from hub.domain.ids import WorkOrderId
from hub.domain.staff import Role
from hub.notifications.texts import LANGUAGES
from hub.web import times
from hub.web.limits import MOST_FORM_BYTES, bounded_route
from hub.web.requests import HubDependency, PagesDependency
from hub.web.staff import Staff, require
from infra.console.words import language_name
from portal.dossier.document import compile_dossier
from portal.dossier.service import Language, json_of_order, pdf_of_order
from portal.dossier.wording import Wording

router = APIRouter(include_in_schema=False, route_class=bounded_route(MOST_FORM_BYTES))

_ADDRESS = "/console/orders/{work_order_id}/dossier"
_SEES_ORDERS = Depends(require(Role.DISPATCHER, Role.OPERATIONS, Role.ADMINISTRATOR))
_PAGE_LENGTH = 200


@router.get(_ADDRESS, dependencies=[_SEES_ORDERS])
def show_dossier(
    hub: HubDependency,
    pages: PagesDependency,
    staff: Staff,
    work_order_id: UUID,
    page: Annotated[int, Query(ge=1, le=1_000_000)] = 1,
) -> Response:
    """What happened in contacting the citizen, entry by entry, and whether the chain is sound."""
    with hub.snapshot() as work:
        order = work.work_orders.get(WorkOrderId(work_order_id))
        dossier = cast("dict[str, Any]", compile_dossier(work, order))
        entries = read_entries(work, order.id)
    words = Wording("en")
    shown = entries[(page - 1) * _PAGE_LENGTH : page * _PAGE_LENGTH]
    return pages.render(
        "console/dossier.html",
        staff=staff,
        here="/console/orders",
        order=order,
        outcome=words.outcome(dossier["reason"], dossier["outcome"]),
        entries=[(one, words.entry(one.kind, one.content)) for one in shown],
        total=len(entries),
        head=dossier["record"]["headHash"],
        fault=first_fault(entries),
        page=page,
        pages=max(1, -(-len(entries) // _PAGE_LENGTH)),
        languages=LANGUAGES,
        language_name=language_name,
        language=hub.settings.dossier_language,
        times=times,
    )


@router.get(_ADDRESS + ".json", dependencies=[_SEES_ORDERS])
def download_json(hub: HubDependency, staff: Staff, work_order_id: UUID) -> Response:
    """The dossier as a document that `doorstep dossier verify` can check."""
    order, document = json_of_order(hub, WorkOrderId(work_order_id))
    return Response(document, media_type="application/json", headers=_as_file(f"dossier-{order.id}.json"))


@router.get(_ADDRESS + ".pdf", dependencies=[_SEES_ORDERS])
def download_pdf(hub: HubDependency, staff: Staff, work_order_id: UUID, lang: Language | None = None) -> Response:
    """The dossier as an accessible document for people."""
    order, document = pdf_of_order(hub, WorkOrderId(work_order_id), lang or hub.settings.dossier_language)
    return Response(document, media_type="application/pdf", headers=_as_file(f"dossier-{order.id}.pdf"))


def _as_file(name: str) -> dict[str, str]:
    return {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "private, no-store"}
