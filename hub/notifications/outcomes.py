"""What became of a message, told to the rooms that listen.

    notification.delivered    its receipt says that it arrived
    notification.undelivered  its receipt says that it did not; `permanent` when it never will at this address
    notification.failed       nothing was sent, and no other channel of the message is left
    notification.opted_out    its citizen wants no more messages by this channel; the newest message of the order stands for all
    notification.failed_over  nothing arrived, and the same message goes by the channel named in `to`: part of the same attempt

`data` holds `channel`, `reason` (a sentence without an address) and `permanent`.
"""

from hub.db.unit_of_work import UnitOfWork
from hub.domain.contact import Notification
from hub.domain.events import CITIZEN, SYSTEM, Event

DELIVERED = "notification.delivered"
UNDELIVERED = "notification.undelivered"
FAILED = "notification.failed"
OPTED_OUT = "notification.opted_out"
FAILED_OVER = "notification.failed_over"


def tell_outcome(
    work: UnitOfWork, one: Notification, name: str, *, reason: str = "", permanent: bool = False, to: str = ""
) -> None:
    """Tell event `name` of `one`. Listeners take row locks: write contact entries of this transaction after it, never before."""
    data: dict[str, object] = {"channel": one.channel.value, "reason": reason, "permanent": permanent}
    work.tell(
        Event(
            name=name,
            entity="notification",
            entity_id=one.id,
            work_order_id=one.work_order_id,
            at=work.now,
            actor=CITIZEN if name == OPTED_OUT else SYSTEM,
            action=name.partition(".")[2],
            reason=reason,
            data={**data, "to": to} if to else data,
        )
    )
