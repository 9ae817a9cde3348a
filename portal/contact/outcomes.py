"""How contacting a citizen ends, and what a policy lets follow."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from hub.domain.lifecycle import HoldReason, WorkOrderStatus


class Outcome(StrEnum):
    """What came of a round of contacting. ORDER_CHANGED: the utility changed work or place, so nobody is asked any more, or not yet;
    or the citizen, so somebody else is.

    Those of HoldReason have the same words there.
    """

    BOOKED = "booked"
    NO_CONTACT = "no contact"
    NO_ACCESS = "no access"
    REFUSED = "refused"
    WRONG_NUMBER = "wrong number"
    DECEASED = "deceased"
    MOVED = "moved"
    UNSAFE = "unsafe"
    OTHER = "other"
    ORDER_OVER = "order over"
    ORDER_CHANGED = "order changed"


class Then(StrEnum):
    """What follows an outcome. The order is on hold in any case; the utility hears of the hold, but gets the dossier only by ESCALATE."""

    ESCALATE = "escalate"
    HOLD = "hold"
    REASSIGN = "reassign"


@dataclass(frozen=True)
class Ending:
    """What follows one outcome: with `review_after` the order is looked at again, and if `reinvites`, its citizen invited again then."""

    then: Then = Then.ESCALATE
    review_after: timedelta | None = None
    reinvites: bool = False
    team: str = ""


HANDED_BACK = Ending()
"""What follows where no policy says otherwise: the utility gets the order with everything that was tried."""

TOLD_TO_STAFF = (
    HoldReason.REFUSED,
    HoldReason.WRONG_NUMBER,
    HoldReason.DECEASED,
    HoldReason.MOVED,
    HoldReason.OTHER,
)
"""What a member of staff can learn and record. Silence is counted in messages and a closed door in visits: neither is anybody's word."""
NOBODY_TO_TELL = (HoldReason.WRONG_NUMBER, HoldReason.DECEASED)
"""Where the addresses are not the citizen's (any more): nothing is sent to them, not even that we will not come."""

SENTENCES: Mapping[HoldReason, str] = {
    HoldReason.NO_CONTACT: "Nobody answered any of our messages.",
    HoldReason.NO_ACCESS: "The technician could not get in.",
    HoldReason.REFUSED: "The citizen refused the work.",
    HoldReason.WRONG_NUMBER: "The number or address belongs to somebody else.",
    HoldReason.DECEASED: "The citizen has died.",
    HoldReason.MOVED: "The citizen has moved away.",
    HoldReason.UNSAFE: "The technician found the place unsafe.",
    HoldReason.OTHER: "The work could not be done.",
}


def outcome_of(status: WorkOrderStatus, hold_reason: HoldReason | None) -> Outcome:
    """The outcome of a round whose order is now in `status`, which is no longer CONTACTING."""
    if status is WorkOrderStatus.ON_HOLD:
        return Outcome((hold_reason or HoldReason.OTHER).value)
    if status in {WorkOrderStatus.READY, WorkOrderStatus.NEEDS_LOCATION, WorkOrderStatus.RECEIVED}:
        return Outcome.ORDER_CHANGED
    if status in {WorkOrderStatus.BOOKED, WorkOrderStatus.PLANNED, WorkOrderStatus.IN_PROGRESS}:
        return Outcome.BOOKED
    return Outcome.ORDER_OVER
