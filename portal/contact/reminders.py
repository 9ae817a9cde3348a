"""Reminders of agreed appointments, by the order's policy, for appointments that were not made only just now.

Each is bound to one version of the appointment: one that was moved or cancelled is never announced. A reminder that is late gives way to
the next one, and is not sent at all when it would help nobody any more. One that would fall on a quiet day goes on the last day before
that is none.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from sqlalchemy import (
    Boolean,
    ColumnElement,
    Date,
    DateTime,
    Text,
    and_,
    cast,
    column,
    false,
    func,
    or_,
    select,
    values,
)

from hub.bootstrap import Hub
from hub.contact_record import append_entry
from hub.db.tables import appointment as appointment_table
from hub.db.tables import contact_case as case_table
from hub.db.tables import notification as notification_table
from hub.db.tables import work_order as order_table
from hub.db.unit_of_work import UnitOfWork
from hub.domain.appointments import Appointment
from hub.domain.catalogue import Catalogue
from hub.domain.ids import AppointmentId
from hub.domain.lifecycle import AppointmentStatus
from hub.domain.work_orders import WorkOrder
from hub.notifications.service import APPOINTMENT_PARAMETER, reachable_channels, request_notification
from portal.contact import record
from portal.contact.cases import policy_of
from portal.contact.policies import ContactPolicy, Reminder, load_policies

_log = logging.getLogger(__name__)

KIND = "day_before"
DAYS_PARAMETER = "days_before"
"""The parameter that tells the reminders of one appointment apart."""
_BATCH = 500
_TOO_LATE = timedelta(hours=2)
"""So shortly before the appointment a reminder helps nobody any more."""
_DAYS_SEARCHED = 60
"""How many days a reminder may at most go earlier; see `hub.domain.quiet_hours`."""


@dataclass(frozen=True)
class _Due:
    """The reminders of one policy that one question asks for."""

    policy: ContactPolicy
    reminder: Reminder
    next: Reminder | None


@dataclass(frozen=True)
class _Place:
    """Where appointments are: it decides which days are holidays, and what time it is."""

    territory: str
    zone: str


type _DueDay = tuple[str, str, date, datetime]
"""Territory, zone, a local day of appointments whose reminder is due, and since when it is."""


def remind_of_appointments(hub: Hub, now: datetime) -> int:
    """Queue the reminders that are due; returns how many. A timer: each is queued once, however often it runs.

    One that fails holds up no other. Raises ExceptionGroup when none got on.
    """
    policies = load_policies(hub.settings.contact_policies)
    places = _places(hub, now)
    done, failures = 0, list[Exception]()
    for due in _all_reminders(policies):
        days = [one for place in places for one in _due_days(due, place, hub.catalogue, now)]
        for appointment_id in _waiting(hub, due, days, policies, now):
            try:
                with hub.unit_of_work() as work:
                    done += _remind(work, appointment_id, due, now)
                    work.commit()
            except Exception as error:  # noqa: BLE001 - the next citizen must be reminded
                _log.warning("nobody could be reminded of appointment %s", appointment_id, exc_info=True)
                failures.append(error)
    if failures and not done:
        message = "nobody could be reminded"
        raise ExceptionGroup(message, failures)
    return done


def reminds_on_the_eve(work: UnitOfWork, order: WorkOrder, appointment: Appointment) -> bool:
    """Whether a reminder of the order's policy is still to come on the very day before the appointment, in the order's zone.

    One that goes earlier because that day is quiet is none, nor is one that no address is left for.
    """
    policy = policy_of(work, order, work.contact_cases.find(order.id))
    if policy is None:
        return False
    zone = ZoneInfo(order.zone)
    day = appointment.starts_at.astimezone(zone).date()
    for reminder in policy.reminders:
        due_at = policy.remind_at(reminder, day, order.zone)
        if due_at > work.now and due_at.astimezone(zone).date() == day - timedelta(days=1):
            return bool(reachable_channels(work, order, reminder.channels))
    return False


def _all_reminders(policies: Mapping[str, ContactPolicy]) -> list[_Due]:
    return [
        _Due(policy, reminder, following)
        for policy in policies.values()
        for reminder, following in pairwise((*policy.reminders, None))
        if reminder is not None
    ]


def _places(hub: Hub, now: datetime) -> list[_Place]:
    """Where there are appointments to come."""
    table, order = appointment_table.c, order_table.c
    query = (
        select(order.territory, order.zone)
        .join(appointment_table, table.work_order_id == order.id)
        .where(table.status == AppointmentStatus.CONFIRMED, table.starts_at > now + _TOO_LATE)
        .distinct()
    )
    with hub.reading() as connection:
        return [_Place(*row) for row in connection.execute(query)]


def _due_days(due: _Due, place: _Place, catalogue: Catalogue, now: datetime) -> Iterator[_DueDay]:
    """The days from today on whose reminder is due, and not yet the one that follows it."""
    policy = due.policy.at_place(catalogue, place.territory, place.zone)
    today = now.astimezone(ZoneInfo(place.zone)).date()
    for ahead in range(due.reminder.days_before + _DAYS_SEARCHED):
        day = today + timedelta(days=ahead)
        due_at = policy.remind_at(due.reminder, day, place.zone)
        if due_at > now:
            # A later day's reminder is never due earlier.
            return
        if due.next is None or policy.remind_at(due.next, day, place.zone) > now:
            yield place.territory, place.zone, day, due_at


def _waiting(
    hub: Hub, due: _Due, days: Sequence[_DueDay], policies: Mapping[str, ContactPolicy], now: datetime
) -> list[AppointmentId]:
    if not days:
        return []
    table, order = appointment_table.c, order_table.c
    day = values(
        column("territory", Text),
        column("zone", Text),
        column("day", Date),
        column("due_at", DateTime(timezone=True)),
        name="due_day",
    ).data(list(days))
    local_day = cast(func.timezone(order.zone, table.starts_at), Date)
    there = (day.c.territory == order.territory, day.c.zone == order.zone, day.c.day == local_day)
    query = (
        select(table.id)
        .join(order_table, order.id == table.work_order_id)
        .join(day, and_(*there))
        .outerjoin(case_table, case_table.c.work_order_id == table.work_order_id)
        .where(
            table.status == AppointmentStatus.CONFIRMED,
            table.starts_at > now + _TOO_LATE,
            # Whoever left no address cannot be reminded, and must not take the place of others.
            or_(order.citizen_email != "", order.citizen_phone != ""),
            _is_of(due.policy, policies, hub.catalogue),
            table.confirmed_at < day.c.due_at,
            ~_is_reminded(due.reminder),
        )
        .order_by(table.starts_at)
        .limit(_BATCH)
    )
    with hub.reading() as connection:
        return [AppointmentId(one) for one in connection.execute(query).scalars()]


def _is_reminded(reminder: Reminder) -> ColumnElement[bool]:
    table, parameters = notification_table.c, notification_table.c.parameters
    # Those from before there were several name no number of days; they were for the day before.
    days = func.coalesce(parameters[DAYS_PARAMETER].as_string(), "1")
    return (
        select(table.id)
        .where(
            table.work_order_id == appointment_table.c.work_order_id,
            table.kind == KIND,
            parameters[APPOINTMENT_PARAMETER].as_string() == func.cast(appointment_table.c.id, table.kind.type),
            days == str(reminder.days_before),
        )
        .exists()
    )


def _is_of(policy: ContactPolicy, policies: Mapping[str, ContactPolicy], catalogue: Catalogue) -> ColumnElement[bool]:
    """Whether the order is contacted by `policy`: by its case; where that names none that is left, by the catalogue."""
    order = order_table.c
    by_catalogue: list[ColumnElement[bool]] = []
    for work_type in catalogue.work_types.values():
        others = sorted(work_type.contact_policies)
        if work_type.contact_policy == policy.code:
            by_catalogue.append(and_(order.work_type == work_type.code, order.utility.not_in(others)))
        mine = [utility for utility in others if work_type.contact_policies[utility] == policy.code]
        if mine:
            by_catalogue.append(and_(order.work_type == work_type.code, order.utility.in_(mine)))
    kept = case_table.c.policy
    is_left = func.coalesce(kept.in_(sorted(policies)), false(), type_=Boolean)
    return or_(kept == policy.code, and_(~is_left, or_(false(), *by_catalogue)))


def _remind(work: UnitOfWork, appointment_id: AppointmentId, due: _Due, now: datetime) -> int:
    mine = appointment_table.c.id == appointment_id
    work_order_id = work.appointments.get(appointment_id).work_order_id
    # The order first, as everybody does: who holds it may be about to change this appointment.
    orders = work.work_orders.list_where(order_table.c.id == work_order_id, skip_locked=True)
    locked: Sequence[object] = work.appointments.list_where(mine, skip_locked=True) if orders else []
    if not locked:
        return 0
    # Asked again under the lock: the citizen may have moved the appointment, and another worker may have been first.
    still = (mine, appointment_table.c.status == AppointmentStatus.CONFIRMED, ~_is_reminded(due.reminder))
    if work.connection.execute(select(appointment_table.c.id).where(*still)).first() is None:
        return 0
    order = orders[0]
    quiet = due.policy.at_place(work.catalogue, order.territory, order.zone).quiet
    if quiet.covers(now.astimezone(ZoneInfo(order.zone))):
        return 0
    queued = request_notification(
        work,
        due.policy.addressed(order),
        kind=KIND,
        channels=due.reminder.channels,
        parameters={APPOINTMENT_PARAMETER: str(appointment_id), DAYS_PARAMETER: str(due.reminder.days_before)},
        quiet=quiet,
    )
    if queued is None:
        return 0
    content = {"appointment": str(appointment_id), "daysBefore": due.reminder.days_before}
    append_entry(
        work, order.id, record.REMINDED, {**content, "channel": queued.channel.value, "message": str(queued.id)}
    )
    return 1
