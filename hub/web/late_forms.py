"""A staff form that comes too late, after its sign-in ended or another began: nothing is done, and its words are given back.

Only a form of this site gets as far as here: `hub.web.protection.SameSiteWrites` has refused what another site's page sent, so
nobody can make our page show words of theirs.
"""

import re
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import cast
from urllib.parse import urlencode, urlsplit

from fastapi import Request
from fastapi.routing import APIRoute
from starlette.datastructures import FormData
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute

from hub.bootstrap import Hub
from hub.domain.errors import NotAllowedError
from hub.web.pages import Pages

HOME = "/console"
LONGEST_ONWARD = 2000
"""An address on the console can be this long; a filter may hold 200 letters that take six signs each."""

_FORM = "application/x-www-form-urlencoded"
_MOST_SHOWN = 80_000
"""More than any form but a very long message's can hold."""
_MOST_TEXTS = 20
_MOST_PARTS = 8
"""No page of the console has an address of so many parts."""
_LONGEST_NAME = 40
_NO_WORDS = re.compile(r"token|password|code|territory|onward", re.IGNORECASE)
"""Names of fields that are secret, or that nobody typed."""
_MACHINE = re.compile(r"[0-9a-f-]{32,}|\d{4}-\d\d-\d\d[T ][\d:.,+Z-]+", re.IGNORECASE)
"""An id or an instant: long, and still nothing that anybody wrote."""
_WORDS = frozenset({"text", "remark", "reason", "note", "body"})
"""Names of fields that hold words however short they are."""
_LONG = 20


class StaleFormError(NotAllowedError):
    """A form does not carry the token of the session that it came with."""

    def __init__(self) -> None:
        super().__init__(
            "This form is from an earlier sign-in, so nothing was changed. Open its page and send it again."
        )


async def keep_form(request: Request) -> None:
    """Keep what a form sent, in case it comes too late. It was read already, within the bound of its route."""
    if request.method == "POST" and request.headers.get("content-type", "").lower().startswith(_FORM):
        request.state.kept_form = await request.form()


def answer_late_form(request: Request, sentence: str, *, signed_out: bool) -> Response:
    """The page that gives the words back and leads to where the form was; straight to the sign-in when there are no words."""
    page = _page_of_form(request)
    sign_in = f"{HOME}/sign-in" + ("" if page == HOME else "?" + urlencode({"onward": page}))
    words = _words(getattr(request.state, "kept_form", None))
    if signed_out and not words:
        return RedirectResponse(sign_in, status_code=303)
    pages: Pages = request.app.state.pages
    return pages.render(
        "hub/late_form.html",
        status=401 if signed_out else 403,
        title="Please sign in" if signed_out else "Not allowed",
        sentence="Your sign-in has ended, so nothing was changed." if signed_out else sentence,
        address=sign_in if signed_out else page,
        leads_to="Sign in" if signed_out else "Open the page of the form",
        words=words,
    )


def own_address(wished: str) -> str:
    """Where to go after signing in: `wished` when it is a page of the console, else the console's first page."""
    inside = wished == HOME or wished.startswith((f"{HOME}/", f"{HOME}?"))
    plain = wished.isascii() and wished.isprintable() and "\\" not in wished and ".." not in wished
    fits = len(wished) <= LONGEST_ONWARD
    return wished if inside and plain and fits and not wished.startswith("/console/sign-") else HOME


def _words(form: FormData | None) -> list[tuple[str, str, bool]]:
    """What somebody wrote: the field's name, the text, and whether it was cut; all together no more than a page can show."""
    found = list(islice(_texts(form), _MOST_TEXTS))
    left, room = _MOST_SHOWN, dict[int, int]()
    # The short ones first: a reason is not to be lost behind a long message.
    for place in sorted(range(len(found)), key=lambda place: len(found[place][1])):
        room[place] = min(left, len(found[place][1]))
        left -= room[place]
    return [(name, text[: room[place]], room[place] < len(text)) for place, (name, text) in enumerate(found)]


def _texts(form: FormData | None) -> Iterator[tuple[str, str]]:
    for name, text in form.multi_items() if form else ():
        if not isinstance(text, str) or _NO_WORDS.search(name) or _MACHINE.fullmatch(text.strip()):
            continue
        if text.strip() and (name in _WORDS or len(text) > _LONG or " " in text.strip()):
            yield name[:_LONGEST_NAME].replace("_", " ").capitalize(), text


def _page_of_form(request: Request) -> str:
    """The page a form was on: what the browser says where that is one of ours, else the nearest above the form's own address."""
    if request.url.path.startswith(f"{HOME}/sign-"):
        return HOME
    path, query = _came_from(request) or (request.url.path, "")
    page = own_address(_nearest_page(request, path))
    whole = f"{page}?{query}" if query and page == path else page
    return whole if own_address(whole) == whole else page


def _came_from(request: Request) -> tuple[str, str] | None:
    """Path and query of the console's page that the browser says it was on."""
    said = request.headers.get("referer", "")
    try:
        # Anybody may send this, and to look for the page of a long one takes long.
        referer = urlsplit(said if len(said) <= LONGEST_ONWARD else "")
    except ValueError:
        return None
    hub = cast("Hub", request.app.state.hub)
    own = {urlsplit(hub.settings.public_url).netloc, request.headers.get("host", "")}
    ours = referer.netloc in own and (referer.path == HOME or referer.path.startswith(f"{HOME}/"))
    return (referer.path, referer.query) if ours else None


def _nearest_page(request: Request, path: str) -> str:
    """The address of the page at `path` or above it: a form is often sent to an address at which there is nothing to see."""
    routes = list(_every_route(request.app.routes))
    path = "/".join(path.split("/")[: _MOST_PARTS + 1])
    while path.startswith(f"{HOME}/"):
        seen, sent = _template(routes, "GET", path), _template(routes, "POST", path)
        # What only takes a form could still be read as the page of something: `/quarantine/replay` as that of "replay".
        if seen and sent in {"", seen}:
            return path
        path = path.rpartition("/")[0]
    return HOME


def _template(routes: Iterable[APIRoute], method: str, path: str) -> str:
    found = (one.path for one in routes if method in (one.methods or ()) and one.path_regex.match(path))
    return next(found, "")


def _every_route(routes: Iterable[BaseRoute]) -> Iterator[APIRoute]:
    """Those of the routers within, too."""
    for route in routes:
        if isinstance(route, APIRoute):
            yield route
        elif within := getattr(route, "original_router", None):
            yield from _every_route(within.routes)
