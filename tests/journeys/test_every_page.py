"""Every page of a citizen, in every state and language: nobody is barred, by day and by night, on the smallest screen and twice as large."""

import io
from dataclasses import replace
from datetime import UTC, datetime, time
from typing import Literal

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from hub.bootstrap import Hub
from hub.clock import FixedClock
from hub.domain.lifecycle import WorkOrderStatus
from hub.jobs import RememberedQueue
from hub.notifications.texts import LANGUAGES
from tests.journeys.axe import find_barriers
from tests.journeys.darkness import (
    colour_of,
    find_dark_barriers,
    find_faint_marks,
    find_light_islands,
    take_pictures,
)
from tests.journeys.fitting import find_misfits
from tests.journeys.sights import Sight, all_sights, broken, on_the_day
from tests.journeys.site import TUESDAY, Site, open_site
from tests.journeys.tabbing import find_lost_ways
from tests.journeys.visitor import DESK, NARROWEST, PHONE
from tests.portal.citizen import link_for
from tests.samples import a_visit, a_work_order, add_route, add_technician

_TWICE_AS_LARGE = "share => { document.documentElement.style.fontSize = share; }"


def _eyes(browser: Browser, site: Site) -> Page:
    context = browser.new_context(
        base_url=site.address, reduced_motion="reduce", timezone_id="Europe/Brussels", color_scheme="light"
    )
    context.set_default_timeout(120_000)
    return context.new_page()


def _go(page: Page, sight: Sight, language: str) -> None:
    answer = page.goto(sight.address(language))
    assert answer is not None
    assert answer.status == sight.status, f"{sight.name} answered {answer.status}"
    if sight.act is not None:
        sight.act(page)


def _barriers(page: Page) -> list[str]:
    """What bars somebody from the page as it stands, at a phone's width in both schemes, and what does not fit anywhere."""
    page.set_viewport_size({"width": PHONE[0], "height": PHONE[1]})
    found = find_barriers(page)
    found += find_dark_barriers(page)
    page.emulate_media(color_scheme="dark")
    # The door code is black on white for the camera that reads it.
    found += [one for one in find_light_islands(page) if 'class="day-code"' not in one]
    page.emulate_media(color_scheme="light")
    page.set_viewport_size({"width": NARROWEST, "height": 700})
    found += [f"320 px, {one}" for one in find_misfits(page, clipped=True)]
    # A desk of 1280 pixels with everything twice as large.
    page.set_viewport_size({"width": DESK[0] // 2, "height": 700})
    page.evaluate(_TWICE_AS_LARGE, "200%")
    return found + [f"twice as large, {one}" for one in find_misfits(page, clipped=True)]


def _look_at_map(page: Page) -> tuple[tuple[int, int, int], tuple[int, int, int], list[str]]:
    """The colour of its tiles by day and by night, and what on it can hardly be made out by night."""
    page.set_viewport_size({"width": PHONE[0], "height": PHONE[1]})
    page.wait_for_function("() => document.querySelectorAll('.leaflet-tile:not(.leaflet-tile-loaded)').length === 0")
    map_ = page.locator(".day-map")
    by_day = colour_of(map_)
    page.emulate_media(color_scheme="dark")
    by_night = colour_of(map_)
    faint = find_faint_marks(page)
    page.emulate_media(color_scheme="light")
    return by_day, by_night, faint


@pytest.mark.browser
@pytest.mark.xdist_group("every-page-keyboard")
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_keyboard_goes_down_every_page_and_shows_where_it_is(
    site: Site, browser: Browser, scheme: Literal["light", "dark"]
) -> None:
    page = _eyes(browser, site)
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": PHONE[0], "height": PHONE[1]})
    found = []
    try:
        # A note changes what is said, hardly ever where the keyboard goes.
        for sight in (one for one in all_sights(site) if "note=" not in one.path):
            _go(page, sight, "en")
            found += [f"{sight.name}: {one}" for one in find_lost_ways(page)]
    finally:
        page.context.close()
    assert not found, "\n".join(found)


@pytest.mark.browser
@pytest.mark.parametrize(
    "language", [pytest.param(one, marks=pytest.mark.xdist_group(f"every-page-{one}")) for one in LANGUAGES]
)
def test_nobody_is_barred_from_any_page(site: Site, browser: Browser, language: str) -> None:
    page = _eyes(browser, site)
    found = []
    try:
        for sight in all_sights(site):
            _go(page, sight, language)
            found += [f"{sight.name}: {one}" for one in _barriers(page)]
        with broken(site) as sight:
            _go(page, sight, language)
            found += [f"{sight.name}: {one}" for one in _barriers(page)]
    finally:
        page.context.close()
    assert not found, "\n".join(found)


_ROWS_OF_TIMES = """() => {
  const tiles = [...document.querySelectorAll(".portal-day:not(.portal-day--green) .portal-slot")].filter((one) => one.checkVisibility());
  return tiles.map((one) => ({
    top: Math.round(one.getBoundingClientRect().top),
    height: Math.round(one.querySelector("label").getBoundingClientRect().height),
    reason: one.querySelector(".portal-slot__why") !== null,
  }));
}"""


@pytest.mark.browser
@pytest.mark.xdist_group("every-page-keyboard")
def test_a_time_beside_one_with_a_reason_is_no_taller_than_it(site: Site, browser: Browser) -> None:
    with site.hub.unit_of_work() as work:
        # Until ten somebody is in the street already; for the rest of the day somebody else has yet to come.
        near = add_route(work, add_technician(work), TUESDAY, ends=time(10), break_seconds=0)
        work.visits.add(a_visit(work, near, datetime(2026, 5, 5, 6, 10, tzinfo=UTC)))
        add_route(work, add_technician(work, name="Els Claes"), TUESDAY)
        order = work.work_orders.add(a_work_order(status=WorkOrderStatus.CONTACTING))
        work.commit()
    page = _eyes(browser, site)
    try:
        for width, height in (PHONE, DESK):
            page.set_viewport_size({"width": width, "height": height})
            _go(page, Sight("free times", f"/a/{link_for(site.hub, order)}"), "en")
            tiles = page.evaluate(_ROWS_OF_TIMES)
            rows = [{one["reason"] for one in tiles if one["top"] == top} for top in {one["top"] for one in tiles}]
            assert {True, False} in rows, f"at {width} px no row has times of both kinds: {tiles}"
            assert len({one["height"] for one in tiles}) == 1, f"at {width} px: {tiles}"
        take_pictures(page, "free times, some with a reason")
    finally:
        page.context.close()


@pytest.mark.browser
@pytest.mark.xdist_group("every-page-keyboard")
def test_a_map_in_place_of_the_sketch_bars_nobody(
    hub: Hub, clock: FixedClock, jobs: RememberedQueue, browser: Browser
) -> None:
    tiles = "http://127.0.0.1:9/{z}/{x}/{y}.png"
    settings = hub.settings.model_copy(update={"map_tiles_url": tiles})
    tile = io.BytesIO()
    Image.new("RGB", (256, 256), "#d8f2d0").save(tile, "PNG")
    with open_site(replace(hub, settings=settings), clock, jobs) as site:
        page = _eyes(browser, site)
        page.route("http://127.0.0.1:9/**", lambda route: route.fulfill(body=tile.getvalue(), content_type="image/png"))
        try:
            (near,) = (one for one in on_the_day(site) if one.name == "on the way, with the place")
            _go(page, near, "en")
            page.locator(".leaflet-tile-loaded").first.wait_for()
            assert page.locator("figure svg.day-sketch__picture").count() == 0
            expect(page.locator(".day-map")).to_contain_text("OpenStreetMap contributors")
            take_pictures(page, "day map")
            by_day, by_night, faint = _look_at_map(page)
            assert _barriers(page) == []
        finally:
            page.context.close()
    assert min(by_day) > 200
    assert max(by_night) < 80
    assert by_night[1] == max(by_night), "green stays green"
    assert faint == []
