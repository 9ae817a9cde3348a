"""The inbox's pages: for whom, what they show, that nothing in a text can do harm, and that two at once do no harm either."""

import re
from html import unescape
from http import HTTPStatus
from uuid import UUID

import pytest
from fastapi.testclient import TestClient
from httpx import Response

from hub.bootstrap import Hub
from hub.domain.conversations import Conversation, ConversationStatus, Direction
from hub.domain.staff import Role
from hub.domain.work_orders import WorkOrder
from portal.conversations.schemas import CallBackAsked
from portal.conversations.service import receive_call_back
from tests.portal.test_conversations import (
    NUMBER,
    STRANGER,
    an_order_written_about,
    said,
    text,
    threads,
)
from tests.portal.test_ladder import messages_of
from tests.web.staff_browser import a_browser, signed_in_browser, who_is_signed_in

HOSTILE = "</textarea></script><script>alert(1)</script>\"'><img src=x onerror=alert(1)>{{ 7*7 }}"
WRITES = ("assign", "answer", "times", "close", "number", "find")


@pytest.fixture
def order(hub: Hub) -> WorkOrder:
    return an_order_written_about(hub)


def waiting(hub: Hub, words: str = "When do you come?") -> Conversation:
    text(hub, words)
    return threads(hub)[0]


def post(hub: Hub, browser: TestClient, thread: Conversation, act: str, **form: str) -> Response:
    token = who_is_signed_in(hub, browser).csrf_token
    answer: Response = browser.post(
        f"/console/inbox/{thread.id}/{act}",
        data={"csrf_token": token, "version": str(thread.version), **form},
    )
    return answer


def test_the_inbox_is_for_those_who_see_to_it(hub: Hub, order: WorkOrder) -> None:
    thread = waiting(hub)
    for path in ("/console/inbox", f"/console/inbox/{thread.id}"):
        assert a_browser(hub).get(path).headers["location"].startswith("/console/sign-in")
    analyst = signed_in_browser(hub, Role.ANALYST, name="Ana Analyst")
    for path in ("/console/inbox", f"/console/inbox/{thread.id}"):
        refused = analyst.get(path)
        assert refused.status_code == HTTPStatus.FORBIDDEN
        assert "When do you come" not in refused.text
    for act in WRITES:
        assert post(hub, analyst, thread, act, text="x").status_code == HTTPStatus.FORBIDDEN
    assert threads(hub) == [thread]


@pytest.mark.parametrize("role", [Role.DISPATCHER, Role.OPERATIONS, Role.ADMINISTRATOR])
def test_each_of_their_roles_may_answer(hub: Hub, order: WorkOrder, role: Role) -> None:
    thread = waiting(hub)
    browser = signed_in_browser(hub, role)
    assert post(hub, browser, thread, "answer", text="At eight.").status_code == HTTPStatus.SEE_OTHER


@pytest.mark.parametrize("act", WRITES)
def test_a_form_of_another_site_does_nothing(hub: Hub, order: WorkOrder, act: str) -> None:
    thread = waiting(hub)
    browser = signed_in_browser(hub)
    form = {"csrf_token": "wrong", "version": str(thread.version), "text": "x", "to": ""}
    assert browser.post(f"/console/inbox/{thread.id}/{act}", data=form).status_code == HTTPStatus.FORBIDDEN
    right = {**form, "csrf_token": who_is_signed_in(hub, browser).csrf_token}
    elsewhere = browser.post(
        f"/console/inbox/{thread.id}/{act}", data=right, headers={"Origin": "https://elsewhere.example"}
    )
    assert elsewhere.status_code == HTTPStatus.FORBIDDEN
    assert threads(hub) == [thread]
    assert said(hub, Direction.OUT) == []


def test_looking_changes_nothing(hub: Hub, order: WorkOrder) -> None:
    thread = waiting(hub)
    browser = signed_in_browser(hub)
    for act in ("", *(f"/{act}" for act in WRITES)):
        browser.get(f"/console/inbox/{thread.id}{act}")
        browser.head(f"/console/inbox/{thread.id}{act}")
    assert threads(hub) == [thread]


def test_a_dispatcher_finds_answers_and_closes(hub: Hub, order: WorkOrder) -> None:
    thread = waiting(hub)
    browser = signed_in_browser(hub)
    listed = browser.get("/console/inbox").text
    assert "Message from +32…01" in listed
    assert order.external_id in listed
    assert NUMBER not in listed
    page = browser.get(f"/console/inbox/{thread.id}").text
    assert "When do you come?" in page
    assert f'href="/console/orders/{order.id}"' in page
    assert NUMBER not in page

    taken = post(hub, browser, thread, "assign", to=str(who_is_signed_in(hub, browser).id))
    assert taken.headers["location"] == f"/console/inbox/{thread.id}?note=assigned"
    answered = post(hub, browser, threads(hub)[0], "answer", text="At eight.", channel="email")
    shown = browser.get(answered.headers["location"]).text
    assert "Your answer is on its way" in shown
    assert "At eight." in shown
    assert "e-mail: queued" in shown
    closed = post(hub, browser, threads(hub)[0], "close", remark="Told her.")
    shown = browser.get(closed.headers["location"]).text
    assert "Told her." in shown
    assert "Nobody waits for an answer." in browser.get("/console/inbox").text
    assert order.external_id in browser.get("/console/inbox?view=closed").text
    history = browser.get(f"/console/orders/{order.id}").text
    assert f'href="/console/inbox?order={order.id}"' in history
    assert "Told her." in browser.get(f"/console/inbox?order={order.id}").text
    assert "has not written to us" in browser.get(f"/console/inbox?order={UUID(int=3)}").text
    assert "Dina Dispatcher" in history
    assert "conversation" in history


def test_the_first_page_says_how_many_wait(hub: Hub, order: WorkOrder) -> None:
    browser = signed_in_browser(hub)
    assert "wait for an answer" not in browser.get("/console").text
    waiting(hub)
    text(hub, "Hello?", sender=STRANGER)
    page = browser.get("/console").text
    assert "citizens wait for an answer" in page
    assert 'href="/console/inbox"' in page


def test_free_times_are_one_press(hub: Hub, order: WorkOrder) -> None:
    thread = waiting(hub)
    browser = signed_in_browser(hub)
    sent = post(hub, browser, thread, "times")
    assert "The citizen can answer with a number." in browser.get(sent.headers["location"]).text
    assert messages_of(hub, order)[-1].kind == "offer"


def test_nothing_a_citizen_writes_becomes_part_of_a_page(hub: Hub, order: WorkOrder) -> None:
    thread = waiting(hub, HOSTILE)
    text(hub, HOSTILE, sender=STRANGER)
    browser = signed_in_browser(hub)
    pages = [
        browser.get("/console/inbox").text,
        *(browser.get(f"/console/inbox/{one.id}").text for one in threads(hub)),
    ]
    # What staff typed comes back into the form as text, too.
    pages.append(post(hub, browser, thread, "answer", text=HOSTILE * 10).text)
    pages.append(post(hub, browser, thread, "close", remark=HOSTILE, version="0").text)
    for page in pages:
        assert "<script>alert" not in page
        assert "<img src=x" not in page
        assert "</textarea></script>" not in page
        assert "{{ 7*7 }}" in unescape(page)
        assert "49" not in re.sub(r'(id|href|value|src|action|datetime)="[^"]*"|WO-[0-9a-f]+', "", page)
        assert HOSTILE[:20] in unescape(page)


def test_whatever_a_text_holds_the_pages_open(hub: Hub, order: WorkOrder) -> None:
    browser = signed_in_browser(hub)
    for words in ("\x00", "a\ud800", "\u202eevil", "z" * 10_000, "\N{ZERO WIDTH JOINER}", "\x1b[31m", "👩‍👩‍👧 ok", "٣"):
        text(hub, words)
    for path in ("/console/inbox", f"/console/inbox/{threads(hub)[0].id}"):
        assert browser.get(path).status_code == HTTPStatus.OK
    assert "The message was longer; this is its beginning." in browser.get(f"/console/inbox/{threads(hub)[0].id}").text


def test_who_was_second_is_told_and_keeps_what_was_typed(hub: Hub, order: WorkOrder) -> None:
    thread = waiting(hub)
    first, second = signed_in_browser(hub, name="Dina One"), signed_in_browser(hub, name="Dirk Two")
    assert post(hub, first, thread, "answer", text="At eight.").status_code == HTTPStatus.SEE_OTHER
    late = post(hub, second, thread, "answer", text="At half past nine.")
    assert late.status_code == HTTPStatus.CONFLICT
    assert "did something here since you opened this page" in late.text
    assert "At half past nine." in late.text
    assert "At eight." in late.text, "what is new can be read at once"
    assert [one.kind for one in messages_of(hub, order)].count("answer") == 1
    # The page that came back carries the present version, so the same form can be sent again.
    version = re.search(r'name="version" value="(\d+)"', late.text)
    assert version is not None
    again = post(hub, second, thread, "answer", text="At half past nine.", version=version.group(1))
    assert again.status_code == HTTPStatus.SEE_OTHER


def test_a_double_click_sends_one_answer(hub: Hub, order: WorkOrder) -> None:
    thread = waiting(hub)
    browser = signed_in_browser(hub)
    codes = [post(hub, browser, thread, "answer", text="At eight.").status_code for _ in range(2)]
    assert codes == [HTTPStatus.SEE_OTHER, HTTPStatus.CONFLICT]
    assert len(said(hub, Direction.OUT)) == 1


def test_a_call_back_shows_the_number_only_when_asked_and_is_done_with_a_remark(hub: Hub, order: WorkOrder) -> None:
    receive_call_back(hub, CallBackAsked("CA1", NUMBER, order.id))
    [thread] = threads(hub)
    browser = signed_in_browser(hub)
    assert "Call back from +32…01" in browser.get("/console/inbox").text
    assert NUMBER not in browser.get(f"/console/inbox/{thread.id}").text
    shown = post(hub, browser, thread, "number")
    assert NUMBER in shown.text
    assert shown.headers["cache-control"] == "no-store"
    assert NUMBER not in browser.get(f"/console/inbox/{thread.id}").text
    refused = post(hub, browser, thread, "close")
    assert refused.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert "Write in a few words what came of the call" in refused.text
    assert post(hub, browser, thread, "close", remark="Comes Friday.").status_code == HTTPStatus.SEE_OTHER
    assert threads(hub)[0].status is ConversationStatus.CLOSED


def test_a_strangers_page_offers_no_answer_and_no_order(hub: Hub, order: WorkOrder) -> None:
    text(hub, f"Tell me about {order.external_id}", sender=STRANGER)
    browser = signed_in_browser(hub)
    page = browser.get(f"/console/inbox/{threads(hub)[0].id}").text
    assert "No order is known for this number." in page
    assert "/answer" not in page
    assert "An Peeters" not in page
    refused = post(hub, browser, threads(hub)[0], "answer", text="Hello")
    assert refused.status_code == HTTPStatus.UNPROCESSABLE_ENTITY


@pytest.mark.parametrize("path", [f"/console/inbox/{UUID(int=7)}", "/console/inbox/not-an-id"])
def test_what_does_not_exist_is_said_so(hub: Hub, path: str) -> None:
    answer = signed_in_browser(hub).get(path)
    assert answer.status_code in (HTTPStatus.NOT_FOUND, HTTPStatus.UNPROCESSABLE_ENTITY)
    assert "Traceback" not in answer.text


@pytest.mark.parametrize(
    "query", ["view=nonsense", "view=%00", "page=0", "page=99999999999", "view=mine&page=1000000", "order=x"]
)
def test_a_strange_address_is_no_error_of_ours(hub: Hub, query: str) -> None:
    assert signed_in_browser(hub).get(f"/console/inbox?{query}").status_code < HTTPStatus.INTERNAL_SERVER_ERROR
