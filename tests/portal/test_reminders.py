"""The reminder on the day before an appointment, bound to that appointment."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from hub.bootstrap import Hub
from hub.clock import FixedClock
from hub.domain.appointments import Appointment
from hub.domain.contact import NotificationStatus
from hub.domain.events import CITIZEN
from hub.domain.lifecycle import Action
from hub.domain.work_orders import WorkOrder
from hub.notifications.service import deliver_notification
from portal.contact.reminders import remind_of_appointments
from tests.portal.test_ladder import an_appointment, messages_of, receive


def book(hub: Hub, starts_at: datetime) -> tuple[WorkOrder, Appointment]:
    order = receive(hub)
    with hub.unit_of_work() as work:
        held = work.create_appointment(an_appointment(order, starts_at), by=CITIZEN)
        confirmed = work.advance_appointment(held, Action.CONFIRM, by=CITIZEN, confirmed_at=work.now)
        work.commit()
    return order, confirmed


def kinds(hub: Hub, order: WorkOrder) -> list[str]:
    return [one.kind for one in messages_of(hub, order)]


@pytest.mark.parametrize("day", [(2026, 5, 7), (2026, 3, 29), (2026, 10, 25)])
def test_the_reminder_goes_out_once_at_four_in_the_afternoon_of_the_day_before(
    hub: Hub, clock: FixedClock, day: tuple[int, int, int]
) -> None:
    local = datetime(*day, hour=10, tzinfo=ZoneInfo("Europe/Brussels"))
    starts = local.astimezone(UTC)
    clock.set(starts - timedelta(days=3))
    order, _ = book(hub, starts)
    four = (local - timedelta(days=1)).replace(hour=16)
    clock.set(four - timedelta(minutes=1))
    assert remind_of_appointments(hub, clock.now()) == 0
    clock.set(four)
    assert [remind_of_appointments(hub, clock.now()) for _ in range(3)] == [1, 0, 0]
    assert kinds(hub, order) == ["confirmation", "day_before"]


def test_a_missed_tick_catches_up_but_not_when_it_helps_nobody(hub: Hub, clock: FixedClock) -> None:
    starts = clock.now() + timedelta(days=3)
    early, _ = book(hub, starts)
    clock.set(starts - timedelta(hours=14))
    assert remind_of_appointments(hub, clock.now()) == 1
    assert kinds(hub, early)[-1] == "day_before"
    late, _ = book(hub, starts + timedelta(days=3))
    clock.set(starts + timedelta(days=3) - timedelta(hours=1))
    assert remind_of_appointments(hub, clock.now()) == 0
    assert kinds(hub, late) == ["confirmation"]


def test_a_late_reminder_waits_for_the_morning(hub: Hub, clock: FixedClock) -> None:
    starts = datetime(2026, 5, 7, 12, 0, tzinfo=UTC)
    order, _ = book(hub, starts)
    clock.set(datetime(2026, 5, 7, 1, 0, tzinfo=UTC))
    assert remind_of_appointments(hub, clock.now()) == 0
    clock.set(datetime(2026, 5, 7, 5, 59, tzinfo=UTC))
    assert remind_of_appointments(hub, clock.now()) == 0
    clock.set(datetime(2026, 5, 7, 6, 0, tzinfo=UTC))
    assert remind_of_appointments(hub, clock.now()) == 1
    assert kinds(hub, order) == ["confirmation", "day_before"]


def test_a_reminder_waits_while_the_citizen_changes_the_appointment_instead_of_locking_it_crosswise(
    hub: Hub, clock: FixedClock
) -> None:
    starts = clock.now() + timedelta(days=3)
    order, confirmed = book(hub, starts)
    clock.set(starts - timedelta(hours=15))
    with hub.unit_of_work() as citizen:
        citizen.work_orders.get(order.id, lock=True)
        with ThreadPoolExecutor(1) as pool:
            reminding = pool.submit(remind_of_appointments, hub, clock.now())
            assert reminding.result(timeout=10) == 0
        citizen.advance_appointment(confirmed, Action.RESCHEDULE, by=CITIZEN)
        citizen.commit()
    assert remind_of_appointments(hub, clock.now()) == 0


def test_a_reminder_that_could_not_go_out_in_time_is_not_sent_afterwards(hub: Hub, clock: FixedClock) -> None:
    starts = clock.now() + timedelta(days=3)
    order, _ = book(hub, starts)
    clock.set(starts - timedelta(hours=15))
    assert remind_of_appointments(hub, clock.now()) == 1
    clock.set(starts + timedelta(minutes=1))
    deliver_notification(hub, notification_id=str(messages_of(hub, order)[-1].id))
    assert messages_of(hub, order)[-1].status is NotificationStatus.FAILED


def test_an_appointment_made_on_the_evening_before_has_just_been_confirmed_and_needs_no_reminder(
    hub: Hub, clock: FixedClock
) -> None:
    clock.set(datetime(2026, 5, 4, 18, 0, tzinfo=UTC))
    order, _ = book(hub, datetime(2026, 5, 5, 12, 0, tzinfo=UTC))
    assert remind_of_appointments(hub, clock.now()) == 0
    assert kinds(hub, order) == ["confirmation"]


def test_a_reminder_of_an_appointment_that_was_moved_meanwhile_is_not_sent(hub: Hub, clock: FixedClock) -> None:
    starts = clock.now() + timedelta(days=3)
    order, confirmed = book(hub, starts)
    clock.set(starts - timedelta(hours=15))
    assert remind_of_appointments(hub, clock.now()) == 1
    with hub.unit_of_work() as work:
        work.advance_appointment(confirmed, Action.RESCHEDULE, by=CITIZEN)
        work.commit()
    reminder = messages_of(hub, order)[-1]
    deliver_notification(hub, notification_id=str(reminder.id))
    after = messages_of(hub, order)[-1]
    assert after.status is NotificationStatus.FAILED
    assert "the appointment was changed" in after.error
