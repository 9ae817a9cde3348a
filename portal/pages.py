"""The citizen's pages: what each shows, in which language. Reads only; what a citizen does is in `routes`."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from babel.dates import format_date, get_day_names
from starlette.responses import HTMLResponse

from hub.bootstrap import Hub
from hub.domain.appointments import Appointment
from hub.domain.contact import Channel
from hub.domain.errors import LinkExpiredError, LinkInvalidError, LinkRestsError
from hub.domain.lifecycle import FINAL_WORK_ORDER_STATUSES, WorkOrderStatus
from hub.domain.waitlist import WaitlistEntry
from hub.domain.work_orders import WorkOrder
from hub.notifications.addresses import address_of
from hub.notifications.masking import mask_recipient
from hub.notifications.service import reachable_channels
from hub.notifications.texts import LANGUAGES, appointment_values
from hub.web.pages import Pages
from portal.choosing import Choice, times_to_choose
from portal.contact.reminders import reminds_on_the_eve
from portal.day.showing import day_context, webcal_address
from portal.preferences import DAYPARTS, MOST_AWAY, WEEKDAYS, TypedWish, Wish, find_wish
from portal.queries import Booking
from portal.slot_list import list_slots, read_instant
from portal.waitlist.service import find_waiting
from portal.words import Words, words_in

NOTES = (
    "taken",
    "past",
    "missing",
    "expired",
    "changed",
    "often",
    "cancelled",
    "confirmed",
    "moved",
    "called",
    "wishes",
)
"""What the step before can have to say; it travels in the address, so a reload shows the same page and repeats nothing."""
_ERROR_NOTES = ("taken", "past", "missing", "expired", "changed", "often")
_LOST = ("taken", "expired")
"""After these the times nearest to the lost one come first."""
_NOTICES = ("cancelled", "called", "wishes")
_WISHED_FROM = {"earlier": "/earlier"}
"""Where else than at the free times somebody can be asked what suits: its name in an address, and the step to go back to."""
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


def render(
    request: PageRequest, template: str, *, status: int = 200, step: str = "", more: str = "", **context: Any
) -> HTMLResponse:
    """A page of the portal in the request's language; `step` is its own address, `more` what that ends with, for the choice of language.

    `template` is of the portal's own folder, or of a sub-room's when it names that: `day/door_code`.
    """
    return request.pages.render(
        f"{template}.html" if "/" in template else f"portal/{template}.html",
        status=status,
        lang=request.words.language,
        say=request.words,
        address=request.address,
        languages=[
            (code, Words(code)("language_name"), f"{request.path}{step}?lang={code}{more}") for code in LANGUAGES
        ],
        **context,
    )


def order_page(request: PageRequest, booking: Booking, choice: Choice | None) -> HTMLResponse:
    """What the link shows first: the appointment, or the free times, or where the work stands."""
    if booking.can_change or (booking.confirmed is not None and booking.under_way):
        return _booked_page(request, booking)
    if choice is not None and booking.can_choose:
        return choose_page(request, booking, choice)
    return _standing_page(request, booking)


def choose_page(request: PageRequest, booking: Booking, choice: Choice, *, moving: bool = False) -> HTMLResponse:
    """The free times that suit, by day and part of the day, the greenest first; after a lost race the nearest ones are."""
    zone, language, words, wish = booking.order.zone, request.words.language, request.words, choice.wish
    wanted = read_instant(request.wanted) if request.note in _LOST else None
    offers = times_to_choose(booking, choice.question)
    slots = list_slots(offers, Wish() if request.everything else wish, wanted, zone, language)
    phone = booking.order.citizen_phone
    return render(
        request,
        "choose",
        step="/move" if moving else "",
        order=_order_rows(request, booking),
        slots=slots,
        shown_day=partial(request.pages.part, "portal/_parts.html", "day", words_in(language)),
        any_free=bool(offers),
        wish=wish_in_words(wish, words),
        everything=request.everything and not wish.is_open,
        here=request.address("/move" if moving else ""),
        moving=moving,
        held=_hours(booking.held, booking, request) if booking.held else None,
        present=_hours(booking.confirmed, booking, request) if booking.confirmed else None,
        waits=_waits_in_words(choice.waits_for, words),
        phone=mask_recipient(phone) if phone else "",
        problem=_problem(request, nearest_shown=bool(slots.nearest)),
        notice=words(f"note_{request.note}") if request.note in _NOTICES else "",
    )


def back_from_wishes(booking: Booking, came_from: str) -> str:
    """The step of the link that saying what suits leads back to: where it was asked for, else the free times.

    `came_from` is of the address, so of anybody's making; only the names we know mean a place.
    """
    return _WISHED_FROM.get(came_from) or ("/move" if booking.can_change else "")


def preferences_page(
    request: PageRequest, booking: Booking, typed: TypedWish | None = None, *, came_from: str = ""
) -> HTMLResponse:
    """The form of when the citizen can be at home, filled with what was said before, or with what was `typed` and cannot be meant."""
    came_from = came_from if came_from in _WISHED_FROM else ""
    wish = find_wish(request.hub, booking.order.id)
    names = get_day_names("wide", locale=request.words.language)
    shown = typed or TypedWish(
        wish.weekdays, wish.dayparts, [(first.isoformat(), last.isoformat()) for first, last in wish.away]
    )
    return render(
        request,
        "preferences",
        step="/preferences",
        more=f"&from={came_from}" if came_from else "",
        status=422 if typed else 200,
        weekdays=[(code, names[number], code in shown.weekdays) for number, code in enumerate(WEEKDAYS)],
        dayparts=[(code, request.words(code), code in shown.dayparts) for code in DAYPARTS],
        away=[*shown.away, *[("", "")] * (MOST_AWAY - len(shown.away))],
        is_open=wish.is_open,
        today=request.hub.clock.now().astimezone(ZoneInfo(booking.order.zone)).date().isoformat(),
        came_from=came_from,
        back=request.address(back_from_wishes(booking, came_from)),
        problem=request.words("note_dates") if typed else "",
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
        named = {"first": date_in_words(first, words), "last": date_in_words(last, words)}
        parts.append(words("not_on", **named) if first == last else words("not_between", **named))
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
    """A link that opens nothing, and how to get help; after a death or a move a neutral word, whoever reads it."""
    if isinstance(error, LinkRestsError):
        return render(request, "resting", status=410, reference=error.reference)
    expired = isinstance(error, LinkExpiredError)
    return problem_page(request, "expired" if expired else "invalid", status=410 if expired else 404)


def problem_page(request: PageRequest, problem: str, *, status: int) -> HTMLResponse:
    """One sentence on what is wrong (`invalid`, `expired` or `missing`) and how to get a new link, or help."""
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
    fresh = request.note in {"confirmed", "moved"}
    title = {"confirmed": "booked_title", "moved": "moved_title"}.get(request.note, "booked_title_calm")
    return render(
        request,
        "booked",
        order=_order_rows(request, booking),
        title=request.words(title),
        appointment=_hours(booking.confirmed, booking, request),
        fresh=fresh,
        sent_to=_told_at(request, booking) if fresh else "",
        can_change=booking.can_change,
        reminds=booking.can_change and _reminds(request, booking.order, booking.confirmed),
        waits=_waits(request, booking),
        held=_hours(booking.held, booking, request) if booking.held else None,
        problem=_problem(request),
        **_day(request, booking),
    )


def _waits(request: PageRequest, booking: Booking) -> str:
    """That the citizen waits for an earlier time, and until when; empty for whoever does not, or can no longer be helped by it."""
    waiting = find_waiting(request.hub, booking) if booking.can_change else None
    return _waits_in_words(waiting.entry if waiting else None, request.words)


def _waits_in_words(entry: WaitlistEntry | None, words: Words) -> str:
    if entry is None:
        return ""
    return words("waits_until", date=date_in_words(entry.until, words)) if entry.until else words("waits")


def _told_at(request: PageRequest, booking: Booking) -> str:
    """Where the confirmation goes, masked; empty when no address may be written to."""
    order = booking.order
    with request.hub.snapshot() as work:
        reached = reachable_channels(work, order, (Channel.EMAIL, Channel.SMS))
    return mask_recipient(address_of(order, reached[0])) if reached else ""


def _reminds(request: PageRequest, order: WorkOrder, confirmed: Appointment) -> bool:
    """Whether it is still true that we remind the citizen the day before."""
    with request.hub.snapshot() as work:
        return reminds_on_the_eve(work, order, confirmed)


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
