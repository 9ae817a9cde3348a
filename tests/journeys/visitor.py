"""A person at a browser: goes through pages like anybody, and leaves with an account of what was wrong with them."""

from dataclasses import dataclass, field
from typing import Literal, Self
from urllib.parse import urlsplit

from playwright.sync_api import Browser, ConsoleMessage, Frame, Locator, Page, Request, Response, expect

from tests.journeys.axe import find_barriers
from tests.journeys.fitting import find_misfits

type Role = Literal["button", "link"]
PHONE = (390, 844)
DESK = (1280, 900)
NARROWEST = 320
_PATIENCE = 15_000
_ANSWERED_BADLY = "Failed to load resource: the server responded with a status of", "Response Status Error Code"
_NOT_SENT = "htmx:afterRequest", "htmx:sendError"
_STYLED = "() => [...document.querySelectorAll('link[rel=stylesheet]')].every((one) => one.sheet)"


@dataclass(frozen=True)
class Means:
    """What the visitor comes with."""

    size: tuple[int, int] = PHONE
    scripts: bool = True
    language: str = "nl-BE"
    narrow: bool = True
    """Whether the pages must fit a screen of 320 pixels: those of citizens and technicians."""


@dataclass
class _Account:
    """What happened behind the pages."""

    noise: list[str] = field(default_factory=list)
    pages: list[str] = field(default_factory=list)
    inspected: set[str] = field(default_factory=set)


class Visitor:
    """Sees pages at phone and desktop width; `leave` fails when a page was not inspected or the browser complained."""

    def __init__(self, browser: Browser, address: str, means: Means) -> None:
        self.means = means
        self._address = address
        self._account = _Account()
        self._expected: set[int] = set()
        self._passing: tuple[str, ...] = ()
        self._breaks_off = False
        width, height = means.size
        self._context = browser.new_context(
            base_url=address,
            viewport={"width": width, "height": height},
            java_script_enabled=means.scripts,
            locale=means.language,
            timezone_id="Europe/Brussels",
            reduced_motion="reduce",
        )
        self._context.set_default_timeout(_PATIENCE)
        self.page: Page = self._context.new_page()
        self._listen(self.page)

    def open(self, address: str, *, status: int = 200) -> Self:
        """Type an address; the answer must have `status`."""
        if status >= 400:
            self._expected.add(status)
        answer = self.page.goto(address)
        assert answer is not None
        assert answer.status == status, f"{_path(address)} answered {answer.status}"
        return self

    def sees(self, heading: str) -> Self:
        """Wait for the page with that heading, and look whether anybody can use it at every width."""
        expect(self.page.get_by_role("heading", level=1, name=heading, exact=True)).to_be_visible(timeout=_PATIENCE)
        self.inspect()
        return self

    def inspect(self) -> None:
        """Look at the page as it is now; raises AssertionError that names every barrier."""
        # A heading can be found before the page's last style sheet is there, and sizes judged that nobody sees.
        self.page.wait_for_load_state("load")
        if self.means.scripts:
            # A part that a script brought in may have brought a style sheet with it.
            self.page.wait_for_function(_STYLED)
        here = _path(self.page.url)
        self._account.inspected.add(here)
        barriers = []
        sizes = [PHONE, DESK] if self.means.size == PHONE else [DESK, PHONE]
        for size in [*sizes, (NARROWEST, 700)]:
            self._resize(*size)
            barriers += [f"{size[0]} px: {one}" for one in self._barriers(size[0])]
        self._resize(*self.means.size)
        assert not barriers, f"{here} cannot be used by everybody:\n" + "\n".join(barriers)

    def press(self, name: str, *, role: Role = "button") -> Self:
        """Press a button, or follow a link with `role="link"`, found by the name it is read out with."""
        self.control(name, role).click()
        return self

    def press_twice(self, name: str) -> Self:
        """Double-click a button, as many people do; the browser drops the first request for the second."""
        self._breaks_off = True
        self.control(name, "button").dblclick()
        return self

    def control(self, name: str, role: Role = "button") -> Locator:
        """The button, or the link, with exactly that name."""
        return self.page.get_by_role(role, name=name, exact=True)

    def expects(self, status: int) -> Self:
        """Say that an answer with this status belongs to the journey."""
        self._expected.add(status)
        return self

    def passes(self, *beginnings: str) -> Self:
        """Say that pages whose addresses begin so come and go by themselves; who waits for one of them inspects it in another test."""
        self._passing += beginnings
        return self

    def download(self, name: str) -> bytes:
        """Follow a link that brings a file, and read the file; the page stays."""
        self._breaks_off = True
        with self.page.expect_download() as coming:
            self.press(name, role="link")
        return coming.value.path().read_bytes()

    def loses_connection(self) -> None:
        """Drive into a tunnel."""
        self._breaks_off = True
        self._context.set_offline(offline=True)

    def finds_connection(self) -> None:
        """Leave the tunnel."""
        self._context.set_offline(offline=False)

    def focused(self) -> Locator:
        """The element that has the keyboard."""
        return self.page.locator("*:focus")

    @property
    def noise(self) -> tuple[str, ...]:
        """What the browser complained of so far."""
        return tuple(self._account.noise)

    def leave(self) -> None:
        """Close the browser's window; raises AssertionError for noise or pages nobody inspected."""
        account = self._account
        self._context.close()
        assert not account.noise, "the browser complained:\n" + "\n".join(account.noise)
        missed = [
            page for page in account.pages if page not in account.inspected and not page.startswith(self._passing)
        ]
        assert not missed or not self.means.scripts, f"visited and not inspected: {missed}"

    def _barriers(self, width: int) -> list[str]:
        found = []
        # Without scripts the debugger's door is shut for axe, which waits by timers; the same pages are asked with scripts.
        if self.means.scripts and width != NARROWEST:
            found += find_barriers(self.page)
        if width == NARROWEST and not self.means.narrow:
            return found
        return found + find_misfits(self.page)

    def _resize(self, width: int, height: int) -> None:
        if self.page.viewport_size != {"width": width, "height": height}:
            self.page.set_viewport_size({"width": width, "height": height})

    def _listen(self, page: Page) -> None:
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self._account.noise.append(f"script error: {error}"))
        page.on("requestfailed", self._miss)
        page.on("response", self._receive)
        page.on("framenavigated", self._arrive)

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type not in {"error", "warning"}:
            return
        # The browser's and htmx's own lines on an answer of 400 and more; the answer itself is judged by its status.
        if message.text.startswith(_ANSWERED_BADLY):
            return
        if self._breaks_off and ("ERR_INTERNET_DISCONNECTED" in message.text or message.text.startswith(_NOT_SENT)):
            return
        self._account.noise.append(f"console {message.type}: {message.text}")

    def _miss(self, request: Request) -> None:
        reason = request.failure or ""
        # What a page only reads ends with the page: its icon, a stream of events, a look whether something is new.
        if "ERR_ABORTED" in reason and request.method == "GET" and not request.is_navigation_request():
            return
        if self._breaks_off and ("ERR_ABORTED" in reason or "ERR_INTERNET_DISCONNECTED" in reason):
            return
        self._account.noise.append(f"no answer: {request.method} {_path(request.url)} ({reason})")

    def _receive(self, response: Response) -> None:
        if response.status >= 400 and response.status not in self._expected:
            self._account.noise.append(f"{response.status}: {response.request.method} {_path(response.url)}")
        if not response.url.startswith((self._address, "blob:", "data:")):
            self._account.noise.append(f"left the site: {response.url}")

    def _arrive(self, frame: Frame) -> None:
        if frame.parent_frame is None and frame.url.startswith(self._address):
            self._account.pages.append(_path(frame.url))


def _path(url: str) -> str:
    return urlsplit(url).path
