"""A reminder the day before an appointment, for appointments that were not made only just now."""

import logging
from datetime import datetime, time, timedelta
from typing import cast
from zoneinfo import ZoneInfo

from sqlalchemy import func, or_, select, text

from hub.bootstrap import Hub
from hub.db.tables import appointment as appointment_table
from hub.db.tables import notification as notification_table
from hub.db.tables import work_order as order_table
from hub.db.unit_of_work import UnitOfWork
from hub.domain.contact import Channel
from hub.domain.ids import AppointmentId
from hub.domain.lifecycle import AppointmentStatus
from hub.domain.quiet_hours import QuietHours
from hub.notifications.service import APPOINTMENT_PARAMETER, request_notification

_log = logging.getLogger(__name__)

KIND = "day_before"
_BATCH = 500
_TOO_LATE = timedelta(hours=2)
"""So shortly before the appointment a reminder helps nobody any more."""

_QUIET = QuietHours(time(21), time(7))
"""A reminder that is late (the worker stood still) waits for the morning."""

# 16:00 local time on the day before: eight hours before that local midnight, in the order's zone, on both clock changes too.
_midnight = func.date_trunc("day", func.timezone(order_table.c.zone, appointment_table.c.starts_at))
_due_at = func.timezone(order_table.c.zone, _midnight - text("interval '8 hours'"))
_reminded = (
    select(notification_table.c.id)
    .where(
        notification_table.c.work_order_id == appointment_table.c.work_order_id,
        notification_table.c.kind == KIND,
        notification_table.c.parameters[APPOINTMENT_PARAMETER].as_string()
        == func.cast(appointment_table.c.id, notification_table.c.kind.type),
    )
    .exists()
)


def remind_of_appointments(hub: Hub, now: datetime) -> int:
    """Queue the reminders that are due; returns how many. A timer: each appointment gets one, however often it runs.

    The message is bound to its appointment: if that is moved or cancelled before the message goes out, it is not sent.
    One that fails holds up no other. Raises ExceptionGroup when none got on.
    """
    table = appointment_table.c
    due = (
        select(table.id)
        .join(order_table, order_table.c.id == table.work_order_id)
        .where(
            table.status == AppointmentStatus.CONFIRMED,
            table.starts_at > now + _TOO_LATE,
            # Whoever left no address cannot be reminded, and must not take the place of others.
            or_(order_table.c.citizen_email != "", order_table.c.citizen_phone != ""),
            _due_at <= now,
            table.confirmed_at < _due_at,
            ~_reminded,
        )
        .order_by(table.starts_at)
        .limit(_BATCH)
    )
    with hub.reading() as connection:
        ids = [cast("AppointmentId", one) for one in connection.execute(due).scalars()]
    done, failures = 0, list[Exception]()
    for appointment_id in ids:
        try:
            with hub.unit_of_work() as work:
                done += _remind(work, appointment_id, now)
                work.commit()
        except Exception as error:  # noqa: BLE001 - the next citizen must be reminded
            _log.warning("nobody could be reminded of appointment %s", appointment_id, exc_info=True)
            failures.append(error)
    if failures and not done:
        message = "nobody could be reminded"
        raise ExceptionGroup(message, failures)
    return done


def _remind(work: UnitOfWork, appointment_id: AppointmentId, now: datetime) -> int:
    mine = appointment_table.c.id == appointment_id
    work_order_id = work.appointments.get(appointment_id).work_order_id
    # The order first, as everybody does: who holds it may be about to change this appointment.
    orders = work.work_orders.list_where(order_table.c.id == work_order_id, skip_locked=True)
    locked = work.appointments.list_where(mine, skip_locked=True) if orders else []
    if not locked or locked[0].status is not AppointmentStatus.CONFIRMED:
        return 0
    # Asked again under the lock: another worker may have been first.
    if work.connection.execute(select(appointment_table.c.id).where(mine, _reminded)).first():
        return 0
    order = orders[0]
    if _QUIET.covers(now.astimezone(ZoneInfo(order.zone))):
        return 0
    queued = request_notification(
        work,
        order,
        kind=KIND,
        channel=Channel.SMS,
        parameters={APPOINTMENT_PARAMETER: str(appointment_id)},
        quiet=_QUIET,
    )
    return int(queued is not None)
