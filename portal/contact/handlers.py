"""What the contact ladder does when something happens to an order, an appointment or a visit."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

from hub.bootstrap import Hub
from hub.db.unit_of_work import ForMany, Subscriptions, UnitOfWork
from hub.domain.contact import Channel, LinkPurpose
from hub.domain.events import SYSTEM, ActorKind, Event
from hub.domain.ids import AppointmentId, VisitId
from hub.domain.lifecycle import Action, AppointmentStatus, HoldReason, WorkOrderStatus
from hub.domain.work_orders import WorkOrder
from hub.notifications.links import end_links
from hub.notifications.service import APPOINTMENT_PARAMETER, request_notification
from portal.contact.anew import hear_of_new_contact
from portal.contact.cases import end_case, open_cases
from portal.contact.endings import settle_aborted_visit
from portal.contact.follow_ups import review_held_orders
from portal.contact.outcomes import NOBODY_TO_TELL, outcome_of
from portal.contact.receipts import BRING_FORWARD_JOB, bring_ladder_forward, hear_of_failure
from portal.contact.reminders import remind_of_appointments
from portal.contact.service import PAUSE_AFTER_CANCELLATION, run_due_contacts

_LINK_OUTLIVES_ORDER = timedelta(days=7)
"""How long the personal link still shows that an order is done or cancelled."""


def invite_or_make_ready(work: UnitOfWork, events: Sequence[Event]) -> None:
    """Orders arrived: ask their citizens, or leave them to planning when they need none.

    One that cannot be done at all (no such work type, no territory) is left to whoever imported it, to be rejected.
    """
    orders = work.work_orders.recall_all([event.work_order_id for event in events], lock=True)
    steps: dict[Action, list[WorkOrder]] = {Action.INVITE: [], Action.MAKE_READY: []}
    for event in events:
        order = orders[event.work_order_id]
        work_type = work.catalogue.work_types.get(order.work_type)
        if work_type is not None and order.territory and order.status is WorkOrderStatus.RECEIVED:
            steps[Action.INVITE if work_type.needs_citizen else Action.MAKE_READY].append(order)
    for action, able in steps.items():
        work.advance_work_orders(able, action, by=SYSTEM)


def begin_round(work: UnitOfWork, events: Sequence[Event]) -> None:
    """Orders are being contacted, for the first time or again."""
    orders = work.work_orders.recall_all([event.work_order_id for event in events])
    due: dict[datetime, list[WorkOrder]] = {}
    for event in events:
        cancelled_by_citizen = event.action == Action.UNBOOK.name.lower() and event.actor.kind is ActorKind.CITIZEN
        pause = PAUSE_AFTER_CANCELLATION if cancelled_by_citizen else timedelta()
        due.setdefault(work.now + pause, []).append(orders[event.work_order_id])
    for first_due_at, asked in due.items():
        open_cases(work, asked, first_due_at=first_due_at)


def end_round(work: UnitOfWork, event: Event) -> None:
    """The citizen booked, or the order ended in another way."""
    order = work.work_orders.recall(event.work_order_id)
    end_case(work, order.id, outcome_of(order.status, order.hold_reason))


def end_round_on_hold(work: UnitOfWork, event: Event) -> None:
    """The order was put on hold; what was sent to somebody who never was its citizen opens nothing from now on.

    Nobody said which of several addresses that was (else see `wrong_address`), so it holds for every link; whoever is asked again gets
    a new one.
    """
    end_round(work, event)
    if work.work_orders.recall(event.work_order_id).hold_reason is HoldReason.WRONG_NUMBER:
        end_links(work, event.work_order_id, LinkPurpose.BOOKING, work.now)


def end_rounds(work: UnitOfWork, events: Sequence[Event]) -> None:
    """The same for orders that wait for planning, most of which never had a round."""
    asked = work.contact_cases.list_by_id([event.work_order_id for event in events])
    for event in events:
        if event.work_order_id in asked:
            end_round(work, event)


def end_round_and_links(work: UnitOfWork, event: Event) -> None:
    """The order is over: its links show that for some days and then expire."""
    end_round(work, event)
    end_links(work, event.work_order_id, LinkPurpose.BOOKING, work.now + _LINK_OUTLIVES_ORDER)


def send_confirmation(work: UnitOfWork, event: Event) -> None:
    """An appointment was confirmed: say so, with the calendar file; a move is told as one."""
    appointment = work.appointments.recall(AppointmentId(event.entity_id))
    earlier = work.appointments.find(appointment.replaces) if appointment.replaces else None
    kind = "moved" if earlier is not None and earlier.confirmed_at is not None else "confirmation"
    _tell_citizen(work, event, kind)


def send_cancellation(work: UnitOfWork, event: Event) -> None:
    """A confirmed appointment was cancelled: the citizen who did it can choose again; otherwise say that we will not come.

    A hold that is given up and an appointment that was moved are not told: the first was never agreed, the second is
    told by its successor. Where the addresses are somebody else's, or the citizen has died, nothing is sent.
    """
    if event.before != AppointmentStatus.CONFIRMED.value or event.action != Action.CANCEL.name.lower():
        return
    order = work.work_orders.recall(event.work_order_id)
    if order.status is WorkOrderStatus.ON_HOLD and order.hold_reason in NOBODY_TO_TELL:
        return
    _tell_citizen(work, event, "cancelled" if event.actor.kind is ActorKind.CITIZEN else "withdrawn")


def follow_up_aborted_visit(work: UnitOfWork, event: Event) -> None:
    """A technician ended a visit without completing it."""
    visit = work.visits.get(VisitId(event.entity_id))
    order = work.work_orders.get(event.work_order_id, lock=True)
    settle_aborted_visit(work, order, visit)


def _tell_citizen(work: UnitOfWork, event: Event, kind: str) -> None:
    order = work.work_orders.recall(event.work_order_id)
    bound = {APPOINTMENT_PARAMETER: str(event.entity_id)}
    request_notification(work, order, kind=kind, channel=Channel.EMAIL, parameters=bound)


SUBSCRIPTIONS: Subscriptions = {
    "work_order.received": [ForMany(invite_or_make_ready)],
    "work_order.contacting": [ForMany(begin_round)],
    # The utility changed the work or the place: nobody is to be asked any more, or not yet.
    "work_order.ready": [ForMany(end_rounds)],
    "work_order.needs_location": [end_round],
    "work_order.contact_changed": [hear_of_new_contact],
    "work_order.booked": [end_round],
    "work_order.on_hold": [end_round_on_hold],
    "work_order.completed": [end_round_and_links],
    "work_order.cancelled": [end_round_and_links],
    "appointment.confirmed": [send_confirmation],
    "appointment.cancelled": [send_cancellation],
    "visit.aborted": [follow_up_aborted_visit],
    "notification.undelivered": [hear_of_failure],
    "notification.failed": [hear_of_failure],
}
JOBS: Mapping[str, Callable[..., None]] = {BRING_FORWARD_JOB: bring_ladder_forward}
TIMERS: Mapping[str, Callable[[Hub, datetime], int]] = {
    "run_due_contacts": run_due_contacts,
    "review_held_orders": review_held_orders,
    "remind_of_appointments": remind_of_appointments,
}
