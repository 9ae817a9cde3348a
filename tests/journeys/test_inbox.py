"""A citizen writes by SMS, and a dispatcher answers in the console: with the keyboard, and without scripts."""

from dataclasses import replace

import pytest
from playwright.sync_api import expect

from hub.domain.contact import Channel
from hub.domain.conversations import ConversationStatus
from hub.domain.lifecycle import WorkOrderStatus
from hub.domain.work_orders import WorkOrder
from hub.notifications.service import request_notification
from portal.conversations.schemas import CallBackAsked, InboundSms, Reply
from portal.conversations.service import receive_call_back, receive_sms
from portal.conversations.threads import conversations
from tests.journeys.conftest import MakeVisitor
from tests.journeys.site import Site
from tests.journeys.test_dispatcher import sign_in
from tests.journeys.test_keyboard import tab_to
from tests.journeys.visitor import DESK, Visitor
from tests.portal.test_conversations import threads

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("journeys-staff")]

NUMBER = "+32470000001"


def order_with_sms(site: Site) -> WorkOrder:
    """An order whose citizen was written to by SMS."""
    order = site.receive_order(language="en")
    with site.hub.unit_of_work() as work:
        request_notification(work, order, kind="reminder", channel=Channel.SMS)
        work.commit()
    site.work()
    return order


def write(site: Site, words: str, *, name: str) -> Reply | None:
    return receive_sms(site.hub, InboundSms(name, NUMBER, "+3225550000", words))


def test_a_dispatcher_sends_times_and_the_citizen_chooses_one(site: Site, dispatcher: Visitor) -> None:
    site.add_technicians("Jan Janssens")
    order = order_with_sms(site)
    write(site, "No, that link does not work here. <b>Can somebody help?</b>", name="SM1")
    receive_call_back(site.hub, CallBackAsked("CA1", NUMBER, order.id))
    sign_in(site, dispatcher, "/console/inbox", "Inbox")
    expect(dispatcher.page.get_by_text("<b>Can somebody help?</b>")).to_be_visible()
    dispatcher.press(f"Message from +32…01, order {order.external_id}", role="link")
    dispatcher.sees("Conversation with +32…01 open")

    dispatcher.press("Take it")
    expect(dispatcher.page.get_by_text("It is given.")).to_be_visible()
    dispatcher.press("Send free times")
    expect(dispatcher.page.get_by_text("The free times are on their way.")).to_be_visible()
    dispatcher.sees("Conversation with +32…01 answered")
    site.work()
    [message] = [body for channel, _, body in site.messages_to(order) if "1) " in body and channel is Channel.SMS]
    assert message.startswith("Doorstep: when may we come for ")

    reply = write(site, "3!", name="SM2")
    assert reply is not None
    assert reply.text.startswith("Agreed: ")
    assert site.order(order.id).status is WorkOrderStatus.BOOKED
    dispatcher.page.reload()
    expect(dispatcher.page.get_by_text("Understood as: number")).to_be_visible()
    expect(dispatcher.page.get_by_text("Agreed: ")).to_be_visible()
    dispatcher.inspect()


def test_a_call_back_is_done_with_a_remark(site: Site, dispatcher: Visitor) -> None:
    order = order_with_sms(site)
    receive_call_back(site.hub, CallBackAsked("CA1", NUMBER, order.id))
    sign_in(site, dispatcher, "/console/inbox", "Inbox")
    dispatcher.press(f"Call back from +32…01, order {order.external_id}", role="link").sees("Call back +32…01 open")
    expect(dispatcher.page.get_by_text(NUMBER)).to_have_count(0)
    dispatcher.press("Show the whole number")
    expect(dispatcher.page.get_by_role("link", name=NUMBER)).to_be_visible()
    dispatcher.inspect()
    dispatcher.page.get_by_label("What came of the call").fill("Will be at home on Friday.")
    dispatcher.press("Done").sees("Call back +32…01 closed")
    dispatcher.open("/console/inbox?view=closed").sees("Inbox")
    expect(dispatcher.page.get_by_text("Will be at home on Friday.")).to_be_visible()


def test_an_answer_is_written_with_the_keyboard_alone_and_without_scripts(
    site: Site, make_visitor: MakeVisitor
) -> None:
    order = order_with_sms(site)
    write(site, "When do you come exactly?", name="SM1")
    dispatcher = make_visitor(size=DESK, language="en-GB", narrow=False, scripts=False)
    sign_in(site, dispatcher, "/console/inbox", "Inbox")
    tab_to(dispatcher, "link", f"Message from +32…01, order {order.external_id}")
    dispatcher.page.keyboard.press("Enter")
    dispatcher.sees("Conversation with +32…01 open")
    dispatcher.page.get_by_label("Your answer, in English").focus()
    dispatcher.page.keyboard.type("Between eight and ten.")
    tab_to(dispatcher, "button", "Send answer")
    dispatcher.page.keyboard.press("Enter")
    dispatcher.sees("Conversation with +32…01 answered")
    site.work()
    assert "Doorstep: Between eight and ten." in [body for _, _, body in site.messages_to(order)]
    [thread] = threads(site.hub)
    assert thread.status is ConversationStatus.ANSWERED


def test_a_half_written_answer_outlives_every_other_button_without_scripts(
    site: Site, make_visitor: MakeVisitor
) -> None:
    order = order_with_sms(site)
    write(site, "When do you come exactly?", name="SM1")
    dispatcher = make_visitor(size=DESK, language="en-GB", narrow=False, scripts=False)
    sign_in(site, dispatcher, "/console/inbox", "Inbox")
    dispatcher.press(f"Message from +32…01, order {order.external_id}", role="link")
    answer = dispatcher.page.get_by_label("Your answer, in English")
    answer.fill("Between eight")
    dispatcher.page.get_by_label("e-mail").check()
    dispatcher.press("Take it")
    expect(dispatcher.page.get_by_text("It is given.")).to_be_visible()
    expect(answer).to_have_value("Between eight")
    dispatcher.inspect()
    dispatcher.page.get_by_label("Note (may be empty)").fill("Asked twice")
    dispatcher.press("Show the whole number")
    expect(dispatcher.page.get_by_role("link", name=NUMBER)).to_be_visible()
    expect(answer).to_have_value("Between eight")
    expect(dispatcher.page.get_by_label("Note (may be empty)")).to_have_value("Asked twice")
    expect(dispatcher.page.get_by_label("e-mail")).to_be_checked()
    dispatcher.inspect()
    answer.fill("Between eight and ten.")
    dispatcher.press("Send answer")
    expect(dispatcher.page.get_by_text("Your answer is on its way")).to_be_visible()
    expect(answer).to_have_value("")
    expect(dispatcher.page.get_by_label("Note (may be empty)")).to_have_value("Asked twice")
    dispatcher.inspect()
    # A colleague is quicker; what was typed can still be read and copied.
    [thread] = threads(site.hub)
    with site.hub.unit_of_work() as work:
        found = conversations(work).get(thread.id, lock=True)
        conversations(work).swap(found, replace(found, status=ConversationStatus.CLOSED))
        work.commit()
    dispatcher.expects(409).press("Close it")
    expect(dispatcher.page.get_by_label("You had written:")).to_have_value("Asked twice")
    dispatcher.inspect()


def test_a_strangers_message_is_put_to_its_order_with_the_keyboard(site: Site, dispatcher: Visitor) -> None:
    site.add_technicians("Jan Janssens")
    order = site.receive_order(language="en", external_id="WO-2026-0017")
    receive_sms(
        site.hub, InboundSms("SM7", "+32470999999", "+3225550000", "It is about my mother's meter, WO-2026-0017.")
    )
    sign_in(site, dispatcher, "/console/inbox", "Inbox")
    dispatcher.press("Message from +32…99", role="link")
    dispatcher.sees("Conversation with +32…99 open")
    find = dispatcher.page.get_by_role("searchbox", name="Number of the order it is about")
    find.focus()
    dispatcher.page.keyboard.type("wo-2026")
    dispatcher.page.keyboard.press("Enter")
    expect(dispatcher.control(f"It is about this order: {order.external_id}, {order.town}")).to_be_visible(
        timeout=15_000
    )
    dispatcher.inspect()
    tab_to(dispatcher, "button", "It is about this order")
    dispatcher.page.keyboard.press("Enter")
    expect(dispatcher.page.get_by_text("It is with that order now")).to_be_visible(timeout=15_000)
    expect(dispatcher.page.get_by_role("link", name=order.external_id)).to_be_visible()
    assert threads(site.hub)[0].work_order_id == order.id


def test_in_the_demo_a_text_is_answered_with_the_keyboard_and_typing_outlives_the_refresh(
    site: Site, dispatcher: Visitor
) -> None:
    site.add_technicians("Jan Janssens")
    order = order_with_sms(site)
    dispatcher.open("/demo/outbox").sees("Outbox")
    dispatcher.page.locator("summary", has_text="Answer as the citizen").first.focus()
    dispatcher.page.keyboard.press("Enter")
    dispatcher.page.keyboard.press("Tab")
    expect(dispatcher.page.get_by_label("Your answer").first).to_be_focused()
    dispatcher.page.keyboard.type("Is there ")
    messages = dispatcher.page.get_by_role("article")
    before = messages.count()
    site.receive_order(language="en")
    expect(messages).not_to_have_count(before)
    expect(dispatcher.page.get_by_label("Your answer").last).to_be_focused()
    dispatcher.inspect()
    dispatcher.page.keyboard.type("parking?")
    dispatcher.page.keyboard.press("Enter")
    expect(dispatcher.page.get_by_text("You wrote: “Is there parking?”")).to_be_visible()
    dispatcher.inspect()
    [thread] = threads(site.hub)
    assert thread.work_order_id == order.id
