"""Events reach subscribers: shared out from the outbox, then called out, signed, at least once and in order for each work order.

An event that is answered by no success is tried again later, and what comes after it for the same order waits. After
`MOST_TRIES` it is dead, with the reason. An address that cannot be reached at all is left alone for longer and longer, which is
no fault of the event; after `LONGEST_SILENCE` the subscription ends.
"""

import json
import logging
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID, uuid4

from sqlalchemy import ColumnElement, Row, and_, bindparam, delete, exists, func, insert, or_, select, update

from hub.bootstrap import Hub
from hub.db import tables
from hub.db.tables import callback_delivery, event_subscription
from hub.db.unit_of_work import UnitOfWork
from hub.domain.appointments import Appointment
from hub.domain.events import Event
from hub.domain.ids import AppointmentId
from hub.domain.lifecycle import Action, AppointmentStatus
from ingest.api.calling import CallbackRefusedError, CallFailedError, call, sign
from ingest.api.queries import first_version
from ingest.api.resources import Agreement, appointment_view
from ingest.api.subscriptions import Api

DELIVER_TASK = "deliver_callbacks"
MOST_TRIES = 10
FIRST_PAUSE = timedelta(seconds=10)
LONGEST_PAUSE = timedelta(hours=6)
LONGEST_UNREACHED_PAUSE = timedelta(minutes=15)
LONGEST_SILENCE = timedelta(days=3)
KEPT = timedelta(days=30)
_LEASE = timedelta(minutes=5)
"""How long a run may keep a subscription; a run that died leaves it to the next one then."""
_RUN_SECONDS = 60.0
_RUN_CALLS = 200
_AT_ONCE = 50
_FAILURES_IN_A_ROW = 5
"""So many answers that are no success end a run: the subscriber is in trouble."""
_SHARED_AT_ONCE = 500
_SHARE_LOCK = 0x63616C6C
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ListedSubscriber:
    """A subscription as the administrator sees it: `host` without the path, which may be a secret; `problem` is the last one."""

    id: UUID
    utility: str
    api: str
    host: str
    end_reason: str
    delivered: int
    waiting: int
    dead: int
    problem: str


def share_events(hub: Hub, now: datetime) -> int:
    """Give the outbox's new events about work orders to those who subscribed; returns how many were given.

    Every committed event is looked at once, in the order of its work order's changes. One process shares at a time.
    """
    given = 0
    for _ in range(20):
        with hub.unit_of_work() as work:
            if not work.connection.scalar(select(func.pg_try_advisory_xact_lock(_SHARE_LOCK))):
                return given
            rows = _unshared(work)
            if rows:
                given += _give(work, rows)
                numbers = [row.seq for row in rows]
                shared = update(tables.outbox_event).where(tables.outbox_event.c.seq.in_(numbers))
                work.connection.execute(shared.values(shared_at=work.now))
                work.commit()
        if len(rows) < _SHARED_AT_ONCE:
            return given
    return given


_UTILITY = select(tables.work_order.c.utility).where(tables.work_order.c.id == bindparam("order")).scalar_subquery()
_SUBSCRIBERS = select(event_subscription.c.id, event_subscription.c.event_types).where(
    event_subscription.c.utility == _UTILITY,
    event_subscription.c.api == Api.APPOINTMENTS.value,
    event_subscription.c.ended_at.is_(None),
)
"""Those who want to hear of an order's appointments; asked at each step of every appointment, and nearly always nobody does."""


def tell_appointment(work: UnitOfWork, event: Event) -> None:
    """Give what happened to an appointment to those who subscribed, in the transaction in which it became true."""
    subscribers = work.connection.execute(_SUBSCRIBERS, {"order": event.work_order_id}).all()
    if not subscribers:
        return
    appointment = work.appointments.get(AppointmentId(event.entity_id))
    kind = _event_type(event, appointment)
    wanting = [one.id for one in subscribers if kind in one.event_types]
    if kind is None or not wanting:
        return
    event_id = uuid4()
    body = json.dumps(_appointment_event(work, event, appointment, kind, event_id))
    rows = [_delivery(one, event.work_order_id, event_id, kind, body, work.now) for one in wanting]
    work.connection.execute(insert(callback_delivery), rows)


def call_subscribers(hub: Hub, now: datetime) -> int:
    """Leave a job for each subscriber for whom something is due; returns how many."""
    table = event_subscription
    with hub.unit_of_work() as work:
        due = select(table.c.id).where(
            table.c.ended_at.is_(None),
            table.c.due_at <= now,
            exists().where(
                callback_delivery.c.subscription_id == table.c.id,
                _waits(callback_delivery),
                callback_delivery.c.due_at <= now,
            ),
        )
        taken = work.connection.scalars(due.limit(_AT_ONCE).with_for_update(skip_locked=True)).all()
        until = now + _LEASE
        for one in taken:
            work.connection.execute(update(table).where(table.c.id == one).values(due_at=until))
            work.defer(DELIVER_TASK, subscription=str(one), until=until.isoformat())
        work.commit()
    return len(taken)


def deliver_callbacks(hub: Hub, subscription: str, until: str) -> None:
    """One run for one subscriber: call it with what is due, until nothing is left, it fails, or the run is long enough.

    `until` names the claim this run was made for; a run whose claim is over does nothing. No transaction is open during a call.
    """
    subscriber = _claim(hub, UUID(subscription), datetime.fromisoformat(until))
    if subscriber is None:
        return
    begun, calls, in_a_row = time.monotonic(), 0, 0
    reached = True
    while calls < _RUN_CALLS and reached and in_a_row < _FAILURES_IN_A_ROW:
        heads = _heads(hub, subscriber.id)
        if not heads:
            break
        for head in heads:
            if time.monotonic() - begun > _RUN_SECONDS:
                calls = _RUN_CALLS
                break
            calls += 1
            reached, good = _deliver(hub, subscriber, head)
            in_a_row = 0 if good else in_a_row + 1
            if not reached or in_a_row >= _FAILURES_IN_A_ROW:
                break
    _settle(hub, subscriber, failed=not reached or in_a_row >= _FAILURES_IN_A_ROW)


def list_subscribers(hub: Hub) -> tuple[ListedSubscriber, ...]:
    """Every subscription of the last 30 days or still live, with how its deliveries stand."""
    table, delivery = event_subscription.c, callback_delivery.c
    problem = func.max(delivery.seq).filter(delivery.problem != "").label("problem")
    counts = (
        select(
            delivery.subscription_id,
            func.count(delivery.delivered_at).label("delivered"),
            func.count(delivery.dead_at).label("dead"),
            func.count().label("total"),
            problem,
        )
        .group_by(delivery.subscription_id)
        .subquery()
    )
    last = callback_delivery.alias("last")
    query = (
        select(event_subscription, counts.c.delivered, counts.c.dead, counts.c.total, last.c.problem.label("said"))
        .outerjoin(counts, counts.c.subscription_id == table.id)
        .outerjoin(last, last.c.seq == counts.c.problem)
        .where(or_(table.ended_at.is_(None), table.ended_at > hub.clock.now() - KEPT))
        .order_by(table.utility, table.created_at, table.id)
    )
    with hub.reading() as connection:
        return tuple(_listed(row) for row in connection.execute(query))


def _listed(row: Row[Any]) -> ListedSubscriber:
    delivered, dead = row.delivered or 0, row.dead or 0
    return ListedSubscriber(
        id=row.id,
        utility=row.utility,
        api=row.api,
        host=urlsplit(row.callback).netloc,
        end_reason=row.end_reason,
        delivered=delivered,
        waiting=(row.total or 0) - delivered - dead,
        dead=dead,
        problem=row.said or "",
    )


def forget_old_deliveries(hub: Hub, now: datetime) -> int:
    """Delete deliveries that ended, and were made, more than 30 days ago; returns how many."""
    with hub.unit_of_work() as work:
        table = callback_delivery.c
        old = delete(callback_delivery).where(table.created_at < now - KEPT, ~_waits(callback_delivery))
        gone = work.connection.execute(old).rowcount
        work.commit()
    return gone


def _unshared(work: UnitOfWork) -> list[Any]:
    outbox, order = tables.outbox_event, tables.work_order
    query = (
        select(outbox.c.seq, outbox.c.id, outbox.c.work_order_id, outbox.c.at, outbox.c.data, order.c.utility)
        .join(order, order.c.id == outbox.c.work_order_id)
        .where(outbox.c.shared_at.is_(None))
        .order_by(outbox.c.seq)
        .limit(_SHARED_AT_ONCE)
    )
    return list(work.connection.execute(query))


def _give(work: UnitOfWork, rows: Sequence[Any]) -> int:
    table = event_subscription.c
    query = select(table.id, table.utility, table.event_types, table.created_at).where(
        table.utility.in_({row.utility for row in rows}), table.api == Api.ORDERS.value, table.ended_at.is_(None)
    )
    subscribers = defaultdict(list)
    for one in work.connection.execute(query):
        subscribers[one.utility].append(one)
    given = [
        _delivery(one.id, row.work_order_id, row.id, row.data["eventType"], json.dumps(row.data), work.now)
        for row in rows
        for one in subscribers[row.utility]
        if row.data["eventType"] in one.event_types and row.at >= one.created_at
    ]
    if given:
        work.connection.execute(insert(callback_delivery), given)
    return len(given)


def _delivery(
    subscription: UUID, work_order_id: UUID, event_id: UUID, kind: str, body: str, now: datetime
) -> dict[str, Any]:
    return {
        "subscription_id": subscription,
        "work_order_id": work_order_id,
        "event_id": event_id,
        "event_type": kind,
        "body": body,
        "created_at": now,
        "due_at": now,
    }


def _event_type(event: Event, appointment: Appointment) -> str | None:
    """What TMF646 calls the step, or None for one the utility need not hear: what was only held, and the old half of a move."""
    if appointment.confirmed_at is None or event.action == Action.RESCHEDULE.name.lower():
        return None
    if appointment.status is not AppointmentStatus.CONFIRMED:
        return "AppointmentStateChangeEvent"
    return "AppointmentAttributeValueChangeEvent" if appointment.replaces else "AppointmentCreateEvent"


def _appointment_event(
    work: UnitOfWork, event: Event, appointment: Appointment, kind: str, event_id: UUID
) -> dict[str, Any]:
    order = work.work_orders.get(event.work_order_id)
    agreement = Agreement(first_version(work, appointment), appointment)
    view = appointment_view(work.settings.public_url, agreement, order)
    moved = {"fieldPath": "appointment.validFor"} if kind == "AppointmentAttributeValueChangeEvent" else {}
    return {
        "eventId": str(event_id),
        "eventTime": event.at.isoformat(),
        "eventType": kind,
        "correlationId": order.correlation_id,
        "domain": "appointment",
        "title": f"The appointment for work order {order.external_id} is {view.status}.",
        **moved,
        "event": {"appointment": view.to_json()},
    }


def _waits(table: Any) -> ColumnElement[bool]:
    return and_(table.c.delivered_at.is_(None), table.c.dead_at.is_(None))


def _claim(hub: Hub, subscription: UUID, until: datetime) -> Row[Any] | None:
    """Take the subscription for this run; None when another run has it, or it ended."""
    table = event_subscription
    with hub.unit_of_work() as work:
        mine = (table.c.id == subscription, table.c.due_at == until, table.c.ended_at.is_(None))
        # Another instant than the claim's: when the same job runs twice, the second finds it taken.
        taken = update(table).where(*mine).values(due_at=work.now + _LEASE + timedelta(microseconds=1))
        row = work.connection.execute(
            taken.returning(table.c.id, table.c.callback, table.c.secret, table.c.failures, table.c.failing_since)
        ).one_or_none()
        work.commit()
    return row


def _heads(hub: Hub, subscription: UUID) -> Sequence[Row[Any]]:
    """What is due for this subscriber: of each work order only the first that waits."""
    table, earlier = callback_delivery, callback_delivery.alias("earlier")
    before = exists().where(
        earlier.c.subscription_id == table.c.subscription_id,
        earlier.c.work_order_id == table.c.work_order_id,
        earlier.c.seq < table.c.seq,
        _waits(earlier),
    )
    query = (
        select(table)
        .where(table.c.subscription_id == subscription, _waits(table), table.c.due_at <= hub.clock.now(), ~before)
        .order_by(table.c.seq)
        .limit(_AT_ONCE)
    )
    with hub.reading() as connection:
        return connection.execute(query).all()


def _deliver(hub: Hub, subscriber: Row[Any], head: Row[Any]) -> tuple[bool, bool]:
    """Call once and note the outcome; whether the address was reached, and whether it took the event."""
    timestamp = int(hub.clock.now().timestamp())
    signed = sign(subscriber.secret, str(head.event_id), head.event_type, head.body, timestamp)
    try:
        call(subscriber.callback, signed, private=hub.settings.private_callbacks)
    except CallFailedError as error:
        _note_failure(hub, head, str(error), counts=error.reachable)
        return error.reachable, False
    except CallbackRefusedError as error:
        _note_failure(hub, head, str(error), counts=False)
        return False, False
    _note(hub, head, delivered_at=hub.clock.now(), tries=head.tries + 1, problem="")
    return True, True


def _note_failure(hub: Hub, head: Row[Any], problem: str, *, counts: bool) -> None:
    tries = head.tries + counts
    if tries >= MOST_TRIES:
        _log.warning("A callback with event %s is given up after %s tries: %s", head.event_id, tries, problem)
        _note(hub, head, dead_at=hub.clock.now(), tries=tries, problem=problem)
        return
    due_at = hub.clock.now() + (_pause(tries, 4, LONGEST_PAUSE) if counts else timedelta())
    _note(hub, head, due_at=due_at, tries=tries, problem=problem)


def _note(hub: Hub, head: Row[Any], **values: Any) -> None:
    table = callback_delivery
    with hub.unit_of_work() as work:
        # Not when it ended meanwhile: an unregistered subscription's deliveries stay dead.
        work.connection.execute(update(table).where(table.c.seq == head.seq, _waits(table)).values(values))
        work.commit()


def _settle(hub: Hub, subscriber: Row[Any], *, failed: bool) -> None:
    """Give the subscription back: at once, or after a pause that grows while it fails; end it when it failed for too long."""
    table = event_subscription
    with hub.unit_of_work() as work:
        values: dict[str, Any] = {"due_at": work.now, "failures": 0, "failing_since": None}
        if failed:
            since = subscriber.failing_since or work.now
            pause = _pause(subscriber.failures + 1, 2, LONGEST_UNREACHED_PAUSE)
            values = {"due_at": work.now + pause, "failures": subscriber.failures + 1, "failing_since": since}
            if work.now - since >= LONGEST_SILENCE:
                days = LONGEST_SILENCE.days
                values |= {"ended_at": work.now, "end_reason": f"The address took nothing for {days} days."}
                _end_deliveries(work, subscriber.id, values["end_reason"])
                _log.warning("The subscription %s ended: its address took nothing for %s days.", subscriber.id, days)
        still = table.c.id == subscriber.id, table.c.ended_at.is_(None)
        work.connection.execute(update(table).where(*still).values(values))
        work.commit()


def _end_deliveries(work: UnitOfWork, subscription: UUID, reason: str) -> None:
    table = callback_delivery
    waiting = update(table).where(table.c.subscription_id == subscription, _waits(table))
    work.connection.execute(waiting.values(dead_at=work.now, problem=reason))


def _pause(tries: int, factor: int, longest: timedelta) -> timedelta:
    """How long to wait after so many tries."""
    steps = min(max(tries - 1, 0), 20)
    return min(longest, FIRST_PAUSE * int(factor**steps))
