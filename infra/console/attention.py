"""What needs somebody's attention now: counts over all rooms, worst first."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlencode

from sqlalchemy import Connection, exists, func, select

from hub.db import message_tables, portal_tables, tables
from hub.domain.catalogue import Catalogue
from hub.domain.citizen_requests import RequestStatus
from hub.domain.contact import NotificationStatus
from hub.domain.lifecycle import HoldReason, VisitStatus, WorkOrderStatus
from infra.console.contact import count_due_reviews
from infra.console.stuck import WORDS, is_stuck
from ingest.inbox import InboxOutcome
from ingest.quarantine.records import QuarantineStatus
from portal.conversations.queries import count_waiting

_QUIET_EVENTS = timedelta(minutes=5)
_EARLY_FOR_TOO_LONG = timedelta(hours=1)
_WAITING_MESSAGES = timedelta(minutes=30)
_SILENT_WORKER = timedelta(minutes=5)


@dataclass(frozen=True)
class Matter:
    """One thing somebody should look at: how many, what it is (`singular`, `plural`), what to do, and where to go (if anywhere)."""

    count: int
    singular: str
    plural: str
    advice: str
    address: str = ""

    @property
    def what(self) -> str:
        """What it is, to be read after the count."""
        return self.singular if self.count == 1 else self.plural


@dataclass(frozen=True)
class UnreadMessage:
    """A message of the utility that could not be taken in, and why."""

    received_at: datetime
    reason: str


@dataclass(frozen=True)
class Attention:
    """The console's first page. `orders` counts every status, empty ones too; `visits` those of the day by status."""

    matters: tuple[Matter, ...]
    orders: Mapping[WorkOrderStatus, int]
    holds: Mapping[HoldReason, int]
    visits: Mapping[VisitStatus, int]
    unread: tuple[UnreadMessage, ...]
    caught_up_to: datetime | None


def what_needs_attention(
    connection: Connection, catalogue: Catalogue, now: datetime, day: tuple[datetime, datetime]
) -> Attention:
    """Everything as of `now`; `day` is the span of instants whose visits are counted."""
    orders = _orders_by_status(connection)
    holds = _holds_by_reason(connection)
    caught_up_to = connection.execute(select(func.max(tables.worker_beat.c.caught_up_to))).scalar_one()
    matters = (
        *_stuck_matters(connection, catalogue, now),
        _inbox_matter(connection),
        _request_matter(connection),
        *_order_matters(connection, now, orders, holds),
        *_message_matters(connection, now),
        *_worker_matters(caught_up_to, now),
    )
    return Attention(
        matters=tuple(matter for matter in matters if matter.count),
        orders=orders,
        holds=holds,
        visits=_visits_by_status(connection, day),
        unread=_unread_messages(connection),
        caught_up_to=caught_up_to,
    )


def _orders_by_status(connection: Connection) -> dict[WorkOrderStatus, int]:
    order = tables.work_order.c
    found = connection.execute(select(order.status, func.count()).group_by(order.status))
    return dict.fromkeys(WorkOrderStatus, 0) | {row[0]: row[1] for row in found}


def _holds_by_reason(connection: Connection) -> dict[HoldReason, int]:
    order = tables.work_order.c
    on_hold = order.status == WorkOrderStatus.ON_HOLD
    found = connection.execute(
        select(order.hold_reason, func.count())
        .where(on_hold, order.hold_reason.is_not(None))
        .group_by(order.hold_reason)
    )
    counts = {row[0]: row[1] for row in found}
    return {reason: counts[reason] for reason in HoldReason if reason in counts}


def _visits_by_status(connection: Connection, day: tuple[datetime, datetime]) -> dict[VisitStatus, int]:
    visit = tables.visit.c
    found = connection.execute(
        select(visit.status, func.count())
        .where(visit.starts_at >= day[0], visit.starts_at < day[1])
        .group_by(visit.status)
    )
    counts = {row[0]: row[1] for row in found}
    return {status: counts[status] for status in VisitStatus if status in counts}


def _stuck_matters(connection: Connection, catalogue: Catalogue, now: datetime) -> list[Matter]:
    return [
        Matter(
            connection.execute(
                select(func.count(tables.work_order.c.id)).where(is_stuck(why, now, catalogue))
            ).scalar_one(),
            words.singular,
            words.plural,
            words.advice,
            orders_address(stuck=why.value),
        )
        for why, words in WORDS.items()
    ]


def _inbox_matter(connection: Connection) -> Matter:
    return Matter(
        count_waiting(connection),
        "citizen waits for an answer",
        "citizens wait for an answer",
        "Read what they wrote, or call them back.",
        "/console/inbox",
    )


def _request_matter(connection: Connection) -> Matter:
    request = portal_tables.citizen_request.c
    waiting = select(func.count()).where(request.status == RequestStatus.WAITING)
    return Matter(
        connection.execute(waiting).scalar_one(),
        "citizen asks for a visit and waits for a decision",
        "citizens ask for a visit and wait for a decision",
        "Accept or decline them.",
        "/console/requests",
    )


def _order_matters(
    connection: Connection,
    now: datetime,
    orders: Mapping[WorkOrderStatus, int],
    holds: Mapping[HoldReason, int],
) -> list[Matter]:
    order = tables.work_order.c
    ended = (WorkOrderStatus.COMPLETED, WorkOrderStatus.CANCELLED, WorkOrderStatus.REJECTED)
    overdue = select(func.count()).where(order.due_at < now, order.status.not_in(ended))
    return [
        Matter(
            connection.execute(overdue).scalar_one(),
            "order past its due date",
            "orders past their due date",
            "Call the citizen or the utility.",
            orders_address(overdue="yes"),
        ),
        Matter(
            orders[WorkOrderStatus.NEEDS_LOCATION],
            "order whose place nobody knows",
            "orders whose place nobody knows",
            "Put it on the map; until then nobody is invited.",
            "/console/locations",
        ),
        Matter(
            count_due_reviews(connection, now),
            "order on hold whose review date has come",
            "orders on hold whose review date has come",
            "Decide: invite again, hand over, wait longer, or cancel.",
            "/console/held?due=yes",
        ),
        *(
            Matter(
                count,
                f"order on hold: {reason.value}",
                f"orders on hold: {reason.value}",
                "See who has it, and when it is looked at again.",
                "/console/held",
            )
            for reason, count in holds.items()
        ),
        Matter(
            orders[WorkOrderStatus.READY],
            "order waits for a place in the plan",
            "orders wait for a place in the plan",
            "Plan the coming days.",
            "/console/board",
        ),
        Matter(
            orders[WorkOrderStatus.REJECTED],
            "order was rejected",
            "orders were rejected",
            "The utility was told why.",
            orders_address(status="rejected"),
        ),
    ]


def _message_matters(connection: Connection, now: datetime) -> list[Matter]:
    notification, outbox = tables.notification.c, tables.outbox_event.c
    message, waiting_change = message_tables.quarantined_message.c, message_tables.early_message.c
    quarantined = select(func.count()).where(message.status == QuarantineStatus.WAITING.value)
    early = select(func.count()).where(waiting_change.received_at < now - _EARLY_FOR_TOO_LONG)
    successor = tables.notification.alias("successor")
    # What went on by another channel is no matter any more; whatever failed there counts itself.
    went_on = exists().where(successor.c.failover_of == notification.id)
    unclear = select(func.count()).where(
        notification.status.in_((NotificationStatus.FAILED, NotificationStatus.UNKNOWN)), ~went_on
    )
    waiting = select(func.count()).where(
        notification.status.in_((NotificationStatus.QUEUED, NotificationStatus.SENDING)),
        func.coalesce(notification.retry_at, notification.created_at) < now - _WAITING_MESSAGES,
    )
    unheard = select(func.count()).where(outbox.sent_at.is_(None), outbox.at < now - _QUIET_EVENTS)
    return [
        Matter(
            connection.execute(quarantined).scalar_one(),
            "message of the utility could not be used and waits in quarantine",
            "messages of the utility could not be used and wait in quarantine",
            "Correct and replay them, or discard them.",
            "/console/quarantine",
        ),
        Matter(
            connection.execute(early).scalar_one(),
            "change waits for more than an hour for an order that never came",
            "changes wait for more than an hour for orders that never came",
            "Ask the utility to send those orders.",
        ),
        Matter(
            connection.execute(unclear).scalar_one(),
            "message to a citizen failed or its fate is unknown",
            "messages to citizens failed or their fate is unknown",
            "The order's page shows which.",
        ),
        Matter(
            connection.execute(waiting).scalar_one(),
            "message to a citizen waits for more than 30 minutes",
            "messages to citizens wait for more than 30 minutes",
            "Check that the worker runs and look into its log.",
        ),
        Matter(
            connection.execute(unheard).scalar_one(),
            "event waits for more than 5 minutes to go to the utility",
            "events wait for more than 5 minutes to go to the utility",
            "Check that the worker runs and reaches the bus.",
        ),
    ]


def _worker_matters(caught_up_to: datetime | None, now: datetime) -> list[Matter]:
    if caught_up_to is not None and caught_up_to >= now - _SILENT_WORKER:
        return []
    return [
        Matter(
            1,
            "reason to look after the worker: none was heard of for 5 minutes",
            "",
            "Start it with the command: doorstep worker.",
        )
    ]


def _unread_messages(connection: Connection) -> tuple[UnreadMessage, ...]:
    inbox = tables.inbox_message.c
    rows = connection.execute(
        select(inbox.received_at, inbox.detail)
        .where(inbox.outcome == InboxOutcome.DEAD_LETTERED.value)
        .order_by(inbox.received_at.desc())
        .limit(10)
    )
    return tuple(UnreadMessage(*row) for row in rows)


def orders_address(**filters: str) -> str:
    """The orders list with `filters`."""
    return f"/console/orders?{urlencode(filters)}"
