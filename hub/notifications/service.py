"""Request a message, deliver it once, and know what became of it.

    queued ──claim──▶ sending ──▶ sent ──▶ delivered   its receipt says so
      ▲                 │ │        └─────▶ undelivered its receipt says so
      └──refused, may ──┘ ├─────▶ failed      the provider refused for good, or too often
         pass later       └─────▶ unknown     nobody knows whether it went: never sent again; a receipt can still tell

The provider is called between two transactions. Whoever finds a message not queued leaves it alone, so the job may run twice.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from jinja2 import TemplateError
from sqlalchemy import or_, select, text

from hub.bootstrap import Hub
from hub.db.tables import notification as notification_table
from hub.db.unit_of_work import UnitOfWork
from hub.domain.appointments import Appointment
from hub.domain.contact import Channel, Notification, NotificationStatus
from hub.domain.ids import AppointmentId, NotificationId
from hub.domain.quiet_hours import QuietHours
from hub.domain.work_orders import WorkOrder
from hub.logs import correlated
from hub.metrics import note_provider_call
from hub.notifications.addresses import address_of, closed_channels, reachable_channels
from hub.notifications.compose import compose_message
from hub.notifications.kinds import message_kind
from hub.notifications.ports import Message, SendingFailedError
from hub.notifications.rates import closed_until, rate_of, take_turn
from hub.notifications.sendable import QUIET_PARAMETER, allowed_from, why_outdated
from hub.notifications.settling import (
    DELIVER_JOB,
    RETRY_AFTER,
    drop,
    fail_closed,
    queue_message,
    settle_refusal,
    settle_sent,
    settle_unclear,
)
from hub.notifications.texts import known_language

_log = logging.getLogger(__name__)

__all__ = [
    "DELIVER_JOB",
    "RETRY_AFTER",
    "deliver_notification",
    "reachable_channel",
    "reachable_channels",
    "request_notification",
]

APPOINTMENT_PARAMETER = "appointment_id"
"""The parameter that binds a message to one appointment."""
UNKNOWN_AFTER = timedelta(minutes=5)
"""How long a provider's call may last by the hub's clock before its outcome counts as unknown."""
_REDEFER_AFTER = timedelta(minutes=10)
_BATCH = 200
_JOB_RUNS = text("""
    SELECT 1 FROM procrastinate_jobs AS job JOIN procrastinate_workers AS worker ON worker.id = job.worker_id
    WHERE job.status = 'doing' AND job.task_name = :task AND job.args ->> 'notification_id' = :id
      AND worker.last_heartbeat > now() - interval '60 seconds'
      AND EXISTS (SELECT 1 FROM procrastinate_events AS event WHERE event.job_id = job.id
                  AND event.type = 'started' AND event.at > now() - interval '5 minutes')
    LIMIT 1
""")
"""A killed worker's job stays 'doing' for ever, so its heart must beat too. So does a job whose end a living worker could
not write down because the database was away: no provider's call lasts for minutes. All by the database's own clock."""


def reachable_channel(order: WorkOrder, preferred: Channel) -> Channel | None:
    """The preferred channel when the order has an address for it, else the other one, else None."""
    has = {Channel.EMAIL: bool(order.citizen_email), Channel.SMS: bool(order.citizen_phone)}
    other = Channel.SMS if preferred is Channel.EMAIL else Channel.EMAIL
    return next((channel for channel in (preferred, other) if has[channel]), None)


def request_notification(
    work: UnitOfWork,
    order: WorkOrder,
    *,
    kind: str,
    channel: Channel = Channel.EMAIL,
    channels: Sequence[Channel] = (),
    round: int | None = None,  # noqa: A002 - the ladder's word for it
    step: int | None = None,
    parameters: Mapping[str, str] | None = None,
    quiet: QuietHours | None = None,
) -> Notification | None:
    """Queue one message of `kind` by the first of `channels` that reaches the citizen; None when none does.

    `channels` are in order of preference; those behind the first are tried when it fails for good. Without them it is `channel`
    and then e-mail or SMS.

    With a `step` it is a contact attempt: the database refuses a second one for the same order, round and step.
    A message that speaks of an appointment names it in `parameters["appointment_id"]`. It is sent when `work` commits,
    or later, but not in `quiet` hours, however long the provider or the worker was away.
    """
    message_kind(kind)
    wanted = channels or dict.fromkeys((channel, Channel.EMAIL, Channel.SMS))
    reachable = reachable_channels(work, order, tuple(wanted))
    if not reachable:
        return None
    return queue_message(
        work,
        Notification(
            id=NotificationId(uuid4()),
            work_order_id=order.id,
            kind=kind,
            channel=reachable[0],
            recipient=address_of(order, reachable[0]),
            language=known_language(order.language),
            status=NotificationStatus.QUEUED,
            created_at=work.now,
            round=round,
            step=step,
            fallback=tuple(one.value for one in reachable[1:]),
            parameters={**(parameters or {}), **({QUIET_PARAMETER: quiet.written()} if quiet else {})},
        ),
    )


def deliver_notification(hub: Hub, *, notification_id: str) -> None:
    """Hand one queued message to its provider; does nothing when it is not queued any more."""
    claimed = _claim(hub, NotificationId(UUID(notification_id)))
    if claimed is None:
        return
    before, message, correlation_id = claimed
    with correlated(correlation_id):
        _hand_over(hub, before, message)


def _hand_over(hub: Hub, before: Notification, message: Message) -> None:
    sender = hub.senders[message.channel]
    try:
        provider_id = sender.send(message)
    except SendingFailedError as refusal:
        note_provider_call(sender.name, "refused")
        _log.warning("notification %s: %s refused it: %s", before.id, sender.name, refusal)
        settle_refusal(hub, before, sender.name, refusal)
    except Exception as error:  # noqa: BLE001 - whatever happened, nobody knows whether the message went
        note_provider_call(sender.name, "unknown")
        _log.warning("notification %s: outcome unknown (%s)", before.id, type(error).__name__)
        settle_unclear(hub, before, sender.name, f"The provider gave no clear answer ({type(error).__name__}).")
    else:
        note_provider_call(sender.name, "sent")
        _log.info(
            "notification %s: %s by %s is with %s as %s",
            before.id,
            before.kind,
            before.channel,
            sender.name,
            provider_id,
        )
        settle_sent(hub, before, sender.name, provider_id)


def settle_unknown(hub: Hub, now: datetime) -> int:
    """Settle as unknown what a crash left between the provider's call and its answer; returns how many. A timer."""
    table = notification_table.c
    old = table.status == NotificationStatus.SENDING, table.sending_at < now - UNKNOWN_AFTER
    with hub.snapshot() as work:
        lost = [one for one in work.notifications.list_where(*old, limit=_BATCH) if not _job_runs(work, one)]
    why = "The program stopped while the provider was called; the message may have been sent."
    # One transaction each: the order's row comes before the message's, and no other order's after it.
    return sum(settle_unclear(hub, one, "", why) for one in lost)


def retry_notifications(hub: Hub, now: datetime) -> int:
    """Queue a job anew for messages whose wait is over, or whose job was lost; returns how many. A timer."""
    table = notification_table.c
    waiting = or_(
        table.retry_at <= now,
        (table.retry_at.is_(None)) & (table.created_at < now - _REDEFER_AFTER),
    )
    with hub.unit_of_work() as work:
        due = work.notifications.list_where(
            table.status == NotificationStatus.QUEUED, waiting, limit=_BATCH, skip_locked=True
        )
        for one in due:
            # Not again at the next tick: the job may wait in a long queue.
            work.notifications.swap(one, replace(one, retry_at=now + _REDEFER_AFTER))
            work.defer(DELIVER_JOB, notification_id=str(one.id))
        work.commit()
    return len(due)


def _claim(hub: Hub, notification_id: NotificationId) -> tuple[Notification, Message, str] | None:
    """The message, now ours to send, and what its order's utility finds it by; None when it is not to be sent now."""
    with hub.unit_of_work() as work:
        order, found = _lock_queued(work, notification_id)
        if order is None or found is None:
            return None
        appointment = _bound_appointment(work, found)
        if outdated := why_outdated(work, found, order, appointment):
            drop(work, found, outdated)
            work.commit()
            return None
        closed = closed_channels(work, {found.channel: found.recipient})
        if found.channel in closed:
            state, why = closed[found.channel]
            fail_closed(work, found, f"Not sent: the address is closed ({state.value}). {why}".rstrip())
            work.commit()
            return None
        allowed, turn = _wait_for(hub, work, found, order)
        if allowed > work.now:
            work.notifications.swap(found, replace(found, retry_at=allowed, turn_at=turn))
            work.commit()
            return None
        try:
            composed = compose_message(hub, work, found, order, appointment)
        except (TemplateError, LookupError, ValueError) as error:
            _log.exception("notification %s: no text", found.id)
            drop(work, found, f"Not sent: its text could not be made ({type(error).__name__}).")
            work.commit()
            return None
        sending = replace(found, status=NotificationStatus.SENDING, sending_at=work.now, tries=found.tries + 1)
        sending = replace(sending, turn_at=None, subject=composed.subject, body=composed.body)
        claimed = work.notifications.swap(found, sending)
        work.commit()
    return claimed, composed.message, order.correlation_id


def _lock_queued(work: UnitOfWork, notification_id: NotificationId) -> tuple[WorkOrder | None, Notification | None]:
    """The message and its order, both locked, the order first; the message is None when it is not queued any more."""
    table = notification_table.c
    row = work.connection.execute(select(table.work_order_id, table.status).where(table.id == notification_id)).first()
    if row is None or row.status is not NotificationStatus.QUEUED:
        return None, None
    order = work.work_orders.get(row.work_order_id, lock=True)
    found = work.notifications.find(notification_id, lock=True)
    return order, found if found is not None and found.status is NotificationStatus.QUEUED else None


def _bound_appointment(work: UnitOfWork, found: Notification) -> Appointment | None:
    named = found.parameters.get(APPOINTMENT_PARAMETER)
    return work.appointments.find(AppointmentId(UUID(named))) if named else None


def _wait_for(hub: Hub, work: UnitOfWork, found: Notification, order: WorkOrder) -> tuple[datetime, datetime | None]:
    """When the message may be handed over, and the turn it was given by its provider's rate, if any.

    Not in quiet hours, not while the provider asked for a pause, not out of turn. A turn stays the message's own when it comes back.
    """
    quiet_until = allowed_from(found, order, work.now)
    if quiet_until > work.now:
        return quiet_until, None
    provider = hub.senders[found.channel].name
    pause, rate = closed_until(work, provider), rate_of(hub.settings, provider)
    if rate is None:
        return pause or work.now, None
    if found.turn_at is not None and pause is None:
        return max(found.turn_at, work.now), found.turn_at
    turn = take_turn(work, provider, rate)
    return turn, turn


def _job_runs(work: UnitOfWork, one: Notification) -> bool:
    found = work.connection.execute(_JOB_RUNS, {"task": DELIVER_JOB, "id": str(one.id)}).first()
    return found is not None
