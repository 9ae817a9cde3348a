"""What every citizen's page begins with: what the request asked for, and, behind a link, what the link opens.

Both are dependencies of routes. `Link.open` is the first thing a page behind a link does; where the link opens nothing it
raises the page that says why, so no route has to think of it.
"""

from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlencode

from fastapi import Depends, Path, Query, Request
from starlette.responses import RedirectResponse

from hub.bootstrap import Hub
from hub.db.freshness import note_change
from hub.domain.errors import DoorstepError, ErrorKind, LinkExpiredError, LinkInvalidError, LinkRestsError
from hub.notifications.links import clean_token
from hub.web.errors import AnsweredError
from hub.web.language import accepted_language, choose_language
from hub.web.pages import Pages
from hub.web.requests import HubDependency, PagesDependency
from portal import pages
from portal.choosing import Choice, find_booking_to_choose
from portal.pages import NOTES, PageRequest
from portal.queries import Booking, find_booking
from portal.words import Words

SHOWN = ["GET", "HEAD"]
"""The methods of a page; neither changes anything."""
Token = Annotated[str, Path(max_length=200)]

_EXPECTED = (ErrorKind.CONFLICT, ErrorKind.GONE, ErrorKind.INVALID, ErrorKind.NOT_FOUND)


@dataclass(frozen=True)
class Asked:
    """What the address of any citizen's page says, and the languages its browser accepts.

    `note` and `at` are what the step before has to say, `everything` asks for times that do not suit.
    """

    hub: Hub
    pages: Pages
    lang: str | None
    accepts: str
    note: str = ""
    at: str = ""
    everything: bool = False

    def page(self, path: str, language: str | None = None) -> PageRequest:
        """A page at `path`, in the language asked for, else in `language`, else in one the browser accepts."""
        otherwise = accepted_language(self.accepts) if language is None else language
        return PageRequest(self.hub, self.pages, Words(choose_language(self.lang, otherwise)), path)


async def asked(
    request: Request,
    hub: HubDependency,
    templates: PagesDependency,
    lang: Annotated[str | None, Query(max_length=10)] = None,
    note: Annotated[str, Query(max_length=20)] = "",
    at: Annotated[str, Query(max_length=200)] = "",
    everything: Annotated[str, Query(alias="all", max_length=5)] = "",
) -> Asked:
    """What the address of this request says."""
    return Asked(hub, templates, lang, request.headers.get("accept-language", ""), note, at, bool(everything))


AskedDependency = Annotated[Asked, Depends(asked)]


@dataclass(frozen=True)
class Link:
    """A citizen's link as it came in an address; `open` says what it opens."""

    token: str
    asked: Asked

    @property
    def hub(self) -> Hub:
        """The hub of this web host."""
        return self.asked.hub

    def open(self, notes: tuple[str, ...] = NOTES) -> tuple[PageRequest, Booking]:
        """The page and what the link opens; a note that is not one of `notes` is dropped.

        Raises AnsweredError, with the page that says why the link opens nothing.
        """
        try:
            booking = find_booking(self.hub, self.token)
        except (LinkInvalidError, LinkExpiredError) as error:
            raise self._opens_nothing(error) from error
        return self._page(booking, notes), booking

    def open_to_choose(self) -> tuple[PageRequest, Booking, Choice | None]:
        """The same with what can be chosen there, read together; None when nothing can."""
        if self.asked.note in NOTES:
            # An act led here, perhaps one that another process answered: what it did, or whom it was beaten by, is to be seen.
            note_change()
        try:
            booking, choice = find_booking_to_choose(self.hub, self.token)
        except (LinkInvalidError, LinkExpiredError) as error:
            raise self._opens_nothing(error) from error
        return self._page(booking, NOTES), booking, choice

    def _page(self, booking: Booking, notes: tuple[str, ...]) -> PageRequest:
        words = Words(choose_language(self.asked.lang, booking.order.language))
        note = self.asked.note if self.asked.note in notes else ""
        path = f"/a/{clean_token(self.token)}"
        return PageRequest(self.hub, self.asked.pages, words, path, note, self.asked.at, self.asked.everything)

    def _opens_nothing(self, error: LinkInvalidError | LinkExpiredError) -> AnsweredError:
        # The choice of language leads to the landing page: the token is not repeated on a page that proves nothing. A link that
        # only rests is a true one.
        path = f"/a/{clean_token(self.token)}" if isinstance(error, LinkRestsError) else "/"
        return AnsweredError(pages.link_problem_page(self.asked.page(path), error))


async def link(asked: AskedDependency, token: Token) -> Link:
    """The link of this request's address; nothing is looked up yet."""
    return Link(token, asked)


LinkDependency = Annotated[Link, Depends(link)]


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
