"""What the citizen's pages read."""

from dataclasses import dataclass

from hub.bootstrap import Hub
from hub.db.tables import visit as visit_table
from hub.db.unit_of_work import UnitOfWork
from hub.domain.appointments import Appointment
from hub.domain.catalogue import WorkType
from hub.domain.contact import LinkPurpose
from hub.domain.lifecycle import HoldReason, VisitStatus, WorkOrderStatus
from hub.domain.work_orders import WorkOrder
from hub.notifications.links import find_link
from scheduling.service import Agreements, agreements_of

_UNDER_WAY = (VisitStatus.EN_ROUTE, VisitStatus.ON_SITE, VisitStatus.WORKING)
_WAITING_FOR_UTILITY = (HoldReason.UNSAFE, HoldReason.OTHER)
_BOOKED = (WorkOrderStatus.BOOKED, WorkOrderStatus.PLANNED)


@dataclass(frozen=True)
class Booking:
    """What a citizen's link opens: the order, its confirmed appointment, and the slot that is held at this instant.

    `agreed` is the same with holds whose lease is over.
    """

    order: WorkOrder
    work_type: WorkType
    confirmed: Appointment | None
    held: Appointment | None
    under_way: bool
    agreed: Agreements

    @property
    def can_choose(self) -> bool:
        """Whether a first appointment can be made. An order on hold stays open: a late answer is still welcome."""
        if self.order.status is WorkOrderStatus.ON_HOLD:
            return self.order.hold_reason not in _WAITING_FOR_UTILITY and not self.order.rests
        return self.order.status is WorkOrderStatus.CONTACTING

    @property
    def can_change(self) -> bool:
        """Whether the confirmed appointment can still be moved or cancelled: not once the technician is on the way."""
        return self.order.status in _BOOKED and self.confirmed is not None and not self.under_way


def find_booking(hub: Hub, token: str) -> Booking:
    """What the link with `token` opens; raises LinkInvalidError or LinkExpiredError. Reads only."""
    with hub.unit_of_work() as work:
        return read_booking(work, find_link(work, token, LinkPurpose.BOOKING).order)


def read_booking(work: UnitOfWork, order: WorkOrder) -> Booking:
    """How an order stands for its citizen, who has already been recognised by whoever asks."""
    agreed = agreements_of(work, order.id)
    table = visit_table.c
    # Nobody is on the way to a citizen who is still being asked.
    under_way = order.status is not WorkOrderStatus.CONTACTING and (
        work.visits.find_where(table.work_order_id == order.id, table.status.in_(_UNDER_WAY)) is not None
    )
    return Booking(
        order=order,
        work_type=work.catalogue.work_type(order.work_type),
        confirmed=agreed.confirmed,
        held=agreed.held_now(work.now),
        under_way=under_way,
        agreed=agreed,
    )
