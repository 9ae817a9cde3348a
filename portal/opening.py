"""What every page behind a citizen's link begins with: the link is opened, or the page says why it opens nothing."""

from typing import Annotated
from urllib.parse import urlencode

from fastapi import Path, Query, Request
from starlette.responses import RedirectResponse, Response

from hub.bootstrap import Hub
from hub.domain.errors import DoorstepError, ErrorKind, LinkExpiredError, LinkInvalidError
from hub.notifications.links import clean_token
from hub.web.language import accepted_language, choose_language
from hub.web.pages import Pages
from portal import pages
from portal.pages import NOTES, PageRequest
from portal.queries import Booking, find_booking
from portal.words import Words

SHOWN = ["GET", "HEAD"]
"""The methods of a page; neither changes anything."""
Token = Annotated[str, Path(max_length=200)]
Language = Annotated[str | None, Query(alias="lang", max_length=10)]
Note = Annotated[str, Query(max_length=20)]

_EXPECTED = (ErrorKind.CONFLICT, ErrorKind.GONE, ErrorKind.INVALID, ErrorKind.NOT_FOUND)


def open_link(
    request: Request,
    hub: Hub,
    templates: Pages,
    token: str,
    lang: str | None,
    note: str = "",
    wanted: str = "",
    notes: tuple[str, ...] = NOTES,
) -> tuple[PageRequest, Booking] | Response:
    """The page's request and what the link opens, or the page that says why it opens nothing; a note not in `notes` is dropped."""
    try:
        booking = find_booking(hub, token)
    except (LinkInvalidError, LinkExpiredError) as error:
        words = Words(choose_language(lang, accepted_language(request.headers.get("accept-language", ""))))
        # The choice of language leads to the landing page: the token is not repeated on a page that proves nothing.
        return pages.link_problem_page(PageRequest(hub, templates, words, "/"), error)
    words = Words(choose_language(lang, booking.order.language))
    known = note if note in notes else ""
    return PageRequest(hub, templates, words, f"/a/{clean_token(token)}", known, wanted), booking


def note_for(error: DoorstepError) -> str:
    """What the citizen is told of a step gone wrong; an outage is none and passes on as the error it is."""
    if error.kind not in _EXPECTED:
        raise error
    return "changed"


def go(address: str, note: str = "", *, wanted: str = "") -> RedirectResponse:
    """Lead on to another page, with what this step has to say."""
    more = urlencode({name: value for name, value in (("note", note), ("at", wanted)) if value})
    target = f"{address}&{more}" if more else address
    return RedirectResponse(target, status_code=303, headers={"Cache-Control": "no-store"})
