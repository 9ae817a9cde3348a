"""The appointment as a calendar file (RFC 5545)."""

from datetime import datetime
from zoneinfo import ZoneInfo

from icalendar import Calendar, Event

from hub.domain.appointments import Appointment
from hub.domain.work_orders import WorkOrder

MEDIA_TYPE = "text/calendar; charset=utf-8; method=PUBLISH"
FILENAME = "doorstep.ics"


def calendar_file(
    order: WorkOrder,
    appointment: Appointment,
    *,
    summary: str,
    description: str,
    now: datetime,
    cancelled: bool = False,
) -> bytes:
    """One event: the arrival window, in the order's zone.

    The UID belongs to the work order, so a moved appointment replaces the earlier one in the citizen's calendar. SEQUENCE
    rises with every appointment, and once more when one is cancelled.
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
    calendar = Calendar()
    calendar.add("prodid", "-//Doorstep//Appointments//EN")
    calendar.add("version", "2.0")
    calendar.add("method", "PUBLISH")
    calendar.add_component(event)
    calendar.add_missing_timezones()
    return bytes(calendar.to_ical())
