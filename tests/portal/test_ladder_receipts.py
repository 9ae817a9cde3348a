"""The ladder and what providers say: a message that did not arrive brings the next step forward, a closed channel is skipped."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import insert

from hub.bootstrap import Hub
from hub.clock import FixedClock
from hub.contact_record import read_entries
from hub.db.citizen_tables import contact_preference
from hub.domain.contact import AddressState, Channel, Notification, NotificationStatus
from hub.domain.events import CITIZEN
from hub.domain.lifecycle import Action, HoldReason, WorkOrderStatus
from hub.domain.work_orders import WorkOrder
from hub.jobs import RememberedQueue
from hub.notifications.addresses import close_address, opt_out
from hub.notifications.outcomes import FAILED, UNDELIVERED, tell_outcome
from hub.notifications.service import deliver_notification
from portal.contact import record
from portal.contact.receipts import BRING_FORWARD_JOB, bring_ladder_forward
from portal.contact.service import run_due_contacts
from tests.portal.test_ladder import advance, case_of, history, live_through, messages_of, present, receive


def comes_back(hub: Hub, one: Notification, status: NotificationStatus = NotificationStatus.UNDELIVERED) -> None:
    """The provider's receipt, as the webhook settles it, and the job that follows."""
    with hub.unit_of_work() as work:
        present_one = work.notifications.get(one.id, lock=True)
        after = work.notifications.swap(present_one, replace(present_one, status=status, settled_at=work.now))
        name = UNDELIVERED if status is NotificationStatus.UNDELIVERED else FAILED
        tell_outcome(work, after, name, reason="The number does not exist.", permanent=True)
        work.commit()
    run_jobs(hub)


def run_jobs(hub: Hub) -> None:
    assert isinstance(hub.jobs, RememberedQueue)
    waiting, hub.jobs.jobs = hub.jobs.jobs, []
    for name, arguments in waiting:
        if name == BRING_FORWARD_JOB:
            bring_ladder_forward(hub, **arguments)


def kinds(hub: Hub, order: WorkOrder) -> list[str]:
    with hub.unit_of_work() as work:
        return [one.kind for one in read_entries(work, order.id)]


def contents(hub: Hub, order: WorkOrder, kind: str) -> list[dict[str, Any]]:
    with hub.unit_of_work() as work:
        return [json.loads(one.content) for one in read_entries(work, order.id) if one.kind == kind]


@pytest.mark.parametrize("status", [NotificationStatus.UNDELIVERED, NotificationStatus.FAILED])
def test_what_did_not_arrive_brings_the_next_step_forward(
    hub: Hub, clock: FixedClock, status: NotificationStatus
) -> None:
    order = receive(hub)
    run_due_contacts(hub, clock.now())
    clock.advance(timedelta(minutes=5))
    comes_back(hub, messages_of(hub, order)[0], status)
    assert case_of(hub, order).next_due_at == clock.now()
    assert run_due_contacts(hub, clock.now()) == 1
    assert [one.step for one in messages_of(hub, order)] == [0, 1]
    assert kinds(hub, order).count(record.STEP_BROUGHT_FORWARD) == 1
    # The distance to the step after it is kept.
    assert case_of(hub, order).next_due_at == clock.now() + timedelta(hours=48)


def test_a_repeated_receipt_and_one_of_an_earlier_step_change_nothing(hub: Hub, clock: FixedClock) -> None:
    order = receive(hub)
    run_due_contacts(hub, clock.now())
    clock.advance(timedelta(days=2))
    run_due_contacts(hub, clock.now())
    due = case_of(hub, order).next_due_at
    comes_back(hub, messages_of(hub, order)[0])
    assert case_of(hub, order).next_due_at == due
    comes_back(hub, messages_of(hub, order)[1])
    run_due_contacts(hub, clock.now())
    version = case_of(hub, order).version
    comes_back(hub, messages_of(hub, order)[1])
    assert case_of(hub, order).version == version


def test_at_night_the_next_step_waits_for_the_morning(hub: Hub, clock: FixedClock) -> None:
    order = receive(hub)
    run_due_contacts(hub, clock.now())
    clock.set(datetime(2026, 5, 4, 21, 0, tzinfo=UTC))
    comes_back(hub, messages_of(hub, order)[0])
    assert case_of(hub, order).next_due_at == datetime(2026, 5, 5, 6, 0, tzinfo=UTC)


def test_a_receipt_after_the_booking_wakes_nobody(hub: Hub, clock: FixedClock) -> None:
    order = receive(hub)
    run_due_contacts(hub, clock.now())
    advance(hub, order, Action.BOOK, by=CITIZEN)
    comes_back(hub, messages_of(hub, order)[0])
    assert case_of(hub, order).next_due_at is None
    assert record.STEP_BROUGHT_FORWARD not in kinds(hub, order)


def test_the_last_message_bounced_but_the_citizen_read_the_first_and_has_the_time_to_answer(
    hub: Hub, clock: FixedClock
) -> None:
    order = receive(hub)
    live_through(hub, clock, timedelta(days=6, hours=1))
    end = case_of(hub, order).next_due_at
    comes_back(hub, messages_of(hub, order)[-1])
    assert case_of(hub, order).next_due_at == end


def test_when_nothing_of_the_round_arrived_there_is_nothing_to_wait_for(hub: Hub, clock: FixedClock) -> None:
    order = receive(hub)
    for _ in range(4):
        run_due_contacts(hub, clock.now())
        clock.advance(timedelta(minutes=10))
        comes_back(hub, messages_of(hub, order)[-1])
    assert run_due_contacts(hub, clock.now()) == 1
    assert present(hub, order.id).hold_reason is HoldReason.NO_CONTACT
    assert history(hub, order).count("work_order.escalated") == 1


def close(hub: Hub, order: WorkOrder, *channels: Channel) -> None:
    with hub.unit_of_work() as work:
        for channel in channels:
            if channel is Channel.EMAIL:
                close_address(work, channel, order.citizen_email, AddressState.BAD, "bounced")
            else:
                opt_out(work, channel, order.citizen_phone, "STOP")
        work.commit()


def test_a_channel_that_opted_out_is_passed_over_at_once(hub: Hub, clock: FixedClock) -> None:
    order = receive(hub, citizen_phone="+32470000077")
    close(hub, order, Channel.SMS)
    live_through(hub, clock, timedelta(days=8))
    assert [one.channel for one in messages_of(hub, order)] == [Channel.EMAIL] * 4


def test_a_step_that_reaches_nobody_is_skipped_and_is_no_attempt(hub: Hub, clock: FixedClock) -> None:
    order = receive(hub, citizen_email="once@citizen.example", citizen_phone="+32470000078")
    run_due_contacts(hub, clock.now())
    deliver_notification(hub, notification_id=str(messages_of(hub, order)[0].id))
    close(hub, order, Channel.SMS, Channel.EMAIL)
    live_through(hub, clock, timedelta(days=9))
    # The first message may have been read, so the citizen has the whole time to answer.
    assert [one.step for one in messages_of(hub, order)] == [0]
    assert [one["step"] for one in contents(hub, order, record.STEP_SKIPPED)] == [1, 2, 3]
    assert contents(hub, order, record.OUTCOME)[0]["messages"] == 1
    assert present(hub, order.id).hold_reason is HoldReason.NO_CONTACT


def test_an_order_whose_addresses_are_all_closed_goes_back_at_once(hub: Hub, clock: FixedClock) -> None:
    order = receive(hub, citizen_email="gone@citizen.example", citizen_phone="+32470000079")
    close(hub, order, Channel.SMS, Channel.EMAIL)
    run_due_contacts(hub, clock.now())
    assert present(hub, order.id).status is WorkOrderStatus.ON_HOLD
    told = contents(hub, order, record.OUTCOME)[0]
    assert (told["messages"], told["sentence"]) == (0, "None of the citizen's addresses can be written to any more.")


def test_the_channel_a_citizen_wishes_for_goes_first(hub: Hub, clock: FixedClock) -> None:
    order = receive(hub)
    with hub.unit_of_work() as work:
        wish = {"work_order_id": order.id, "channel": Channel.SMS, "changed_at": work.now}
        work.connection.execute(insert(contact_preference).values(wish))
        work.commit()
    live_through(hub, clock, timedelta(days=5))
    assert [one.channel for one in messages_of(hub, order)] == [Channel.SMS] * 3


def test_the_record_tells_the_whole_way(hub: Hub, clock: FixedClock) -> None:
    order = receive(hub)
    live_through(hub, clock, timedelta(days=9))
    steps = [kind for kind in kinds(hub, order) if kind in record.KINDS]
    assert steps == [record.OPENED, *[record.STEP_TAKEN] * 4, record.ENDED, record.OUTCOME]
    assert contents(hub, order, record.ENDED) == [{"outcome": "no contact", "round": 1}]


def test_after_a_stop_of_whoever_sends_only_the_newest_message_goes_out(hub: Hub, clock: FixedClock) -> None:
    order = receive(hub)
    live_through(hub, clock, timedelta(days=5))
    waiting = messages_of(hub, order)
    assert len(waiting) == 3
    for one in waiting:
        deliver_notification(hub, notification_id=str(one.id))
    statuses = [one.status for one in messages_of(hub, order)]
    assert statuses == [NotificationStatus.FAILED, NotificationStatus.FAILED, NotificationStatus.SENT]
