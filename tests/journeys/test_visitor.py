"""The journeys' own eyes: a page that somebody cannot use does not pass them."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from playwright.sync_api import Browser

from tests.journeys.axe import find_barriers, find_colour_barriers
from tests.journeys.fitting import find_misfits
from tests.journeys.site import Site
from tests.journeys.tabbing import find_lost_ways
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


def test_colours_of_the_dark_are_looked_at_in_the_dark(browser: Browser) -> None:
    with browser.new_page(color_scheme="light") as page:
        page.set_content(
            _GOOD.format("<style>@media (prefers-color-scheme: dark) { p { color: #ddd; } }</style><p>pale</p>")
        )
        assert find_colour_barriers(page) == find_barriers(page) == []
        page.emulate_media(color_scheme="dark")
        for found in (find_colour_barriers(page), find_barriers(page)):
            assert [barrier.partition(":")[0] for barrier in found] == ["color-contrast"]


def test_what_is_cut_off_is_found(browser: Browser) -> None:
    with browser.new_page() as page:
        page.set_content(
            _GOOD.format('<p style="width:40px;overflow:hidden;white-space:nowrap">Half of these words.</p>')
        )
        assert find_misfits(page) == []
        assert [one.partition(":")[0] for one in find_misfits(page, clipped=True)] == ["cut off"]


@pytest.mark.parametrize(
    ("part", "complaint"),
    [
        ("<style>.b:focus { outline: none; }</style><button class=b>B</button>", "nothing shows"),
        ('<button>B</button><div style="position:fixed;inset:0;background:#fff"></div>', "covered"),
        (
            '<div style="display:flex;flex-direction:column-reverse"><button>A</button><button>B</button></div>',
            "back up",
        ),
    ],
)
def test_who_has_no_mouse_is_heard(browser: Browser, part: str, complaint: str) -> None:
    skip = '<a href="#main" class="govuk-skip-link">Skip</a><br>'
    with browser.new_page() as page:
        page.set_content(_GOOD.format(f"{skip}<p><button>A</button></p><p><button>B</button></p>"))
        assert find_lost_ways(page) == []
        page.set_content(_GOOD.format(skip + part))
        assert any(complaint in one for one in find_lost_ways(page)), part


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


class _LateStyle(BaseHTTPRequestHandler):
    """A page whose links have room only by a style sheet that comes half a second after it."""

    def do_GET(self) -> None:
        page = self.path == "/"
        if not page:
            time.sleep(0.5)
        links = '<a href="#1" style="font-size:8px">1</a><a href="#2" style="font-size:8px">2</a>'
        head = '<!doctype html><html lang="en"><title>A page</title><link rel="icon" href="data:,">'
        body = f'{head}<link rel="stylesheet" href="/late.css"><main><h1>Heading</h1>{links}</main></html>'
        answer = (body if page else "a { display: inline-block; padding: 20px; }").encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html" if page else "text/css")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Nobody reads it."""


@contextmanager
def _late_style() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _LateStyle) as server:
        Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_a_page_is_judged_with_its_style(browser: Browser) -> None:
    with _late_style() as address:
        visitor = Visitor(browser, address, Means())
        visitor.page.goto("/", wait_until="commit")
        visitor.sees("Heading")
        visitor.leave()


def test_a_page_nobody_inspected_is_named(browser: Browser, site: Site) -> None:
    visitor = Visitor(browser, site.address, Means())
    visitor.passes("/elsewhere").open("/")
    with pytest.raises(AssertionError, match="not inspected"):
        visitor.leave()


def test_a_page_that_passes_by_itself_needs_no_look(browser: Browser, site: Site) -> None:
    visitor = Visitor(browser, site.address, Means())
    visitor.passes("/").open("/")
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
    until = time.monotonic() + 15
    while not visitor.noise and time.monotonic() < until:
        visitor.page.wait_for_timeout(20)
    with pytest.raises(AssertionError, match=complaint):
        visitor.leave()


def _leave_before_the_answer(visitor: Visitor, options: str) -> None:
    """Go on to another page while this one still waits for what it asked with these options of `fetch`."""
    visitor.passes("/").page.route("**/nowhere", lambda _: None)
    visitor.open("/")
    with visitor.page.expect_request("**/nowhere"):
        visitor.page.evaluate(f"() => {{ fetch('/nowhere', {options}).catch(() => {{}}); }}")
    with visitor.page.expect_event("requestfailed", lambda request: request.url.endswith("/nowhere")):
        visitor.open("/?again")


def test_who_leaves_a_page_while_it_looks_for_news_makes_no_noise(browser: Browser, site: Site) -> None:
    visitor = Visitor(browser, site.address, Means())
    _leave_before_the_answer(visitor, "{}")
    visitor.leave()


def test_a_write_that_is_broken_off_makes_noise(browser: Browser, site: Site) -> None:
    visitor = Visitor(browser, site.address, Means())
    _leave_before_the_answer(visitor, "{ method: 'POST' }")
    with pytest.raises(AssertionError, match="no answer: POST /nowhere"):
        visitor.leave()
