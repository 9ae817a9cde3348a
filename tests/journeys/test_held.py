"""A dispatcher decides about an order by keyboard and without scripts: records what was said, sets a date, hands over, invites again."""

import os
from pathlib import Path

import pytest
from playwright.sync_api import expect

from hub.domain.lifecycle import HoldReason, WorkOrderStatus
from hub.domain.staff import Role
from hub.domain.work_orders import WorkOrder
from hub.web.staff_accounts import create_staff
from tests.journeys.conftest import MakeVisitor
from tests.journeys.site import Site
from tests.journeys.visitor import DESK, Visitor

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("journeys-staff")]

PASSWORD = "a long enough password"


def picture(visitor: Visitor, name: str) -> None:
    """A picture of the page for whoever changes its looks, when DOORSTEP_PICTURES names a folder."""
    if folder := os.environ.get("DOORSTEP_PICTURES"):
        visitor.page.screenshot(path=str(Path(folder) / f"{name}.png"), full_page=True)


def sign_in(site: Site, visitor: Visitor) -> None:
    create_staff(site.hub, "dina@company.example", "Dina Dispatcher", PASSWORD, [Role.DISPATCHER])
    visitor.open("/console/held").sees("Sign in")
    visitor.page.get_by_label("E-mail address").fill("dina@company.example")
    visitor.page.get_by_label("Password").fill(PASSWORD)
    visitor.press("Sign in").sees("Orders on hold")


def present(site: Site, order: WorkOrder) -> WorkOrder:
    with site.hub.unit_of_work() as work:
        return work.work_orders.get(order.id)


def heading(order: WorkOrder, status: str) -> str:
    return f"Contacting {order.external_id} {status}"


@pytest.mark.parametrize("size", ["desk", "phone"])
def test_a_dispatcher_decides_without_scripts(site: Site, make_visitor: MakeVisitor, size: str) -> None:
    means = {"size": DESK} if size == "desk" else {}
    dispatcher = make_visitor(language="en-GB", scripts=False, narrow=False, **means)
    order = site.receive_order()
    sign_in(site, dispatcher)
    dispatcher.open(f"/console/orders/{order.id}/contact").sees(heading(order, "contacting"))
    page = dispatcher.page
    outcome = page.get_by_role("region", name="Record an outcome")
    outcome.get_by_label("What came of it").select_option("refused")
    outcome.get_by_label("Why").fill("He said no on the phone.")
    dispatcher.press("Record an outcome").sees(heading(order, "on hold"))
    expect(page.get_by_role("status")).to_have_text("The outcome is recorded.")
    picture(dispatcher, f"contact-held-{size}")
    review = page.get_by_role("region", name="Set the review date")
    review.get_by_label("Look again on").fill("2026-05-20")
    review.get_by_label("Why").fill("He is away until then.")
    dispatcher.press("Set the review date").sees(heading(order, "on hold"))
    team = page.get_by_role("region", name="Hand to a team")
    team.get_by_label("Team").select_option("field office")
    team.get_by_label("Why").fill("They know him.")
    dispatcher.press("Hand to a team").sees(heading(order, "on hold"))
    dispatcher.open("/console/held").sees("Orders on hold")
    expect(page.get_by_role("row", name=order.external_id)).to_contain_text("field office")
    picture(dispatcher, f"held-{size}")
    dispatcher.press(order.external_id, role="link").sees(heading(order, "on hold"))
    again = page.get_by_role("region", name="Invite again")
    again.get_by_label("Why").fill("He called back.")
    dispatcher.press("Invite again").sees(heading(order, "contacting"))
    assert (present(site, order).status, present(site, order).hold_reason) == (WorkOrderStatus.CONTACTING, None)
    picture(dispatcher, f"contact-asked-{size}")
    away = page.get_by_role("region", name="Take a wrong address away")
    away.get_by_label("Which one is somebody else’s").select_option("phone")
    away.get_by_label("Why").fill("Whoever answered has never heard of him.")
    dispatcher.press("Take a wrong address away").sees(heading(order, "contacting"))
    expect(page.get_by_role("status")).to_have_text("The address is taken away. What follows stands below.")
    assert present(site, order).citizen_phone == ""
    picture(dispatcher, f"contact-address-{size}")


def test_a_mistake_is_said_at_the_top_and_what_was_typed_stays(site: Site, make_visitor: MakeVisitor) -> None:
    dispatcher = make_visitor(size=DESK, language="en-GB", narrow=False)
    order = site.receive_order()
    sign_in(site, dispatcher)
    dispatcher.open(f"/console/orders/{order.id}/contact").sees(heading(order, "contacting"))
    page = dispatcher.page
    outcome = page.get_by_role("region", name="Record an outcome")
    outcome.get_by_label("What came of it").select_option("moved")
    outcome.get_by_label("Why").fill("x.")
    dispatcher.expects(422).press("Record an outcome").sees(heading(order, "contacting"))
    expect(page.get_by_role("alert")).to_contain_text("Say in a few words why")
    expect(outcome.get_by_label("Why")).to_have_value("x.")
    picture(dispatcher, "contact-mistake")
    outcome.get_by_label("Why").fill("The neighbour says so.")
    dispatcher.press("Record an outcome").sees(heading(order, "on hold"))
    assert present(site, order).hold_reason is HoldReason.MOVED
