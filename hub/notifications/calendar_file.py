"""The appointment as a calendar file (RFC 5545)."""

from dataclasses import dataclass
from datetime import datetime
from email.utils import parseaddr
from zoneinfo import ZoneInfo

from icalendar import Calendar, Event, vCalAddress

from hub.domain.appointments import Appointment
from hub.domain.work_orders import WorkOrder

FILENAME = "doorstep.ics"


@dataclass(frozen=True)
class Invitation:
    """Who asks whom, by e-mail (iTIP, RFC 5546): calendar programs then offer to enter, move or remove the appointment."""

    organizer: str
    attendee: str


def media_type(*, cancelled: bool) -> str:
    """The media type of the file that travels with an e-mail."""
    return f"text/calendar; charset=utf-8; method={_method(cancelled=cancelled)}"


def calendar_file(
    order: WorkOrder,
    appointment: Appointment,
    *,
    summary: str,
    description: str,
    now: datetime,
    cancelled: bool = False,
    invitation: Invitation | None = None,
) -> bytes:
    """One event: the arrival window, in the order's zone.

    The UID belongs to the work order, so a moved appointment replaces the earlier one in the citizen's calendar. SEQUENCE
    rises with every appointment, and once more when one is cancelled. With an `invitation` the method is REQUEST or CANCEL, which no
    answer is asked to; without one it is PUBLISH, for whoever fetches the file.
    """
    zone = ZoneInfo(order.zone)
    event = Event()
    event.add("uid", f"{order.id}@doorstep")
    event.add("dtstamp", now)
    event.add("sequence", appointment.sequence * 2 + int(cancelled))
    event.add("dtstart", appointment.starts_at.astimezone(zone))
    event.add("dtend", appointment.ends_at.astimezone(zone))
    event.add("summary", summary)
    event.add("description", description)
    event.add("location", order.address)
    event.add("status", "CANCELLED" if cancelled else "CONFIRMED")
    event.add("transp", "OPAQUE")
    if invitation is not None:
        _invite(event, invitation)
    calendar = Calendar()
    calendar.add("prodid", "-//Doorstep//Appointments//EN")
    calendar.add("version", "2.0")
    calendar.add("method", _method(cancelled=cancelled) if invitation else "PUBLISH")
    calendar.add_component(event)
    calendar.add_missing_timezones()
    return bytes(calendar.to_ical())


def _method(*, cancelled: bool) -> str:
    return "CANCEL" if cancelled else "REQUEST"


def _invite(event: Event, invitation: Invitation) -> None:
    name, address = parseaddr(invitation.organizer)
    organizer = vCalAddress(f"mailto:{address}")
    if name:
        organizer.params["CN"] = name
    event.add("organizer", organizer)
    attendee = vCalAddress(f"mailto:{invitation.attendee}")
    attendee.params["RSVP"] = "FALSE"
    attendee.params["PARTSTAT"] = "ACCEPTED"
    event.add("attendee", attendee)
