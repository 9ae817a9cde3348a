"""A citizen's wishes in a browser: say what suits, wait for an earlier time and take it, ask for a visit, lose the link."""

import re

import pytest
from playwright.sync_api import expect

from hub.domain.events import CITIZEN
from hub.domain.lifecycle import AppointmentStatus
from hub.domain.waitlist import WaitlistStatus
from hub.domain.work_orders import WorkOrder
from portal.waitlist.records import entries
from scheduling.service import cancel_appointment, offer_slots
from tests.journeys.conftest import MakeVisitor
from tests.journeys.site import Site
from tests.journeys.visitor import Visitor

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("journeys-choosing")]

CHOOSE = "Choose when we may come"
WAITING = "You are on the waiting list"


def fill_first_day(site: Site) -> list[WorkOrder]:
    """Book until the first day with a technician has no room."""
    booked: list[WorkOrder] = []
    probe = site.receive_order()
    first = min(one.starts_at for one in offer_slots(site.hub, probe.id).offers).date()
    while any(one.starts_at.date() == first for one in offer_slots(site.hub, probe.id).offers):
        booked.append(site.receive_order())
        site.book(booked[-1])
        assert len(booked) < 20
    return booked


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
def test_only_times_that_suit_are_shown_until_all_are_asked_for(
    site: Site, make_visitor: MakeVisitor, scripts: bool
) -> None:
    site.add_technicians("Jan Janssens")
    order = site.receive_order(language="en")
    citizen = make_visitor(scripts=scripts)
    citizen.open(site.link_to(order)).sees(CHOOSE)
    everything = citizen.page.locator("input[name=slot]").count()
    citizen.press("Say when you are at home", role="link").sees("When are you at home?")
    citizen.page.get_by_label("Wednesday").check()
    citizen.page.get_by_label("Morning").check()
    citizen.press("Show what suits me").sees(CHOOSE)
    expect(citizen.page.get_by_text("We show times that suit you: Wednesday · morning.")).to_be_visible()
    assert citizen.page.locator("input[name=slot]").count() == 2
    citizen.press("Show them all", role="link").sees(CHOOSE)
    assert citizen.page.locator("input[name=slot]").count() == everything


def test_a_page_that_comes_by_htmx_has_its_title_its_focus_and_no_copy_in_the_browser(
    site: Site, citizen: Visitor
) -> None:
    site.add_technicians("Jan Janssens")
    order = site.receive_order(language="en")
    citizen.open(site.link_to(order)).sees(CHOOSE)
    citizen.page.evaluate("window.stayed = true")
    citizen.page.locator("input[name=slot]").first.check()
    citizen.press("Keep this time").sees("Is this time right?")
    assert citizen.page.evaluate("window.stayed") is True, "the page was loaded anew"
    assert citizen.page.title() == "Is this time right? – Doorstep"
    expect(citizen.page.get_by_role("heading", level=1)).to_be_focused()
    kept = citizen.page.evaluate("[...Object.values(localStorage), ...Object.values(sessionStorage)]")
    assert [one for one in kept if "<" in one] == [], "a personal page is kept in the browser's store"
    assert citizen.page.evaluate("localStorage.length") == 0
    expect(citizen.page.locator(".portal-lease__clock")).to_have_text(re.compile(r"^(10:00|9:\d\d)$"))
    citizen.page.go_back()
    citizen.sees(CHOOSE)
    expect(citizen.page.get_by_text("We still keep")).to_be_visible()


def test_an_earlier_time_is_offered_and_taken_by_the_link_in_the_message(site: Site, make_visitor: MakeVisitor) -> None:
    site.add_technicians("Jan Janssens", days=2)
    others = fill_first_day(site)
    order = site.receive_order(language="en")
    before = site.book(order)
    citizen = make_visitor()
    citizen.open(site.link_to(order)).sees("Your appointment")
    citizen.press("Tell me when it can be earlier", role="link").sees("Would you like it earlier?")
    citizen.press("Tell me").sees(WAITING)
    cancel_appointment(site.hub, others[0].id, by=CITIZEN)
    site.work()
    citizen.open(f"{site.link_to(order)}/earlier").sees("A place is free for you")
    citizen.press("Take this place").sees("Your appointment has been moved")
    site.work()
    (now,) = [one for one in site.appointments_of(order) if one.status is AppointmentStatus.CONFIRMED]
    assert now.starts_at < before.starts_at
    with site.hub.unit_of_work() as work:
        (entry,) = entries(work).list_where()
    assert entry.status is WaitlistStatus.ENDED


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
def test_a_visit_is_asked_for_and_its_address_proven(site: Site, make_visitor: MakeVisitor, scripts: bool) -> None:
    citizen = make_visitor(scripts=scripts, language="en-GB")
    citizen.open("/").sees("Appointments that are kept")
    citizen.press("A fault or a survey? Ask for a visit.", role="link").sees("Ask for a visit")
    citizen.expects(422).press("Send the request").sees("Ask for a visit")
    expect(citizen.page.get_by_role("alert")).to_contain_text("Give your name.")
    citizen.page.get_by_label("What do you need?").select_option("repair")
    for label, typed in (
        ("Street and house number", "Lindestraat 12"),
        ("Postal code", "9000"),
        ("Town", "Gent"),
        ("Name", "Els Wouters"),
        ("E-mail address", "els@citizen.example"),
    ):
        citizen.page.get_by_label(label, exact=True).fill(typed)
    citizen.page.get_by_role("checkbox").check()
    citizen.press("Send the request").sees("Confirm your address")
    site.work()
    citizen.open(site.link_in_newest_message("/request/confirm/")).sees("Is this request yours?")
    citizen.press("Yes, this is my request").sees("We have your request")


def test_who_lost_the_link_gets_a_new_one_and_the_old_one_still_opens(site: Site, citizen: Visitor) -> None:
    site.add_technicians("Jan Janssens")
    order = site.receive_order(language="en")
    old = site.link_to(order)
    citizen.open(f"/a/{'A' * 43}?lang=en", status=404).sees("This link is not complete")
    citizen.page.get_by_label("Reference").fill(order.external_id.lower())
    citizen.page.get_by_label("Postal code of the address").fill("9000")
    citizen.press("Send me a new link").sees("Look at your messages")
    site.work()
    new = site.link_to(order)
    assert new != old
    for link in (new, old):
        citizen.open(link).sees(CHOOSE)
