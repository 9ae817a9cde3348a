"""A technician sees and touches their own visits only."""

from hub.db.unit_of_work import UnitOfWork
from hub.domain.appointments import Visit
from hub.domain.errors import NotFoundError
from hub.domain.ids import VisitId
from hub.domain.lifecycle import VisitStatus
from hub.domain.work_orders import WorkOrder
from technician_api.service.enrolment import SignedIn


def own_visit(
    work: UnitOfWork, signed_in: SignedIn, visit_id: VisitId, *, stepping: bool = False
) -> tuple[WorkOrder, Visit]:
    """The technician's visit and its order, locked in the one order everybody uses; raises NotFoundError.

    With `stepping` the route is locked too and its version rises: whoever fits a booking into it meanwhile waits, and then
    sees the step. A visit that is only planned is not shown to phones yet, so it does not exist for them.
    """
    found = work.visits.find(visit_id)
    if found is None or found.technician_id != signed_in.technician.id:
        raise NotFoundError("visit")
    order = work.work_orders.get(found.work_order_id, lock=True)
    if stepping:
        route = work.routes.get(work.visits.get(visit_id).route_id, lock=True)
        work.routes.swap(route, route)
    visit = work.visits.get(visit_id, lock=True)
    if visit.technician_id != signed_in.technician.id or visit.status is VisitStatus.PLANNED:
        raise NotFoundError("visit")
    return order, visit
