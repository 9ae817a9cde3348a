"""The citizen's pages: what each shows, in which language. Reads only; what a citizen does is in `routes`."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from starlette.responses import HTMLResponse

from hub.bootstrap import Hub
from hub.domain.appointments import Appointment
from hub.domain.contact import Channel
from hub.domain.errors import LinkExpiredError, LinkInvalidError
from hub.domain.lifecycle import WorkOrderStatus
from hub.notifications.masking import mask_recipient
from hub.notifications.service import reachable_channel
from hub.notifications.texts import LANGUAGES, appointment_values
from hub.web.pages import Pages
from portal.queries import Booking
from portal.service import free_times
from portal.slot_list import DAYS_SHOWN, list_days, nearest_choices, read_instant
from portal.words import Words, load_words

NOTES = ("taken", "past", "missing", "expired", "changed", "cancelled", "confirmed", "moved")
"""What the step before can have to say; it travels in the address, so a reload shows the same page and repeats nothing."""
_ERROR_NOTES = ("taken", "past", "missing", "expired", "changed")
_CLOSED = (WorkOrderStatus.CANCELLED, WorkOrderStatus.REJECTED)


@dataclass(frozen=True)
class PageRequest:
    """What every page needs: the templates, the words, the address of this link, and the note from the step before."""

    hub: Hub
    pages: Pages
    words: Words
    path: str
    note: str = ""
    wanted: str = ""

    def address(self, step: str = "") -> str:
        """The address of a step of this link, in the page's language."""
        return f"{self.path}{step}?lang={self.words.language}"


def render(request: PageRequest, template: str, *, status: int = 200, step: str = "", **context: Any) -> HTMLResponse:
    """A page of the portal in the request's language; `step` is its own address, for the choice of language.

    `template` is of the portal's own folder, or of a sub-room's when it names that: `day/door_code`.
    """
    return request.pages.render(
        f"{template}.html" if "/" in template else f"portal/{template}.html",
        status=status,
        lang=request.words.language,
        say=request.words,
        address=request.address,
        languages=[
            (code, load_words(code)["language_name"], f"{request.path}{step}?lang={code}") for code in LANGUAGES
        ],
        **context,
    )


def order_page(request: PageRequest, booking: Booking) -> HTMLResponse:
    """What the link shows first: the appointment, or the free times, or where the work stands."""
    if booking.can_change or (booking.confirmed is not None and booking.under_way):
        return _booked_page(request, booking)
    if booking.can_choose:
        return choose_page(request, booking)
    return _standing_page(request, booking)


def choose_page(request: PageRequest, booking: Booking, *, moving: bool = False) -> HTMLResponse:
    """The free times by day and part of the day; after a lost race the nearest ones come first."""
    zone, language = booking.order.zone, request.words.language
    offers = free_times(request.hub, booking)
    wanted = read_instant(request.wanted) if request.note == "taken" else None
    nearest = nearest_choices(offers, wanted, zone, language) if wanted and offers else ()
    days = list_days(offers, zone, language)
    return render(
        request,
        "choose",
        step="/move" if moving else "",
        order=_order_rows(request, booking),
        days=days[:DAYS_SHOWN],
        later_days=days[DAYS_SHOWN:],
        nearest=nearest,
        moving=moving,
        held=_hours(booking.held, booking, request) if booking.held else None,
        present=_hours(booking.confirmed, booking, request) if booking.confirmed else None,
        problem=_problem(request, nearest_shown=bool(nearest)),
        notice=request.words("note_cancelled") if request.note == "cancelled" else "",
    )


def confirm_page(request: PageRequest, booking: Booking, held: Appointment) -> HTMLResponse:
    """The kept time, until when it is kept, and the button that makes it the appointment."""
    lease = held.lease_until or held.created_at
    return render(
        request,
        "confirm",
        step="/confirm",
        order=_order_rows(request, booking),
        appointment_id=held.id,
        held=_hours(held, booking, request),
        present=_hours(booking.confirmed, booking, request) if booking.confirmed else None,
        kept_until=_wall_time(lease, booking),
    )


def cancel_page(request: PageRequest, booking: Booking, confirmed: Appointment) -> HTMLResponse:
    """Asks once more before an appointment is cancelled."""
    return render(request, "cancel", step="/cancel", present=_hours(confirmed, booking, request))


def link_problem_page(request: PageRequest, error: LinkInvalidError | LinkExpiredError) -> HTMLResponse:
    """A link that opens nothing, and how to get help."""
    expired = isinstance(error, LinkExpiredError)
    return problem_page(request, "expired" if expired else "invalid", status=410 if expired else 404)


def problem_page(request: PageRequest, problem: str, *, status: int) -> HTMLResponse:
    """One sentence on what is wrong (`invalid`, `expired` or `missing`) and how to get help."""
    return render(
        request,
        "link_problem",
        status=status,
        title=request.words(f"{problem}_title"),
        sentence=request.words(problem),
    )


def _booked_page(request: PageRequest, booking: Booking) -> HTMLResponse:
    if booking.confirmed is None:
        return _standing_page(request, booking)
    channel = reachable_channel(booking.order, Channel.EMAIL)
    recipient = booking.order.citizen_email if channel is Channel.EMAIL else booking.order.citizen_phone
    fresh = request.note in {"confirmed", "moved"}
    title = {"confirmed": "booked_title", "moved": "moved_title"}.get(request.note, "booked_title_calm")
    return render(
        request,
        "booked",
        order=_order_rows(request, booking),
        title=request.words(title),
        appointment=_hours(booking.confirmed, booking, request),
        fresh=fresh,
        sent_to=mask_recipient(recipient) if fresh and channel else "",
        can_change=booking.can_change,
        held=_hours(booking.held, booking, request) if booking.held else None,
        problem=_problem(request),
    )


def _standing_page(request: PageRequest, booking: Booking) -> HTMLResponse:
    status = booking.order.status
    if status is WorkOrderStatus.COMPLETED:
        state = "completed"
    elif status is WorkOrderStatus.IN_PROGRESS or booking.under_way:
        state = "progress"
    else:
        state = "closed" if status in _CLOSED else "waiting"
    return render(
        request,
        "standing",
        order=_order_rows(request, booking),
        title=request.words(f"{state}_title"),
        sentence=request.words(state),
    )


def _problem(request: PageRequest, *, nearest_shown: bool = False) -> str:
    if request.note not in _ERROR_NOTES:
        return ""
    if request.note == "taken" and not nearest_shown:
        return request.words("note_taken_none")
    return request.words(f"note_{request.note}")


def _order_rows(request: PageRequest, booking: Booking) -> list[tuple[str, str]]:
    """What an order's page says of it: enough to recognise the job, no name and no way to reach anybody."""
    words, order = request.words, booking.order
    names = booking.work_type.names
    return [
        (words("what"), names.get(words.language) or names.get("en") or order.work_type),
        (words("where"), order.address),
        (words("duration"), words("minutes", minutes=booking.work_type.duration_seconds // 60)),
        (words("reference"), order.external_id),
    ]


def _hours(appointment: Appointment, booking: Booking, request: PageRequest) -> dict[str, str]:
    return appointment_values(appointment, booking.order.zone, request.words.language)


def _wall_time(instant: datetime, booking: Booking) -> str:
    return f"{instant.astimezone(ZoneInfo(booking.order.zone)):%H:%M}"
