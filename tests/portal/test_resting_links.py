"""A link whose citizen died or moved away, or that went to a wrong number: a neutral word to whoever opens it, nothing else, until staff lifts the hold."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from fastapi import APIRouter
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient

from hub.bootstrap import Hub
from hub.clock import FixedClock
from hub.domain.contact import Notification, NotificationStatus
from hub.domain.events import Actor, ActorKind
from hub.domain.lifecycle import HoldReason, WorkOrderStatus
from hub.domain.work_orders import WorkOrder
from hub.notifications.service import deliver_notification, request_notification
from infra.hosts.rooms import ROUTERS
from portal.contact.decisions import Decision, record_outcome, reinvite
from portal.new_links import send_new_link
from tests.portal.chooser import everything, staff
from tests.portal.citizen import link_for
from tests.portal.test_ladder import messages_of, present, receive

STAFF = Actor(ActorKind.STAFF, "7d4e0c1a-0000-4000-8000-000000000001")
RESTS = (HoldReason.DECEASED, HoldReason.MOVED, HoldReason.WRONG_NUMBER)


def decision(hub: Hub, order: WorkOrder) -> Decision:
    return Decision(order.id, present(hub, order.id).version, STAFF, "a relative told us on the phone")


def _routes(router: APIRouter) -> Iterator[APIRoute]:
    """The routes of a router and of those that it includes."""
    for one in router.routes:
        if isinstance(one, APIRoute):
            yield one
        else:
            yield from _routes(one.original_router)  # type: ignore[attr-defined]


def pages_behind_a_link() -> list[tuple[str, str]]:
    """Method and step of every address that a link opens, so that a page added later is looked at too."""
    found = [
        (method, route.path.removeprefix("/a/{token}"))
        for router in ROUTERS
        for route in _routes(router)
        if route.path.startswith("/a/{token}")
        for method in sorted(route.methods or ())
    ]
    assert {("GET", ""), ("POST", "/hold"), ("POST", "/confirm"), ("GET", "/earlier"), ("POST", "/call-back")} <= set(
        found
    )
    return found


@pytest.mark.parametrize("reason", RESTS)
def test_no_page_behind_the_link_shows_or_does_anything(hub: Hub, client: TestClient, reason: HoldReason) -> None:
    staff(hub)
    order = receive(hub, language="en")
    token = link_for(hub, order)
    record_outcome(hub, decision(hub, order), reason)
    before = everything(hub)
    for method, pattern in pages_behind_a_link():
        step = pattern.replace("{file_id}", str(order.id)).replace("{path:path}", "x")
        answer = client.request(method, f"/a/{token}{step}?lang=en", data={"slot": "x"} if method == "POST" else None)
        assert answer.status_code >= 400, (method, step)
        for told in (order.street, order.town, "Peeters", "Meter swap", reason.value, "died", "moved"):
            assert told not in answer.text, (method, step, told)
    assert everything(hub) == before
    page = client.get(f"/a/{token}?lang=en")
    assert page.status_code == 410
    assert "No visit is planned" in page.text
    assert order.external_id in page.text
    assert "Ask for a new link" not in page.text


def test_the_page_speaks_four_languages(hub: Hub, client: TestClient) -> None:
    order = receive(hub)
    token = link_for(hub, order)
    record_outcome(hub, decision(hub, order), HoldReason.DECEASED)
    said = {
        "nl": "geen bezoek gepland",
        "fr": "Aucune visite",
        "de": "kein Besuch geplant",
        "en": "No visit is planned",
    }
    for language, title in said.items():
        assert title in client.get(f"/a/{token}?lang={language}").text


def test_no_new_link_is_sent_meanwhile_and_the_old_one_opens_again_when_staff_lifts_the_hold(
    hub: Hub, client: TestClient
) -> None:
    staff(hub)
    order = receive(hub, language="en")
    token = link_for(hub, order)
    record_outcome(hub, decision(hub, order), HoldReason.MOVED)
    send_new_link(hub, reference=order.external_id.upper(), postcode=order.postcode)
    assert messages_of(hub, order) == []
    reinvite(hub, decision(hub, order))
    assert present(hub, order.id).status is WorkOrderStatus.CONTACTING
    assert "Choose when we may come" in client.get(f"/a/{token}?lang=en").text


def test_an_order_held_for_another_reason_stays_open(hub: Hub, client: TestClient) -> None:
    staff(hub)
    order = receive(hub, language="en")
    token = link_for(hub, order)
    record_outcome(hub, decision(hub, order), HoldReason.REFUSED)
    assert "Choose when we may come" in client.get(f"/a/{token}?lang=en").text


@pytest.mark.parametrize("reason", RESTS)
@pytest.mark.parametrize("kind", ["new_link", "survey", "answer"])
def test_what_waited_to_be_sent_is_not_sent_any_more(
    hub: Hub, clock: FixedClock, reason: HoldReason, kind: str
) -> None:
    order = receive(hub)
    waits = ask(hub, order, kind)
    clock.advance(timedelta(minutes=1))
    record_outcome(hub, decision(hub, order), reason)
    assert delivered(hub, waits).status is NotificationStatus.FAILED


def test_staff_still_answers_who_wrote_and_whoever_moved_hears_that_nobody_comes(hub: Hub, clock: FixedClock) -> None:
    order = receive(hub)
    record_outcome(hub, decision(hub, order), HoldReason.MOVED)
    clock.advance(timedelta(minutes=1))
    assert delivered(hub, ask(hub, order, "answer")).status is NotificationStatus.SENT
    assert delivered(hub, ask(hub, order, "invitation")).status is NotificationStatus.FAILED


def ask(hub: Hub, order: WorkOrder, kind: str) -> Notification:
    with hub.unit_of_work() as work:
        words = {"text": "We are sorry to hear that."} if kind == "answer" else {}
        queued = request_notification(work, present(hub, order.id), kind=kind, parameters=words)
        work.commit()
    assert queued is not None
    return queued


def delivered(hub: Hub, one: Notification) -> Notification:
    deliver_notification(hub, notification_id=str(one.id))
    with hub.unit_of_work() as work:
        return work.notifications.get(one.id)
