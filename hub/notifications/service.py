"""Request a message, deliver it once, and know what became of it.

    queued ──claim──▶ sending ──▶ sent
      ▲                 │ ├─────▶ failed      the provider refused for good, or too often
      └──refused, may ──┘ └─────▶ unknown     nobody knows whether it went: never sent again
         pass later

The provider is called between two transactions. Whoever finds a message not queued leaves it alone, so the job may run twice.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from jinja2 import TemplateError
from sqlalchemy import or_, text

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
from hub.notifications import calendar_file as calendar
from hub.notifications.addresses import address_of, reachable_channels
from hub.notifications.kinds import message_kind
from hub.notifications.links import link_address, make_link
from hub.notifications.ports import Attachment, Message, SendingFailedError
from hub.notifications.sendable import QUIET_PARAMETER, allowed_from, why_outdated
from hub.notifications.texts import (
    appointment_values,
    known_language,
    one_line,
    order_values,
    render_email,
    render_sms,
    render_text,
)

_log = logging.getLogger(__name__)

__all__ = ["deliver_notification", "reachable_channel", "reachable_channels", "request_notification"]

DELIVER_JOB = "deliver_notification"
APPOINTMENT_PARAMETER = "appointment_id"
"""The parameter that binds a message to one appointment."""
RETRY_AFTER = (timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=30), timedelta(hours=2))
"""How long to wait after the first, second … refusal that may pass; after the last one the message has failed."""
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

_OPEN = (NotificationStatus.SENDING, NotificationStatus.UNKNOWN)


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
    queued = work.notifications.add(
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
        )
    )
    work.defer(DELIVER_JOB, notification_id=str(queued.id))
    return queued


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
        _settle_refusal(hub, before, sender.name, refusal)
    except Exception as error:  # noqa: BLE001 - whatever happened, nobody knows whether the message went
        note_provider_call(sender.name, "unknown")
        _log.warning("notification %s: outcome unknown (%s)", before.id, type(error).__name__)
        detail = f"The provider gave no clear answer ({type(error).__name__})."
        _settle(hub, before, status=NotificationStatus.UNKNOWN, provider=sender.name, error=detail)
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
        _settle(hub, before, status=NotificationStatus.SENT, provider=sender.name, provider_id=provider_id, error="")


def settle_unknown(hub: Hub, now: datetime) -> int:
    """Settle as unknown what a crash left between the provider's call and its answer; returns how many. A timer."""
    old = (
        notification_table.c.status == NotificationStatus.SENDING,
        notification_table.c.sending_at < now - UNKNOWN_AFTER,
    )
    with hub.unit_of_work() as work:
        found = work.notifications.list_where(*old, limit=_BATCH, skip_locked=True)
        lost = [one for one in found if not _job_runs(work, one)]
        for one in lost:
            detail = "The program stopped while the provider was called; the message may have been sent."
            after = replace(one, status=NotificationStatus.UNKNOWN, error=detail, settled_at=now)
            work.notifications.swap(one, after)
        work.commit()
    return len(lost)


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
        found = work.notifications.find(notification_id, lock=True)
        if found is None or found.status is not NotificationStatus.QUEUED:
            return None
        order = work.work_orders.get(found.work_order_id)
        appointment = _bound_appointment(work, found)
        if outdated := why_outdated(work, found, order, appointment):
            _fail(work, found, outdated)
            return None
        allowed = allowed_from(found, order, work.now)
        if allowed > work.now:
            work.notifications.swap(found, replace(found, retry_at=allowed))
            work.commit()
            return None
        try:
            message = _compose(hub, work, found, order, appointment)
        except (TemplateError, LookupError, ValueError) as error:
            _log.exception("notification %s: no text", found.id)
            _fail(work, found, f"Not sent: its text could not be made ({type(error).__name__}).")
            return None
        sending = replace(found, status=NotificationStatus.SENDING, sending_at=work.now, tries=found.tries + 1)
        claimed = work.notifications.swap(found, sending)
        work.commit()
    return claimed, message, order.correlation_id


def _fail(work: UnitOfWork, found: Notification, why: str) -> None:
    work.notifications.swap(
        found, replace(found, status=NotificationStatus.FAILED, error=why, retry_at=None, settled_at=work.now)
    )
    work.commit()


def _bound_appointment(work: UnitOfWork, found: Notification) -> Appointment | None:
    named = found.parameters.get(APPOINTMENT_PARAMETER)
    return work.appointments.find(AppointmentId(UUID(named))) if named else None


def _compose(
    hub: Hub, work: UnitOfWork, found: Notification, order: WorkOrder, appointment: Appointment | None
) -> Message:
    kind = message_kind(found.kind)
    values = order_values(order, work.catalogue, found.language)
    values.update({name: one_line(value) for name, value in found.parameters.items()})
    if appointment is not None:
        values.update(appointment_values(appointment, order.zone, found.language))
    if kind.link is not None:
        token = make_link(work, order.id, kind.link)
        values["link"] = link_address(hub.settings.public_url, kind.link, token)
    render = render_email if found.channel is Channel.EMAIL else render_sms
    words = render(found.kind, found.language, values)
    attachments: tuple[Attachment, ...] = ()
    if kind.appointment and appointment is not None and found.channel is Channel.EMAIL:
        cancelled = not kind.only_while_confirmed
        content = calendar.calendar_file(
            order,
            appointment,
            summary=render_text("calendar", "summary", found.language, values),
            description=render_text("calendar", "description", found.language, values),
            now=work.now,
            cancelled=cancelled,
        )
        attachments = (Attachment(calendar.FILENAME, calendar.MEDIA_TYPE, content),)
    return Message(found.id, order.id, found.channel, found.recipient, words.subject, words.body, attachments)


def _settle_refusal(hub: Hub, before: Notification, provider: str, refusal: SendingFailedError) -> None:
    if refusal.retry and before.tries <= len(RETRY_AFTER):
        wait = RETRY_AFTER[before.tries - 1]
        again = hub.clock.now() + wait
        _settle(hub, before, NotificationStatus.QUEUED, provider, error=str(refusal), retry_at=again)
        return
    _settle(hub, before, NotificationStatus.FAILED, provider, error=str(refusal))


def _settle(
    hub: Hub,
    before: Notification,
    status: NotificationStatus,
    provider: str,
    *,
    provider_id: str = "",
    error: str = "",
    retry_at: datetime | None = None,
) -> None:
    """Write the outcome of the call `before` began. An answer that comes after the timer gave up is still the truth."""
    with hub.unit_of_work() as work:
        present = work.notifications.get(before.id, lock=True)
        if present.status not in _OPEN or present.tries != before.tries:
            return
        settled_at = None if status is NotificationStatus.QUEUED else work.now
        after = replace(
            present,
            status=status,
            provider=provider,
            provider_id=provider_id,
            error=error,
            retry_at=retry_at,
            settled_at=settled_at,
        )
        work.notifications.swap(present, after)
        work.commit()


def _job_runs(work: UnitOfWork, one: Notification) -> bool:
    found = work.connection.execute(_JOB_RUNS, {"task": DELIVER_JOB, "id": str(one.id)}).first()
    return found is not None
