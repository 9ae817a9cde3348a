"""The citizen's pages: what each shows, in which language. Reads only; what a citizen does is in `routes`."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from babel.dates import format_date, get_day_names
from starlette.responses import HTMLResponse

from hub.bootstrap import Hub
from hub.domain.appointments import Appointment
from hub.domain.contact import Channel
from hub.domain.errors import LinkExpiredError, LinkInvalidError
from hub.domain.lifecycle import FINAL_WORK_ORDER_STATUSES, WorkOrderStatus
from hub.notifications.masking import mask_recipient
from hub.notifications.service import reachable_channel
from hub.notifications.texts import LANGUAGES, appointment_values
from hub.web.pages import Pages
from portal.day.showing import day_context, webcal_address
from portal.preferences import DAYPARTS, MOST_AWAY, WEEKDAYS, Wish, find_wish
from portal.queries import Booking
from portal.service import best_times
from portal.slot_list import list_slots, read_instant
from portal.words import Words, load_words

NOTES = (
    "taken",
    "past",
    "missing",
    "expired",
    "changed",
    "cancelled",
    "confirmed",
    "moved",
    "called",
    "wishes",
    "dates",
)
"""What the step before can have to say; it travels in the address, so a reload shows the same page and repeats nothing."""
_ERROR_NOTES = ("taken", "past", "missing", "expired", "changed", "dates")
_LOST = ("taken", "expired")
"""After these the times nearest to the lost one come first."""
_NOTICES = ("cancelled", "called", "wishes")
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
    everything: bool = False
    """Whether times that do not suit are shown too."""

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
    """The free times that suit, by day and part of the day, the greenest first; after a lost race the nearest ones are."""
    zone, language, words = booking.order.zone, request.words.language, request.words
    wish = find_wish(request.hub, booking.order.id)
    wanted = read_instant(request.wanted) if request.note in _LOST else None
    offers = best_times(request.hub, booking)
    slots = list_slots(offers, Wish() if request.everything else wish, wanted, zone, language)
    phone = booking.order.citizen_phone
    return render(
        request,
        "choose",
        step="/move" if moving else "",
        order=_order_rows(request, booking),
        slots=slots,
        any_free=bool(offers),
        wish=wish_in_words(wish, words),
        everything=request.everything and not wish.is_open,
        here=request.address("/move" if moving else ""),
        moving=moving,
        held=_hours(booking.held, booking, request) if booking.held else None,
        present=_hours(booking.confirmed, booking, request) if booking.confirmed else None,
        phone=mask_recipient(phone) if phone else "",
        problem=_problem(request, nearest_shown=bool(slots.nearest)),
        notice=words(f"note_{request.note}") if request.note in _NOTICES else "",
    )


def preferences_page(request: PageRequest, booking: Booking) -> HTMLResponse:
    """The form of when the citizen can be at home, filled with what was said before."""
    wish = find_wish(request.hub, booking.order.id)
    names = get_day_names("wide", locale=request.words.language)
    spans = [(first.isoformat(), last.isoformat()) for first, last in wish.away]
    return render(
        request,
        "preferences",
        step="/preferences",
        weekdays=[(code, names[number], code in wish.weekdays) for number, code in enumerate(WEEKDAYS)],
        dayparts=[(code, request.words(code), code in wish.dayparts) for code in DAYPARTS],
        away=[*spans, *[("", "")] * (MOST_AWAY - len(spans))],
        is_open=wish.is_open,
        today=request.hub.clock.now().astimezone(ZoneInfo(booking.order.zone)).date().isoformat(),
        back=request.address("/move" if booking.can_change else ""),
        problem=_problem(request),
    )


def date_in_words(day: date, words: Words) -> str:
    """A whole date: `5 mei 2026`, `5. Mai 2026`."""
    return str(format_date(day, "d. MMMM y" if words.language == "de" else "d MMMM y", locale=words.language))


def wish_in_words(wish: Wish, words: Words) -> str:
    """What the citizen said, on one line; empty when every time suits."""
    names = get_day_names("wide", locale=words.language)
    parts = [
        ", ".join(str(names[WEEKDAYS.index(day)]) for day in wish.weekdays),
        ", ".join(words(part).lower() if words.language != "de" else words(part) for part in wish.dayparts),
    ]
    for first, last in wish.away:
        parts.append(words("not_between", first=date_in_words(first, words), last=date_in_words(last, words)))
    return " · ".join(part for part in parts if part)


def confirm_page(request: PageRequest, booking: Booking, held: Appointment) -> HTMLResponse:
    """The kept time, until when it is kept, and the button that makes it the appointment."""
    lease = held.lease_until or held.created_at
    left = max(0, int((lease - request.hub.clock.now()).total_seconds()))
    return render(
        request,
        "confirm",
        step="/confirm",
        order=_order_rows(request, booking),
        appointment_id=held.id,
        held=_hours(held, booking, request),
        present=_hours(booking.confirmed, booking, request) if booking.confirmed else None,
        kept_until=_wall_time(lease, booking),
        seconds_left=left,
    )


def cancel_page(request: PageRequest, booking: Booking, confirmed: Appointment) -> HTMLResponse:
    """Asks once more before an appointment is cancelled."""
    return render(request, "cancel", step="/cancel", present=_hours(confirmed, booking, request))


def link_problem_page(request: PageRequest, error: LinkInvalidError | LinkExpiredError) -> HTMLResponse:
    """A link that opens nothing, and how to get help."""
    expired = isinstance(error, LinkExpiredError)
    return problem_page(request, "expired" if expired else "invalid", status=410 if expired else 404)


def problem_page(request: PageRequest, problem: str, *, status: int) -> HTMLResponse:
    """One sentence on what is wrong (`invalid`, `expired`, `missing` or `too_many`) and how to get a new link, or help."""
    return render(
        request,
        "link_problem",
        status=status,
        title=request.words(f"{problem}_title"),
        sentence=request.words(problem),
        asks=problem in {"invalid", "expired"},
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
        **_day(request, booking),
    )


def _day(request: PageRequest, booking: Booking) -> Mapping[str, Any]:
    """Where the visit stands, and what the link offers besides: details for the visit, the code at the door, the calendar."""
    is_over = booking.order.status in FINAL_WORK_ORDER_STATUSES
    has_appointment = booking.confirmed is not None and not is_over
    return {
        **day_context(request.hub, booking.order, request.words.language),
        "can_prepare": not is_over,
        "has_door": has_appointment,
        "feed": webcal_address(request.hub.settings.public_url, request.path, request.words.language)
        if has_appointment
        else "",
    }


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
        **_day(request, booking),
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
