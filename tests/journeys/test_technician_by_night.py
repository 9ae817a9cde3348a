"""The technicians' phone page in the dark of a van, in every state: nothing stays light, all can be read, and gloves hit every button."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Browser, Locator, Page, Route, expect

from hub.db.citizen_tables import access_details
from hub.domain.events import SYSTEM
from hub.domain.lifecycle import AbortReason, VisitStatus
from hub.domain.technicians import Technician
from technician_api.service import issue_enrolment_code
from tests.journeys.axe import find_colour_barriers
from tests.journeys.darkness import find_dark_barriers, find_faint_rings, find_light_islands, take_pictures
from tests.journeys.site import TUESDAY, Site
from tests.journeys.tabbing import find_lost_ways
from tests.journeys.test_technician import a_photo
from tests.journeys.visitor import PHONE
from tests.samples import a_visit, add_route, add_technician

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("technician-by-night")]

_STATUSES = (
    VisitStatus.DISPATCHED,
    VisitStatus.EN_ROUTE,
    VisitStatus.ON_SITE,
    VisitStatus.WORKING,
    VisitStatus.COMPLETED,
    VisitStatus.ABORTED,
)
# What is tapped; a choice is tapped anywhere on its line. The skip link is for keyboards.
_SMALL = """least => [...document.querySelectorAll("button, summary, select, textarea, input, a[href]:not(.skip)")]
  .filter((one) => one.checkVisibility())
  .map((one) => one.closest("label") ?? one)
  .filter((one) => one.getBoundingClientRect().height < least || one.getBoundingClientRect().width < least)
  .map((one) => one.outerHTML.slice(0, 120))"""
_GLOVE = 44
"""Pixels of the least height and width of what is tapped."""


def _add_day(site: Site, *statuses: VisitStatus) -> Technician:
    """A technician at work on Tuesday, which it is now, with a visit of each status; how to get in was left for the first."""
    site.clock.set(datetime(TUESDAY.year, TUESDAY.month, TUESDAY.day, 8, tzinfo=ZoneInfo("Europe/Brussels")))
    with site.hub.unit_of_work() as work:
        crew = add_technician(work)
        route = add_route(work, crew, TUESDAY)
        for at, status in enumerate(statuses):
            begin = site.clock.now() + timedelta(hours=at)
            reason = AbortReason.NO_ACCESS if status is VisitStatus.ABORTED else None
            visit = work.visits.add(a_visit(work, route, begin, status=status, abort_reason=reason))
            if at == 0:
                left = {
                    "gate_code": "4711#",
                    "dog": "A dog, it is friendly",
                    "parking": "In the yard",
                    "note": "Ring twice.",
                }
                row = {"work_order_id": visit.work_order_id, **left, "changed_at": work.now}
                work.connection.execute(access_details.insert().values(row))
        work.commit()
    return crew


@contextmanager
def _phone(site: Site, browser: Browser) -> Iterator[Page]:
    context = browser.new_context(
        base_url=site.address,
        viewport={"width": PHONE[0], "height": PHONE[1]},
        locale="en-GB",
        timezone_id="Europe/Brussels",
        reduced_motion="reduce",
    )
    context.set_default_timeout(60_000)
    try:
        yield context.new_page()
    finally:
        context.close()


def _sign_in(site: Site, page: Page, crew: Technician) -> None:
    page.get_by_label("Enrolment code").fill(issue_enrolment_code(site.hub, crew.id, SYSTEM))
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", level=1, name="Tuesday 5 May")).to_be_visible()


def _card(page: Page, status: VisitStatus) -> Locator:
    return page.locator(f"[data-status='{status.value}']")


def _open_all(page: Page) -> None:
    """Everything that is folded, and a confirmation in each report."""
    page.locator("details").evaluate_all("all => all.forEach(one => { one.open = true; })")
    for button in page.get_by_role("button", name="Add extra time, material or unforeseen work").all():
        button.click()


def _refuse(page: Page) -> None:
    page.get_by_label("Door code").first.fill("0000")
    page.get_by_role("button", name="Check the door code").first.click()
    expect(page.get_by_role("alert")).to_contain_text("Nothing was changed.")


def _break_off(asked: Route) -> None:
    asked.abort("internetdisconnected")


def _faults(page: Page) -> list[str]:
    """What bars somebody by its colours in the light and in the dark, stays light, or is too small for a glove."""
    page.set_viewport_size({"width": PHONE[0], "height": PHONE[1]})
    found = [*find_colour_barriers(page), *find_dark_barriers(page)]
    page.emulate_media(color_scheme="dark")
    found += find_light_islands(page)
    page.emulate_media(color_scheme="light")
    return found + [f"too small for a glove: {one}" for one in page.evaluate(_SMALL, _GLOVE)]


def _signed_out(page: Page) -> Iterator[str]:
    """The states before somebody is signed in."""
    page.goto("/technician")
    expect(page.get_by_role("heading", name="Sign in this phone")).to_be_visible()
    yield "enrolment"
    page.get_by_label("Enrolment code").fill("AAAAAAAA")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).not_to_be_empty()
    yield "a wrong code"


def _signed_in(site: Site, page: Page) -> Iterator[str]:
    """The states of a day with visits of every status."""
    _sign_in(site, page, _add_day(site, *_STATUSES))
    yield "the day"
    _open_all(page)
    yield "the day, all unfolded"
    _refuse(page)
    yield "a refused door code"
    card = _card(page, VisitStatus.WORKING)
    card.get_by_label("Add a photo").set_input_files(a_photo())
    expect(page.get_by_role("status")).to_have_text("The photo was kept.")
    card.get_by_role("img", name="Photo 1 of this visit").scroll_into_view_if_needed()
    yield "a photo"
    page.context.set_offline(offline=True)
    _card(page, VisitStatus.DISPATCHED).get_by_role("button", name="Set off").click()
    expect(page.get_by_role("alert")).to_contain_text("kept and sent again by itself")
    _open_all(page)
    yield "no connection"
    page.context.set_offline(offline=False)
    expect(page.get_by_role("status")).to_have_text("You are on the way.")
    page.get_by_role("button", name="Day after").click()
    expect(page.get_by_text("There are no visits for you on this day.")).to_be_visible()
    yield "a day without visits"
    page.route("**/session", _break_off)
    page.reload()
    expect(page.get_by_role("alert")).to_contain_text("Try again with Reload.")
    yield "no connection at the start"
    page.unroute("**/session", _break_off)
    page.reload()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("status")).to_have_text("This phone is signed out.")
    yield "signed out"


def test_every_state_of_the_phone_page_can_be_read_in_the_dark(site: Site, browser: Browser) -> None:
    found: list[str] = []
    with _phone(site, browser) as page:
        for states in (_signed_out(page), _signed_in(site, page)):
            for state in states:
                found += [f"{state}: {one}" for one in _faults(page)]
                take_pictures(page, f"technician, {state}")
                page.set_viewport_size({"width": PHONE[0], "height": PHONE[1]})
    assert not found, "\n".join(found)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_whoever_goes_by_keyboard_sees_where_they_are(
    site: Site, browser: Browser, scheme: Literal["light", "dark"]
) -> None:
    crew = _add_day(site, VisitStatus.EN_ROUTE, VisitStatus.WORKING)
    with _phone(site, browser) as page:
        page.emulate_media(color_scheme=scheme)
        page.goto("/technician")
        expect(page.get_by_role("heading", name="Sign in this phone")).to_be_visible()
        found = find_lost_ways(page)
        page.reload()
        _sign_in(site, page, crew)
        page.reload()
        expect(page.get_by_role("button", name=re.compile("^I am there"))).to_be_visible()
        _open_all(page)
        page.locator("body").evaluate("() => document.activeElement.blur()")
        found += find_faint_rings(page)
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    ("style", "is_found"),
    [
        ("button:focus-visible { outline: 3px solid #222; }", True),
        ("button:focus-visible { outline: 3px solid #ffc857; }", False),
        ("button:focus-visible { outline: 3px solid #222; box-shadow: 0 0 0 5px #fff; }", False),
        ("button:focus-visible { outline: none; }", True),
    ],
)
def test_a_ring_that_is_hardly_seen_is_found(browser: Browser, style: str, is_found: bool) -> None:
    with browser.new_page() as page:
        page.set_content(f"<style>body {{ background: #111; }} {style}</style><main><button>Go</button></main>")
        assert bool(find_faint_rings(page)) is is_found
