"""The demo's outbox: the messages as citizens would get them, and nothing outside the demo."""

import re
from html import unescape
from http import HTTPStatus
from uuid import uuid4

import pytest
from fastapi.testclient import TestClient
from httpx import Response

from hub.bootstrap import Hub
from hub.domain.contact import AddressState, Channel
from hub.domain.conversations import ConversationStatus, Direction
from hub.domain.ids import NotificationId
from hub.domain.lifecycle import WorkOrderStatus
from hub.domain.work_orders import WorkOrder
from hub.notifications.addresses import closed_channels
from hub.notifications.ports import Message
from tests.portal.test_conversations import said, send_offer, staff, threads, write_to
from tests.portal.test_ladder import present, receive
from tests.samples import a_work_order
from tests.web.staff_browser import a_browser

LINK = "http://127.0.0.1:8080/a/AbC-dEf_123"


def _record(hub: Hub, order: WorkOrder, body: str, *, channel: Channel = Channel.EMAIL, subject: str = "Hello") -> None:
    recipient = "an@citizen.example" if channel is Channel.EMAIL else "+32470000001"
    hub.senders[channel].send(
        Message(
            NotificationId(uuid4()), order.id, channel, recipient, subject if channel is Channel.EMAIL else "", body
        )
    )


def test_a_page_that_has_seen_the_newest_message_is_not_changed_under_its_reader(hub: Hub) -> None:
    browser = a_browser(hub)
    order = _order(hub, "W-1")

    def asks() -> str:
        (address,) = re.findall(r'hx-get="([^"]+)"', browser.get("/demo/outbox?order=W-1").text)
        return unescape(address)

    none_yet = asks()
    assert browser.get(none_yet).status_code == HTTPStatus.NO_CONTENT
    _record(hub, order, LINK)
    assert LINK in browser.get(none_yet).text
    assert browser.get(asks()).status_code == HTTPStatus.NO_CONTENT
    _record(hub, _order(hub, "W-2"), LINK)
    assert browser.get(asks()).status_code == HTTPStatus.NO_CONTENT, "a message of another order changes nothing here"


def _order(hub: Hub, reference: str) -> WorkOrder:
    order = a_work_order(external_id=reference)
    with hub.unit_of_work() as work:
        work.work_orders.add(order)
        work.commit()
    return order


def test_messages_are_shown_newest_first_with_their_links(hub: Hub) -> None:
    first, second = _order(hub, "W-1"), _order(hub, "W-2")
    _record(hub, first, f"Choose a time:\n{LINK}.\nBye", subject="First message")
    _record(hub, second, "A text", channel=Channel.SMS)
    page = a_browser(hub).get("/demo/outbox").text
    assert page.index("Text message") < page.index("First message")
    address = LINK.removeprefix("http://127.0.0.1:8080")
    assert re.search(rf'<a href="{address}" id="link-\d+-2" rel="noreferrer">{LINK}</a>\.', page), (
        "a personal link opens here, whatever port it was sent from"
    )
    assert "to +32470000001" in page
    one = a_browser(hub).get("/demo/outbox?order=W-1").text
    assert "First message" in one
    assert "Text message" not in one
    assert "No messages for order nobody yet." in a_browser(hub).get("/demo/outbox?order=nobody%00").text


@pytest.mark.parametrize(
    "body", ["<script>alert(1)</script>", 'http://x.example/"onmouseover="alert(1)', "javascript:alert(1)"]
)
def test_a_message_is_only_text_and_links_to_the_web(hub: Hub, body: str) -> None:
    _record(hub, _order(hub, "W-1"), body, subject=body)
    page = a_browser(hub).get("/demo/outbox").text
    assert "<script>alert" not in page
    assert 'href="javascript:' not in page
    assert '"onmouseover="' not in page


def test_the_json_twin_goes_on_from_a_number(hub: Hub) -> None:
    order = _order(hub, "W-1")
    for number in range(3):
        _record(hub, order, f"body {number}")
    browser = a_browser(hub)
    every = browser.get("/demo/outbox.json").json()
    assert [one["body"] for one in every] == ["body 0", "body 1", "body 2"]
    assert set(every[0]) == {"seq", "channel", "recipient", "subject", "body", "work_order_id", "recorded_at"}
    assert every[0]["work_order_id"] == str(order.id)
    assert every[0]["recorded_at"] == "2026-05-04T07:00:00+00:00"
    later = browser.get(f"/demo/outbox.json?after={every[1]['seq']}").json()
    assert [one["body"] for one in later] == ["body 2"]
    assert browser.get(f"/demo/outbox.json?after={every[2]['seq']}").json() == []
    assert browser.get("/demo/outbox.json?after=-1").status_code == HTTPStatus.UNPROCESSABLE_ENTITY


def test_outside_the_demo_there_is_no_outbox(hub: Hub) -> None:
    _record(hub, _order(hub, "W-1"), f"secret {LINK}")
    object.__setattr__(hub, "settings", hub.settings.model_copy(update={"demo": False}))
    for path in ("/demo/outbox", "/demo/outbox.json"):
        answer = a_browser(hub).get(path)
        assert answer.status_code == HTTPStatus.NOT_FOUND
        assert "secret" not in answer.text


def _answer(browser: TestClient, words: str, *, seq: int = 0, token: str | None = None) -> Response:
    """Write back to the newest text on the page, or to message `seq`, with the page's own form."""
    page = browser.get("/demo/outbox").text
    action = re.search(r'action="/demo/outbox/(\d+)/answer"', page)
    shown = re.search(r'name="csrf_token" value="([^"]+)"', page)
    assert action is not None
    assert shown is not None
    data = {"csrf_token": shown[1] if token is None else token, "text": words}
    answer: Response = browser.post(f"/demo/outbox/{seq or action[1]}/answer", data=data)
    return answer


def test_a_text_is_answered_and_goes_where_the_webhook_takes_it(hub: Hub) -> None:
    staff(hub)
    order = receive(hub, language="en")
    write_to(hub, order)
    browser = a_browser(hub)
    asked = _answer(browser, "Is a <b>dog</b> a problem?")
    assert asked.status_code == HTTPStatus.SEE_OTHER
    page = browser.get(asked.headers["location"]).text
    assert "You wrote: “Is a &lt;b&gt;dog&lt;/b&gt; a problem?”" in page
    [thread] = threads(hub)
    assert (thread.work_order_id, thread.status) == (order.id, ConversationStatus.OPEN)
    assert f'href="/console/inbox/{thread.id}"' in page
    [reply] = said(hub, Direction.REPLY)
    assert f"The machine answered: “{reply.text}”" in unescape(page)

    send_offer(hub, order)
    chosen = _answer(browser, "1")
    assert present(hub, order.id).status is WorkOrderStatus.BOOKED
    assert "The machine answered: “Agreed: " in browser.get(chosen.headers["location"]).text

    stopped = _answer(browser, "STOP")
    assert "as to STOP and START" in browser.get(stopped.headers["location"]).text
    with hub.snapshot() as work:
        assert closed_channels(work, {Channel.SMS: order.citizen_phone})[Channel.SMS][0] is AddressState.OPTED_OUT


def test_an_answer_needs_the_pages_own_form_a_text_message_and_words(hub: Hub) -> None:
    staff(hub)
    order = receive(hub, language="en")
    write_to(hub, order)
    _record(hub, order, "By mail")
    browser = a_browser(hub)
    [mail] = [one["seq"] for one in browser.get("/demo/outbox.json").json() if one["body"] == "By mail"]
    assert f"/demo/outbox/{mail}/answer" not in browser.get("/demo/outbox").text
    assert _answer(browser, "Hello?", token="").status_code == HTTPStatus.FORBIDDEN
    assert _answer(browser, "Hello?", token="0" * 64).status_code == HTTPStatus.FORBIDDEN
    for seq in (mail, 10**6, 2**70):
        assert _answer(browser, "Hello?", seq=seq).status_code == HTTPStatus.NOT_FOUND
    for nothing in ("  ", "\u200b", "\u2800\u2800"):
        empty = _answer(browser, nothing)
        assert "There was nothing to send." in browser.get(empty.headers["location"]).text
    assert threads(hub) == []


def test_outside_the_demo_nobody_answers_for_a_citizen(hub: Hub) -> None:
    staff(hub)
    write_to(hub, receive(hub, language="en"))
    page = a_browser(hub).get("/demo/outbox").text
    [(seq, token)] = set(re.findall(r'action="/demo/outbox/(\d+)/answer">\s*<input[^>]*value="([^"]+)"', page))
    object.__setattr__(hub, "settings", hub.settings.model_copy(update={"demo": False}))
    refused = a_browser(hub).post(f"/demo/outbox/{seq}/answer", data={"csrf_token": token, "text": "Yes"})
    assert refused.status_code == HTTPStatus.NOT_FOUND
    assert threads(hub) == []


def test_a_personal_link_is_shown_as_one_of_this_start_of_the_demo(hub: Hub) -> None:
    object.__setattr__(hub, "settings", hub.settings.model_copy(update={"public_url": "http://127.0.0.1:8098"}))
    _record(hub, _order(hub, "W-1"), f"Choose a time: {LINK}")
    page = a_browser(hub).get("/demo/outbox").text
    assert ">http://127.0.0.1:8098/a/AbC-dEf_123</a>" in page
    assert "127.0.0.1:8080/a/" not in page
