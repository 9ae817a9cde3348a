"""The map on the day, where tiles are set up: it comes in place of the sketch and stays while the van moves on it."""

import io
from collections.abc import Iterator
from dataclasses import replace

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, Route, expect

from hub.bootstrap import Hub
from hub.clock import FixedClock
from hub.db.citizen_tables import technician_place
from hub.domain.lifecycle import VisitStatus
from hub.jobs import RememberedQueue
from tests.journeys.site import Site, open_site
from tests.journeys.test_after_booking import agreed, set_off
from tests.portal.citizen import Booked, put

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("journeys-citizen")]

LIVE = "This page keeps itself up to date."
_TILES = "http://127.0.0.1:9/{z}/{x}/{y}.png"
# A mark on what is in the page tells later whether it is still the same.
_MARK = "where => { for (const one of document.querySelectorAll(where)) one.setAttribute('data-marked', ''); }"


@pytest.fixture
def mapped(hub: Hub, clock: FixedClock, jobs: RememberedQueue) -> Iterator[Site]:
    settings = hub.settings.model_copy(update={"map_tiles_url": _TILES})
    with open_site(replace(hub, settings=settings), clock, jobs) as opened:
        yield opened


@pytest.fixture
def page(browser: Browser, mapped: Site) -> Iterator[Page]:
    tile = io.BytesIO()
    Image.new("RGB", (256, 256), "#d8f2d0").save(tile, "PNG")
    context = browser.new_context(base_url=mapped.address, reduced_motion="reduce", timezone_id="Europe/Brussels")
    opened = context.new_page()
    opened.route("http://127.0.0.1:9/**", lambda route: route.fulfill(body=tile.getvalue(), content_type="image/png"))
    yield opened
    context.close()


def _move_van(site: Site, visit: Booked) -> None:
    with site.hub.unit_of_work() as work:
        here = technician_place.update().where(technician_place.c.visit_id == visit.visit.id)
        work.connection.execute(here.values(latitude=51.06, longitude=3.72, reports=technician_place.c.reports + 1))
        work.commit()


def test_the_first_word_of_the_stream_touches_nothing_that_it_does_not_change(mapped: Site, page: Page) -> None:
    visit = agreed(mapped)
    set_off(mapped, visit)
    streams: list[Route] = []

    def hold(stream: Route) -> None:
        streams.append(stream)

    page.route("**/day/events*", hold)
    with page.expect_request("**/day/events*"):
        page.goto(f"{visit.path}?lang=en")
    expect(page.locator(".day-map .leaflet-tile-loaded").first).to_be_visible()
    page.evaluate(_MARK, "[data-part] *")
    marked = page.locator("[data-marked]")
    before = marked.count()
    assert len(streams) == 1
    streams[0].continue_()
    # The page says so in the same breath in which it takes the word over.
    expect(page.get_by_text(LIVE)).to_be_visible()
    assert marked.count() == before
    expect(page.locator(".day-map[data-marked]")).to_have_count(1)
    page.unroute("**/day/events*")


def test_the_map_stays_while_the_van_moves_on_it(mapped: Site, page: Page) -> None:
    visit = agreed(mapped)
    set_off(mapped, visit)
    page.goto(f"{visit.path}?lang=en")
    expect(page.locator(".day-map .leaflet-tile-loaded").first).to_be_visible()
    expect(page.get_by_text(LIVE)).to_be_visible()
    words = page.locator(".day-sketch__words")
    far, van = words.inner_text(), page.locator(".day-map__van").get_attribute("d")
    page.evaluate(_MARK, ".day-map")
    _move_van(mapped, visit)
    expect(words).not_to_have_text(far)
    expect(page.locator(".day-map")).to_have_count(1)
    expect(page.locator(".day-map[data-marked]")).to_have_count(1)
    assert page.locator(".day-map__van").get_attribute("d") != van
    put(mapped.hub, visit.visit, VisitStatus.ON_SITE)
    expect(page.locator("[data-part=headline]")).to_contain_text("Jan has arrived.")
    expect(page.locator(".day-map")).to_have_count(0)
