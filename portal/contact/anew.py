"""The utility gave other contact data: what was sent to an address that is gone opens nothing any more, and contact begins anew.

Where the citizen is another one, what the former one told us goes too: it was told in confidence, and some of it opens doors.
"""

from sqlalchemy import Table, delete

from hub.contact_record import append_entry
from hub.db.citizen_tables import access_details, citizen_file, contact_preference
from hub.db.conversation_tables import slot_list_offer
from hub.db.portal_tables import time_preference
from hub.db.unit_of_work import UnitOfWork
from hub.domain.contact import CaseStatus, Channel, LinkPurpose
from hub.domain.events import Event
from hub.domain.lifecycle import AppointmentStatus, WorkOrderStatus
from hub.domain.waitlist import OfferStatus
from hub.domain.work_orders import WorkOrder
from hub.notifications.links import end_links
from hub.notifications.service import APPOINTMENT_PARAMETER, request_notification
from portal.contact import record
from portal.contact.cases import end_case, open_cases, policy_of
from portal.contact.outcomes import Outcome
from portal.waitlist.records import end_entry, live_entry, open_offer, settle_offer

_TOLD: tuple[Table, ...] = (access_details, time_preference, contact_preference, citizen_file, slot_list_offer)
"""What a citizen told or was offered; the daily sweep takes the files whose rows are gone."""
_AGREED = (WorkOrderStatus.BOOKED, WorkOrderStatus.PLANNED, WorkOrderStatus.IN_PROGRESS)


def hear_of_new_contact(work: UnitOfWork, event: Event) -> None:
    """An address is not the citizen's any more; with `anotherCitizen` nobody we know is."""
    order = work.work_orders.get(event.work_order_id, lock=True)
    ended = end_links(work, order.id, LinkPurpose.BOOKING, work.now)
    is_another = bool(event.data.get("anotherCitizen"))
    if is_another:
        _forget(work, order)
    append_entry(work, order.id, record.CONTACT_CHANGED, {"anotherCitizen": is_another, "links": ended})
    if order.status is WorkOrderStatus.CONTACTING:
        _go_on_asking(work, order, is_another=is_another, had_link=ended > 0)
    elif order.status in _AGREED and (is_another or ended):
        _tell_of_appointment(work, order, is_another=is_another)


def _forget(work: UnitOfWork, order: WorkOrder) -> None:
    for table in _TOLD:
        work.connection.execute(delete(table).where(table.c.work_order_id == order.id))
    entry = live_entry(work, order.id, lock=True)
    if entry is None:
        return
    offer = open_offer(work, entry.id, lock=True)
    if offer is not None:
        settle_offer(work, offer, OfferStatus.DECLINED)
    end_entry(work, entry, "another citizen")


def _go_on_asking(work: UnitOfWork, order: WorkOrder, *, is_another: bool, had_link: bool) -> None:
    """Somebody else is asked from the beginning; the same person gets a link in place of the one that ended."""
    case = work.contact_cases.find(order.id, lock=True)
    if case is None or case.status is not CaseStatus.OPEN or case.next_step == 0:
        # The invitation is still to come, and brings a link.
        return
    if is_another:
        end_case(work, order.id, Outcome.ORDER_CHANGED)
        open_cases(work, [order], first_due_at=work.now)
    elif had_link:
        send_link(work, order)


def _tell_of_appointment(work: UnitOfWork, order: WorkOrder, *, is_another: bool) -> None:
    """The appointment stands, for the place and the work are the same; whoever it is with now can move or cancel it."""
    table = work.appointments.table.c
    agreed = work.appointments.find_where(
        table.work_order_id == order.id, table.status == AppointmentStatus.CONFIRMED, table.starts_at > work.now
    )
    if agreed is not None and is_another:
        bound = {APPOINTMENT_PARAMETER: str(agreed.id)}
        request_notification(work, order, kind="confirmation", channel=Channel.EMAIL, parameters=bound)
    else:
        send_link(work, order)


def send_link(work: UnitOfWork, order: WorkOrder) -> None:
    """Queue a new link for the order's citizen, by whichever address reaches; not in quiet hours."""
    policy = policy_of(work, order, work.contact_cases.find(order.id))
    if policy is not None:
        request_notification(work, policy.addressed(order), kind="new_link", quiet=policy.quiet)
