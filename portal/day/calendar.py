"""The appointment as a calendar that citizens subscribe to: the same event under the same UID, whatever becomes of it."""

import hashlib
from datetime import timedelta

from icalendar import Calendar, vDuration

from hub.bootstrap import Hub
from hub.domain.lifecycle import AppointmentStatus
from hub.notifications.calendar_file import calendar_file
from hub.notifications.texts import appointment_values, order_values, render_text
from portal.day.queries import find_agreed

REFRESHED_EVERY = timedelta(hours=1)
"""How often calendar programs are asked to look again (RFC 7986, section 5.7)."""


def calendar_feed(hub: Hub, token: str, language: str) -> bytes:
    """The newest agreed appointment: CONFIRMED, or CANCELLED when it was; an empty calendar before the first.

    SEQUENCE rises as in the calendar file. DTSTAMP is when it was agreed, so an unchanged feed is the same to the byte. Raises link errors.
    """
    found = find_agreed(hub, token)
    order, appointment = found.order, found.appointment
    if appointment is None:
        return _empty()
    values = order_values(order, hub.catalogue, language) | appointment_values(appointment, order.zone, language)
    file = calendar_file(
        order,
        appointment,
        summary=render_text("calendar", "summary", language, values),
        description=render_text("calendar", "description", language, values),
        now=appointment.confirmed_at or appointment.created_at,
        cancelled=appointment.status is AppointmentStatus.CANCELLED,
    )
    return _refreshed(Calendar.from_ical(file))


def entity_tag(content: bytes) -> str:
    """Names this very content; whoever has it already is answered 304."""
    return f'"{hashlib.sha256(content).hexdigest()[:32]}"'


def _empty() -> bytes:
    calendar = Calendar()
    calendar.add("prodid", "-//Doorstep//Appointments//EN")
    calendar.add("version", "2.0")
    return _refreshed(calendar)


def _refreshed(calendar: Calendar) -> bytes:
    calendar.add("refresh-interval", REFRESHED_EVERY, parameters={"value": "DURATION"})
    # What programs before RFC 7986 understand.
    calendar.add("x-published-ttl", vDuration(REFRESHED_EVERY))
    return bytes(calendar.to_ical())
