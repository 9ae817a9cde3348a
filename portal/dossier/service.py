"""The dossier for whoever may have it: staff on the order's page, the utility over its API."""

import json
from typing import Literal

from hub.bootstrap import Hub
from hub.db.unit_of_work import UnitOfWork
from hub.domain.ids import WorkOrderId
from hub.domain.work_orders import WorkOrder
from portal.dossier.document import compile_dossier
from portal.dossier.paper import draw_dossier

Language = Literal["nl", "fr", "de", "en"]


def dossier_as_json(work: UnitOfWork, order: WorkOrder) -> bytes:
    """The dossier as it stands, as a JSON document in UTF-8 that `doorstep dossier verify` can check."""
    return json.dumps(compile_dossier(work, order), ensure_ascii=False, indent=2).encode()


def dossier_as_pdf(work: UnitOfWork, order: WorkOrder, language: str) -> bytes:
    """The dossier as it stands, as an accessible PDF in `language`; raises PaperUnavailableError or PaperBusyError.

    It is drawn after the last read, but the snapshot stays open meanwhile: read with `hub.snapshot()`, which locks nothing.
    """
    return draw_dossier(compile_dossier(work, order), language=language, zone=order.zone)


def json_of_order(hub: Hub, work_order_id: WorkOrderId) -> tuple[WorkOrder, bytes]:
    """An order and its dossier as JSON; raises NotFoundError."""
    with hub.snapshot() as work:
        order = work.work_orders.get(work_order_id)
        return order, dossier_as_json(work, order)


def pdf_of_order(hub: Hub, work_order_id: WorkOrderId, language: str) -> tuple[WorkOrder, bytes]:
    """An order and its dossier as PDF; raises NotFoundError, PaperUnavailableError or PaperBusyError."""
    with hub.snapshot() as work:
        order = work.work_orders.get(work_order_id)
        dossier = compile_dossier(work, order)
    return order, draw_dossier(dossier, language=language, zone=order.zone)
