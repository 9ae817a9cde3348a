"""The citizen's addresses. A GET changes nothing; a POST acts and redirects, so reloading never repeats a step.

The token in the address is the permission. Whatever goes wrong in a step comes back as a note on the page where the citizen
goes on, in the citizen's language.
"""

from dataclasses import replace
from itertools import zip_longest
from typing import Annotated
from uuid import UUID
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Form, Query, Request
from pydantic import StringConstraints
from starlette.responses import Response

from hub.domain.errors import (
    DoorstepError,
    HoldExpiredError,
    SlotPastError,
    SlotTakenError,
)
from hub.domain.ids import AppointmentId
from hub.notifications.calendar_file import FILENAME
from hub.web.language import accepted_language, choose_language
from hub.web.limits import MOST_FORM_BYTES, bounded_route
from hub.web.requests import HubDependency, PagesDependency
from portal import pages, service
from portal.calling import ask_call_back
from portal.opening import SHOWN, Language, Note, Token, go, note_for, open_link
from portal.pages import PageRequest
from portal.preferences import UnusableDatesError, Wish, read_wish, save_wish
from portal.slot_list import read_slot_value
from portal.words import Words

router = APIRouter(include_in_schema=False, route_class=bounded_route(MOST_FORM_BYTES))

Words7 = Annotated[list[Annotated[str, StringConstraints(max_length=20)]], Form(max_length=7)]
"""What a group of boxes or fields sends: at most seven short words."""
Everything = Annotated[str, Query(alias="all", max_length=5)]
Wanted = Annotated[str, Query(alias="at", max_length=40)]


@router.api_route("/", methods=SHOWN)
def show_landing(request: Request, hub: HubDependency, templates: PagesDependency, lang: Language = None) -> Response:
    """What this site is, for somebody without a link."""
    words = Words(choose_language(lang, accepted_language(request.headers.get("accept-language", ""))))
    return pages.render(PageRequest(hub, templates, words, "/"), "landing")


@router.api_route("/a/{token}", methods=SHOWN)
def show_order(
    request: Request,
    hub: HubDependency,
    templates: PagesDependency,
    token: Token,
    lang: Language = None,
    note: Note = "",
    wanted: Wanted = "",
    everything: Everything = "",
) -> Response:
    """The order: its free times, its appointment, or where it stands."""
    opened = open_link(request, hub, templates, token, lang, note, wanted)
    if isinstance(opened, Response):
        return opened
    page, booking = opened
    return pages.order_page(replace(page, everything=bool(everything)), booking)


@router.api_route("/a/{token}/move", methods=SHOWN)
def show_move(
    request: Request,
    hub: HubDependency,
    templates: PagesDependency,
    token: Token,
    lang: Language = None,
    note: Note = "",
    wanted: Wanted = "",
    everything: Everything = "",
) -> Response:
    """The free times, for an appointment that is to be moved."""
    opened = open_link(request, hub, templates, token, lang, note, wanted)
    if isinstance(opened, Response):
        return opened
    page, booking = opened
    if not booking.can_change:
        return go(page.address(), note)
    return pages.choose_page(replace(page, everything=bool(everything)), booking, moving=True)


@router.api_route("/a/{token}/preferences", methods=SHOWN)
def show_preferences(
    request: Request,
    hub: HubDependency,
    templates: PagesDependency,
    token: Token,
    lang: Language = None,
    note: Note = "",
) -> Response:
    """When the citizen can be at home."""
    opened = open_link(request, hub, templates, token, lang, note)
    if isinstance(opened, Response):
        return opened
    page, booking = opened
    if not (booking.can_choose or booking.can_change):
        return go(page.address(), "changed")
    return pages.preferences_page(page, booking)


@router.post("/a/{token}/preferences")
def keep_preferences(
    request: Request,
    hub: HubDependency,
    templates: PagesDependency,
    token: Token,
    weekday: Words7 = [],  # noqa: B006 - FastAPI copies it
    daypart: Words7 = [],  # noqa: B006 - FastAPI copies it
    away_from: Words7 = [],  # noqa: B006 - FastAPI copies it
    away_until: Words7 = [],  # noqa: B006 - FastAPI copies it
    clear: Annotated[str, Form(max_length=10)] = "",
    lang: Language = None,
) -> Response:
    """Keep when the citizen can be at home, and show the times that suit."""
    opened = open_link(request, hub, templates, token, lang)
    if isinstance(opened, Response):
        return opened
    page, booking = opened
    if not (booking.can_choose or booking.can_change):
        return go(page.address(), "changed")
    today = hub.clock.now().astimezone(ZoneInfo(booking.order.zone)).date()
    spans = zip_longest(away_from, away_until, fillvalue="")
    try:
        wish = Wish() if clear else read_wish(weekday, daypart, spans, today)
    except UnusableDatesError:
        return go(page.address("/preferences"), "dates")
    save_wish(hub, token, wish)
    return go(page.address("/move" if booking.can_change else ""), "wishes")


@router.post("/a/{token}/call-back")
def call_back(
    request: Request, hub: HubDependency, templates: PagesDependency, token: Token, lang: Language = None
) -> Response:
    """Ask to be called."""
    opened = open_link(request, hub, templates, token, lang)
    if isinstance(opened, Response):
        return opened
    page, booking = opened
    back = page.address("/move" if booking.can_change else "")
    try:
        ask_call_back(hub, token)
    except DoorstepError as error:
        return go(back, note_for(error))
    return go(back, "called")


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
    opened = open_link(request, hub, templates, token, lang)
    if isinstance(opened, Response):
        return opened
    page, booking = opened
    back = page.address("/move" if booking.can_change else "")
    window = read_slot_value(slot)
    if window is None:
        return go(back, "missing")
    try:
        service.keep_time(hub, token, *window)
    except SlotTakenError:
        return go(back, "taken", wanted=window[0].isoformat())
    except SlotPastError:
        return go(back, "past")
    except DoorstepError as error:
        return go(back, note_for(error))
    return go(page.address("/confirm"))


@router.api_route("/a/{token}/confirm", methods=SHOWN)
def show_confirm(
    request: Request, hub: HubDependency, templates: PagesDependency, token: Token, lang: Language = None
) -> Response:
    """The kept time and until when it is kept."""
    opened = open_link(request, hub, templates, token, lang)
    if isinstance(opened, Response):
        return opened
    page, booking = opened
    if booking.held is None:
        return go(page.address(), "" if booking.confirmed else "expired")
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
    opened = open_link(request, hub, templates, token, lang)
    if isinstance(opened, Response):
        return opened
    page, booking = opened
    back = page.address("/move" if booking.can_change else "")
    try:
        chosen = AppointmentId(UUID(appointment))
    except ValueError:
        return go(page.address(), "changed")
    try:
        confirmed = service.confirm_time(hub, token, chosen)
    except HoldExpiredError:
        lost = service.once_kept(hub, token, chosen)
        return go(back, "expired", wanted=lost.isoformat() if lost else "")
    except DoorstepError as error:
        return go(back, note_for(error))
    return go(page.address(), "moved" if confirmed.replaces else "confirmed")


@router.api_route("/a/{token}/cancel", methods=SHOWN)
def show_cancel(
    request: Request, hub: HubDependency, templates: PagesDependency, token: Token, lang: Language = None
) -> Response:
    """Ask once more before cancelling."""
    opened = open_link(request, hub, templates, token, lang)
    if isinstance(opened, Response):
        return opened
    page, booking = opened
    if booking.confirmed is None or not booking.can_change:
        return go(page.address())
    return pages.cancel_page(page, booking, booking.confirmed)


@router.post("/a/{token}/cancel")
def cancel(
    request: Request, hub: HubDependency, templates: PagesDependency, token: Token, lang: Language = None
) -> Response:
    """Cancel the appointment; a second press finds none and says the same."""
    opened = open_link(request, hub, templates, token, lang)
    if isinstance(opened, Response):
        return opened
    page, _ = opened
    try:
        service.cancel_booking(hub, token)
    except DoorstepError as error:
        return go(page.address(), note_for(error))
    return go(page.address(), "cancelled")


@router.api_route("/a/{token}/calendar.ics", methods=SHOWN)
def calendar(
    request: Request, hub: HubDependency, templates: PagesDependency, token: Token, lang: Language = None
) -> Response:
    """The confirmed appointment as a calendar file."""
    opened = open_link(request, hub, templates, token, lang)
    if isinstance(opened, Response):
        return opened
    page, booking = opened
    if booking.confirmed is None:
        return go(page.address())
    content = service.appointment_calendar(hub, token, page.words.language)
    disposition = f'attachment; filename="{FILENAME}"'
    headers = {"Cache-Control": "no-store", "Content-Disposition": disposition}
    return Response(content, media_type="text/calendar; charset=utf-8", headers=headers)


@router.api_route("/a/{token}/{rest:path}", methods=SHOWN)
def show_nothing(request: Request, hub: HubDependency, templates: PagesDependency, rest: str) -> Response:
    """An address below a link that does not exist."""
    words = Words(accepted_language(request.headers.get("accept-language", "")))
    return pages.problem_page(PageRequest(hub, templates, words, "/"), "missing", status=404)
