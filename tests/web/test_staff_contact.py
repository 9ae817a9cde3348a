"""The pages on which staff decides about orders that are being contacted or on hold."""

import re
from datetime import timedelta
from http import HTTPStatus

import pytest
from fastapi.testclient import TestClient
from httpx import Response

from hub.bootstrap import Hub
from hub.clock import FixedClock
from hub.domain.lifecycle import HoldReason, WorkOrderStatus
from hub.domain.staff import Role
from hub.domain.work_orders import WorkOrder
from infra.console.attention import what_needs_attention
from portal.contact.service import run_due_contacts
from tests.portal.test_ladder import live_through, present, receive
from tests.web.staff_browser import a_browser, signed_in_browser, who_is_signed_in

HOSTILE = '</script><script>alert(1)</script>"><img src=x onerror=alert(1)>'


def decide(hub: Hub, browser: TestClient, order: WorkOrder, act: str, **fields: str) -> Response:
    form = {
        "csrf_token": who_is_signed_in(hub, browser).csrf_token,
        "version": str(present(hub, order.id).version),
        "note": "She said so on the phone.",
        **fields,
    }
    answer: Response = browser.post(f"/console/orders/{order.id}/contact/{act}", data=form)
    return answer


def a_held_order(hub: Hub, browser: TestClient) -> WorkOrder:
    order = receive(hub)
    assert decide(hub, browser, order, "outcome", outcome="refused").status_code == HTTPStatus.SEE_OTHER
    return present(hub, order.id)


def test_nobody_sees_or_decides_without_signing_in(hub: Hub) -> None:
    order = receive(hub)
    browser = a_browser(hub)
    assert browser.get("/console/held").headers["location"].startswith("/console/sign-in")
    address = f"/console/orders/{order.id}/contact"
    assert browser.get(address).headers["location"].startswith("/console/sign-in")
    for act in ("outcome", "address", "invite", "review", "team", "cancel"):
        answer = browser.post(f"{address}/{act}", data={"version": "1", "note": "why not", "outcome": "refused"})
        assert answer.status_code in {HTTPStatus.SEE_OTHER, HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}
    assert present(hub, order.id).status is WorkOrderStatus.CONTACTING


def test_operations_sees_and_a_dispatcher_decides(hub: Hub) -> None:
    order = receive(hub)
    for role, name in ((Role.OPERATIONS, "Otto"), (Role.ANALYST, "Anna")):
        browser = signed_in_browser(hub, role, name=name)
        sees = browser.get(f"/console/orders/{order.id}/contact")
        assert sees.status_code == (HTTPStatus.OK if role is Role.OPERATIONS else HTTPStatus.FORBIDDEN)
        assert "Record an outcome" not in sees.text
        assert decide(hub, browser, order, "outcome", outcome="refused").status_code == HTTPStatus.FORBIDDEN
    assert present(hub, order.id).status is WorkOrderStatus.CONTACTING


def test_a_form_of_another_page_is_refused(hub: Hub) -> None:
    order = receive(hub)
    answer = decide(hub, signed_in_browser(hub), order, "outcome", outcome="refused", csrf_token="guessed")
    assert answer.status_code == HTTPStatus.FORBIDDEN
    assert present(hub, order.id).status is WorkOrderStatus.CONTACTING


def test_a_dispatcher_records_hands_over_reviews_invites_and_cancels(hub: Hub) -> None:
    browser = signed_in_browser(hub)
    order = a_held_order(hub, browser)
    page = browser.get(f"/console/orders/{order.id}/contact?done=outcome").text
    assert "The outcome is recorded." in page
    assert "by: Dina Dispatcher; closed doors: 0" in page
    assert "refused" in page
    for act, fields, said in (
        ("team", {"team": "field office"}, "The order is handed over."),
        ("review", {"day": "2026-06-01", "reinvites": "yes"}, "The review date is set."),
    ):
        answer = decide(hub, browser, order, act, **fields)
        assert answer.status_code == HTTPStatus.SEE_OTHER
        assert said in browser.get(answer.headers["location"]).text
    page = browser.get(f"/console/orders/{order.id}/contact").text
    assert "Mon 2026-06-01 08:00" in page
    assert "invite the citizen again" in page
    assert "field office" in page
    assert decide(hub, browser, order, "invite").status_code == HTTPStatus.SEE_OTHER
    assert present(hub, order.id).status is WorkOrderStatus.CONTACTING
    other = a_held_order(hub, browser)
    assert decide(hub, browser, other, "cancel").status_code == HTTPStatus.SEE_OTHER
    assert present(hub, other.id).status is WorkOrderStatus.CANCELLED


def test_a_dispatcher_takes_a_wrong_number_away_and_sees_what_follows(hub: Hub) -> None:
    browser = signed_in_browser(hub)
    order = receive(hub)
    form = browser.get(f"/console/orders/{order.id}/contact").text
    assert f'<option value="phone">phone {order.citizen_phone}</option>' in form
    assert "wrong number: neither phone nor e-mail is the citizen’s</option>" in form
    answer = decide(hub, browser, order, "address", address="phone")
    assert answer.status_code == HTTPStatus.SEE_OTHER
    page = browser.get(answer.headers["location"]).text
    assert "The address is taken away." in page
    assert "wrong address" in page
    assert order.citizen_phone not in page
    assert '<option value="wrong number">wrong number</option>' in page
    assert f'<option value="email">e-mail {order.citizen_email}</option>' in page
    assert present(hub, order.id).status is WorkOrderStatus.CONTACTING
    again = decide(hub, browser, order, "address", address="phone")
    assert again.status_code == HTTPStatus.CONFLICT
    assert "The order has no telephone number any more" in again.text


@pytest.mark.parametrize(
    ("act", "fields", "status", "sentence"),
    [
        ("outcome", {"outcome": ""}, HTTPStatus.UNPROCESSABLE_ENTITY, "Choose an outcome."),
        ("outcome", {"outcome": "refused", "note": " "}, HTTPStatus.UNPROCESSABLE_ENTITY, "Say in a few words why"),
        (
            "outcome",
            {"outcome": "refused", "note": "\u2800\u2800\u2800"},
            HTTPStatus.UNPROCESSABLE_ENTITY,
            "Say in a few words why",
        ),
        ("outcome", {"outcome": "no contact"}, HTTPStatus.UNPROCESSABLE_ENTITY, "cannot be recorded by hand"),
        ("outcome", {"outcome": "refused", "version": "99"}, HTTPStatus.CONFLICT, "changed by somebody else"),
        ("address", {"address": "fax"}, HTTPStatus.UNPROCESSABLE_ENTITY, "Choose which address is somebody else"),
        ("address", {"address": "phone", "version": "99"}, HTTPStatus.CONFLICT, "changed by somebody else"),
        ("invite", {}, HTTPStatus.CONFLICT, "contacting and not on hold"),
        ("review", {"day": "next week"}, HTTPStatus.UNPROCESSABLE_ENTITY, "Write the review date as year, month"),
        ("team", {"team": "the boss"}, HTTPStatus.UNPROCESSABLE_ENTITY, "There is no team"),
    ],
)
def test_what_cannot_be_done_is_a_sentence_and_what_was_typed_stays(
    hub: Hub, act: str, fields: dict[str, str], status: HTTPStatus, sentence: str
) -> None:
    order = receive(hub)
    answer = decide(hub, signed_in_browser(hub), order, act, **fields)
    assert answer.status_code == status
    assert sentence in answer.text
    assert 'role="alert"' in answer.text
    if act == "outcome" and "note" not in fields:
        assert "She said so on the phone." in answer.text
    assert present(hub, order.id).status is WorkOrderStatus.CONTACTING


@pytest.mark.parametrize("act", ["review", "cancel"])
def test_a_note_is_shown_when_a_colleague_was_first_and_the_act_is_gone(hub: Hub, act: str) -> None:
    browser, colleague = signed_in_browser(hub), signed_in_browser(hub, name="Cas Colleague")
    order = a_held_order(hub, browser)
    page = browser.get(f"/console/orders/{order.id}/contact").text
    assert f"/contact/{act}" in page
    assert "You had written" not in page
    assert decide(hub, colleague, order, "invite").status_code == HTTPStatus.SEE_OTHER
    late = decide(hub, browser, order, act, version=str(order.version), note=f"Not before June. {HOSTILE}")
    assert late.status_code == HTTPStatus.CONFLICT
    assert f"/contact/{act}" not in late.text
    assert re.search(r"You had written:</label>\s*<textarea[^>]* readonly[^>]*>\s*Not before June\.", late.text)
    assert "<script>alert" not in late.text
    # Where the act is still there, its own form has the words, and only that.
    again = decide(hub, browser, order, "outcome", version="1", note="Not before June.")
    assert again.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert "You had written" not in again.text
    assert again.text.count("Not before June.") == 1


def test_an_act_that_does_not_exist_and_an_order_that_does_not(hub: Hub) -> None:
    browser = signed_in_browser(hub)
    order = receive(hub)
    assert decide(hub, browser, order, "delete").status_code == HTTPStatus.NOT_FOUND
    assert browser.get("/console/orders/00000000-0000-0000-0000-000000000001/contact").status_code == 404


def test_a_hostile_note_is_shown_as_text(hub: Hub) -> None:
    browser = signed_in_browser(hub)
    order = receive(hub)
    assert decide(hub, browser, order, "outcome", outcome="other", note=HOSTILE).status_code == HTTPStatus.SEE_OTHER
    for path in (f"/console/orders/{order.id}/contact", f"/console/orders/{order.id}"):
        page = browser.get(path).text
        assert "<script>alert(1)" not in page
        assert "<img src=x" not in page
        assert "&lt;script&gt;alert(1)" in page


def test_the_list_shows_what_is_due_first_and_by_team(hub: Hub, clock: FixedClock) -> None:
    browser = signed_in_browser(hub)
    later, soon, nobody = (a_held_order(hub, browser) for _ in range(3))
    decide(hub, browser, later, "review", day="2026-07-01")
    decide(hub, browser, soon, "review", day="2026-05-06")
    decide(hub, browser, later, "team", team="customer care")
    page = browser.get("/console/held").text
    places = [page.index(order.external_id) for order in (soon, later, nobody)]
    assert places == sorted(places)
    assert later.external_id in browser.get("/console/held?team=customer care").text
    assert soon.external_id not in browser.get("/console/held?team=customer care").text
    assert later.external_id not in browser.get("/console/held?team=-").text
    assert "No order on hold fits." in browser.get("/console/held?due=yes").text
    clock.advance(timedelta(days=3))
    renewed = signed_in_browser(hub, name="Daan")
    due = renewed.get("/console/held?due=yes").text
    assert soon.external_id in due
    assert later.external_id not in due
    with hub.reading() as connection:
        now = clock.now()
        found = what_needs_attention(connection, hub.catalogue, now, (now, now + timedelta(days=1)))
    matters = {matter.what: matter.count for matter in found.matters}
    assert matters["order on hold whose review date has come"] == 1
    assert "1 of them to look at now" in renewed.get("/console/held").text


def test_the_page_of_a_running_ladder_says_what_comes_next(hub: Hub, clock: FixedClock) -> None:
    order = receive(hub)
    run_due_contacts(hub, clock.now())
    page = signed_in_browser(hub).get(f"/console/orders/{order.id}/contact").text
    assert "reminder by SMS, else e-mail, Wed 2026-05-06 09:00" in page
    assert "1 of at most 10" in page
    assert "step taken" in page
    live_through(hub, clock, timedelta(days=9))
    assert present(hub, order.id).hold_reason is HoldReason.NO_CONTACT


def test_the_page_of_work_without_a_citizen(hub: Hub) -> None:
    order = receive(hub, work_type="cabinet_repair")
    page = signed_in_browser(hub).get(f"/console/orders/{order.id}/contact").text
    assert "none: nobody has to be at home" in page
    assert "Record an outcome" not in page
