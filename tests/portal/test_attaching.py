"""A stranger's conversation is put to an order by staff: found by its number, written down, and never by a machine."""

from datetime import timedelta
from http import HTTPStatus

import pytest

from hub.bootstrap import Hub
from hub.clock import FixedClock
from hub.db.tables import status_event
from hub.domain.conversations import Conversation, ConversationStatus
from hub.domain.ids import WorkOrderId
from hub.domain.staff import Role
from hub.domain.work_orders import WorkOrder
from portal.contact.service import run_due_contacts
from portal.conversations.attaching import MOST_FOUND, attach, find_orders
from portal.conversations.schemas import CallBackAsked
from portal.conversations.service import receive_call_back
from portal.conversations.staff import AnswerRefusedError, ConversationChangedError
from scheduling.service import current_appointment
from tests.portal.test_conversations import NUMBER, STRANGER, entry_kinds, staff, text, threads, write_to
from tests.portal.test_conversations_staff import actor, an_account
from tests.portal.test_ladder import messages_of, receive
from tests.web.staff_browser import signed_in_browser
from tests.web.test_inbox import post


@pytest.fixture
def order(hub: Hub) -> WorkOrder:
    staff(hub)
    made = receive(hub, language="en", external_id="WO 2026-17")
    write_to(hub, made)
    return made


@pytest.fixture
def strange(hub: Hub, order: WorkOrder) -> Conversation:
    """Somebody's sister writes, from a number nobody knows."""
    assert text(hub, "My brother is in hospital, please come later.", sender=STRANGER) is None
    [thread] = threads(hub)
    assert thread.work_order_id is None
    return thread


def test_an_order_is_found_by_the_beginning_of_its_number(hub: Hub, order: WorkOrder) -> None:
    others = [receive(hub, external_id=f"WX-{number:02}") for number in range(MOST_FOUND + 1)]
    for typed in ("WO 2026-17", "wo2026-1", " Wo 2026 ", "WO/2026/17"):
        found = find_orders(hub, typed)
        assert ([one.id for one in found.orders], found.more) == ([order.id], False)
    many = find_orders(hub, "wx-")
    assert (len(many.orders), many.more) == (MOST_FOUND, True)
    assert {one.id for one in many.orders} <= {one.id for one in others}
    # Signs that mean something to the database mean themselves.
    assert find_orders(hub, "W%%").orders == find_orders(hub, "W_%").orders == ()
    for typed in ("", "wo", " w o ", "___", "- - -", "x" * 101, "\x00\x00\x00"):
        with pytest.raises(AnswerRefusedError, match="at least 3 signs"):
            find_orders(hub, typed)


def test_staff_put_the_thread_to_an_order_and_both_records_say_who(
    hub: Hub, clock: FixedClock, order: WorkOrder, strange: Conversation
) -> None:
    by = actor(an_account(hub))
    after = attach(hub, strange.id, strange.version, order.id, by)
    assert (after.work_order_id, after.status) == (order.id, ConversationStatus.OPEN)
    assert entry_kinds(hub, order)[-1] == "conversation attached"
    with hub.unit_of_work() as work:
        event = status_event.c
        rows = work.connection.execute(status_event.select().where(event.name == "conversation.attach")).all()
        assert [(row.work_order_id, row.actor_name) for row in rows] == [(order.id, by.name)]
    # It waits in the order's inbox, so the ladder waits too.
    run_due_contacts(hub, clock.now())
    assert [one.kind for one in messages_of(hub, order)] == ["reminder"]


def test_what_the_number_writes_next_comes_to_the_order_and_is_never_acted_on(
    hub: Hub, clock: FixedClock, order: WorkOrder, strange: Conversation
) -> None:
    attach(hub, strange.id, strange.version, order.id, actor(an_account(hub)))
    clock.advance(timedelta(days=2))
    text(hub, "JA", sender=STRANGER)
    [thread] = threads(hub)
    assert (thread.work_order_id, thread.status) == (order.id, ConversationStatus.OPEN)
    assert current_appointment(hub, order.id) is None
    assert "citizen wrote" in entry_kinds(hub, order)


def test_a_wrong_choice_can_be_put_right_and_both_orders_tell(
    hub: Hub, order: WorkOrder, strange: Conversation
) -> None:
    by = actor(an_account(hub))
    wrong = receive(hub)
    first = attach(hub, strange.id, strange.version, wrong.id, by)
    with pytest.raises(ConversationChangedError):
        attach(hub, strange.id, strange.version, order.id, by)
    with pytest.raises(AnswerRefusedError, match="already"):
        attach(hub, first.id, first.version, wrong.id, by)
    after = attach(hub, first.id, first.version, order.id, by)
    assert after.work_order_id == order.id
    assert entry_kinds(hub, wrong)[-2:] == ["conversation attached", "conversation detached"]
    assert entry_kinds(hub, order)[-1] == "conversation attached"


def test_a_citizens_own_conversation_stays_with_the_order(hub: Hub, order: WorkOrder) -> None:
    text(hub, "When do you come?", sender=NUMBER)
    [thread] = threads(hub)
    with pytest.raises(AnswerRefusedError, match="own citizen"):
        attach(hub, thread.id, thread.version, receive(hub).id, actor(an_account(hub)))
    assert threads(hub) == [thread]


def test_a_strangers_call_back_can_be_put_to_an_order_too(hub: Hub, order: WorkOrder) -> None:
    receive_call_back(hub, CallBackAsked("CA77", STRANGER))
    [thread] = threads(hub)
    after = attach(hub, thread.id, thread.version, order.id, actor(an_account(hub)))
    assert after.work_order_id == WorkOrderId(order.id)


def test_the_page_finds_the_order_and_puts_the_conversation_there(
    hub: Hub, order: WorkOrder, strange: Conversation
) -> None:
    browser = signed_in_browser(hub)
    address = f"/console/inbox/{strange.id}"
    assert "Number of the order it is about" in browser.get(address).text
    few = browser.get(address, params={"number": "wo"})
    assert few.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert "at least 3 signs" in few.text
    none = browser.get(address, params={"number": "<b>nothing</b>"})
    assert "No order’s number begins with “&lt;b&gt;nothing&lt;/b&gt;”" in none.text
    found = browser.get(address, params={"number": "wo2026"})
    assert "It is about this order" in found.text
    assert f'value="{order.id}"' in found.text
    done = post(hub, browser, strange, "attach", order=str(order.id))
    assert done.headers["location"].endswith("?note=attached")
    shown = browser.get(done.headers["location"]).text
    assert order.external_id in shown
    assert "It is with that order now" in shown
    again = post(hub, browser, strange, "attach", order=str(order.id))
    assert again.status_code == HTTPStatus.CONFLICT


def test_nobody_else_may_put_it_anywhere(hub: Hub, order: WorkOrder, strange: Conversation) -> None:
    analyst = signed_in_browser(hub, Role.ANALYST, name="Ana Analyst")
    refused = post(hub, analyst, strange, "attach", order=str(order.id))
    assert refused.status_code == HTTPStatus.FORBIDDEN
    assert analyst.get(f"/console/inbox/{strange.id}", params={"number": "wo2026"}).status_code == HTTPStatus.FORBIDDEN
    assert threads(hub) == [strange]
