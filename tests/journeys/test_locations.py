"""A dispatcher finds orders without a place in the list, and puts them on the map: by mouse, by keyboard, by hand, without scripts."""

import os
from pathlib import Path

import pytest
from playwright.sync_api import Locator, expect
from sqlalchemy import select

from hub.db import tables
from hub.domain.lifecycle import WorkOrderStatus
from hub.domain.places import PlaceQuality
from hub.domain.staff import Role
from hub.domain.work_orders import WorkOrder
from hub.web.staff_accounts import create_staff
from tests.journeys.conftest import MakeVisitor
from tests.journeys.site import Site
from tests.journeys.visitor import DESK, Visitor

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("journeys-staff")]

PASSWORD = "a long enough password"
NO_PLACE = {
    "status": WorkOrderStatus.NEEDS_LOCATION,
    "latitude": None,
    "longitude": None,
    "place_quality": PlaceQuality.UNKNOWN,
    "place_note": "The utility gave no coordinates.",
}


def picture(visitor: Visitor, name: str) -> None:
    """A picture of the page for whoever changes its looks, when DOORSTEP_PICTURES names a folder."""
    if folder := os.environ.get("DOORSTEP_PICTURES"):
        visitor.page.screenshot(path=str(Path(folder) / f"{name}.png"), full_page=True)


def sign_in(site: Site, visitor: Visitor, role: Role, heading: str) -> None:
    email = f"{role.value}@company.example"
    create_staff(site.hub, email, "Dina Dispatcher", PASSWORD, [role])
    visitor.open("/console/locations").sees("Sign in")
    visitor.page.get_by_label("E-mail address").fill(email)
    visitor.page.get_by_label("Password").fill(PASSWORD)
    visitor.press("Sign in").sees(heading)


def lost(site: Site, **changes: object) -> WorkOrder:
    """An order nobody can find; the table of postal codes knows where its town is."""
    return site.receive_order(**{**NO_PLACE, **changes})


def page_of(order: WorkOrder) -> str:
    return f"Where is {order.address}? {order.status.value}"


def typed(visitor: Visitor) -> tuple[Locator, Locator]:
    return visitor.page.get_by_label("Latitude"), visitor.page.get_by_label("Longitude")


def test_a_dispatcher_pins_an_order_by_mouse(site: Site, dispatcher: Visitor) -> None:
    order = lost(site, language="en", street="Kouter 12")
    assert order.place_quality is PlaceQuality.APPROXIMATE
    lost(site, postcode="9999", town="Nergens", territory="oost-vlaanderen")
    sign_in(site, dispatcher, Role.DISPATCHER, "Needs location")
    expect(dispatcher.page.get_by_text("2 orders wait.")).to_be_visible()
    expect(dispatcher.page.get_by_text("Only the middle of postal code 9000 is known.")).to_be_visible()
    dispatcher.inspect()
    picture(dispatcher, "locations-1280")
    dispatcher.press(f"{order.external_id} put it on the map", role="link").sees(page_of(order))
    box = dispatcher.page.get_by_role("region", name="Map to put the order on")
    expect(box).to_be_visible()
    dispatcher.inspect()
    picture(dispatcher, "location-1280")
    assert [field.input_value() for field in typed(dispatcher)] == ["", ""], "a guess is not filled in"
    box.click(position={"x": 200, "y": 120})
    latitude, longitude = typed(dispatcher)
    picture(dispatcher, "location-pinned-1280")
    expect(dispatcher.page.get_by_text(f"The pin is at {latitude.input_value()} north")).to_be_visible()
    expected = (float(latitude.input_value()), float(longitude.input_value()))
    dispatcher.press("The order is here").sees("Needs location")
    expect(dispatcher.page.get_by_text("is on the map and goes on: it is contacting.")).to_be_visible()
    expect(dispatcher.page.get_by_text("1 order waits.")).to_be_visible()
    located = site.order(order.id)
    assert (located.place.lat, located.place.lon) == expected
    assert located.place_quality is PlaceQuality.PINNED
    site.work()
    assert site.messages_to(order), "the citizen is invited now"
    event = tables.status_event.c
    with site.hub.reading() as connection:
        query = select(event.actor_kind, event.reason).where(event.work_order_id == order.id, event.action == "locate")
        [row] = connection.execute(query)
    assert row.actor_kind == "staff"
    assert row.reason.startswith("Put on the map by hand at")


def test_the_pin_is_moved_by_keyboard_and_by_its_fields(site: Site, dispatcher: Visitor) -> None:
    order = lost(site, language="en")
    sign_in(site, dispatcher, Role.DISPATCHER, "Needs location")
    dispatcher.open(f"/console/locations/{order.id}").sees(page_of(order))
    latitude, longitude = typed(dispatcher)
    dispatcher.page.get_by_role("region", name="Map to put the order on").focus()
    dispatcher.page.keyboard.press("Enter")
    expect(dispatcher.page.locator(".pin-marker")).to_be_focused()
    begin = float(latitude.input_value()), float(longitude.input_value())
    dispatcher.page.keyboard.press("ArrowUp")
    dispatcher.page.keyboard.press("ArrowRight")
    moved = float(latitude.input_value()), float(longitude.input_value())
    assert moved[0] > begin[0]
    assert moved[1] > begin[1]
    dispatcher.page.keyboard.press("Shift+ArrowLeft")
    assert begin[1] < float(longitude.input_value()) < moved[1]
    latitude.fill("51,0601")
    longitude.fill("3.7302")
    longitude.press("Enter")
    dispatcher.sees("Needs location")
    located = site.order(order.id)
    assert (located.place.lat, located.place.lon) == (51.0601, 3.7302)


def test_wrong_coordinates_are_a_sentence_and_stay_in_the_form(site: Site, dispatcher: Visitor) -> None:
    order = lost(site)
    sign_in(site, dispatcher, Role.DISPATCHER, "Needs location")
    dispatcher.open(f"/console/locations/{order.id}").sees(page_of(order))
    latitude, longitude = typed(dispatcher)
    for north, east, said in (
        ("3.72", "51.05", "That place does not lie in Belgium."),
        ("north", "3.72", "Latitude must be a number of degrees, such as 51.0512."),
        ("51.05", "1e2", "Longitude must be a number of degrees, such as 3.7211."),
    ):
        latitude.fill(north)
        longitude.fill(east)
        dispatcher.expects(422).press("The order is here")
        expect(dispatcher.page.get_by_role("alert")).to_contain_text(said)
        expect(latitude).to_have_value(north)
        expect(latitude).to_have_attribute("aria-invalid", "true")
    dispatcher.inspect()
    picture(dispatcher, "location-wrong-1280")
    assert site.order(order.id).status is WorkOrderStatus.NEEDS_LOCATION


def test_without_scripts_the_fields_do_it(site: Site, make_visitor: MakeVisitor) -> None:
    order = lost(site)
    dispatcher = make_visitor(size=DESK, language="en-GB", narrow=False, scripts=False)
    sign_in(site, dispatcher, Role.DISPATCHER, "Needs location")
    dispatcher.press(f"{order.external_id} put it on the map", role="link").sees(page_of(order))
    expect(dispatcher.page.locator("#pin-map")).to_be_hidden()
    latitude, longitude = typed(dispatcher)
    latitude.fill("51.0501")
    longitude.fill("3.7212")
    dispatcher.press("The order is here").sees("Needs location")
    assert site.order(order.id).place_quality is PlaceQuality.PINNED


def test_operations_see_but_do_not_pin_and_analysts_do_not_see(site: Site, make_visitor: MakeVisitor) -> None:
    order = lost(site)
    looker = make_visitor(size=DESK, language="en-GB", narrow=False)
    sign_in(site, looker, Role.OPERATIONS, "Needs location")
    looker.open(f"/console/locations/{order.id}").sees(page_of(order))
    expect(looker.page.get_by_text("A dispatcher can put this order on the map.")).to_be_visible()
    expect(looker.page.get_by_label("Latitude")).to_have_count(0)
    other = make_visitor(size=DESK, language="en-GB", narrow=False)
    create_staff(site.hub, "analyst@company.example", "Ann Analyst", PASSWORD, [Role.ANALYST])
    other.open("/console/sign-in").sees("Sign in")
    other.page.get_by_label("E-mail address").fill("analyst@company.example")
    other.page.get_by_label("Password").fill(PASSWORD)
    other.press("Sign in").sees("Today")
    other.open("/console/locations", status=403).sees("Not allowed")


def test_on_a_phone_it_looks_right(site: Site, make_visitor: MakeVisitor) -> None:
    order = lost(site)
    dispatcher = make_visitor(size=(390, 844), language="en-GB", narrow=False)
    sign_in(site, dispatcher, Role.DISPATCHER, "Needs location")
    picture(dispatcher, "locations-390")
    dispatcher.open(f"/console/locations/{order.id}").sees(page_of(order))
    picture(dispatcher, "location-390")
    assert dispatcher.page.get_by_role("region", name="Map to put the order on").bounding_box() is not None
