"""What staff decides: every outcome with what its policy lets follow, who and why, and of two at once only one."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import select

from hub.bootstrap import Hub, build_hub
from hub.clock import FixedClock
from hub.contact_record import first_fault, read_entries
from hub.db import tables
from hub.domain.contact import CaseStatus
from hub.domain.errors import StaleVersionError
from hub.domain.events import CITIZEN, Actor, ActorKind
from hub.domain.lifecycle import Action, AppointmentStatus, HoldReason, VisitStatus, WorkOrderStatus
from hub.domain.work_orders import WorkOrder
from hub.jobs import RememberedQueue
from hub.notifications.service import deliver_notification
from hub.settings import Settings
from infra.hosts.rooms import SUBSCRIPTIONS
from portal.contact import record
from portal.contact.decisions import (
    Decision,
    NoMessagesLeftError,
    NoNoteError,
    NotOnHoldError,
    NotToldError,
    UnderWayError,
    UnknownTeamError,
    WrongReviewDateError,
    cancel_held,
    hand_over,
    record_outcome,
    reinvite,
    set_review,
)
from portal.contact.follow_ups import FollowUp, find_follow_up, review_held_orders
from portal.contact.service import run_due_contacts
from tests.portal.test_ladder import (
    _confirm,
    advance,
    an_appointment,
    case_of,
    history,
    live_through,
    messages_of,
    present,
    receive,
)
from tests.samples import a_visit, add_route, add_technician

STAFF = Actor(ActorKind.STAFF, "7d4e0c1a-0000-4000-8000-000000000001")


def decision(order: WorkOrder, note: str = "Said so on the phone.", version: int | None = None) -> Decision:
    return Decision(order.id, order.version if version is None else version, STAFF, note)


def entries(hub: Hub, order: WorkOrder) -> list[tuple[str, dict[str, Any]]]:
    with hub.unit_of_work() as work:
        found = read_entries(work, order.id)
    assert first_fault(found) is None
    return [(one.kind, json.loads(one.content)) for one in found]


def follow_up(hub: Hub, order: WorkOrder) -> FollowUp | None:
    with hub.unit_of_work() as work:
        return find_follow_up(work, order.id)


@pytest.fixture
def patient(hub: Hub, tmp_path: Path) -> Hub:
    """The same hub with a policy of many endings."""
    (tmp_path / "policies").mkdir()
    text = """
quiet_from = "20:00"
quiet_until = "08:00"
most_attempts = 3
[[steps]]
after_hours = 0
kind = "invitation"
channels = ["email"]
[[steps]]
after_hours = 48
kind = "last_call"
channels = ["sms", "email"]
[end]
after_hours = 96
[outcomes.no_contact]
then = "hold"
review_days = 30
reinvite = true
[outcomes.deceased]
then = "reassign"
team = "customer care"
[outcomes.refused]
then = "hold"
review_days = 10
"""
    for name in ("standard", "urgent"):
        (tmp_path / "policies" / f"{name}.toml").write_text(text, encoding="utf-8")
    url = hub.settings.database_url
    assert isinstance(url, SecretStr)
    settings = Settings(database_url=url, state_dir=tmp_path, demo=True, contact_policies=tmp_path / "policies")
    return build_hub(settings, SUBSCRIPTIONS, clock=hub.clock, jobs=RememberedQueue())


@pytest.mark.parametrize("reason", [HoldReason.REFUSED, HoldReason.WRONG_NUMBER, HoldReason.MOVED, HoldReason.OTHER])
def test_an_outcome_that_staff_learned_ends_the_ladder_and_hands_the_order_back(hub: Hub, reason: HoldReason) -> None:
    order = receive(hub)
    run_due_contacts(hub, hub.clock.now())
    deliver_notification(hub, notification_id=str(messages_of(hub, order)[0].id))
    record_outcome(hub, decision(order), reason)
    after = present(hub, order.id)
    assert (after.status, after.hold_reason) == (WorkOrderStatus.ON_HOLD, reason)
    assert (case_of(hub, order).status, case_of(hub, order).outcome) == (CaseStatus.ENDED, reason.value)
    assert history(hub, order).count("work_order.escalated") == 1
    told = dict(entries(hub, order))[record.OUTCOME]
    assert told["outcome"] == reason.value
    assert told["by"] == {"kind": "staff", "name": STAFF.name}
    assert (told["messages"], told["closedDoors"], told["note"]) == (1, 0, "Said so on the phone.")


def test_the_death_of_a_citizen_goes_to_the_team_and_nobody_is_written_to(patient: Hub) -> None:
    order = receive(patient)
    with patient.unit_of_work() as work:
        appointment = _confirm(work, an_appointment(order, patient.clock.now() + timedelta(days=3)))
        work.advance_work_order(work.work_orders.get(order.id), Action.BOOK, by=CITIZEN)
        work.commit()
    before = len(messages_of(patient, order))
    record_outcome(patient, decision(present(patient, order.id)), HoldReason.DECEASED)
    followed = follow_up(patient, order)
    assert followed is not None
    assert (followed.team, followed.review_at) == ("customer care", None)
    assert "work_order.escalated" not in history(patient, order)
    with patient.unit_of_work() as work:
        assert work.appointments.get(appointment.id).status is AppointmentStatus.CANCELLED
    assert len(messages_of(patient, order)) == before


def test_a_citizen_who_refuses_on_the_phone_is_told_that_nobody_comes(hub: Hub) -> None:
    order = receive(hub)
    with hub.unit_of_work() as work:
        _confirm(work, an_appointment(order, hub.clock.now() + timedelta(days=3)))
        work.advance_work_order(work.work_orders.get(order.id), Action.BOOK, by=CITIZEN)
        work.commit()
    record_outcome(hub, decision(present(hub, order.id)), HoldReason.REFUSED)
    assert [one.kind for one in messages_of(hub, order)] == ["confirmation", "withdrawn"]


def test_silence_and_closed_doors_are_counted_and_never_told(hub: Hub) -> None:
    order = receive(hub)
    for reason in (HoldReason.NO_CONTACT, HoldReason.NO_ACCESS, HoldReason.UNSAFE):
        with pytest.raises(NotToldError, match="cannot be recorded by hand"):
            record_outcome(hub, decision(order), reason)


def test_a_held_order_gets_its_true_reason_when_staff_learns_it(hub: Hub, clock: FixedClock) -> None:
    order = receive(hub)
    live_through(hub, clock, timedelta(days=10))
    held = present(hub, order.id)
    assert held.hold_reason is HoldReason.NO_CONTACT
    record_outcome(hub, decision(held), HoldReason.MOVED)
    assert present(hub, order.id).hold_reason is HoldReason.MOVED
    assert [told["outcome"] for kind, told in entries(hub, order) if kind == record.OUTCOME] == ["no contact", "moved"]


def test_nothing_is_decided_while_a_technician_is_under_way(hub: Hub) -> None:
    with hub.unit_of_work() as work:
        route = add_route(work, add_technician(work), work.now.date())
        visit = work.visits.add(a_visit(work, route, work.now, status=VisitStatus.EN_ROUTE))
        work.commit()
    with pytest.raises(UnderWayError):
        record_outcome(hub, decision(present(hub, visit.work_order_id)), HoldReason.REFUSED)


def test_silence_is_held_for_the_days_of_the_policy_and_then_invited_again_until_the_messages_are_used_up(
    patient: Hub, clock: FixedClock
) -> None:
    order = receive(patient)
    live_through(patient, clock, timedelta(days=5), tick=timedelta(hours=2))
    assert present(patient, order.id).status is WorkOrderStatus.ON_HOLD
    assert "work_order.escalated" not in history(patient, order)
    followed = follow_up(patient, order)
    assert followed is not None
    assert followed.review_at is not None
    assert followed.reinvites
    clock.set(followed.review_at - timedelta(seconds=1))
    assert review_held_orders(patient, clock.now()) == 0
    clock.set(followed.review_at)
    assert [review_held_orders(patient, clock.now()) for _ in range(2)] == [1, 0]
    assert present(patient, order.id).status is WorkOrderStatus.CONTACTING
    live_through(patient, clock, timedelta(days=6), tick=timedelta(hours=2))
    # The third message was the last one allowed: no more rounds, the order goes back.
    assert [(one.round, one.step) for one in messages_of(patient, order)] == [(1, 0), (1, 1), (2, 0)]
    assert history(patient, order).count("work_order.escalated") == 1
    with pytest.raises(NoMessagesLeftError):
        reinvite(patient, decision(present(patient, order.id)))


def test_an_order_that_reaches_nobody_is_not_held_again_and_again(patient: Hub, clock: FixedClock) -> None:
    order = receive(patient, citizen_email="", citizen_phone="")
    run_due_contacts(patient, clock.now())
    assert history(patient, order).count("work_order.escalated") == 1
    followed = follow_up(patient, order)
    assert followed is not None
    assert followed.review_at is None


def test_staff_invites_again_and_the_next_round_begins(hub: Hub, clock: FixedClock) -> None:
    order = receive(hub)
    live_through(hub, clock, timedelta(days=9))
    reinvite(hub, decision(present(hub, order.id), "The neighbour says she is back."))
    after = present(hub, order.id)
    assert (after.status, after.hold_reason) == (WorkOrderStatus.CONTACTING, None)
    run_due_contacts(hub, clock.now())
    assert [(one.round, one.step) for one in messages_of(hub, order)][-1] == (2, 0)
    assert record.INVITED_AGAIN in dict(entries(hub, order))


def test_work_without_a_citizen_waits_for_the_plan_again(hub: Hub) -> None:
    order = receive(hub, work_type="cabinet_repair")
    advance(hub, order, Action.PLAN)
    advance(hub, order, Action.HOLD, hold_reason=HoldReason.UNSAFE)
    reinvite(hub, decision(present(hub, order.id)))
    assert present(hub, order.id).status is WorkOrderStatus.READY


def _held(hub: Hub) -> WorkOrder:
    order = receive(hub)
    record_outcome(hub, decision(order), HoldReason.REFUSED)
    return present(hub, order.id)


def test_a_review_date_is_set_changed_and_taken_away(hub: Hub, clock: FixedClock) -> None:
    order = _held(hub)
    set_review(hub, decision(order), date(2026, 10, 26), reinvites=False)
    followed = follow_up(hub, order)
    assert followed is not None
    assert followed.review_at is not None
    # 08:00 in Brussels on the day after the clocks went back.
    assert followed.review_at.isoformat() == "2026-10-26T07:00:00+00:00"
    clock.set(followed.review_at)
    assert review_held_orders(hub, clock.now()) == 0
    order = present(hub, order.id)
    set_review(hub, decision(order), date(2027, 1, 4), reinvites=True)
    set_review(hub, decision(present(hub, order.id)), None, reinvites=True)
    assert follow_up(hub, order) == FollowUp(order.id, None, False, "", clock.now(), version=4)
    for wrong in (date(2026, 10, 26), date(2030, 1, 1)):
        with pytest.raises(WrongReviewDateError):
            set_review(hub, decision(present(hub, order.id)), wrong, reinvites=False)


def test_an_order_is_handed_to_a_team_of_the_catalogue_and_keeps_its_date(hub: Hub) -> None:
    order = _held(hub)
    set_review(hub, decision(order), date(2026, 6, 1), reinvites=False)
    hand_over(hub, decision(present(hub, order.id)), "field office")
    followed = follow_up(hub, order)
    assert followed is not None
    assert (followed.team, followed.review_at is None) == ("field office", False)
    with pytest.raises(UnknownTeamError, match="its teams are customer care, field office"):
        hand_over(hub, decision(present(hub, order.id)), "the boss")


def test_a_held_order_is_cancelled_and_no_other(hub: Hub) -> None:
    order = receive(hub)
    for act in (cancel_held, reinvite):
        with pytest.raises(NotOnHoldError, match="contacting and not on hold"):
            act(hub, decision(order))
    held = _held(hub)
    cancel_held(hub, decision(held, "The utility took it back."))
    assert present(hub, held.id).status is WorkOrderStatus.CANCELLED
    assert record.CANCELLED in dict(entries(hub, held))


def test_of_two_who_decide_at_once_the_second_is_told(hub: Hub) -> None:
    order = _held(hub)
    hand_over(hub, decision(order), "field office")
    for late in (
        lambda: hand_over(hub, decision(order), "customer care"),
        lambda: set_review(hub, decision(order), None, reinvites=False),
        lambda: reinvite(hub, decision(order)),
        lambda: cancel_held(hub, decision(order)),
        lambda: record_outcome(hub, decision(order), HoldReason.MOVED),
    ):
        with pytest.raises(StaleVersionError):
            late()


@pytest.mark.parametrize("note", ["", "  ", "ok", "x" * 501, "\x00\x00\x00"])
def test_every_act_says_why(hub: Hub, note: str) -> None:
    order = receive(hub)
    with pytest.raises(NoNoteError):
        record_outcome(hub, decision(order, note), HoldReason.REFUSED)


def test_a_note_keeps_no_number_address_or_name(hub: Hub) -> None:
    order = receive(hub)
    note = "AN PEETERS (an.peeters@citizen.example, +32 470 00 00 01, 0470/00.00.01) said on 2026-05-04 no; peeters's son agrees"
    record_outcome(hub, decision(order, note), HoldReason.REFUSED)
    with hub.reading() as connection:
        events = connection.execute(tables.status_event.select()).all()
    for text in (str(entries(hub, order)), *(str(row.reason) for row in events)):
        for personal in ("peeters", "0470", "470 00", "+32 470", "+32470000001"):
            assert personal not in text.lower()
    assert "2026-05-04" in dict(entries(hub, order))[record.OUTCOME]["note"]


def test_workers_that_look_at_held_orders_at_once_invite_each_citizen_once(patient: Hub, clock: FixedClock) -> None:
    orders = [receive(patient) for _ in range(4)]
    for order in orders:
        record_outcome(patient, decision(order), HoldReason.OTHER)
        held = present(patient, order.id)
        set_review(patient, decision(held), date(2026, 5, 12), reinvites=True)
    clock.set(datetime(2026, 5, 12, 6, 0, tzinfo=UTC))
    with ThreadPoolExecutor(3) as pool:
        done = sum(pool.map(lambda _: review_held_orders(patient, clock.now()), range(3)))
    assert done == len(orders)
    for order in orders:
        assert case_of(patient, order).round == 2
        assert [kind for kind, _ in entries(patient, order)].count(record.INVITED_AGAIN) == 1


def test_the_utility_hears_the_new_reasons_in_its_events(hub: Hub) -> None:
    order = receive(hub)
    record_outcome(hub, decision(order), HoldReason.WRONG_NUMBER)
    table = tables.outbox_event.c
    with hub.reading() as connection:
        query = select(table.data).where(table.work_order_id == order.id).order_by(table.seq)
        told = [one["event"]["workOrder"].get("holdReason") for one in connection.execute(query).scalars()]
    assert told[-2:] == ["wrong number", "wrong number"]
