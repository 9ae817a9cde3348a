"""The reminder on the day before an appointment, bound to that appointment."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from hub.bootstrap import Hub
from hub.catalogue import load_catalogue
from hub.clock import FixedClock
from hub.domain.appointments import Appointment
from hub.domain.contact import Channel, NotificationStatus
from hub.domain.events import CITIZEN, SYSTEM
from hub.domain.lifecycle import Action
from hub.domain.work_orders import WorkOrder
from hub.notifications.service import deliver_notification
from portal.contact.policies import load_policies
from portal.contact.reminders import remind_of_appointments
from tests.portal.test_ladder import an_appointment, messages_of, receive
from tests.samples import a_work_order


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
            assert reminding.result(timeout=60) == 0
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


def reminders(hub: Hub, order: WorkOrder) -> list[tuple[str, str]]:
    return [
        (one.parameters["days_before"], one.parameters["appointment_id"])
        for one in messages_of(hub, order)
        if one.kind == "day_before"
    ]


def test_a_policy_may_remind_a_week_before_and_again_the_day_before(hub: Hub, clock: FixedClock) -> None:
    starts = datetime(2026, 5, 20, 12, 0, tzinfo=UTC)
    order, agreed = book(hub, starts)
    for day, hour, due in ((13, 13, 0), (13, 14, 1), (15, 14, 0), (19, 13, 0), (19, 14, 1), (19, 15, 0)):
        clock.set(datetime(2026, 5, day, hour, 0, tzinfo=UTC))
        assert remind_of_appointments(hub, clock.now()) == due
    assert reminders(hub, order) == [("7", str(agreed.id)), ("1", str(agreed.id))]
    assert [one.channel for one in messages_of(hub, order)[-2:]] == [Channel.EMAIL, Channel.SMS]


def test_a_reminder_that_is_late_gives_way_to_the_next(hub: Hub, clock: FixedClock) -> None:
    order, agreed = book(hub, datetime(2026, 5, 20, 12, 0, tzinfo=UTC))
    clock.set(datetime(2026, 5, 19, 16, 0, tzinfo=UTC))
    assert [remind_of_appointments(hub, clock.now()) for _ in range(2)] == [1, 0]
    assert reminders(hub, order) == [("1", str(agreed.id))]


def test_each_version_of_an_appointment_has_reminders_of_its_own(hub: Hub, clock: FixedClock) -> None:
    order, first = book(hub, datetime(2026, 5, 20, 12, 0, tzinfo=UTC))
    clock.set(datetime(2026, 5, 19, 14, 0, tzinfo=UTC))
    assert remind_of_appointments(hub, clock.now()) == 1
    stale = messages_of(hub, order)[-1]
    with hub.unit_of_work() as work:
        work.advance_appointment(first, Action.RESCHEDULE, by=CITIZEN)
        later = an_appointment(order, datetime(2026, 5, 22, 12, 0, tzinfo=UTC), sequence=2, replaces=first.id)
        held = work.create_appointment(later, by=CITIZEN)
        second = work.advance_appointment(held, Action.CONFIRM, by=CITIZEN, confirmed_at=work.now)
        work.commit()
    deliver_notification(hub, notification_id=str(stale.id))
    assert remind_of_appointments(hub, clock.now()) == 0
    clock.set(datetime(2026, 5, 21, 14, 0, tzinfo=UTC))
    assert remind_of_appointments(hub, clock.now()) == 1
    assert reminders(hub, order) == [("1", str(first.id)), ("1", str(second.id))]
    assert next(one for one in messages_of(hub, order) if one.id == stale.id).status is NotificationStatus.FAILED


def test_workers_that_remind_at_once_while_the_citizen_moves_remind_of_what_is_agreed(
    hub: Hub, clock: FixedClock
) -> None:
    clock.set(datetime(2026, 5, 5, 7, 0, tzinfo=UTC))
    booked = [book(hub, datetime(2026, 5, 8, 10, 0, tzinfo=UTC)) for _ in range(6)]
    clock.set(datetime(2026, 5, 7, 15, 0, tzinfo=UTC))

    def move(number: int) -> None:
        order, first = booked[number]
        with hub.unit_of_work() as work:
            work.work_orders.get(order.id, lock=True)
            work.advance_appointment(first, Action.RESCHEDULE, by=CITIZEN)
            later = an_appointment(order, datetime(2026, 5, 11, 10, 0, tzinfo=UTC), sequence=2, replaces=first.id)
            held = work.create_appointment(later, by=CITIZEN)
            work.advance_appointment(held, Action.CONFIRM, by=CITIZEN, confirmed_at=work.now)
            work.commit()

    with ThreadPoolExecutor(6) as pool:
        moving = [pool.submit(move, number) for number in range(3)]
        reminding = [pool.submit(remind_of_appointments, hub, clock.now()) for _ in range(3)]
        for one in moving:
            one.result(timeout=60)
        done = sum(one.result(timeout=60) for one in reminding)
    done += remind_of_appointments(hub, clock.now())
    for order, _ in booked:
        for message in messages_of(hub, order):
            deliver_notification(hub, notification_id=str(message.id))
    # One that was queued before the citizen moved is found out when it would go.
    told = [
        (number, one.parameters["appointment_id"])
        for number, (order, _) in enumerate(booked)
        for one in messages_of(hub, order)
        if one.kind == "day_before" and one.status is NotificationStatus.SENT
    ]
    assert told == [(number, str(booked[number][1].id)) for number in (3, 4, 5)]
    assert 3 <= done <= 6


@pytest.mark.parametrize(
    ("day", "goes_on"),
    [
        # Monday: the day before is a Sunday.
        ((2026, 5, 11), (2026, 5, 9)),
        # The Friday after Ascension Day.
        ((2026, 5, 15), (2026, 5, 13)),
        # The Tuesday after Easter: Monday is a holiday, the day before it a Sunday.
        ((2026, 4, 7), (2026, 4, 4)),
        # The Monday after the clocks went back.
        ((2026, 10, 26), (2026, 10, 24)),
    ],
)
def test_a_reminder_goes_before_a_quiet_day_rather_than_on_it_or_after_it(
    hub: Hub, clock: FixedClock, day: tuple[int, int, int], goes_on: tuple[int, int, int]
) -> None:
    zone = ZoneInfo("Europe/Brussels")
    starts = datetime(*day, hour=8, tzinfo=zone)
    clock.set(datetime(*goes_on, hour=16, tzinfo=zone) - timedelta(days=2))
    order, _ = book(hub, starts)
    clock.set(datetime(*goes_on, hour=15, minute=59, tzinfo=zone))
    assert remind_of_appointments(hub, clock.now()) == 0
    clock.set(datetime(*goes_on, hour=16, tzinfo=zone))
    assert [remind_of_appointments(hub, clock.now()) for _ in range(2)] == [1, 0]
    assert kinds(hub, order) == ["confirmation", "day_before"]


def test_the_holidays_are_those_of_the_place(hub: Hub, clock: FixedClock) -> None:
    """The day before a Dutch appointment is a holiday in Belgium alone."""
    zone = ZoneInfo("Europe/Amsterdam")
    clock.set(datetime(2026, 7, 18, 12, tzinfo=zone))
    starts = datetime(2026, 7, 22, 8, tzinfo=zone)
    with hub.unit_of_work() as work:
        there, here = (a_work_order(zone=name) for name in ("Europe/Amsterdam", "Europe/Brussels"))
        for order in (there, here):
            work.create_work_order(order, by=SYSTEM)
            held = work.create_appointment(an_appointment(order, starts), by=CITIZEN)
            work.advance_appointment(held, Action.CONFIRM, by=CITIZEN, confirmed_at=work.now)
        work.commit()
    clock.set(datetime(2026, 7, 20, 16, tzinfo=zone))
    assert remind_of_appointments(hub, clock.now()) == 1
    assert "day_before" in kinds(hub, here)
    clock.set(datetime(2026, 7, 21, 16, tzinfo=zone))
    assert remind_of_appointments(hub, clock.now()) == 1
    assert "day_before" in kinds(hub, there)


def test_over_a_year_no_reminder_is_due_on_a_quiet_day_nor_later_than_the_policy_says() -> None:
    policy = load_policies()["standard"].at_place(load_catalogue(), "oost-vlaanderen", "Europe/Brussels")
    zone = ZoneInfo("Europe/Brussels")
    for reminder in policy.reminders:
        before = None
        for number in range(366):
            day = date(2026, 1, 1) + timedelta(days=number)
            due = policy.remind_at(reminder, day, "Europe/Brussels")
            local = due.astimezone(zone)
            assert not policy.quiet.covers(local)
            assert local.date() <= day - timedelta(days=reminder.days_before)
            assert local.time() == time(16)
            # A later day is never announced before an earlier one: the timer stops looking at the first that is not due.
            assert before is None or before <= due
            before = due


def test_a_worker_that_slept_past_the_eve_waits_for_the_end_of_the_quiet_day(hub: Hub, clock: FixedClock) -> None:
    zone = ZoneInfo("Europe/Brussels")
    clock.set(datetime(2026, 5, 7, 12, tzinfo=zone))
    order, _ = book(hub, datetime(2026, 5, 11, 14, tzinfo=zone))
    clock.set(datetime(2026, 5, 10, 12, tzinfo=zone))
    assert remind_of_appointments(hub, clock.now()) == 0
    clock.set(datetime(2026, 5, 11, 8, tzinfo=zone))
    assert remind_of_appointments(hub, clock.now()) == 1
    assert kinds(hub, order)[-1] == "day_before"
