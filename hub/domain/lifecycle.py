"""The lifecycles, as tables: read this file first.

Each table maps (status, action) to the next status. A step that is absent is refused. Every step that is taken
writes one status event (who, when, why): figures, history, audit and the messages to the utility come from those events.
"""

from collections.abc import Mapping
from enum import StrEnum

from hub.domain.errors import TransitionRefusedError


class WorkOrderStatus(StrEnum):
    """Where a job stands. READY is a job without a citizen: it needs a technician but no appointment.

    NEEDS_LOCATION comes before RECEIVED: nobody knows yet where on the map the address lies, so nobody is invited.
    """

    NEEDS_LOCATION = "needs location"
    RECEIVED = "received"
    READY = "ready"
    CONTACTING = "contacting"
    BOOKED = "booked"
    PLANNED = "planned"
    IN_PROGRESS = "in progress"
    COMPLETED = "completed"
    ON_HOLD = "on hold"
    CANCELLED = "cancelled"
    REJECTED = "rejected"


class AppointmentStatus(StrEnum):
    """Where an agreement with the citizen stands. A reschedule ends one version and starts the next."""

    HELD = "held"
    CONFIRMED = "confirmed"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


class VisitStatus(StrEnum):
    """Where one planned call of one technician stands. DISPATCHED is what the technician's phone shows."""

    PLANNED = "planned"
    DISPATCHED = "dispatched"
    EN_ROUTE = "en route"
    ON_SITE = "on site"
    WORKING = "working"
    COMPLETED = "completed"
    ABORTED = "aborted"
    CANCELLED = "cancelled"


class HoldReason(StrEnum):
    """Why an order is on hold. The first three are three different outcomes, never one; the next three somebody told us."""

    NO_CONTACT = "no contact"
    NO_ACCESS = "no access"
    REFUSED = "refused"
    WRONG_NUMBER = "wrong number"
    DECEASED = "deceased"
    MOVED = "moved"
    UNSAFE = "unsafe"
    OTHER = "other"


class AbortReason(StrEnum):
    """Why a visit ended without completion."""

    NO_ACCESS = "no access"
    REFUSED = "refused"
    UNSAFE = "unsafe"
    OTHER = "other"


class Action(StrEnum):
    """What can be done to a work order, an appointment or a visit."""

    CREATE = "be created"
    REJECT = "be rejected"
    LOCATE = "be located"
    UNLOCATE = "lose its place on the map"
    CORRECT = "be corrected"
    MAKE_READY = "be made ready"
    INVITE = "be invited"
    BOOK = "be booked"
    RESCHEDULE = "be moved"
    UNBOOK = "lose its appointment"
    PLAN = "be planned"
    UNPLAN = "be taken off the plan"
    BEGIN = "begin"
    COMPLETE = "be completed"
    REINVITE = "be invited again"
    HOLD = "be put on hold"
    CANCEL = "be cancelled"
    CONFIRM = "be confirmed"
    EXPIRE = "expire"
    FAIL = "fail"
    DISPATCH = "be dispatched"
    SET_OFF = "set off"
    ARRIVE = "arrive"
    START = "start"
    ABORT = "be aborted"


_W, _A, _V = WorkOrderStatus, AppointmentStatus, VisitStatus

WORK_ORDER_TRANSITIONS: Mapping[tuple[WorkOrderStatus, Action], WorkOrderStatus] = {
    (_W.NEEDS_LOCATION, Action.LOCATE): _W.RECEIVED,
    (_W.NEEDS_LOCATION, Action.REJECT): _W.REJECTED,
    (_W.NEEDS_LOCATION, Action.CANCEL): _W.CANCELLED,
    (_W.RECEIVED, Action.REJECT): _W.REJECTED,
    (_W.RECEIVED, Action.MAKE_READY): _W.READY,
    (_W.RECEIVED, Action.INVITE): _W.CONTACTING,
    (_W.RECEIVED, Action.CANCEL): _W.CANCELLED,
    # The utility may change the kind of work (with or without a citizen), the place and what was wrong with an order.
    (_W.NEEDS_LOCATION, Action.UNLOCATE): _W.NEEDS_LOCATION,
    (_W.RECEIVED, Action.UNLOCATE): _W.NEEDS_LOCATION,
    (_W.READY, Action.UNLOCATE): _W.NEEDS_LOCATION,
    (_W.CONTACTING, Action.UNLOCATE): _W.NEEDS_LOCATION,
    (_W.BOOKED, Action.UNLOCATE): _W.NEEDS_LOCATION,
    (_W.PLANNED, Action.UNLOCATE): _W.NEEDS_LOCATION,
    (_W.ON_HOLD, Action.UNLOCATE): _W.NEEDS_LOCATION,
    (_W.READY, Action.INVITE): _W.CONTACTING,
    (_W.CONTACTING, Action.MAKE_READY): _W.READY,
    (_W.ON_HOLD, Action.MAKE_READY): _W.READY,
    (_W.REJECTED, Action.CORRECT): _W.RECEIVED,
    (_W.REJECTED, Action.UNLOCATE): _W.NEEDS_LOCATION,
    (_W.REJECTED, Action.CANCEL): _W.CANCELLED,
    (_W.READY, Action.PLAN): _W.PLANNED,
    (_W.READY, Action.CANCEL): _W.CANCELLED,
    (_W.CONTACTING, Action.BOOK): _W.BOOKED,
    (_W.CONTACTING, Action.HOLD): _W.ON_HOLD,
    (_W.CONTACTING, Action.CANCEL): _W.CANCELLED,
    (_W.BOOKED, Action.RESCHEDULE): _W.BOOKED,
    (_W.BOOKED, Action.UNBOOK): _W.CONTACTING,
    (_W.BOOKED, Action.PLAN): _W.PLANNED,
    (_W.BOOKED, Action.HOLD): _W.ON_HOLD,
    (_W.BOOKED, Action.CANCEL): _W.CANCELLED,
    (_W.PLANNED, Action.RESCHEDULE): _W.BOOKED,
    (_W.PLANNED, Action.UNBOOK): _W.CONTACTING,
    (_W.PLANNED, Action.UNPLAN): _W.READY,
    (_W.PLANNED, Action.BEGIN): _W.IN_PROGRESS,
    (_W.PLANNED, Action.REINVITE): _W.CONTACTING,
    (_W.PLANNED, Action.HOLD): _W.ON_HOLD,
    (_W.PLANNED, Action.CANCEL): _W.CANCELLED,
    (_W.IN_PROGRESS, Action.COMPLETE): _W.COMPLETED,
    (_W.IN_PROGRESS, Action.REINVITE): _W.CONTACTING,
    (_W.IN_PROGRESS, Action.HOLD): _W.ON_HOLD,
    # A citizen who answers late still finds the link working: nobody is lost, and the utility hears of it.
    (_W.ON_HOLD, Action.BOOK): _W.BOOKED,
    # Staff learns the true reason while the order waits.
    (_W.ON_HOLD, Action.HOLD): _W.ON_HOLD,
    (_W.ON_HOLD, Action.REINVITE): _W.CONTACTING,
    (_W.ON_HOLD, Action.CANCEL): _W.CANCELLED,
}

APPOINTMENT_TRANSITIONS: Mapping[tuple[AppointmentStatus, Action], AppointmentStatus] = {
    (_A.HELD, Action.CONFIRM): _A.CONFIRMED,
    (_A.HELD, Action.EXPIRE): _A.EXPIRED,
    (_A.HELD, Action.CANCEL): _A.CANCELLED,
    (_A.CONFIRMED, Action.RESCHEDULE): _A.CANCELLED,
    (_A.CONFIRMED, Action.CANCEL): _A.CANCELLED,
    (_A.CONFIRMED, Action.COMPLETE): _A.COMPLETED,
    (_A.CONFIRMED, Action.FAIL): _A.FAILED,
}

VISIT_TRANSITIONS: Mapping[tuple[VisitStatus, Action], VisitStatus] = {
    (_V.PLANNED, Action.PLAN): _V.PLANNED,
    (_V.PLANNED, Action.DISPATCH): _V.DISPATCHED,
    (_V.PLANNED, Action.CANCEL): _V.CANCELLED,
    (_V.DISPATCHED, Action.PLAN): _V.PLANNED,
    (_V.DISPATCHED, Action.DISPATCH): _V.DISPATCHED,
    (_V.DISPATCHED, Action.CANCEL): _V.CANCELLED,
    (_V.DISPATCHED, Action.SET_OFF): _V.EN_ROUTE,
    (_V.DISPATCHED, Action.ARRIVE): _V.ON_SITE,
    (_V.DISPATCHED, Action.ABORT): _V.ABORTED,
    (_V.EN_ROUTE, Action.ARRIVE): _V.ON_SITE,
    (_V.EN_ROUTE, Action.ABORT): _V.ABORTED,
    (_V.ON_SITE, Action.START): _V.WORKING,
    (_V.ON_SITE, Action.ABORT): _V.ABORTED,
    (_V.WORKING, Action.COMPLETE): _V.COMPLETED,
    (_V.WORKING, Action.ABORT): _V.ABORTED,
}

FINAL_WORK_ORDER_STATUSES = frozenset({_W.COMPLETED, _W.CANCELLED, _W.REJECTED})
LIVE_VISIT_STATUSES = frozenset({_V.PLANNED, _V.DISPATCHED, _V.EN_ROUTE, _V.ON_SITE, _V.WORKING})
"""Visits that take the technician's time from now on; the database forbids two of them (or a done one) to overlap."""
MOVABLE_VISIT_STATUSES = frozenset({_V.PLANNED, _V.DISPATCHED})
"""Visits the technician has not set off for: planning may still shift them inside their window."""

TMF697_STATES: Mapping[WorkOrderStatus, str] = {
    _W.NEEDS_LOCATION: "acknowledged",
    _W.RECEIVED: "acknowledged",
    _W.READY: "acknowledged",
    _W.CONTACTING: "pending",
    _W.BOOKED: "pending",
    _W.PLANNED: "pending",
    _W.IN_PROGRESS: "inProgress",
    _W.COMPLETED: "completed",
    _W.ON_HOLD: "held",
    _W.CANCELLED: "cancelled",
    _W.REJECTED: "rejected",
}

TMF646_STATES: Mapping[AppointmentStatus, str] = {
    _A.HELD: "initialized",
    _A.CONFIRMED: "confirmed",
    _A.COMPLETED: "completed",
    _A.FAILED: "failed",
    _A.CANCELLED: "cancelled",
    _A.EXPIRED: "cancelled",
}


def next_work_order_status(status: WorkOrderStatus, action: Action) -> WorkOrderStatus:
    """The status after `action`; raises TransitionRefusedError when the table has no such step."""
    return _next("work_order", WORK_ORDER_TRANSITIONS, status, action)


def next_appointment_status(status: AppointmentStatus, action: Action) -> AppointmentStatus:
    """The status after `action`; raises TransitionRefusedError when the table has no such step."""
    return _next("appointment", APPOINTMENT_TRANSITIONS, status, action)


def next_visit_status(status: VisitStatus, action: Action) -> VisitStatus:
    """The status after `action`; raises TransitionRefusedError when the table has no such step."""
    return _next("visit", VISIT_TRANSITIONS, status, action)


def _next[S: StrEnum](entity: str, table: Mapping[tuple[S, Action], S], status: S, action: Action) -> S:
    after = table.get((status, action))
    if after is None:
        raise TransitionRefusedError(entity, status.value, action.value)
    return after
