"""A message that is longer than the bus takes once it is laid out is corrected on its page, as a browser sends it."""

import pytest
from playwright.sync_api import expect

from hub.domain.staff import Role
from hub.web.staff_accounts import create_staff
from ingest.quarantine.records import Act
from ingest.quarantine.service import LONGEST_BODY, QuarantineFilter, list_quarantined, show_quarantined
from ingest.service import receive_message
from tests.ingest.messages import a_message, an_event, spoiled
from tests.ingest.reading import orders
from tests.journeys.site import Site
from tests.journeys.visitor import Visitor

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("journeys-staff")]

PASSWORD = "a long enough password"
OUTSIDE = spoiled("workOrderItem.0.work.place.0.postcode", "5000")
SMALL_PARTS = [{"n": number % 10} for number in range(9_000)]


def test_a_long_message_is_taken_in_as_it_is_and_corrected(site: Site, dispatcher: Visitor) -> None:
    receive_message(site.hub, a_message(an_event({**OUTSIDE, "ofNoUse": SMALL_PARTS})))
    [one] = list_quarantined(site.hub, QuarantineFilter()).messages
    create_staff(site.hub, "operations@company.example", "Olga Operations", PASSWORD, [Role.OPERATIONS])
    dispatcher.open(f"/console/quarantine/{one.id}").sees("Sign in")
    dispatcher.page.get_by_label("E-mail address").fill("operations@company.example")
    dispatcher.page.get_by_label("Password").fill(PASSWORD)
    heading = f"Message of {one.external_id}"
    dispatcher.press("Sign in").sees(f"{heading} waiting")

    text = dispatcher.page.get_by_label("The message; correct it here")
    assert len(text.input_value()) > LONGEST_BODY
    dispatcher.expects(422).press("Take it in").sees(f"{heading} waiting")
    expect(dispatcher.page.get_by_role("alert")).to_contain_text("Postal code 5000 lies outside")
    assert [act.act for act in show_quarantined(site.hub, one.id).acts] == [Act.ARRIVED, Act.FAILED_AGAIN]

    # Typed by hand it would take the driver, which lays out the box after each change, longer than it waits.
    text.evaluate("(box) => { box.value = box.value.replace('5000', '9000'); }")
    dispatcher.page.get_by_label("What was corrected").fill("mistyped")
    dispatcher.press("Take it in").sees(f"{heading} replayed")
    assert [order.postcode for order in orders(site.hub)] == ["9000"]
