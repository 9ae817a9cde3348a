"""The demo's outbox: the messages as citizens would get them, and nothing outside the demo."""

from http import HTTPStatus
from uuid import uuid4

import pytest

from hub.bootstrap import Hub
from hub.domain.contact import Channel
from hub.domain.ids import NotificationId
from hub.domain.work_orders import WorkOrder
from hub.notifications.ports import Message
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
    assert f'<a href="{address}" rel="noreferrer">{LINK}</a>.' in page, (
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
