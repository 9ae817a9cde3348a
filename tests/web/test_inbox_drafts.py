"""What is half written in the inbox: no button and no colleague makes it go away, and it goes no other way than it was meant to."""

import re
from collections.abc import Iterator
from dataclasses import replace
from html import unescape
from http import HTTPStatus

import pytest
from fastapi.testclient import TestClient

from hub.bootstrap import Hub
from hub.domain.contact import Channel
from hub.domain.conversations import Conversation, ConversationStatus, Direction
from hub.domain.work_orders import WorkOrder
from portal.conversations.schemas import CallBackAsked
from portal.conversations.service import receive_call_back
from portal.conversations.staff import LONGEST_NOTE
from tests.portal.test_conversations import (
    NUMBER,
    STRANGER,
    an_order_written_about,
    said,
    text,
    threads,
)
from tests.portal.test_ladder import messages_of, receive
from tests.web.staff_browser import signed_in_browser, who_is_signed_in
from tests.web.test_inbox import post, waiting

HALF = "We come between\r\neight and"
HOSTILE = "</textarea><script>alert(1)</script>"


@pytest.fixture
def order(hub: Hub) -> WorkOrder:
    return an_order_written_about(hub)


@pytest.fixture
def browser(hub: Hub, order: WorkOrder) -> TestClient:
    return signed_in_browser(hub)


def field(page: str, name: str) -> str | None:
    """What stands in the text field `name`, None when there is none."""
    found = re.search(rf'<textarea[^>]* name="{name}"[^>]*>\r?\n?(.*?)</textarea>', page, re.DOTALL)
    return unescape(found[1]) if found else None


def ticked(page: str) -> list[str]:
    return [re.findall(r'value="(\w+)"', one)[0] for one in re.findall(r"<input type=\"radio\"[^>]*checked>", page)]


def buttons(page: str, address: str) -> Iterator[str]:
    """The buttons of the conversation's one form, in the order of the page."""
    [form] = re.findall(rf'<form class="talk" method="post" action="{address}">.*?</form>', page, re.DOTALL)
    assert form.count("<form") == 1
    return iter(re.findall(r"<button [^>]*>", form))


def another_number_on_file(hub: Hub, order: WorkOrder) -> None:
    with hub.unit_of_work() as work:
        before = work.work_orders.get(order.id)
        work.work_orders.swap(before, replace(before, citizen_phone="+32470000077"))
        work.commit()


@pytest.mark.parametrize(
    ("act", "fields"),
    [("assign", {"take": "yes"}), ("assign", {"to": ""}), ("number", {}), ("times", {}), ("close", {})],
)
def test_another_button_leaves_a_half_written_answer_where_it_is(
    hub: Hub, browser: TestClient, order: WorkOrder, act: str, fields: dict[str, str]
) -> None:
    thread = waiting(hub)
    page = post(hub, browser, thread, act, text=HALF, channel="email", **fields)
    assert page.status_code == HTTPStatus.OK
    assert page.headers["cache-control"] == "no-store"
    assert field(page.text, "text") == HALF
    assert ticked(page.text) == ["email"]
    assert 'class="notice" role="status"' in page.text, "what was done is said"
    assert not [one for one in messages_of(hub, order) if one.kind == "answer"]
    # Loaded again, it does nothing twice and still has the words.
    if act != "number":
        again = post(hub, browser, thread, act, text=HALF, channel="email", **fields)
        assert again.status_code == HTTPStatus.CONFLICT
        assert field(again.text, "text") == HALF


def test_an_answer_leaves_a_half_written_note_and_a_note_leaves_an_answer(hub: Hub, browser: TestClient) -> None:
    thread = waiting(hub)
    answered = post(hub, browser, thread, "answer", text="At eight.", remark="She is deaf")
    assert "Your answer is on its way" in answered.text
    assert (field(answered.text, "text"), field(answered.text, "remark")) == ("", "She is deaf")
    closed = post(hub, browser, threads(hub)[0], "close", text=HALF, remark="She is deaf.")
    assert "It is closed." in closed.text
    assert (field(closed.text, "text"), field(closed.text, "remark")) == (HALF, None)
    assert threads(hub)[0].note == "She is deaf."


def test_every_button_of_the_page_brings_along_what_is_typed(hub: Hub, browser: TestClient, order: WorkOrder) -> None:
    thread = waiting(hub)
    address = f"/console/inbox/{thread.id}"
    shown = list(buttons(browser.get(address).text, address))
    acts = [re.findall(rf'formaction="{address}/(\w+)"', one) for one in shown]
    assert acts == [["answer"], ["times"], ["number"], ["assign"], ["assign"], ["close"]]
    # Only an answer needs one to be typed.
    assert [one for one in shown if "formnovalidate" not in one] == shown[:1]


def test_where_an_order_is_looked_for_enter_looks_for_it(hub: Hub, browser: TestClient, order: WorkOrder) -> None:
    text(hub, "It is about my mother", sender=STRANGER)
    thread = next(one for one in threads(hub) if one.work_order_id is None)
    address = f"/console/inbox/{thread.id}"
    first = next(buttons(browser.get(address).text, address))
    assert f'formaction="{address}/find"' in first, "Enter presses a form's first button"
    found = post(hub, browser, thread, "find", number=order.external_id, remark="It is her daughter")
    assert found.status_code == HTTPStatus.OK
    assert f'name="order" value="{order.id}"' in found.text
    assert field(found.text, "remark") == "It is her daughter"
    nothing = post(hub, browser, thread, "find", number="x", remark="It is her daughter")
    assert nothing.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert field(nothing.text, "remark") == "It is her daughter"
    put = post(hub, browser, thread, "attach", order=str(order.id), remark="It is her daughter")
    assert "It is with that order now" in put.text
    assert field(put.text, "remark") == "It is her daughter"


def test_taking_it_is_for_oneself_whoever_is_chosen_in_the_list(hub: Hub, browser: TestClient) -> None:
    thread = waiting(hub)
    other = who_is_signed_in(hub, signed_in_browser(hub, name="Otto Other"))
    post(hub, browser, thread, "assign", take="yes", to=str(other.id))
    assert threads(hub)[0].assigned_to == who_is_signed_in(hub, browser).id
    post(hub, browser, threads(hub)[0], "assign", to=str(other.id))
    assert threads(hub)[0].assigned_to == other.id


def test_an_answer_meant_for_mail_stays_one_when_somebody_was_first(
    hub: Hub, browser: TestClient, order: WorkOrder
) -> None:
    thread = waiting(hub)
    assert ticked(browser.get(f"/console/inbox/{thread.id}").text) == ["sms"]
    text(hub, "And another thing")
    late = post(hub, browser, thread, "answer", text="At eight.", channel="email")
    assert late.status_code == HTTPStatus.CONFLICT
    assert ticked(late.text) == ["email"]
    assert 'aria-invalid="true"' in late.text
    with hub.unit_of_work() as work:
        before = work.work_orders.get(order.id)
        work.work_orders.swap(before, replace(before, citizen_email=""))
        work.commit()
    gone = post(hub, browser, thread, "answer", text="At eight.", channel="email")
    assert ticked(gone.text) == [], "nobody chose an SMS"
    assert re.search(r'<input type="radio"[^>]*required', gone.text)


def test_an_answer_is_shown_when_the_number_on_file_has_changed(
    hub: Hub, browser: TestClient, order: WorkOrder
) -> None:
    thread = waiting(hub)
    another_number_on_file(hub, order)
    assert "You had written" not in browser.get(f"/console/inbox/{thread.id}").text
    refused = post(hub, browser, thread, "answer", text=HALF + HOSTILE, channel="email")
    assert refused.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert refused.text.count("You had written:") == 1
    assert field(refused.text, "text") == HALF + HOSTILE
    assert "readonly" in refused.text
    assert "<script>alert" not in refused.text
    assert f"/{thread.id}/answer" not in refused.text
    # Put to the order it is about, it can be sent after all.
    own = receive(hub, citizen_phone=NUMBER)
    put = post(hub, browser, thread, "attach", order=str(own.id), text=HALF, channel="email")
    assert field(put.text, "text") == HALF
    assert "You had written" not in put.text
    assert ticked(put.text) == ["email"]


def test_a_note_is_shown_when_a_colleague_has_closed_it(hub: Hub, browser: TestClient, order: WorkOrder) -> None:
    receive_call_back(hub, CallBackAsked("CA1", NUMBER, order.id))
    [thread] = threads(hub)
    assert post(hub, signed_in_browser(hub, name="Cas"), thread, "close", remark="No answer.").status_code == 303
    late = post(hub, browser, thread, "close", remark=f"Comes on Friday.{HOSTILE}")
    assert late.status_code == HTTPStatus.CONFLICT
    assert late.text.count("You had written:") == 1
    assert field(late.text, "remark") == f"Comes on Friday.{HOSTILE}"
    assert "<script>alert" not in late.text
    assert threads(hub)[0].note == "No answer."
    assert "You had written" not in browser.get(f"/console/inbox/{thread.id}").text


def test_a_note_of_many_lines_is_taken_and_one_too_long_comes_back(hub: Hub, browser: TestClient) -> None:
    thread: Conversation = waiting(hub)
    lines = "word\r\n" * (LONGEST_NOTE // 5)
    too_long = post(hub, browser, thread, "close", remark=lines + "more")
    assert too_long.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert f"The note has {LONGEST_NOTE + 4} signs and may have {LONGEST_NOTE}; make it shorter." in too_long.text
    assert field(too_long.text, "remark") == lines + "more"
    # As long as the field allows: the browser counts each line's end once and sends it as two signs.
    assert post(hub, browser, thread, "close", remark=lines).status_code == HTTPStatus.SEE_OTHER
    assert threads(hub)[0].status is ConversationStatus.CLOSED
    assert threads(hub)[0].note == lines.replace("\r\n", " ").strip()


def test_signs_that_nobody_can_see_are_no_answer(hub: Hub, browser: TestClient) -> None:
    thread = waiting(hub)
    refused = post(hub, browser, thread, "answer", text="\u200b", channel=Channel.SMS.value)
    assert refused.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert "There is nothing to send yet" in refused.text
    assert said(hub, Direction.OUT) == []
