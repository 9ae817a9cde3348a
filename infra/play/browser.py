"""A browser without JavaScript: pages, forms and redirects over HTTP, as a citizen's oldest phone would do it."""

import re
import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urljoin, urlsplit

import httpx

_TIMEOUT_SECONDS = 60.0
_TOKENS = re.compile(r"(?<=/)[A-Za-z0-9_-]{30,}")
"""Ids and personal tokens in a path; neither belongs in a report."""


@dataclass
class Form:
    """A form as the page gave it: what it would send untouched, and what can be chosen."""

    action: str
    method: str
    values: dict[str, str] = field(default_factory=dict)
    choices: dict[str, list[str]] = field(default_factory=dict)
    buttons: list[tuple[str, str]] = field(default_factory=list)

    def filled(self, **answers: str) -> dict[str, str]:
        """What is sent when the person answers `answers` and presses the first button."""
        pressed = dict(self.buttons[:1])
        return {**self.values, **{name: value for name, value in pressed.items() if name}, **answers}


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self.links: list[str] = []
        self._form: Form | None = None
        self._select: str | None = None
        self._area: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._form = Form(given.get("action", ""), given.get("method", "get").lower())
            self.forms.append(self._form)
        elif tag == "a" and given.get("href"):
            self.links.append(given["href"])
        elif self._form is not None:
            self._read_field(self._form, tag, given)

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._form = None
        elif tag == "select":
            self._select = None
        elif tag == "textarea":
            self._area = None

    def handle_data(self, data: str) -> None:
        if self._form is not None and self._area is not None:
            self._form.values[self._area] += data

    def _read_field(self, form: Form, tag: str, given: Mapping[str, str]) -> None:
        name = given.get("name", "")
        if tag == "button" and given.get("type", "submit") == "submit":
            form.buttons.append((name, given.get("value", "")))
        elif tag == "textarea" and name:
            self._area = name
            form.values[name] = ""
        elif tag == "select":
            self._select = name
        elif tag == "option" and self._select:
            form.choices.setdefault(self._select, []).append(given.get("value", ""))
            if "selected" in given or self._select not in form.values:
                form.values[self._select] = given.get("value", "")
        elif tag == "input" and name and "disabled" not in given:
            self._read_input(form, name, given)

    @staticmethod
    def _read_input(form: Form, name: str, given: Mapping[str, str]) -> None:
        kind, value = given.get("type", "text").lower(), given.get("value", "")
        if kind == "submit":
            form.buttons.append((name, value))
        elif kind in {"radio", "checkbox"}:
            form.choices.setdefault(name, []).append(value or "on")
            if "checked" in given:
                form.values[name] = value or "on"
        elif kind not in {"button", "reset", "file", "image"}:
            form.values[name] = value


@dataclass(frozen=True)
class Page:
    """What came back, after redirects."""

    url: str
    status: int
    text: str
    forms: tuple[Form, ...]
    links: tuple[str, ...]

    def form(self, ending: str) -> Form | None:
        """The form whose address ends in `ending` (a form without an address sends to its own page)."""
        for form in self.forms:
            if urlsplit(urljoin(self.url, form.action)).path.endswith(ending):
                return form
        return None

    def link(self, ending: str) -> str | None:
        """The first link whose path ends in `ending`, as a whole address."""
        for link in self.links:
            if urlsplit(urljoin(self.url, link)).path.endswith(ending):
                return urljoin(self.url, link)
        return None


def read_page(response: httpx.Response) -> Page:
    """The page in `response`; something else than HTML has no forms."""
    reader = _Reader()
    if response.headers.get("content-type", "").startswith("text/html"):
        reader.feed(response.text)
    return Page(str(response.url), response.status_code, response.text, tuple(reader.forms), tuple(reader.links))


class Traffic:
    """Counts every request of a play, and remembers the answers that must never come (5xx, no answer)."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.requests = 0
        self.refusals: Counter[str] = Counter()
        self.errors: list[str] = []

    def count(self, response: httpx.Response) -> None:
        """Take note of one answer."""
        with self._lock:
            self.requests += 1
            if response.status_code >= 500:
                path = _TOKENS.sub("…", urlsplit(str(response.request.url)).path)
                self.errors.append(f"{response.request.method} {path} answered {response.status_code}")
            elif response.status_code >= 400:
                path = _TOKENS.sub("…", urlsplit(str(response.request.url)).path)
                self.refusals[f"{response.request.method} {path} {response.status_code}"] += 1

    def fail(self, request: str, error: Exception) -> None:
        """Take note of a request that got no answer."""
        with self._lock:
            self.requests += 1
            self.errors.append(f"{request} got no answer: {error!r}")


class NoAnswer(RuntimeError):
    """The web host did not answer; it is counted, and whoever asked gives up this act."""


class Browser:
    """One shared connection pool; `cookies=True` keeps cookies, which only the dispatcher's pages use."""

    def __init__(self, base_url: str, traffic: Traffic, *, headers: Mapping[str, str] | None = None) -> None:
        self._traffic = traffic
        self._client = httpx.Client(
            base_url=base_url,
            timeout=_TIMEOUT_SECONDS,
            verify=False,  # noqa: S501 - plain HTTP on this machine; reading the certificates would take a while
            headers=dict(headers or {}),
            limits=httpx.Limits(max_connections=32, max_keepalive_connections=32, keepalive_expiry=60),
            trust_env=False,
        )

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def send(self, method: str, url: str, **content: object) -> httpx.Response:
        """One request without following redirects; raises NoAnswer."""
        try:
            response = self._client.request(method, url, **content)  # type: ignore[arg-type]
        except httpx.HTTPError as error:
            self._traffic.fail(f"{method} {_TOKENS.sub('…', urlsplit(url).path)}", error)
            raise NoAnswer(str(error)) from error
        self._traffic.count(response)
        return response

    def open(self, url: str) -> Page:
        """Follow a link."""
        return self._followed(self.send("GET", url))

    def submit(self, page: Page, form: Form, **answers: str) -> Page:
        """Fill in a form of `page` and send it, then go where the answer leads."""
        url = urljoin(page.url, form.action)
        if form.method == "get":
            return self._followed(self.send("GET", url, params=form.filled(**answers)))
        return self._followed(self.send("POST", url, data=form.filled(**answers)))

    def _followed(self, response: httpx.Response) -> Page:
        for _ in range(5):
            if not response.is_redirect:
                break
            response = self.send("GET", urljoin(str(response.url), response.headers["location"]))
        return read_page(response)
