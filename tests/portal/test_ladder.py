"""The contact ladder over simulated weeks: spacing, quiet hours, one outcome, and nobody lost."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select

from hub.bootstrap import Hub
from hub.clock import FixedClock
from hub.db import tables
from hub.db.unit_of_work import UnitOfWork
from hub.domain.appointments import Appointment
from hub.domain.contact import CaseStatus, Channel, ContactCase, Notification
from hub.domain.events import CITIZEN, SYSTEM, Actor
from hub.domain.ids import AppointmentId, WorkOrderId
from hub.domain.lifecycle import AbortReason, Action, AppointmentStatus, HoldReason, VisitStatus, WorkOrderStatus
from hub.domain.work_orders import WorkOrder
from portal.contact.dossier import compile_dossier
from portal.contact.service import run_due_contacts
from tests.samples import a_visit, a_work_order, add_route, add_technician, staff_territory

BRUSSELS = ZoneInfo("Europe/Brussels")


def receive(hub: Hub, **changes: Any) -> WorkOrder:
    with hub.unit_of_work() as work:
        order = work.create_work_order(a_work_order(imported_at=work.now, **changes), by=SYSTEM)
        staff_territory(work, order.territory)
        work.commit()
    return present(hub, order.id)


def present(hub: Hub, work_order_id: WorkOrderId) -> WorkOrder:
    with hub.unit_of_work() as work:
        return work.work_orders.get(work_order_id)


def case_of(hub: Hub, order: WorkOrder) -> ContactCase:
    with hub.unit_of_work() as work:
        return work.contact_cases.get(order.id)


def messages_of(hub: Hub, order: WorkOrder) -> list[Notification]:
    table = tables.notification.c
    with hub.unit_of_work() as work:
        return work.notifications.list_where(table.work_order_id == order.id, order_by=(table.created_at,))


def advance(hub: Hub, order: WorkOrder, action: Action, by: Actor = SYSTEM, **changes: Any) -> None:
    with hub.unit_of_work() as work:
        work.advance_work_order(work.work_orders.get(order.id), action, by=by, **changes)
        work.commit()


def live_through(hub: Hub, clock: FixedClock, span: timedelta, tick: timedelta = timedelta(minutes=30)) -> None:
    """Let time pass with the timer running at every tick."""
    end = clock.now() + span
    while clock.now() < end:
        run_due_contacts(hub, clock.now())
        clock.advance(tick)


def history(hub: Hub, order: WorkOrder) -> list[str]:
    table = tables.status_event.c
    with hub.reading() as connection:
        query = select(table.name).where(table.work_order_id == order.id).order_by(table.seq)
        return list(connection.execute(query).scalars())


def test_silence_ends_in_one_escalation_after_exactly_the_written_attempts(hub: Hub, clock: FixedClock) -> None:
    order = receive(hub)
    assert order.status is WorkOrderStatus.CONTACTING
    live_through(hub, clock, timedelta(days=21), tick=timedelta(hours=2))
    sent = messages_of(hub, order)
    assert [(one.step, one.kind, one.channel) for one in sent] == [
        (0, "invitation", Channel.EMAIL),
        (1, "reminder", Channel.SMS),
        (2, "reminder", Channel.EMAIL),
        (3, "last_call", Channel.SMS),
    ]
    after = present(hub, order.id)
    assert (after.status, after.hold_reason) == (WorkOrderStatus.ON_HOLD, HoldReason.NO_CONTACT)
    names = history(hub, order)
    assert names.count("work_order.escalated") == 1
    assert names.count("work_order.on_hold") == 1
    assert names.index("work_order.on_hold") < names.index("work_order.escalated")
    case = case_of(hub, order)
    assert (case.status, case.outcome, case.next_due_at) == (CaseStatus.ENDED, "no contact", None)


def test_no_message_is_ever_queued_in_quiet_hours_or_on_a_sunday(hub: Hub, clock: FixedClock) -> None:
    orders = []
    for hour in range(0, 7 * 24, 5):
        clock.set(datetime(2026, 5, 4, tzinfo=UTC) + timedelta(hours=hour))
        orders.append(receive(hub, zone="Europe/Brussels"))
    clock.set(datetime(2026, 5, 4, tzinfo=UTC))
    live_through(hub, clock, timedelta(days=24), tick=timedelta(hours=2))
    for order in orders:
        sent = messages_of(hub, order)
        assert len(sent) == 4
        for one in sent:
            local = one.created_at.astimezone(BRUSSELS)
            assert 8 <= local.hour < 20
            assert local.weekday() != 6
        gaps = [later.created_at - earlier.created_at for earlier, later in pairwise(sent)]
        assert all(gap >= timedelta(hours=48) for gap in gaps)
        assert present(hub, order.id).status is WorkOrderStatus.ON_HOLD


def test_a_worker_that_stood_still_sends_one_message_not_all_at_once(hub: Hub, clock: FixedClock) -> None:
    order = receive(hub)
    run_due_contacts(hub, clock.now())
    clock.advance(timedelta(days=9))
    assert [run_due_contacts(hub, clock.now()) for _ in range(3)] == [1, 0, 0]
    assert [one.step for one in messages_of(hub, order)] == [0, 1]
    live_through(hub, clock, timedelta(days=14))
    assert [one.step for one in messages_of(hub, order)] == [0, 1, 2, 3]
    assert present(hub, order.id).status is WorkOrderStatus.ON_HOLD


def test_a_booking_ends_the_ladder_and_nothing_more_is_asked(hub: Hub, clock: FixedClock) -> None:
    order = receive(hub)
    live_through(hub, clock, timedelta(days=3))
    advance(hub, order, Action.BOOK, by=CITIZEN)
    live_through(hub, clock, timedelta(days=14))
    assert [one.step for one in messages_of(hub, order)] == [0, 1]
    assert case_of(hub, order).outcome == "booked"


def test_an_urgent_order_is_asked_by_sms_first_and_handed_back_after_two_days(hub: Hub, clock: FixedClock) -> None:
    order = receive(hub, work_type="repair")
    live_through(hub, clock, timedelta(hours=47))
    assert present(hub, order.id).status is WorkOrderStatus.CONTACTING
    assert [one.channel for one in messages_of(hub, order)] == [Channel.SMS, Channel.EMAIL, Channel.SMS]
    live_through(hub, clock, timedelta(hours=3))
    assert present(hub, order.id).hold_reason is HoldReason.NO_CONTACT


@pytest.mark.parametrize(("missing", "only"), [("citizen_email", Channel.SMS), ("citizen_phone", Channel.EMAIL)])
def test_an_order_with_one_address_is_asked_there(hub: Hub, clock: FixedClock, missing: str, only: Channel) -> None:
    order = receive(hub, **{missing: ""})
    live_through(hub, clock, timedelta(days=10))
    assert [one.channel for one in messages_of(hub, order)] == [only] * 4


def test_an_order_without_any_address_goes_back_at_once_with_that_reason(hub: Hub, clock: FixedClock) -> None:
    order = receive(hub, citizen_email="", citizen_phone="")
    run_due_contacts(hub, clock.now())
    assert present(hub, order.id).hold_reason is HoldReason.NO_CONTACT
    with hub.reading() as connection:
        table = tables.status_event.c
        told = connection.execute(select(table.reason).where(table.name == "work_order.escalated")).scalar_one()
    assert told == "The order has neither an e-mail address nor a phone number."


def test_work_without_a_citizen_is_ready_at_once_and_nobody_is_written_to(hub: Hub, clock: FixedClock) -> None:
    order = receive(hub, work_type="cabinet_repair")
    assert order.status is WorkOrderStatus.READY
    assert run_due_contacts(hub, clock.now()) == 0


def test_the_dossier_shows_every_attempt_with_masked_addresses(hub: Hub, clock: FixedClock) -> None:
    order = receive(hub)
    live_through(hub, clock, timedelta(days=10))
    with hub.unit_of_work() as work:
        dossier = compile_dossier(work, work.work_orders.get(order.id))
    attempts = dossier["attempts"]
    assert isinstance(attempts, list)
    assert len(attempts) == 4
    assert {one["recipient"] for one in attempts} == {"a…@citizen.example", "+32…01"}
    assert "peeters" not in str(dossier).lower()
    assert dossier["reason"] == "no contact"


def test_after_a_citizens_own_cancellation_the_next_round_waits_a_day(hub: Hub, clock: FixedClock) -> None:
    order = receive(hub)
    run_due_contacts(hub, clock.now())
    advance(hub, order, Action.BOOK, by=CITIZEN)
    advance(hub, order, Action.UNBOOK, by=CITIZEN)
    assert run_due_contacts(hub, clock.now()) == 0
    clock.advance(timedelta(days=1))
    assert run_due_contacts(hub, clock.now()) == 1
    assert [(one.round, one.step) for one in messages_of(hub, order)] == [(1, 0), (2, 0)]


def test_two_workers_at_once_take_each_step_once(hub: Hub, clock: FixedClock) -> None:
    from concurrent.futures import ThreadPoolExecutor

    orders = [receive(hub) for _ in range(12)]
    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(lambda _: run_due_contacts(hub, clock.now()), range(4)))
    assert sum(done) == 12
    assert all(len(messages_of(hub, order)) == 1 for order in orders)


def test_one_broken_case_holds_up_no_other(hub: Hub, clock: FixedClock) -> None:
    broken, sound = receive(hub), receive(hub)
    with hub.unit_of_work() as work:
        order = work.work_orders.get(broken.id)
        work.work_orders.swap(order, replace(order, zone="Nowhere/Land"))
        work.commit()
    assert run_due_contacts(hub, clock.now()) == 1
    assert len(messages_of(hub, sound)) == 1
    with pytest.raises(ExceptionGroup, match="no contact case"):
        run_due_contacts(hub, clock.now())


def _aborted(hub: Hub, order: WorkOrder, reason: AbortReason) -> None:
    with hub.unit_of_work() as work:
        route = add_route(work, add_technician(work), work.now.date())
        visit = a_visit(work, route, work.now, work_order_id=order.id, status=VisitStatus.ON_SITE)
        work.visits.add(visit)
        work.advance_visit(visit, Action.ABORT, by=SYSTEM, abort_reason=reason, ended_at=work.now)
        work.commit()


def _planned(hub: Hub) -> WorkOrder:
    order = receive(hub)
    advance(hub, order, Action.BOOK, by=CITIZEN)
    advance(hub, order, Action.PLAN)
    return present(hub, order.id)


def test_nobody_at_the_door_is_asked_once_more_and_then_handed_back(hub: Hub, clock: FixedClock) -> None:
    order = _planned(hub)
    _aborted(hub, order, AbortReason.NO_ACCESS)
    assert present(hub, order.id).status is WorkOrderStatus.CONTACTING
    run_due_contacts(hub, clock.now())
    assert [one.kind for one in messages_of(hub, order)] == ["missed"]
    advance(hub, order, Action.BOOK, by=CITIZEN)
    advance(hub, order, Action.PLAN)
    clock.advance(timedelta(days=1))
    _aborted(hub, order, AbortReason.NO_ACCESS)
    after = present(hub, order.id)
    assert (after.status, after.hold_reason) == (WorkOrderStatus.ON_HOLD, HoldReason.NO_ACCESS)
    assert history(hub, order).count("work_order.escalated") == 1


@pytest.mark.parametrize("reason", [AbortReason.REFUSED, AbortReason.UNSAFE, AbortReason.OTHER])
def test_any_other_failure_at_the_door_is_handed_back_with_its_own_reason(hub: Hub, reason: AbortReason) -> None:
    order = _planned(hub)
    _aborted(hub, order, reason)
    after = present(hub, order.id)
    assert (after.status, after.hold_reason) == (WorkOrderStatus.ON_HOLD, HoldReason(reason.value))


def test_a_late_answer_after_the_hold_is_still_welcome(hub: Hub, clock: FixedClock) -> None:
    order = receive(hub)
    live_through(hub, clock, timedelta(days=10))
    advance(hub, order, Action.BOOK, by=CITIZEN)
    assert present(hub, order.id).status is WorkOrderStatus.BOOKED
    assert case_of(hub, order).outcome == "no contact"


def an_appointment(order: WorkOrder, starts_at: datetime, **changes: Any) -> Appointment:
    from uuid import uuid4

    made = Appointment(
        id=AppointmentId(uuid4()),
        work_order_id=order.id,
        sequence=1,
        status=AppointmentStatus.HELD,
        starts_at=starts_at,
        ends_at=starts_at + timedelta(hours=2),
        lease_until=None,
        created_at=starts_at - timedelta(days=5),
    )
    return replace(made, **changes)


def _confirm(work: UnitOfWork, appointment: Appointment) -> Appointment:
    held = work.create_appointment(appointment, by=CITIZEN)
    return work.advance_appointment(held, Action.CONFIRM, by=CITIZEN, confirmed_at=work.now)


def test_booking_moving_and_cancelling_are_told_each_with_its_own_message(hub: Hub, clock: FixedClock) -> None:
    order = receive(hub)
    with hub.unit_of_work() as work:
        first = _confirm(work, an_appointment(order, clock.now() + timedelta(days=3)))
        work.commit()
    with hub.unit_of_work() as work:
        work.advance_appointment(first, Action.RESCHEDULE, by=CITIZEN)
        later = an_appointment(order, clock.now() + timedelta(days=4), sequence=2, replaces=first.id)
        second = _confirm(work, later)
        work.commit()
    with hub.unit_of_work() as work:
        work.advance_appointment(second, Action.CANCEL, by=CITIZEN)
        work.commit()
    assert [one.kind for one in messages_of(hub, order)] == ["confirmation", "moved", "cancelled"]


def test_a_hold_that_is_given_up_is_not_told(hub: Hub, clock: FixedClock) -> None:
    order = receive(hub)
    with hub.unit_of_work() as work:
        held = work.create_appointment(an_appointment(order, clock.now() + timedelta(days=3)), by=CITIZEN)
        work.advance_appointment(held, Action.CANCEL, by=CITIZEN)
        work.commit()
    assert messages_of(hub, order) == []


def test_the_ladder_waits_for_a_citizen_who_is_just_confirming(hub: Hub, clock: FixedClock) -> None:
    order = receive(hub)
    for _ in range(4):
        run_due_contacts(hub, clock.now())
        due = case_of(hub, order).next_due_at
        assert due is not None
        clock.set(due)
    assert case_of(hub, order).next_step == 4
    lease = clock.now() + timedelta(minutes=10)
    with hub.unit_of_work() as work:
        held = work.create_appointment(
            an_appointment(order, clock.now() + timedelta(days=2), lease_until=lease), by=CITIZEN
        )
        work.commit()
    assert [run_due_contacts(hub, clock.now()) for _ in range(2)] == [0, 0]
    assert present(hub, order.id).status is WorkOrderStatus.CONTACTING
    with hub.unit_of_work() as work:
        assert work.appointments.get(held.id).status is AppointmentStatus.HELD
    clock.set(lease)
    assert run_due_contacts(hub, clock.now()) == 1
    assert present(hub, order.id).hold_reason is HoldReason.NO_CONTACT


def test_cases_that_cannot_go_on_hold_up_no_others_however_many_they_are(
    hub: Hub, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("portal.contact.service._BATCH", 2)
    broken = [receive(hub) for _ in range(5)]
    clock.advance(timedelta(minutes=1))
    healthy = receive(hub)
    with hub.engine.begin() as connection:
        order = tables.work_order
        broken_ids = [one.id for one in broken]
        connection.execute(order.update().where(order.c.id.in_(broken_ids)).values(zone="Nowhere/Land"))
    assert run_due_contacts(hub, clock.now()) == 1
    assert [one.step for one in messages_of(hub, healthy)] == [0]


def test_a_policy_that_was_taken_away_is_replaced_by_the_one_such_work_has_now(hub: Hub, clock: FixedClock) -> None:
    order = receive(hub)
    with hub.engine.begin() as connection:
        connection.execute(tables.contact_case.update().values(policy="of-last-year"))
    assert run_due_contacts(hub, clock.now()) == 1
    assert [one.step for one in messages_of(hub, order)] == [0]


def test_a_visit_can_end_although_its_order_ended_while_the_technician_was_on_the_way(
    hub: Hub, clock: FixedClock
) -> None:
    with hub.unit_of_work() as work:
        route = add_route(work, add_technician(work), clock.now().date())
        visit = work.visits.add(a_visit(work, route, clock.now(), status=VisitStatus.EN_ROUTE))
        work.advance_work_order(work.work_orders.get(visit.work_order_id), Action.CANCEL, by=SYSTEM)
        work.advance_visit(visit, Action.ABORT, by=SYSTEM, abort_reason=AbortReason.NO_ACCESS)
        work.commit()
    assert present(hub, visit.work_order_id).status is WorkOrderStatus.CANCELLED
