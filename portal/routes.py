"""The citizen's addresses. A GET changes nothing; a POST acts and redirects, so reloading never repeats a step.

The token in the address is the permission. Whatever goes wrong in a step comes back as a note on the page where the citizen
goes on, in the citizen's language.
"""

from itertools import zip_longest
from typing import Annotated
from uuid import UUID
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Form, Query
from pydantic import StringConstraints
from starlette.responses import Response

from hub.domain.errors import (
    DoorstepError,
    HoldExpiredError,
    SlotPastError,
    SlotTakenError,
    TooManyAttemptsError,
)
from hub.domain.ids import AppointmentId
from hub.notifications.calendar_file import FILENAME
from hub.web.limits import MOST_FORM_BYTES, bounded_route
from portal import pages, service
from portal.calling import ask_call_back
from portal.opening import SHOWN, AskedDependency, LinkDependency, go, note_for
from portal.preferences import MOST_AWAY, TypedWish, UnusableDatesError, Wish, read_wish, save_wish
from portal.slot_list import read_slot_value

router = APIRouter(include_in_schema=False, route_class=bounded_route(MOST_FORM_BYTES))

Words7 = Annotated[list[Annotated[str, StringConstraints(max_length=20)]], Form(max_length=7)]
"""What a group of boxes or fields sends: at most seven short words."""
CameFrom = Annotated[str, Query(alias="from")]
"""The name of the place that a form leads back to; one we do not know counts for nothing."""


@router.api_route("/", methods=SHOWN)
def show_landing(asked: AskedDependency) -> Response:
    """What this site is, for somebody without a link."""
    return pages.render(asked.page("/"), "landing")


@router.api_route("/a/{token}", methods=SHOWN)
def show_order(link: LinkDependency) -> Response:
    """The order: its free times, its appointment, or where it stands."""
    page, booking, choice = link.open_to_choose()
    return pages.order_page(page, booking, choice)


@router.api_route("/a/{token}/move", methods=SHOWN)
def show_move(link: LinkDependency) -> Response:
    """The free times, for an appointment that is to be moved."""
    page, booking, choice = link.open_to_choose()
    if choice is None or not booking.can_change:
        return go(page.address(), page.note)
    return pages.choose_page(page, booking, choice, moving=True)


@router.api_route("/a/{token}/preferences", methods=SHOWN)
def show_preferences(link: LinkDependency, came_from: CameFrom = "") -> Response:
    """When the citizen can be at home."""
    page, booking = link.open()
    if not (booking.can_choose or booking.can_change):
        return go(page.address(), "changed")
    return pages.preferences_page(page, booking, came_from=came_from)


@router.post("/a/{token}/preferences")
def keep_preferences(
    link: LinkDependency,
    weekday: Words7 = [],  # noqa: B006 - FastAPI copies it
    daypart: Words7 = [],  # noqa: B006 - FastAPI copies it
    away_from: Words7 = [],  # noqa: B006 - FastAPI copies it
    away_until: Words7 = [],  # noqa: B006 - FastAPI copies it
    clear: Annotated[str, Form(max_length=10)] = "",
    came_from: CameFrom = "",
) -> Response:
    """Keep when the citizen can be at home, and lead back to where that was asked, or to the times that suit."""
    page, booking = link.open()
    if not (booking.can_choose or booking.can_change):
        return go(page.address(), "changed")
    today = link.hub.clock.now().astimezone(ZoneInfo(booking.order.zone)).date()
    spans = list(zip_longest(away_from, away_until, fillvalue=""))[:MOST_AWAY]
    try:
        wish = Wish() if clear else read_wish(weekday, daypart, spans, today)
    except UnusableDatesError:
        return pages.preferences_page(page, booking, TypedWish(weekday, daypart, spans), came_from=came_from)
    save_wish(link.hub, link.token, wish)
    return go(page.address(pages.back_from_wishes(booking, came_from)), "wishes")


@router.post("/a/{token}/call-back")
def call_back(link: LinkDependency) -> Response:
    """Ask to be called."""
    page, booking = link.open()
    back = page.address("/move" if booking.can_change else "")
    try:
        ask_call_back(link.hub, link.token)
    except DoorstepError as error:
        return go(back, note_for(error))
    return go(back, "called")


@router.post("/a/{token}/hold")
def hold(
    link: LinkDependency,
    slot: Annotated[str, Form(max_length=100)] = "",
) -> Response:
    """Keep the chosen time, then ask for confirmation; a time that was lost leads back to the nearest ones."""
    page, booking = link.open()
    back = page.address("/move" if booking.can_change else "")
    window = read_slot_value(slot)
    if window is None:
        return go(back, "missing")
    try:
        service.keep_time(link.hub, booking, *window)
    except SlotTakenError:
        return go(back, "taken", wanted=window[0].isoformat())
    except SlotPastError:
        return go(back, "past")
    except TooManyAttemptsError:
        return go(back, "often")
    except DoorstepError as error:
        return go(back, note_for(error))
    return go(page.address("/confirm"))


@router.api_route("/a/{token}/confirm", methods=SHOWN)
def show_confirm(link: LinkDependency) -> Response:
    """The kept time and until when it is kept."""
    page, booking = link.open()
    if booking.held is None:
        return go(page.address(), "" if booking.confirmed else "expired")
    return pages.confirm_page(page, booking, booking.held)


@router.post("/a/{token}/confirm")
def confirm(
    link: LinkDependency,
    appointment: Annotated[str, Form(max_length=40)] = "",
) -> Response:
    """Make the kept time the appointment."""
    page, booking = link.open()
    back = page.address("/move" if booking.can_change else "")
    try:
        chosen = AppointmentId(UUID(appointment))
    except ValueError:
        return go(page.address(), "changed")
    try:
        confirmed = service.confirm_time(link.hub, booking, chosen)
    except HoldExpiredError:
        lost = service.once_kept(link.hub, booking, chosen)
        return go(back, "expired", wanted=lost.isoformat() if lost else "")
    except DoorstepError as error:
        return go(back, note_for(error))
    return go(page.address(), "moved" if confirmed.replaces else "confirmed")


@router.api_route("/a/{token}/cancel", methods=SHOWN)
def show_cancel(link: LinkDependency) -> Response:
    """Ask once more before cancelling."""
    page, booking = link.open()
    if booking.confirmed is None or not booking.can_change:
        return go(page.address())
    return pages.cancel_page(page, booking, booking.confirmed)


@router.post("/a/{token}/cancel")
def cancel(link: LinkDependency) -> Response:
    """Cancel the appointment; a second press finds none and says the same."""
    page, booking = link.open()
    try:
        service.cancel_booking(link.hub, booking)
    except DoorstepError as error:
        return go(page.address(), note_for(error))
    return go(page.address(), "cancelled")


@router.api_route("/a/{token}/calendar.ics", methods=SHOWN)
def calendar(link: LinkDependency) -> Response:
    """The confirmed appointment as a calendar file."""
    page, booking = link.open()
    if booking.confirmed is None:
        return go(page.address())
    content = service.appointment_calendar(link.hub, booking.order, booking.confirmed, page.words.language)
    disposition = f'attachment; filename="{FILENAME}"'
    headers = {"Cache-Control": "no-store", "Content-Disposition": disposition}
    return Response(content, media_type="text/calendar; charset=utf-8", headers=headers)


@router.api_route("/a/{token}/{rest:path}", methods=SHOWN)
def show_nothing(asked: AskedDependency) -> Response:
    """An address below a link that does not exist."""
    return pages.problem_page(asked.page("/"), "missing", status=404)
