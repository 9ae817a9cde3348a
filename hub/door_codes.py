"""The code at the door: the citizen shows it, the technician's phone reads it, and both were there.

It is worked out from what is stored of the citizen's link and from the appointment, so showing it writes nothing, and it is good for
this one thing: no page opens with it. It holds on the day of the appointment, and a moved appointment has another one.
"""

import base64
import hashlib
import hmac
from datetime import datetime
from zoneinfo import ZoneInfo

from hub.db.tables import citizen_link
from hub.db.unit_of_work import UnitOfWork
from hub.domain.appointments import Appointment
from hub.domain.contact import LinkPurpose
from hub.domain.work_orders import WorkOrder

LENGTH = 16
"""Signs of five bits: 80 bits, of which a phone may guess a handful."""
_BYTES = LENGTH * 5 // 8
_PURPOSE = b"doorstep door code 1"
_MISREAD = str.maketrans("018", "OIB")


def door_code(token_hash: str, appointment: Appointment) -> str:
    """The code for `appointment` as the link with `token_hash` shows it: sixteen letters and digits in groups of four."""
    bound = b"\0".join((_PURPOSE, appointment.id.bytes, str(appointment.sequence).encode()))
    digest = hmac.new(token_hash.encode(), bound, hashlib.sha256).digest()
    signs = base64.b32encode(digest[:_BYTES]).decode()
    return "-".join(signs[start : start + 4] for start in range(0, LENGTH, 4))


def is_day_of(appointment: Appointment, zone: str, now: datetime) -> bool:
    """Whether `now` is the appointment's day on the calendar of `zone`."""
    there = ZoneInfo(zone)
    return now.astimezone(there).date() == appointment.starts_at.astimezone(there).date()


def is_right_code(work: UnitOfWork, order: WorkOrder, appointment: Appointment, code: str) -> bool:
    """Whether `code` is what one of the order's living links shows today for this appointment. Case, spaces and hyphens do not matter."""
    if not is_day_of(appointment, order.zone, work.now):
        return False
    link = citizen_link.c
    living = work.links.list_where(
        link.work_order_id == order.id, link.purpose == LinkPurpose.BOOKING, link.expires_at > work.now
    )
    given = _plain(code)
    right = [hmac.compare_digest(_plain(door_code(one.token_hash, appointment)), given) for one in living]
    return any(right)


def _plain(code: str) -> bytes:
    kept = "".join(sign for sign in code.upper() if sign.isascii() and sign.isalnum())
    # Base32 has none of these three digits, so whoever typed one misread a letter.
    return kept.translate(_MISREAD).encode()
