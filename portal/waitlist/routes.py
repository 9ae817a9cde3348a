"""The citizen's addresses for an earlier time. A GET changes nothing; a POST acts and redirects."""

from datetime import date
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Form, Request
from starlette.responses import Response

from hub.domain.errors import DoorstepError, HoldExpiredError
from hub.domain.ids import AppointmentId
from hub.web.limits import MOST_FORM_BYTES, bounded_route
from hub.web.requests import HubDependency, PagesDependency
from portal.opening import SHOWN, Language, Note, Token, go, note_for, open_link
from portal.waitlist.pages import NOTES, waitlist_page
from portal.waitlist.service import ask_for_earlier, decline_earlier, stop_waiting, take_earlier

router = APIRouter(include_in_schema=False, route_class=bounded_route(MOST_FORM_BYTES))

_ADDRESS = "/a/{token}/earlier"
_STEP = "/earlier"
_Id = Annotated[str, Form(max_length=40)]


@router.api_route(_ADDRESS, methods=SHOWN)
def show(
    request: Request,
    hub: HubDependency,
    templates: PagesDependency,
    token: Token,
    lang: Language = None,
    note: Note = "",
) -> Response:
    """The offer that is kept, or that somebody waits, or the form to begin with."""
    opened = open_link(request, hub, templates, token, lang, note, notes=NOTES)
    if isinstance(opened, Response):
        return opened
    page, booking = opened
    if not (booking.can_choose or booking.can_change):
        return go(page.address())
    return waitlist_page(page, booking)


@router.post(_ADDRESS)
def wait(
    request: Request,
    hub: HubDependency,
    templates: PagesDependency,
    token: Token,
    until: Annotated[str, Form(max_length=20)] = "",
    lang: Language = None,
) -> Response:
    """Wait for an earlier time."""
    opened = open_link(request, hub, templates, token, lang)
    if isinstance(opened, Response):
        return opened
    page, _ = opened
    try:
        last = date.fromisoformat(until) if until.strip() else None
    except ValueError:
        return go(page.address(_STEP), "date")
    try:
        ask_for_earlier(hub, token, last)
    except DoorstepError as error:
        return go(page.address(), note_for(error))
    return go(page.address(_STEP), "waiting")


@router.post(_ADDRESS + "/take")
def take(
    request: Request,
    hub: HubDependency,
    templates: PagesDependency,
    token: Token,
    appointment: _Id = "",
    lang: Language = None,
) -> Response:
    """Make the kept time the appointment; one that ran out leads back to waiting."""
    opened = open_link(request, hub, templates, token, lang)
    if isinstance(opened, Response):
        return opened
    page, _ = opened
    try:
        taken = take_earlier(hub, token, AppointmentId(UUID(appointment)))
    except ValueError:
        return go(page.address(_STEP), "changed")
    except HoldExpiredError:
        return go(page.address(_STEP), "gone")
    except DoorstepError as error:
        return go(page.address(), note_for(error))
    return go(page.address(), "moved" if taken.replaces else "confirmed")


@router.post(_ADDRESS + "/decline")
def decline(
    request: Request,
    hub: HubDependency,
    templates: PagesDependency,
    token: Token,
    appointment: _Id = "",
    lang: Language = None,
) -> Response:
    """Leave the kept time to the next one."""
    opened = open_link(request, hub, templates, token, lang)
    if isinstance(opened, Response):
        return opened
    page, _ = opened
    try:
        decline_earlier(hub, token, AppointmentId(UUID(appointment)))
    except ValueError:
        return go(page.address(_STEP), "changed")
    return go(page.address(_STEP), "declined")


@router.post(_ADDRESS + "/stop")
def stop(
    request: Request, hub: HubDependency, templates: PagesDependency, token: Token, lang: Language = None
) -> Response:
    """Wait no longer."""
    opened = open_link(request, hub, templates, token, lang)
    if isinstance(opened, Response):
        return opened
    page, _ = opened
    stop_waiting(hub, token)
    return go(page.address(_STEP), "stopped")
