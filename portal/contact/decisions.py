"""What staff decides about an order that is being contacted or on hold; each act says who and why, in history and contact record.

Every command carries the version of the order that its author saw: of two who decide at once the second is told so.
"""

from dataclasses import dataclass
from datetime import date, datetime, time
from zoneinfo import ZoneInfo

from hub.bootstrap import Hub
from hub.contact_record import append_entry
from hub.db.unit_of_work import UnitOfWork
from hub.domain.errors import DoorstepError, ErrorKind, StaleVersionError
from hub.domain.events import Actor, Event
from hub.domain.ids import WorkOrderId
from hub.domain.lifecycle import (
    LIVE_VISIT_STATUSES,
    MOVABLE_VISIT_STATUSES,
    Action,
    HoldReason,
    WorkOrderStatus,
)
from hub.domain.work_orders import WorkOrder
from hub.typed import one_line
from portal.contact import record
from portal.contact.endings import conclude
from portal.contact.follow_ups import FollowUp, find_follow_up, invite_again, may_be_invited, set_follow_up
from portal.contact.outcomes import SENTENCES, TOLD_TO_STAFF
from portal.contact.wrong_address import WrongAddress, go_on_without, take_away

LONGEST_NOTE = 500
_SHORTEST_NOTE = 3
_LONGEST_WAIT_DAYS = 730
_REVIEWED_AT = time(8)
"""Local time at which an order is looked at again on its day."""


class NoNoteError(DoorstepError):
    """An act without a reason."""

    code = "no-note"

    def __init__(self) -> None:
        super().__init__(
            f"Say in a few words why, in {_SHORTEST_NOTE} to {LONGEST_NOTE} characters that can be printed."
        )


class NotToldError(DoorstepError):
    """An outcome that only the ladder or a technician can state."""

    code = "not-told"

    def __init__(self, reason: HoldReason) -> None:
        known = ", ".join(one.value for one in TOLD_TO_STAFF)
        super().__init__(f"The outcome '{reason.value}' cannot be recorded by hand; these can: {known}.")
        self.reason = reason


class UnderWayError(DoorstepError):
    """A technician has set off."""

    kind = ErrorKind.CONFLICT
    code = "visit-under-way"

    def __init__(self) -> None:
        super().__init__("A technician is under way to this order; wait until that visit has ended.")


class NotOnHoldError(DoorstepError):
    """What only an order on hold has was asked of another."""

    kind = ErrorKind.CONFLICT
    code = "not-on-hold"

    def __init__(self, status: WorkOrderStatus) -> None:
        super().__init__(f"The order is {status.value} and not on hold, so this cannot be done.")
        self.status = status


class NoMessagesLeftError(DoorstepError):
    """The policy's bound on messages is reached."""

    kind = ErrorKind.CONFLICT
    code = "no-messages-left"

    def __init__(self) -> None:
        super().__init__("The contact policy allows no more messages to this citizen. Call, or cancel the order.")


class WrongReviewDateError(DoorstepError):
    """A review date that nobody would look at."""

    code = "wrong-review-date"

    def __init__(self) -> None:
        super().__init__(f"The review date must be after today and within {_LONGEST_WAIT_DAYS} days.")


class UnknownTeamError(DoorstepError):
    """A team that the catalogue does not have."""

    code = "unknown-team"

    def __init__(self, team: str, known: tuple[str, ...]) -> None:
        super().__init__(f"There is no team '{team}' in the catalogue; its teams are {', '.join(known) or 'none'}.")
        self.team = team


@dataclass(frozen=True)
class Decision:
    """Which order, as its author saw it, who decides, and why."""

    work_order_id: WorkOrderId
    version: int
    actor: Actor
    note: str


def record_outcome(hub: Hub, decision: Decision, reason: HoldReason) -> WorkOrder:
    """Staff learned how it stands: the order goes on hold for `reason` (again, when it was), and what the policy says follows.

    Appointments and visits end with it. Raises NoNoteError, NotToldError, UnderWayError, StaleVersionError and
    TransitionRefusedError.
    """
    if reason not in TOLD_TO_STAFF:
        raise NotToldError(reason)
    with hub.unit_of_work() as work:
        order, note = _begin(work, decision)
        if _is_under_way(work, order):
            raise UnderWayError
        held = conclude(work, order, reason, SENTENCES[reason], by=decision.actor, note=note)
        work.commit()
    return held


def strike_address(hub: Hub, decision: Decision, address: WrongAddress) -> WorkOrder:
    """Staff learned that one address is somebody else's: it goes, and the citizen is asked by what is left, see `wrong_address`.

    Raises NoNoteError, NoSuchAddressError, UnderWayError, StaleVersionError and TransitionRefusedError.
    """
    with hub.unit_of_work() as work:
        order, note = _begin(work, decision)
        if _is_under_way(work, order):
            raise UnderWayError
        struck = take_away(work, order, address, by=decision.actor, note=note)
        _tell(work, struck, decision.actor, "address_struck", note)
        after = go_on_without(work, struck, by=decision.actor, note=note)
        work.commit()
    return after


def reinvite(hub: Hub, decision: Decision) -> WorkOrder:
    """Take a held order up again: its citizen is invited, or it waits for the plan when it needs none.

    Raises NoNoteError, NotOnHoldError, NoMessagesLeftError and StaleVersionError.
    """
    with hub.unit_of_work() as work:
        order, note = _begin_on_hold(work, decision)
        if work.catalogue.work_type(order.work_type).needs_citizen:
            if not may_be_invited(work, order):
                raise NoMessagesLeftError
            after = invite_again(work, order, by=decision.actor, reason=note)
        else:
            after = work.advance_work_order(order, Action.MAKE_READY, by=decision.actor, reason=note, hold_reason=None)
        work.commit()
    return after


def set_review(hub: Hub, decision: Decision, day: date | None, *, reinvites: bool) -> FollowUp:
    """Look at the held order again on `day`, or never by itself; with `reinvites` its citizen is invited again then.

    Raises NoNoteError, NotOnHoldError, WrongReviewDateError, NoMessagesLeftError and StaleVersionError.
    """
    with hub.unit_of_work() as work:
        order, note = _begin_on_hold(work, decision)
        review_at = _review_instant(day, order.zone, work.now)
        invites = reinvites and review_at is not None
        if invites and not may_be_invited(work, order):
            raise NoMessagesLeftError
        before = find_follow_up(work, order.id)
        after = set_follow_up(
            work, order.id, review_at=review_at, reinvites=invites, team=before.team if before else ""
        )
        # The order's version rises, so that of two who decide at once the second sees that there was a first.
        _tell(work, work.work_orders.swap(order, order), decision.actor, "review_set", note)
        content = {"reviewOn": day.isoformat() if day else "", "invitesAgain": invites}
        append_entry(work, order.id, record.REVIEW_SET, {**content, "by": record.who(decision.actor), "note": note})
        work.commit()
    return after


def hand_over(hub: Hub, decision: Decision, team: str) -> FollowUp:
    """Give the held order to `team`, or with an empty name back to everybody.

    Raises NoNoteError, NotOnHoldError, UnknownTeamError and StaleVersionError.
    """
    if team and team not in hub.catalogue.teams:
        raise UnknownTeamError(team, hub.catalogue.teams)
    with hub.unit_of_work() as work:
        order, note = _begin_on_hold(work, decision)
        before = find_follow_up(work, order.id)
        after = set_follow_up(
            work,
            order.id,
            review_at=before.review_at if before else None,
            reinvites=before.reinvites if before else False,
            team=team,
        )
        _tell(work, work.work_orders.swap(order, order), decision.actor, "handed_over", note)
        append_entry(work, order.id, record.HANDED_OVER, {"team": team, "by": record.who(decision.actor), "note": note})
        work.commit()
    return after


def cancel_held(hub: Hub, decision: Decision) -> WorkOrder:
    """End an order that is on hold; the utility hears why. Raises NoNoteError, NotOnHoldError and StaleVersionError."""
    with hub.unit_of_work() as work:
        order, note = _begin_on_hold(work, decision)
        after = work.advance_work_order(order, Action.CANCEL, by=decision.actor, reason=note)
        append_entry(work, order.id, record.CANCELLED, {"by": record.who(decision.actor), "note": note})
        work.commit()
    return after


def _begin(work: UnitOfWork, decision: Decision) -> tuple[WorkOrder, str]:
    """The order, locked and as its author saw it, and the note as it may be kept for ever."""
    order = work.work_orders.get(decision.work_order_id, lock=True)
    if order.version != decision.version:
        raise StaleVersionError(work.work_orders.what)
    # Stricter than `one_line` alone, which keeps the joiner of an emoji: within a number it would hide that from the masking.
    printable = "".join(sign if sign.isprintable() else " " for sign in decision.note)
    note = " ".join(one_line(printable).split())
    if not _SHORTEST_NOTE <= len(note) <= LONGEST_NOTE:
        raise NoNoteError
    return order, record.without_personal_values(note, order)


def _begin_on_hold(work: UnitOfWork, decision: Decision) -> tuple[WorkOrder, str]:
    order, note = _begin(work, decision)
    if order.status is not WorkOrderStatus.ON_HOLD:
        raise NotOnHoldError(order.status)
    return order, note


def _is_under_way(work: UnitOfWork, order: WorkOrder) -> bool:
    visit = work.visits.table.c
    begun = LIVE_VISIT_STATUSES - MOVABLE_VISIT_STATUSES
    found = work.visits.find_where(visit.work_order_id == order.id, visit.status.in_(begun))
    return order.status is WorkOrderStatus.IN_PROGRESS or found is not None


def _review_instant(day: date | None, zone: str, now: datetime) -> datetime | None:
    if day is None:
        return None
    today = now.astimezone(ZoneInfo(zone)).date()
    if not 0 < (day - today).days <= _LONGEST_WAIT_DAYS:
        raise WrongReviewDateError
    return datetime.combine(day, _REVIEWED_AT, ZoneInfo(zone))


def _tell(work: UnitOfWork, order: WorkOrder, actor: Actor, action: str, note: str) -> None:
    """A fact of the history that is no step of the lifecycle, so the utility does not hear of it."""
    work.tell(
        Event(
            name=f"work_order.{action}",
            entity="work_order",
            entity_id=order.id,
            work_order_id=order.id,
            at=work.now,
            actor=actor,
            action=action,
            reason=note,
        )
    )
