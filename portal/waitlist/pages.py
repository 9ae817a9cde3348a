"""The one page of the waitlist: the offer that is kept, or that somebody waits, or the form to begin with."""

from pathlib import Path
from zoneinfo import ZoneInfo

from starlette.responses import HTMLResponse

from hub.notifications.texts import appointment_values, format_day
from portal.pages import PageRequest, date_in_words, render, wish_in_words
from portal.preferences import find_wish
from portal.queries import Booking
from portal.waitlist.service import Waiting, find_waiting
from portal.words import Words

TEXTS = Path(__file__).with_name("texts")
NOTES = ("waiting", "declined", "stopped", "gone", "changed", "wishes", "often")
"""What the step before can have to say."""
_ERROR_NOTES = ("gone", "changed", "date", "often")


def waitlist_page(request: PageRequest, booking: Booking, wrong: str = "") -> HTMLResponse:
    """Where the citizen's wish for an earlier time stands, and what can be done about it; `wrong` is a date that cannot be meant."""
    own = Words(request.words.language, TEXTS)
    waiting = find_waiting(request.hub, booking)
    wish = find_wish(request.hub, booking.order.id)
    zone, language = booking.order.zone, request.words.language
    until = waiting.entry.until if waiting else None
    said = own(f"note_{request.note}") if request.note else ""
    return render(
        request,
        "earlier",
        status=422 if wrong else 200,
        step="/earlier",
        own=own,
        title=_title(own, booking, waiting),
        present=appointment_values(booking.confirmed, zone, language) if booking.confirmed else None,
        offer=_offer(request, booking, waiting),
        waits=waiting is not None,
        until=date_in_words(until, request.words) if until else "",
        until_value=wrong or (until.isoformat() if until else ""),
        wrong=wrong,
        today=request.hub.clock.now().astimezone(ZoneInfo(zone)).date().isoformat(),
        wish=wish_in_words(wish, request.words),
        problem=said if request.note in _ERROR_NOTES else "",
        notice=said if request.note not in _ERROR_NOTES else "",
        times=request.address("/move" if booking.can_change else ""),
    )


def _title(own: Words, booking: Booking, waiting: Waiting | None) -> str:
    if waiting is not None and waiting.offer is not None:
        return own("offer_title")
    if waiting is not None:
        return own("waiting_title")
    return own("ask_title") if booking.confirmed else own("ask_title_first")


def _offer(request: PageRequest, booking: Booking, waiting: Waiting | None) -> dict[str, object] | None:
    offer, held = waiting.offer if waiting else None, booking.held
    if offer is None or held is None or held.id != offer.appointment_id:
        return None
    zone, language = booking.order.zone, request.words.language
    local = offer.lease_until.astimezone(ZoneInfo(zone))
    left = (offer.lease_until - request.hub.clock.now()).total_seconds()
    return {
        "appointment_id": offer.appointment_id,
        "hours": appointment_values(held, zone, language),
        "kept_until": f"{format_day(local, language)}, {local:%H:%M}",
        "seconds_left": max(0, int(left)),
    }
