"""What scheduling does when it hears that an order is over, and what it does when time passes."""

from collections.abc import Callable, Mapping
from datetime import datetime

from hub.bootstrap import Hub
from hub.db.unit_of_work import Subscriptions, UnitOfWork
from hub.domain.events import Event
from scheduling.keeping import expire_holds, release_visits


def give_time_back(work: UnitOfWork, event: Event) -> None:
    """An order that was cancelled or put on hold needs its technician no longer."""
    release_visits(work, event.work_order_id, by=event.actor, reason=event.reason)


SUBSCRIPTIONS: Subscriptions = {
    "work_order.cancelled": (give_time_back,),
    "work_order.on_hold": (give_time_back,),
}
TIMERS: Mapping[str, Callable[[Hub, datetime], int]] = {"expire_holds": expire_holds}
