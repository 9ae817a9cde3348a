"""The citizen's addresses for an earlier time. A GET changes nothing; a POST acts and redirects."""

from dataclasses import replace
from datetime import date
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Form
from starlette.responses import Response

from hub.domain.errors import DoorstepError, HoldExpiredError, TooManyAttemptsError
from hub.domain.ids import AppointmentId
from hub.typed import one_line
from hub.web.limits import MOST_FORM_BYTES, bounded_route
from portal.opening import SHOWN, LinkDependency, go, note_for
from portal.preferences import UnusableDatesError
from portal.waitlist.pages import NOTES, waitlist_page
from portal.waitlist.service import ask_for_earlier, decline_earlier, stop_waiting, take_earlier

router = APIRouter(include_in_schema=False, route_class=bounded_route(MOST_FORM_BYTES))

_ADDRESS = "/a/{token}/earlier"
_STEP = "/earlier"
_Id = Annotated[str, Form(max_length=40)]


@router.api_route(_ADDRESS, methods=SHOWN)
def show(link: LinkDependency) -> Response:
    """The offer that is kept, or that somebody waits, or the form to begin with."""
    page, booking = link.open(NOTES)
    if not (booking.can_choose or booking.can_change):
        return go(page.address())
    return waitlist_page(page, booking)


@router.post(_ADDRESS)
def wait(
    link: LinkDependency,
    until: Annotated[str, Form(max_length=20)] = "",
) -> Response:
    """Wait for an earlier time; a date that cannot be meant comes back as it was typed."""
    page, booking = link.open()
    typed = one_line(until)
    try:
        ask_for_earlier(link.hub, link.token, _read_date(typed))
    except UnusableDatesError:
        if not (booking.can_choose or booking.can_change):
            return go(page.address())
        return waitlist_page(replace(page, note="date"), booking, typed)
    except TooManyAttemptsError:
        return go(page.address(_STEP), "often")
    except DoorstepError as error:
        return go(page.address(), note_for(error))
    return go(page.address(_STEP), "waiting")


def _read_date(typed: str) -> date | None:
    try:
        return date.fromisoformat(typed) if typed else None
    except ValueError as error:
        raise UnusableDatesError from error


@router.post(_ADDRESS + "/take")
def take(
    link: LinkDependency,
    appointment: _Id = "",
) -> Response:
    """Make the kept time the appointment; one that ran out leads back to waiting."""
    page, _ = link.open()
    try:
        taken = take_earlier(link.hub, link.token, AppointmentId(UUID(appointment)))
    except ValueError:
        return go(page.address(_STEP), "changed")
    except HoldExpiredError:
        return go(page.address(_STEP), "gone")
    except DoorstepError as error:
        return go(page.address(), note_for(error))
    return go(page.address(), "moved" if taken.replaces else "confirmed")


@router.post(_ADDRESS + "/decline")
def decline(
    link: LinkDependency,
    appointment: _Id = "",
) -> Response:
    """Leave the kept time to the next one."""
    page, _ = link.open()
    try:
        decline_earlier(link.hub, link.token, AppointmentId(UUID(appointment)))
    except ValueError:
        return go(page.address(_STEP), "changed")
    return go(page.address(_STEP), "declined")


@router.post(_ADDRESS + "/stop")
def stop(link: LinkDependency) -> Response:
    """Wait no longer."""
    page, _ = link.open()
    stop_waiting(link.hub, link.token)
    return go(page.address(_STEP), "stopped")
