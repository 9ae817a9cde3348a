"""Citizens' files, for those who see the order."""

from uuid import UUID

from fastapi import APIRouter, Depends
from starlette.responses import Response

from hub.domain.ids import WorkOrderId
from hub.domain.staff import Role
from hub.web.requests import HubDependency
from hub.web.staff import require
from portal.details.queries import open_file_of
from portal.details.routes import served

router = APIRouter(include_in_schema=False)
_SEES_ORDERS = Depends(require(Role.DISPATCHER, Role.OPERATIONS, Role.ADMINISTRATOR))


@router.get("/console/orders/{work_order_id}/files/{file_id}", dependencies=[_SEES_ORDERS])
def show_file(hub: HubDependency, work_order_id: UUID, file_id: UUID) -> Response:
    """A photo or document the order's citizen sent, as a download."""
    found, content = open_file_of(hub, WorkOrderId(work_order_id), file_id)
    return served(found, content)
