"""A citizen who would rather speak to somebody asks to be called back."""

from zoneinfo import ZoneInfo

from hub.bootstrap import Hub
from hub.domain.errors import DoorstepError
from portal.conversations.call_backs import receive_call_back
from portal.conversations.schemas import CallBackAsked
from portal.queries import find_booking


class NoNumberError(DoorstepError):
    """There is no number on file that could be called."""

    code = "no-number"

    def __init__(self) -> None:
        super().__init__("We have no phone number of yours. Answer the message we sent you instead.")


def ask_call_back(hub: Hub, token: str) -> None:
    """Ask to be called at the number on file; several presses on one day are one request. Raises NoNumberError and link errors."""
    booking = find_booking(hub, token)
    if not booking.order.citizen_phone:
        raise NoNumberError
    day = hub.clock.now().astimezone(ZoneInfo(booking.order.zone)).date()
    asked = CallBackAsked(f"portal {booking.order.id} {day}", booking.order.citizen_phone, booking.order.id)
    receive_call_back(hub, asked)
