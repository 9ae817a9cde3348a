"""Other contact data for an order: whoever had a link before sees and does nothing any more, and the citizen of now is asked."""

from datetime import timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import func, select

from hub.bootstrap import Hub
from hub.clock import FixedClock
from hub.db.citizen_tables import access_details, contact_preference
from hub.db.portal_tables import time_preference, waitlist_entry
from hub.domain.contact import Channel, NotificationStatus
from hub.domain.lifecycle import HoldReason, WorkOrderStatus
from hub.domain.waitlist import WaitlistStatus
from hub.notifications.service import deliver_notification, request_notification
from ingest.schemas import CREATE_TYPE
from portal.contact.decisions import record_outcome, reinvite
from portal.contact.service import run_due_contacts
from tests.ingest.messages import an_order
from tests.ingest.test_changes import only, receive, sent
from tests.portal.citizen import link_for
from tests.portal.test_ladder import case_of, messages_of
from tests.portal.test_resting_links import decision
from tests.scheduling.citizens import TUESDAY, book, employ

EMAIL, PHONE = "jan.vermeulen@citizen.example", "+32470112233"
NEW_EMAIL, NEW_PHONE = "new@tenant.example", "+32470445566"


def party(name: str, email: str = "", phone: str = "") -> list[dict[str, Any]]:
    media = [
        {"characteristic": {key: value}} for key, value in (("emailAddress", email), ("phoneNumber", phone)) if value
    ]
    return [{"role": "customer", "name": name, "contactMedium": media}]


@pytest.fixture
def order(hub: Hub) -> dict[str, Any]:
    """An order of Jan Vermeulen that came in, and technicians who could do it."""
    employ(hub, [TUESDAY], "An", "Bo")
    made = an_order(requestedStartDate="2026-05-04T08:00:00+02:00")
    receive(hub, sent(made, 1, CREATE_TYPE), sent(made, 2, relatedParty=party("Jan Vermeulen", EMAIL, PHONE)))
    return made


def opens(client: TestClient, token: str) -> int:
    statuses: set[int] = {client.get(f"/a/{token}{step}").status_code for step in ("", "/details", "/calendar.ics")}
    [status] = statuses
    return status


def rows(hub: Hub, table: Any) -> int:
    with hub.reading() as connection:
        return int(connection.execute(select(func.count()).select_from(table)).scalar_one())


def test_the_tenant_before_sees_and_changes_nothing_and_what_they_told_is_gone(
    hub: Hub, client: TestClient, order: dict[str, Any]
) -> None:
    old = link_for(hub, only(hub))
    client.post(f"/a/{old}/details/access", data={"gate_code": "1111-OLD", "dog": "Rex"})
    client.post(f"/a/{old}/details/preferences", data={"channel": "sms", "language": "nl"})
    client.post(f"/a/{old}/preferences", data={"weekdays": "mon"})
    client.post(f"/a/{old}/earlier")
    assert rows(hub, access_details) == rows(hub, contact_preference) == 1
    receive(hub, sent(order, 3, relatedParty=party("Nora Nieuw", NEW_EMAIL, NEW_PHONE)))
    assert [rows(hub, table) for table in (access_details, contact_preference, time_preference)] == [0, 0, 0]
    with hub.reading() as connection:
        waits = set(connection.execute(select(waitlist_entry.c.status)).scalars())
    assert waits <= {WaitlistStatus.ENDED}
    new = link_for(hub, only(hub))
    client.post(f"/a/{new}/details/access", data={"gate_code": "4711-NEW"})
    assert opens(client, old) == 410
    assert opens(client, new) == 200
    language = only(hub).language
    client.post(f"/a/{old}/details/preferences", data={"channel": "", "language": "fr"})
    assert only(hub).language == language


def test_somebody_else_is_asked_from_the_beginning(hub: Hub, clock: FixedClock, order: dict[str, Any]) -> None:
    run_due_contacts(hub, clock.now())
    [first] = messages_of(hub, only(hub))
    assert (first.kind, first.recipient) == ("invitation", EMAIL)
    clock.advance(timedelta(hours=1))
    receive(hub, sent(order, 3, relatedParty=party("Nora Nieuw", NEW_EMAIL)))
    run_due_contacts(hub, clock.now())
    assert case_of(hub, only(hub)).round == 2
    assert [(one.kind, one.recipient) for one in messages_of(hub, only(hub))][1:] == [("invitation", NEW_EMAIL)]


def test_whoever_keeps_an_address_keeps_what_they_told_and_gets_another_link(
    hub: Hub, client: TestClient, clock: FixedClock, order: dict[str, Any]
) -> None:
    run_due_contacts(hub, clock.now())
    old = link_for(hub, only(hub))
    client.post(f"/a/{old}/details/access", data={"gate_code": "1111"})
    receive(hub, sent(order, 3, relatedParty=party("Jan Vermeulen", EMAIL, NEW_PHONE)))
    assert opens(client, old) == 410, "the number before may have been a stranger's"
    assert rows(hub, access_details) == 1
    assert case_of(hub, only(hub)).round == 1
    assert [(one.kind, one.recipient) for one in messages_of(hub, only(hub))][1:] == [("new_link", EMAIL)]


@pytest.mark.parametrize(
    "data",
    [
        {"relatedParty": party("Jan Vermeulen-Peeters", EMAIL, PHONE)},
        {"relatedParty": party("Jan Vermeulen", EMAIL.upper(), "0032 470/11 22 33")},
        {"description": "The bell is broken."},
    ],
    ids=["a corrected name", "the same in other letters", "notes"],
)
def test_a_link_lives_on_when_no_address_is_gone(
    hub: Hub, client: TestClient, order: dict[str, Any], data: dict[str, Any]
) -> None:
    old = link_for(hub, only(hub))
    receive(hub, sent(order, 3, **data))
    assert opens(client, old) == 200


def test_an_appointment_stands_and_the_new_citizen_hears_of_it(hub: Hub, order: dict[str, Any]) -> None:
    book(hub, only(hub).id, TUESDAY, 10)
    receive(hub, sent(order, 3, relatedParty=party("Nora Nieuw", NEW_EMAIL, NEW_PHONE)))
    assert only(hub).status is WorkOrderStatus.BOOKED
    told = [(one.kind, one.recipient) for one in messages_of(hub, only(hub))]
    assert told[-1] == ("confirmation", NEW_EMAIL)


@pytest.mark.parametrize("kind", ["invitation", "new_link", "survey"])
def test_a_message_that_waited_does_not_go_to_an_address_that_is_gone(
    hub: Hub, order: dict[str, Any], kind: str
) -> None:
    with hub.unit_of_work() as work:
        waits = request_notification(work, only(hub), kind=kind, channel=Channel.EMAIL)
        work.commit()
    assert waits is not None
    receive(hub, sent(order, 3, relatedParty=party("Nora Nieuw", NEW_EMAIL)))
    deliver_notification(hub, notification_id=str(waits.id))
    with hub.unit_of_work() as work:
        after = work.notifications.get(waits.id)
    assert (after.status, "no longer on file" in after.error) == (NotificationStatus.FAILED, True)


def test_a_held_order_that_is_mended_does_not_wake_the_old_link(
    hub: Hub, client: TestClient, order: dict[str, Any]
) -> None:
    old = link_for(hub, only(hub))
    record_outcome(hub, decision(hub, only(hub)), HoldReason.MOVED)
    assert opens(client, old) == 410
    receive(hub, sent(order, 3, relatedParty=party("Nora Nieuw", NEW_EMAIL)))
    assert only(hub).status is WorkOrderStatus.CONTACTING
    assert opens(client, old) == 410


def test_a_wrong_number_ends_the_links_for_good(hub: Hub, client: TestClient, order: dict[str, Any]) -> None:
    old = link_for(hub, only(hub))
    record_outcome(hub, decision(hub, only(hub)), HoldReason.WRONG_NUMBER)
    page = client.get(f"/a/{old}?lang=en")
    assert page.status_code == 410
    assert only(hub).street not in page.text
    assert "Ask for a new link" not in page.text
    reinvite(hub, decision(hub, only(hub)))
    assert opens(client, old) == 410
