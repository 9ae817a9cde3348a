"""After booking the same link goes on: where the visit stands, how to get in, photos, the code at the door."""

import io
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import FilePayload, Page, expect

from hub.db.citizen_tables import technician_place
from hub.domain.events import SYSTEM
from hub.domain.lifecycle import Action, VisitStatus, WorkOrderStatus
from portal.details.queries import what_was_left
from portal.details.words import details_words
from tests.hub.test_documents import a_pdf
from tests.journeys.conftest import MakeVisitor
from tests.journeys.fitting import find_misfits
from tests.journeys.site import Site
from tests.journeys.test_keyboard import tab_to
from tests.journeys.visitor import Visitor
from tests.portal.citizen import Booked, book, put
from tests.technician_api.conftest import a_phone

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("journeys-citizen")]

TITLES = {"nl": "Uw afspraak", "fr": "Votre rendez-vous", "de": "Ihr Termin", "en": "Your appointment"}
PREPARE = "Prepare the visit"
NO_CLIENT: Any = None
"""These people come with a browser."""


def agreed(site: Site, hours: float = 2) -> Booked:
    """A booked visit that begins so many hours from now, today."""
    return book(site.hub, NO_CLIENT, site.clock.now() + timedelta(hours=hours))


def a_photo() -> FilePayload:
    content = io.BytesIO()
    Image.new("RGB", (640, 480), "teal").save(content, "JPEG")
    return {"name": "the way to the meter.jpg", "mimeType": "image/jpeg", "buffer": content.getvalue()}


def set_off(site: Site, visit: Booked) -> None:
    with site.hub.unit_of_work() as work:
        row = {"visit_id": visit.visit.id, "latitude": 51.07, "longitude": 3.71, "reported_at": work.now}
        work.connection.execute(technician_place.insert().values(row))
        # Both in one breath: a page that looked between them would hear of it twice.
        present = work.visits.get(visit.visit.id)
        gone = replace(present, status=VisitStatus.EN_ROUTE, set_off_at=work.now, travel_seconds=1500)
        work.visits.swap(present, gone)
        work.commit()


def stage(page: Page) -> str:
    """The stage the page marks as the present one."""
    return page.locator("[aria-current=step]").inner_text().strip()


def test_a_citizen_watches_the_visit_come_closer(site: Site, citizen: Visitor) -> None:
    visit = agreed(site)
    citizen.open(f"{visit.path}?lang=en").sees("Your appointment")
    said = citizen.page.locator("[data-part=headline]")
    expect(said).to_have_attribute("aria-live", "polite")
    expect(said).to_contain_text("Jan comes to you today.")
    expect(citizen.page.get_by_text("This page keeps itself up to date.")).to_be_visible()
    set_off(site, visit)
    expect(said).to_contain_text("Jan is on the way to you.")
    expect(citizen.page.get_by_role("img", name="as the crow flies")).to_be_visible()
    citizen.inspect()
    put(site.hub, visit.visit, VisitStatus.WORKING)
    expect(said).to_contain_text("Jan is at work.")
    expect(citizen.page.get_by_role("img", name="as the crow flies")).to_have_count(0)
    assert stage(citizen.page) == "At your door"
    citizen.inspect()


@pytest.mark.parametrize("language", list(TITLES))
def test_every_page_after_booking_can_be_used_in_every_language(site: Site, citizen: Visitor, language: str) -> None:
    visit = agreed(site)
    set_off(site, visit)
    past = agreed(site, -24 * 20)
    put(site.hub, past.visit, VisitStatus.COMPLETED)
    citizen.open(f"{visit.path}?lang={language}").sees(TITLES[language])
    citizen.page.locator("summary").click()
    citizen.inspect()
    words = details_words(language)
    citizen.open(f"{visit.path}/details?lang={language}").sees(words("title"))
    plan: FilePayload = {"name": "plan.pdf", "mimeType": "application/pdf", "buffer": a_pdf()}
    citizen.page.locator("#chosen").set_input_files([a_photo(), plan, _no_photo()])
    citizen.press(words("files_button")).sees(words("title"))
    expect(citizen.page.get_by_role("alert")).to_contain_text(words("refused_kind"))
    expect(citizen.page.get_by_role("status")).to_contain_text(words("saved_files", count=2))
    citizen.open(f"{visit.path}/day/door-code?lang={language}")
    citizen.inspect()


def _no_photo() -> FilePayload:
    return {"name": "page.html", "mimeType": "image/jpeg", "buffer": b"<html><script>alert(1)</script></html>"}


def test_without_scripts_the_page_says_the_same_and_is_looked_at_again(site: Site, make_visitor: MakeVisitor) -> None:
    visit = agreed(site)
    citizen = make_visitor(scripts=False)
    citizen.open(f"{visit.path}?lang=en").sees("Your appointment")
    expect(citizen.page.locator("[data-part=headline]")).to_contain_text("Expected around 11:00.")
    set_off(site, visit)
    citizen.press("Look again", role="link").sees("Your appointment")
    expect(citizen.page.locator("[data-part=headline]")).to_contain_text("Jan is on the way to you.")
    citizen.press("Tell us how we get in, or send photos", role="link").sees(PREPARE)
    citizen.page.get_by_label("Code of the gate or the door").fill("4711#")
    citizen.press("Save how to get in").sees(PREPARE)
    expect(citizen.page.get_by_role("status")).to_have_text("Saved: this is how we get in.")
    citizen.page.get_by_label("Choose photos or documents").set_input_files([a_photo()])
    citizen.press("Send").sees(PREPARE)
    citizen.control("Remove the way to the meter.jpg").click()
    expect(citizen.page.get_by_role("status")).to_have_text("The file is removed.")


def test_everything_after_booking_works_by_keyboard(site: Site, citizen: Visitor) -> None:
    visit = agreed(site)
    citizen.open(f"{visit.path}/details?lang=en").sees(PREPARE)
    citizen.page.get_by_label("Code of the gate or the door").focus()
    citizen.page.keyboard.type("4711#")
    tab_to(citizen, "button", "Save how to get in")
    citizen.page.keyboard.press("Enter")
    citizen.sees(PREPARE)
    citizen.page.get_by_label("It does not matter").focus()
    citizen.page.keyboard.press("ArrowDown")
    tab_to(citizen, "button", "Save how to reach me")
    citizen.page.keyboard.press("Space")
    citizen.sees(PREPARE)
    with site.hub.unit_of_work() as work:
        left = what_was_left(work, visit.order.id)
    assert left.access is not None
    assert (left.access.gate_code, left.channel) == ("4711#", "email")


def test_whoever_stands_on_the_way_to_look_again_keeps_their_place_when_the_page_comes_alive(
    site: Site, citizen: Visitor
) -> None:
    visit = agreed(site)
    # Each stream ends at once, and the page comes again after a moment.
    ended = {"body": "retry: 200\n\n", "content_type": "text/event-stream"}
    citizen.page.route("**/day/events*", lambda route: route.fulfill(**ended))
    citizen.open(f"{visit.path}?lang=en").sees("Your appointment")
    again = citizen.page.get_by_role("link", name="Look again")
    expect(again).to_be_visible()
    again.focus()
    citizen.page.unroute("**/day/events*")
    expect(citizen.page.get_by_text("This page keeps itself up to date.")).to_be_visible()
    expect(again).to_be_focused()
    citizen.page.keyboard.press("Tab")
    expect(again).to_be_hidden()


def test_what_can_no_longer_be_done_leaves_the_page_and_the_keyboard_stays_where_it_can(
    site: Site, make_visitor: MakeVisitor
) -> None:
    visit = agreed(site)
    moving, looking = make_visitor(), make_visitor()
    for citizen in (moving, looking):
        citizen.open(f"{visit.path}?lang=en").sees("Your appointment")
        expect(citizen.page.get_by_text("This page keeps itself up to date.")).to_be_visible()
        expect(citizen.page.get_by_role("link", name="Cancel the appointment")).to_be_visible()
    moving.page.get_by_role("link", name="Move the appointment").focus()
    door = looking.page.get_by_role("link", name="Door code to show or print")
    door.focus()
    set_off(site, visit)
    changed = "What you can do here has changed."
    for citizen in (moving, looking):
        expect(citizen.page.get_by_text(changed)).to_be_visible()
        expect(citizen.page.get_by_text("The appointment can no longer be changed here.")).to_be_visible()
        for gone in ("Move the appointment", "Cancel the appointment", "Tell me when it can be earlier"):
            expect(citizen.page.get_by_role("link", name=gone)).to_have_count(0)
        citizen.inspect()
    expect(moving.page.get_by_text(changed)).to_be_focused()
    expect(door).to_be_focused()


def test_the_page_that_was_open_tells_that_the_work_is_done(site: Site, citizen: Visitor) -> None:
    visit = agreed(site)
    put(site.hub, visit.visit, VisitStatus.WORKING)
    citizen.open(f"{visit.path}?lang=en").sees("Your appointment")
    expect(citizen.page.get_by_text("This page keeps itself up to date.")).to_be_visible()
    with site.hub.unit_of_work() as work:
        order, done = work.work_orders.get(visit.order.id), work.visits.get(visit.visit.id)
        work.work_orders.swap(order, replace(order, status=WorkOrderStatus.COMPLETED))
        work.visits.swap(done, replace(done, status=VisitStatus.COMPLETED))
        work.commit()
    expect(citizen.page.get_by_role("heading", level=1)).to_have_text("The work is done")
    expect(citizen.page).to_have_title("The work is done – Doorstep")
    expect(citizen.page.get_by_role("link", name="Door code to show or print")).to_have_count(0)


def test_when_the_rest_cannot_be_fetched_the_link_to_look_again_is_there(site: Site, citizen: Visitor) -> None:
    visit = agreed(site)
    citizen.open(f"{visit.path}?lang=en").sees("Your appointment")
    expect(citizen.page.get_by_text("This page keeps itself up to date.")).to_be_visible()
    citizen.expects(503).page.route(f"**{visit.path}?lang=en", lambda route: route.fulfill(status=503, body="Soon."))
    set_off(site, visit)
    expect(citizen.page.locator("[data-part=headline]")).to_contain_text("on the way")
    expect(citizen.page.get_by_role("link", name="Look again")).to_be_visible()


@pytest.mark.parametrize("step", ["", "/details", "/day/door-code"])
def test_twice_as_large_nothing_is_lost(site: Site, make_visitor: MakeVisitor, step: str) -> None:
    visit = agreed(site)
    set_off(site, visit)
    # A desk of 1280 pixels zoomed to 200 % shows what fits 640, and a phone of 640 zoomed so shows 320.
    for width in (640, 320):
        citizen = make_visitor(size=(width, 700))
        citizen.open(f"{visit.path}{step}?lang=de")
        citizen.inspect()
        assert find_misfits(citizen.page, clipped=True) == []


def test_the_technician_scans_the_code_that_the_citizen_shows(
    site: Site, citizen: Visitor, make_visitor: MakeVisitor
) -> None:
    visit = agreed(site)
    put(site.hub, visit.visit, VisitStatus.ON_SITE)
    with site.hub.unit_of_work() as work:
        order = work.work_orders.get(visit.order.id)
        work.advance_work_order(order, Action.PLAN, by=SYSTEM)
        work.commit()
    citizen.open(f"{visit.path}?lang=en").sees("Your appointment")
    citizen.press("Door code to show or print", role="link").sees("Your door code")
    code = citizen.page.locator(".day-letters").inner_text()
    phone = a_phone(site.hub, NO_CLIENT, visit.technician)
    technician = make_visitor(language="en-GB")
    technician.page.context.add_cookies(
        [{"name": "doorstep_device", "value": phone.token, "url": f"{site.address}/api/technician/v1"}]
    )
    # What the camera of the phone opens.
    technician.open(f"/technician#door={code}").sees("Monday 4 May")
    expect(technician.page.get_by_role("status")).to_have_text(
        "The door code is right. Technician and citizen are both there."
    )
    expect(technician.page.get_by_text("The door code was read at 09:00.")).to_be_visible()
    technician.inspect()
    assert "#" not in technician.page.url
    assert site.order(visit.order.id).status is WorkOrderStatus.PLANNED


def test_the_technician_sees_how_to_get_in_and_shows_the_way(site: Site, make_visitor: MakeVisitor) -> None:
    visit = agreed(site)
    put(site.hub, visit.visit, VisitStatus.EN_ROUTE, set_off_at=site.clock.now())
    citizen = make_visitor()
    citizen.open(f"{visit.path}/details?lang=en").sees(PREPARE)
    citizen.page.get_by_label("Where can the van stand?").fill("In the yard")
    citizen.press("Save how to get in").sees(PREPARE)
    citizen.open(f"{visit.path}?lang=en").sees("Your appointment")
    phone = a_phone(site.hub, NO_CLIENT, visit.technician)
    technician = make_visitor(language="en-GB")
    context = technician.page.context
    context.add_cookies([{"name": "doorstep_device", "value": phone.token, "url": f"{site.address}/api/technician/v1"}])
    context.grant_permissions(["geolocation"])
    context.set_geolocation({"latitude": 51.07, "longitude": 3.723})
    technician.open("/technician").sees("Monday 4 May")
    expect(technician.page.get_by_text("In the yard")).to_be_visible()
    technician.page.get_by_label("Show the citizen where I am on the way").check()
    expect(technician.page.get_by_role("status")).to_have_text("The citizen sees where you are until you arrive.")
    technician.inspect()
    expect(citizen.page.get_by_role("img", name="still about 2 km away")).to_be_visible()
    technician.press("I am there")
    expect(citizen.page.locator("[data-part=headline]")).to_contain_text("Jan has arrived.")
    with site.hub.reading() as connection:
        assert connection.execute(technician_place.select()).all() == []
