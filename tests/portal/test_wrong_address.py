"""One address is somebody else's: nothing goes there any more, and the citizen is asked by what is left."""

import json
import shutil
from datetime import timedelta
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from hub.bootstrap import Hub, build_hub
from hub.clock import FixedClock
from hub.contact_record import first_fault, read_entries
from hub.domain.contact import CaseStatus, Channel, NotificationStatus
from hub.domain.conversations import ConversationStatus
from hub.domain.errors import StaleVersionError, TransitionRefusedError
from hub.domain.events import Actor, ActorKind
from hub.domain.lifecycle import Action, HoldReason, WorkOrderStatus
from hub.domain.work_orders import WorkOrder
from hub.jobs import RememberedQueue
from hub.notifications.addresses import opt_out
from hub.notifications.service import deliver_notification, request_notification
from infra.hosts.rooms import SUBSCRIPTIONS
from portal.contact import record
from portal.contact.decisions import Decision, UnderWayError, record_outcome, reinvite, strike_address
from portal.contact.policies import SAMPLES
from portal.contact.service import run_due_contacts
from portal.contact.wrong_address import NoSuchAddressError, WrongAddress
from portal.new_links import send_new_link
from tests.portal.citizen import link_for
from tests.portal.test_conversations import NUMBER, text, threads, write_to
from tests.portal.test_conversations_staff import actor, an_account
from tests.portal.test_ladder import advance, case_of, history, live_through, messages_of, present, receive
from tests.scheduling.citizens import TUESDAY, book, employ

STAFF = Actor(ActorKind.STAFF, "7d4e0c1a-0000-4000-8000-000000000001")
PHONE, EMAIL = WrongAddress.PHONE, WrongAddress.EMAIL


def decision(hub: Hub, order: WorkOrder, note: str = "Whoever answered has never lived there.") -> Decision:
    return Decision(order.id, present(hub, order.id).version, STAFF, note)


def strike(hub: Hub, order: WorkOrder, address: WrongAddress) -> WorkOrder:
    return strike_address(hub, decision(hub, order), address)


def told(hub: Hub, order: WorkOrder, kind: str) -> list[dict[str, object]]:
    with hub.unit_of_work() as work:
        entries = read_entries(work, order.id)
    assert first_fault(entries) is None
    return [json.loads(one.content) for one in entries if one.kind == kind]


def sent_since(hub: Hub, order: WorkOrder, before: int) -> list[tuple[str, Channel]]:
    return [(one.kind, one.channel) for one in messages_of(hub, order)[before:]]


def test_the_citizen_is_asked_from_the_beginning_by_the_address_that_is_left(
    hub: Hub, client: TestClient, clock: FixedClock
) -> None:
    order = receive(hub, language="en")
    live_through(hub, clock, timedelta(days=3))
    before = len(messages_of(hub, order))
    assert before == 2
    old = link_for(hub, order)
    after = strike(hub, order, PHONE)
    assert (after.status, after.citizen_phone, after.citizen_email) == (
        WorkOrderStatus.CONTACTING,
        "",
        order.citizen_email,
    )
    assert client.get(f"/a/{old}").status_code == 410, "the stranger's link opens nothing any more"
    live_through(hub, clock, timedelta(days=9))
    assert sent_since(hub, order, before) == [
        ("invitation", Channel.EMAIL),
        ("reminder", Channel.EMAIL),
        ("reminder", Channel.EMAIL),
        ("last_call", Channel.EMAIL),
    ]
    assert [one["outcome"] for one in told(hub, order, record.ENDED)] == ["wrong number", "no contact"]
    [entry] = told(hub, order, record.WRONG_ADDRESS)
    assert (entry["address"], entry["links"], entry["by"]) == ("phone", 1, {"kind": "staff", "name": STAFF.name})
    assert order.citizen_phone not in json.dumps(entry)
    assert "work_order.address_struck" in history(hub, order)


def test_a_new_link_reaches_whoever_asks_for_one_afterwards(hub: Hub, clock: FixedClock) -> None:
    order = receive(hub)
    strike(hub, order, PHONE)
    send_new_link(hub, reference=order.external_id, postcode=order.postcode)
    assert [(one.kind, one.recipient) for one in messages_of(hub, order)] == [("new_link", order.citizen_email)]


def test_what_waited_for_the_number_is_not_sent_to_the_stranger(hub: Hub) -> None:
    order = receive(hub)
    with hub.unit_of_work() as work:
        waits = request_notification(work, order, kind="new_link", channel=Channel.SMS)
        work.commit()
    assert waits is not None
    strike(hub, order, PHONE)
    deliver_notification(hub, notification_id=str(waits.id))
    with hub.unit_of_work() as work:
        assert work.notifications.get(waits.id).status is NotificationStatus.FAILED


@pytest.mark.parametrize("reach", ["no other address", "it opted out", "no messages left"])
def test_when_nothing_is_left_the_outcome_is_wrong_number(hub: Hub, clock: FixedClock, reach: str) -> None:
    order = receive(hub, **({"citizen_email": ""} if reach == "no other address" else {}))
    if reach == "it opted out":
        with hub.unit_of_work() as work:
            opt_out(work, Channel.EMAIL, order.citizen_email, "unsubscribed")
            work.commit()
    elif reach == "no messages left":
        for _ in range(3):
            live_through(hub, clock, timedelta(days=9))
            if present(hub, order.id).status is WorkOrderStatus.ON_HOLD and len(messages_of(hub, order)) < 10:
                reinvite(hub, decision(hub, order))
        assert len(messages_of(hub, order)) == 10
        assert present(hub, order.id).hold_reason is HoldReason.NO_CONTACT
    after = strike(hub, order, PHONE)
    assert (after.status, after.hold_reason) == (WorkOrderStatus.ON_HOLD, HoldReason.WRONG_NUMBER)
    assert case_of(hub, order).status is CaseStatus.ENDED
    assert told(hub, order, record.OUTCOME)[-1]["outcome"] == "wrong number"
    before = len(messages_of(hub, order))
    live_through(hub, clock, timedelta(days=12))
    assert sent_since(hub, order, before) == []


def test_the_letter_box_is_an_address_where_the_policy_writes_letters(hub: Hub, tmp_path: Path) -> None:
    shutil.copy(SAMPLES / "patient.toml", tmp_path / "standard.toml")
    shutil.copy(SAMPLES / "urgent.toml", tmp_path)
    settings = hub.settings.model_copy(update={"contact_policies": tmp_path})
    by_letter = build_hub(settings, SUBSCRIPTIONS, clock=hub.clock, jobs=RememberedQueue())
    order = receive(by_letter, citizen_email="")
    assert strike(by_letter, order, PHONE).status is WorkOrderStatus.CONTACTING
    run_due_contacts(by_letter, by_letter.clock.now())
    assert sent_since(by_letter, order, 0) == [("invitation", Channel.LETTER)]
    by_letter.close()


def test_an_order_that_was_held_as_wrong_number_is_taken_up_again(hub: Hub, clock: FixedClock) -> None:
    order = receive(hub)
    live_through(hub, clock, timedelta(hours=1))
    record_outcome(hub, decision(hub, order), HoldReason.WRONG_NUMBER)
    before = len(messages_of(hub, order))
    assert strike(hub, order, PHONE).status is WorkOrderStatus.CONTACTING
    run_due_contacts(hub, clock.now())
    assert sent_since(hub, order, before) == [("invitation", Channel.EMAIL)]


@pytest.mark.parametrize("reason", [HoldReason.REFUSED, HoldReason.DECEASED, HoldReason.MOVED])
def test_another_end_stays_the_end(hub: Hub, clock: FixedClock, reason: HoldReason) -> None:
    order = receive(hub)
    record_outcome(hub, decision(hub, order), reason)
    after = strike(hub, order, PHONE)
    assert (after.status, after.hold_reason, after.citizen_phone) == (WorkOrderStatus.ON_HOLD, reason, "")
    before = len(messages_of(hub, order))
    live_through(hub, clock, timedelta(days=2))
    assert sent_since(hub, order, before) == []


def test_an_appointment_stands_and_its_citizen_gets_another_link(hub: Hub, client: TestClient) -> None:
    employ(hub, [TUESDAY], "An")
    order = receive(hub, language="en")
    book(hub, order.id, TUESDAY, 10)
    old = link_for(hub, order)
    before = len(messages_of(hub, order))
    assert strike(hub, order, PHONE).status is WorkOrderStatus.BOOKED
    assert sent_since(hub, order, before) == [("new_link", Channel.EMAIL)]
    assert client.get(f"/a/{old}").status_code == 410
    after = strike(hub, order, EMAIL)
    assert (after.status, after.hold_reason) == (WorkOrderStatus.ON_HOLD, HoldReason.WRONG_NUMBER)


def test_what_the_stranger_wrote_keeps_nobody_waiting(hub: Hub, clock: FixedClock) -> None:
    order = receive(hub, language="en")
    write_to(hub, order)
    text(hub, "Wrong number!")
    [thread] = threads(hub)
    assert thread.status is ConversationStatus.OPEN
    before = len(messages_of(hub, order))
    by = actor(an_account(hub))
    strike_address(hub, Decision(order.id, present(hub, order.id).version, by, "She said so."), PHONE)
    [thread] = threads(hub)
    assert (thread.status, thread.waiting_since) == (ConversationStatus.CLOSED, None)
    run_due_contacts(hub, clock.now())
    assert sent_since(hub, order, before) == [("invitation", Channel.EMAIL)]
    # Whoever writes from there again is read by a person, and books nothing.
    assert (text(hub, "JA", sender=NUMBER) or thread) is not None
    assert [one.status for one in threads(hub)] == [ConversationStatus.OPEN]


def test_what_cannot_be_taken_away_is_said_and_changes_nothing(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    order = receive(hub, citizen_phone="")
    with pytest.raises(NoSuchAddressError, match="no telephone number any more"):
        strike(hub, order, PHONE)
    stale = decision(hub, order)
    strike(hub, order, EMAIL)
    with pytest.raises(StaleVersionError):
        strike_address(hub, stale, EMAIL)
    over = receive(hub)
    advance(hub, over, Action.CANCEL)
    with pytest.raises(TransitionRefusedError):
        strike(hub, over, PHONE)
    assert present(hub, over.id).citizen_phone
    monkeypatch.setattr("portal.contact.decisions._is_under_way", lambda *_: True)
    coming = receive(hub)
    with pytest.raises(UnderWayError):
        strike(hub, coming, PHONE)
    assert present(hub, coming.id).citizen_phone
