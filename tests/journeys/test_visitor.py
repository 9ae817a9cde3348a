"""The journeys' own eyes: a page that somebody cannot use does not pass them."""

import pytest
from playwright.sync_api import Browser

from tests.journeys.axe import find_barriers
from tests.journeys.site import Site
from tests.journeys.visitor import Means, Visitor

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("journeys-citizen")]

_GOOD = '<!doctype html><html lang="en"><title>A page</title><main><h1>Heading</h1>{}</main></html>'


@pytest.mark.parametrize(
    ("part", "rule"),
    [
        ('<img src="data:image/gif;base64,R0lGODlhAQABAAAAACw=">', "image-alt"),
        ('<p style="color:#bbb">pale</p>', "color-contrast"),
        ('<label>Name</label><input type="text">', "label"),
        ('<a href="/1" style="font-size:8px">1</a><a href="/2" style="font-size:8px">2</a>', "target-size"),
        ("<h3>Too deep</h3>", "heading-order"),
    ],
)
def test_axe_finds(browser: Browser, part: str, rule: str) -> None:
    with browser.new_page() as page:
        page.set_content(_GOOD.format("<p>Plain words.</p>"))
        assert find_barriers(page) == []
        page.set_content(_GOOD.format(part))
        assert rule in {barrier.partition(":")[0] for barrier in find_barriers(page)}


@pytest.mark.parametrize(
    "part",
    [
        '<p style="width:900px">wide</p>',
        '<p style="width:40px;white-space:nowrap">These words do not fit their box.</p>',
    ],
)
def test_what_does_not_fit_is_found(browser: Browser, site: Site, part: str) -> None:
    visitor = Visitor(browser, site.address, Means())
    visitor.page.set_content(_GOOD.format(part))
    with pytest.raises(AssertionError, match="cannot be used by everybody"):
        visitor.inspect()
    visitor.leave()


def test_a_page_nobody_inspected_is_named(browser: Browser, site: Site) -> None:
    visitor = Visitor(browser, site.address, Means())
    visitor.open("/")
    with pytest.raises(AssertionError, match="not inspected"):
        visitor.leave()


@pytest.mark.parametrize(
    ("deed", "complaint"),
    [
        ("fetch('/nowhere')", "404: GET /nowhere"),
        ("console.error('lost')", "lost"),
        ("document.head.append(Object.assign(document.createElement('style'), {textContent: 'a {}'}))", "style-src"),
        ("setTimeout(() => { throw new Error('broken') })", "broken"),
    ],
)
def test_what_the_browser_complains_of_is_told(browser: Browser, site: Site, deed: str, complaint: str) -> None:
    visitor = Visitor(browser, site.address, Means())
    visitor.open("/").inspect()
    visitor.page.evaluate(f"async () => {{ await ({deed}); }}")
    visitor.page.wait_for_timeout(100)
    with pytest.raises(AssertionError, match=complaint):
        visitor.leave()
