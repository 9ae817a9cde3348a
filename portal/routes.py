"""The citizen's addresses. A GET changes nothing; a POST acts and redirects, so reloading never repeats a step.

The token in the address is the permission. Whatever goes wrong in a step comes back as a note on the page where the citizen
goes on, in the citizen's language.
"""

from typing import Annotated
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter, Form, Path, Query, Request
from starlette.responses import RedirectResponse, Response

from hub.domain.errors import (
    DoorstepError,
    ErrorKind,
    HoldExpiredError,
    LinkExpiredError,
    LinkInvalidError,
    SlotPastError,
    SlotTakenError,
)
from hub.domain.ids import AppointmentId
from hub.notifications.calendar_file import FILENAME
from hub.notifications.links import clean_token
from hub.web.language import accepted_language, choose_language
from hub.web.limits import MOST_FORM_BYTES, bounded_route
from hub.web.requests import HubDependency, PagesDependency
from portal import pages, service
from portal.pages import NOTES, PageRequest
from portal.queries import Booking, find_booking
from portal.slot_list import read_slot_value
from portal.words import Words

router = APIRouter(include_in_schema=False, route_class=bounded_route(MOST_FORM_BYTES))

_SHOWN = ["GET", "HEAD"]
_EXPECTED = (ErrorKind.CONFLICT, ErrorKind.GONE, ErrorKind.INVALID, ErrorKind.NOT_FOUND)
Token = Annotated[str, Path(max_length=200)]
Language = Annotated[str | None, Query(alias="lang", max_length=10)]
Note = Annotated[str, Query(max_length=20)]
Wanted = Annotated[str, Query(alias="at", max_length=40)]


@router.api_route("/", methods=_SHOWN)
def show_landing(request: Request, hub: HubDependency, templates: PagesDependency, lang: Language = None) -> Response:
    """What this site is, for somebody without a link."""
    words = Words(choose_language(lang, accepted_language(request.headers.get("accept-language", ""))))
    return pages.render(PageRequest(hub, templates, words, "/"), "landing")


@router.api_route("/a/{token}", methods=_SHOWN)
def show_order(
    request: Request,
    hub: HubDependency,
    templates: PagesDependency,
    token: Token,
    lang: Language = None,
    note: Note = "",
    wanted: Wanted = "",
) -> Response:
    """The order: its free times, its appointment, or where it stands."""
    opened = _open(request, hub, templates, token, lang, note, wanted)
    if isinstance(opened, Response):
        return opened
    return pages.order_page(*opened)


@router.api_route("/a/{token}/move", methods=_SHOWN)
def show_move(
    request: Request,
    hub: HubDependency,
    templates: PagesDependency,
    token: Token,
    lang: Language = None,
    note: Note = "",
    wanted: Wanted = "",
) -> Response:
    """The free times, for an appointment that is to be moved."""
    opened = _open(request, hub, templates, token, lang, note, wanted)
    if isinstance(opened, Response):
        return opened
    page, booking = opened
    if not booking.can_change:
        return _go(page.address(), note)
    return pages.choose_page(page, booking, moving=True)


@router.post("/a/{token}/hold")
def hold(
    request: Request,
    hub: HubDependency,
    templates: PagesDependency,
    token: Token,
    slot: Annotated[str, Form(max_length=100)] = "",
    lang: Language = None,
) -> Response:
    """Keep the chosen time, then ask for confirmation; a time that was lost leads back to the nearest ones."""
    opened = _open(request, hub, templates, token, lang)
    if isinstance(opened, Response):
        return opened
    page, booking = opened
    back = page.address("/move" if booking.can_change else "")
    window = read_slot_value(slot)
    if window is None:
        return _go(back, "missing")
    try:
        service.keep_time(hub, token, *window)
    except SlotTakenError:
        return _go(back, "taken", wanted=window[0].isoformat())
    except SlotPastError:
        return _go(back, "past")
    except DoorstepError as error:
        return _go(back, _note_for(error))
    return _go(page.address("/confirm"))


@router.api_route("/a/{token}/confirm", methods=_SHOWN)
def show_confirm(
    request: Request, hub: HubDependency, templates: PagesDependency, token: Token, lang: Language = None
) -> Response:
    """The kept time and until when it is kept."""
    opened = _open(request, hub, templates, token, lang)
    if isinstance(opened, Response):
        return opened
    page, booking = opened
    if booking.held is None:
        return _go(page.address(), "" if booking.confirmed else "expired")
    return pages.confirm_page(page, booking, booking.held)


@router.post("/a/{token}/confirm")
def confirm(
    request: Request,
    hub: HubDependency,
    templates: PagesDependency,
    token: Token,
    appointment: Annotated[str, Form(max_length=40)] = "",
    lang: Language = None,
) -> Response:
    """Make the kept time the appointment."""
    opened = _open(request, hub, templates, token, lang)
    if isinstance(opened, Response):
        return opened
    page, booking = opened
    try:
        confirmed = service.confirm_time(hub, token, AppointmentId(UUID(appointment)))
    except ValueError:
        return _go(page.address(), "changed")
    except DoorstepError as error:
        back = page.address("/move" if booking.can_change else "")
        return _go(back, _note_for(error))
    return _go(page.address(), "moved" if confirmed.replaces else "confirmed")


@router.api_route("/a/{token}/cancel", methods=_SHOWN)
def show_cancel(
    request: Request, hub: HubDependency, templates: PagesDependency, token: Token, lang: Language = None
) -> Response:
    """Ask once more before cancelling."""
    opened = _open(request, hub, templates, token, lang)
    if isinstance(opened, Response):
        return opened
    page, booking = opened
    if booking.confirmed is None or not booking.can_change:
        return _go(page.address())
    return pages.cancel_page(page, booking, booking.confirmed)


@router.post("/a/{token}/cancel")
def cancel(
    request: Request, hub: HubDependency, templates: PagesDependency, token: Token, lang: Language = None
) -> Response:
    """Cancel the appointment; a second press finds none and says the same."""
    opened = _open(request, hub, templates, token, lang)
    if isinstance(opened, Response):
        return opened
    page, _ = opened
    try:
        service.cancel_booking(hub, token)
    except DoorstepError as error:
        return _go(page.address(), _note_for(error))
    return _go(page.address(), "cancelled")


@router.api_route("/a/{token}/calendar.ics", methods=_SHOWN)
def calendar(
    request: Request, hub: HubDependency, templates: PagesDependency, token: Token, lang: Language = None
) -> Response:
    """The confirmed appointment as a calendar file."""
    opened = _open(request, hub, templates, token, lang)
    if isinstance(opened, Response):
        return opened
    page, booking = opened
    if booking.confirmed is None:
        return _go(page.address())
    content = service.appointment_calendar(hub, token, page.words.language)
    disposition = f'attachment; filename="{FILENAME}"'
    headers = {"Cache-Control": "no-store", "Content-Disposition": disposition}
    return Response(content, media_type="text/calendar; charset=utf-8", headers=headers)


@router.api_route("/a/{token}/{rest:path}", methods=_SHOWN)
def show_nothing(request: Request, hub: HubDependency, templates: PagesDependency, rest: str) -> Response:
    """An address below a link that does not exist."""
    words = Words(accepted_language(request.headers.get("accept-language", "")))
    return pages.problem_page(PageRequest(hub, templates, words, "/"), "missing", status=404)


def _open(
    request: Request,
    hub: HubDependency,
    templates: PagesDependency,
    token: str,
    lang: str | None,
    note: str = "",
    wanted: str = "",
) -> tuple[PageRequest, Booking] | Response:
    """The page's request and what the link opens, or the page that says why it opens nothing."""
    try:
        booking = find_booking(hub, token)
    except (LinkInvalidError, LinkExpiredError) as error:
        words = Words(choose_language(lang, accepted_language(request.headers.get("accept-language", ""))))
        # The choice of language leads to the landing page: the token is not repeated on a page that proves nothing.
        return pages.link_problem_page(PageRequest(hub, templates, words, "/"), error)
    words = Words(choose_language(lang, booking.order.language))
    known = note if note in NOTES else ""
    return PageRequest(hub, templates, words, f"/a/{clean_token(token)}", known, wanted), booking


def _note_for(error: DoorstepError) -> str:
    """What the citizen is told; an outage is no step gone wrong and passes on as the error it is."""
    if error.kind not in _EXPECTED:
        raise error
    return "expired" if isinstance(error, HoldExpiredError) else "changed"


def _go(address: str, note: str = "", *, wanted: str = "") -> RedirectResponse:
    more = urlencode({name: value for name, value in (("note", note), ("at", wanted)) if value})
    target = f"{address}&{more}" if more else address
    return RedirectResponse(target, status_code=303, headers={"Cache-Control": "no-store"})
