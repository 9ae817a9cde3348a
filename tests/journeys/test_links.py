"""Links that open nothing, and pages that do not exist: a sentence and a way on."""

from datetime import timedelta

import pytest
from playwright.sync_api import expect

from hub.domain.events import SYSTEM, Actor, ActorKind
from hub.domain.lifecycle import Action, HoldReason
from portal.contact.decisions import Decision, record_outcome
from tests.journeys.conftest import MakeVisitor
from tests.journeys.site import Site

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("journeys-citizen")]


def test_a_mistyped_link_says_how_to_get_help(site: Site, make_visitor: MakeVisitor) -> None:
    citizen = make_visitor(language="en-GB")
    order = site.receive_order(language="en")
    link = site.link_to(order)
    citizen.open(link[:-4], status=404).sees("This link is not complete")
    expect(citizen.page.get_by_role("heading", level=2, name="Ask for a new link")).to_be_visible()
    citizen.open(f"{link}.").page.wait_for_load_state()
    citizen.sees("There is no free time just now")


@pytest.mark.parametrize("page", ["/a/nonsense", "/a/nonsense/confirm", "/survey/nonsense"])
def test_nonsense_in_the_address_is_answered_in_the_browsers_language(make_visitor: MakeVisitor, page: str) -> None:
    citizen = make_visitor(language="fr-BE")
    citizen.open(page, status=404)
    citizen.inspect()
    assert citizen.page.locator("html").get_attribute("lang") == "fr"


def test_an_expired_link_says_so(site: Site, make_visitor: MakeVisitor) -> None:
    citizen = make_visitor(language="en-GB")
    order = site.receive_order(language="en")
    link = site.link_to(order)
    with site.hub.unit_of_work() as work:
        work.advance_work_order(work.work_orders.get(order.id), Action.CANCEL, by=SYSTEM)
        work.commit()
    citizen.open(link).sees("This job has been called off")
    site.clock.advance(timedelta(days=30))
    citizen.open(link, status=410).sees("This link is no longer valid")


@pytest.mark.parametrize("reason", [HoldReason.DECEASED, HoldReason.MOVED])
def test_a_link_of_somebody_who_died_or_moved_says_a_neutral_word(
    site: Site, make_visitor: MakeVisitor, reason: HoldReason
) -> None:
    citizen = make_visitor(language="en-GB")
    order = site.receive_order(language="en")
    link = site.link_to(order)
    staff = Actor(ActorKind.STAFF, "7d4e0c1a-0000-4000-8000-000000000001")
    record_outcome(site.hub, Decision(order.id, site.order(order.id).version, staff, "told by a relative"), reason)
    citizen.open(link, status=410).sees("No visit is planned")
    citizen.inspect()
    expect(citizen.page.get_by_text(f"The reference is {order.external_id}.")).to_be_visible()


def test_the_first_page_and_a_page_that_is_not_there(make_visitor: MakeVisitor) -> None:
    visitor = make_visitor(language="en-GB")
    visitor.open("/")
    visitor.inspect()
    visitor.open("/nowhere", status=404)
    visitor.inspect()


def test_the_outbox_shows_the_message_and_its_link_opens_the_page(site: Site, make_visitor: MakeVisitor) -> None:
    visitor = make_visitor(language="en-GB")
    site.add_technicians("Jan Janssens")
    order = site.receive_order(language="en")
    visitor.open("/demo/outbox").sees("Outbox")
    link = visitor.page.get_by_role("link", name=site.link_to(order))
    link.focus()
    site.receive_order(language="en")
    expect(visitor.page.get_by_role("article")).to_have_count(2)
    # A newer message came above it, and whoever stands on the link stays on it.
    expect(link).to_be_focused()
    visitor.page.keyboard.press("Enter")
    visitor.sees("Choose when we may come")
