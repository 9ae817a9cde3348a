"""One of a citizen's addresses is somebody else's: it goes from the order, and the citizen is asked by what is left.

Whoever else has links of the order may have them by that address, so all of them end. Only when no address is left that reaches the
citizen, or no message, does contacting end as *wrong number*.
"""

from dataclasses import replace
from enum import StrEnum

from hub.contact_record import append_entry
from hub.db.unit_of_work import UnitOfWork
from hub.domain.contact import Channel, LinkPurpose
from hub.domain.errors import DoorstepError, ErrorKind, TransitionRefusedError
from hub.domain.events import Actor
from hub.domain.lifecycle import Action, HoldReason, WorkOrderStatus
from hub.domain.work_orders import WorkOrder
from hub.notifications.links import end_links
from hub.notifications.masking import mask_recipient
from hub.notifications.service import reachable_channels
from portal.contact import record
from portal.contact.anew import send_link
from portal.contact.cases import end_case, open_cases, policy_of
from portal.contact.endings import conclude
from portal.contact.follow_ups import invite_again, may_be_invited
from portal.contact.outcomes import SENTENCES, Outcome
from portal.conversations.staff import close_those_of_number

_AGREED = (WorkOrderStatus.BOOKED, WorkOrderStatus.PLANNED)
_OPEN = (WorkOrderStatus.CONTACTING, *_AGREED, WorkOrderStatus.ON_HOLD)
_NOBODY_REACHED = (HoldReason.NO_CONTACT, HoldReason.WRONG_NUMBER)
"""Where it changes something that another address is the citizen's: after a refusal, or a death, it does not."""


class WrongAddress(StrEnum):
    """Which address is not the citizen's. A telephone has one number for texts and calls."""

    PHONE = "phone"
    EMAIL = "email"


_CALLED = {WrongAddress.PHONE: "telephone number", WrongAddress.EMAIL: "e-mail address"}


class NoSuchAddressError(DoorstepError):
    """An address was called wrong that the order does not have."""

    kind = ErrorKind.CONFLICT
    code = "no-such-address"

    def __init__(self, address: WrongAddress) -> None:
        super().__init__(f"The order has no {_CALLED[address]} any more, so there is none to take away.")
        self.address = address


def take_away(work: UnitOfWork, order: WorkOrder, address: WrongAddress, *, by: Actor, note: str) -> WorkOrder:
    """The order without that address: what waits for it is not sent, no link works, what came from it waits for nobody.

    The order must be locked. Raises NoSuchAddressError and TransitionRefusedError.
    """
    if order.status not in _OPEN:
        raise TransitionRefusedError("work_order", order.status.value, Action.HOLD.value)
    is_phone = address is WrongAddress.PHONE
    wrong = order.citizen_phone if is_phone else order.citizen_email
    if not wrong.strip():
        raise NoSuchAddressError(address)
    if is_phone:
        close_those_of_number(work, order, by, note)
    without = replace(order, citizen_phone="") if is_phone else replace(order, citizen_email="")
    after = work.work_orders.swap(order, without)
    ended = end_links(work, order.id, LinkPurpose.BOOKING, work.now)
    content = {"address": address.value, "to": mask_recipient(wrong), "links": ended}
    append_entry(work, order.id, record.WRONG_ADDRESS, {**content, "by": record.who(by), "note": note})
    return after


def go_on_without(work: UnitOfWork, order: WorkOrder, *, by: Actor, note: str) -> WorkOrder:
    """What follows for an order that has lost an address: the next round, another link, or the outcome *wrong number*."""
    can_be_asked = _is_reached(work, order) and may_be_invited(work, order)
    if order.status is WorkOrderStatus.CONTACTING and can_be_asked:
        # What was asked before was asked of a stranger; the most attempts of all rounds together still hold.
        end_case(work, order.id, Outcome.WRONG_NUMBER)
        open_cases(work, [order], first_due_at=work.now)
        return order
    if order.status is WorkOrderStatus.ON_HOLD:
        if order.hold_reason not in _NOBODY_REACHED:
            return order
        if can_be_asked:
            return invite_again(work, order, by=by, reason=note)
    if order.status in _AGREED and _is_reached(work, order):
        # The appointment stands, for the place and the work are the same.
        send_link(work, order)
        return order
    return conclude(work, order, HoldReason.WRONG_NUMBER, SENTENCES[HoldReason.WRONG_NUMBER], by=by, note=note)


def _is_reached(work: UnitOfWork, order: WorkOrder) -> bool:
    """Whether a step of the policy has a channel that reaches the citizen."""
    policy = policy_of(work, order, work.contact_cases.find(order.id))
    wanted: list[Channel] = [channel for step in policy.steps for channel in step.channels] if policy else []
    return bool(reachable_channels(work, order, wanted))
