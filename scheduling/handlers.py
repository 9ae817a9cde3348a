"""What scheduling does when it hears of an order, what it leaves to the worker, and what it does when time passes."""

from collections.abc import Callable, Mapping
from datetime import datetime

from hub.bootstrap import Hub
from hub.db.unit_of_work import ForMany, Subscriptions, UnitOfWork
from hub.domain.events import Event
from scheduling.dispatching import raise_routes_of
from scheduling.keeping import expire_holds, release_visits
from scheduling.urgent import (
    PLAN_AGAIN_JOB,
    URGENT_JOB,
    notice_urgent,
    plan_again_in_background,
    repair_for_urgent,
)


def give_time_back(work: UnitOfWork, event: Event) -> None:
    """An order that was cancelled or put on hold needs its technician no longer."""
    release_visits(work, event.work_order_id, by=event.actor, reason=event.reason)


def tell_its_routes(work: UnitOfWork, event: Event) -> None:
    """The utility changed an order: whoever knows the routes of its visits by their versions reads them again."""
    raise_routes_of(work, event.work_order_id)


SUBSCRIPTIONS: Subscriptions = {
    "work_order.cancelled": (give_time_back,),
    "work_order.on_hold": (give_time_back,),
    "work_order.ready": (ForMany(notice_urgent),),
    "work_order.updated": (tell_its_routes,),
}
JOBS: Mapping[str, Callable[..., None]] = {URGENT_JOB: repair_for_urgent, PLAN_AGAIN_JOB: plan_again_in_background}
TIMERS: Mapping[str, Callable[[Hub, datetime], int]] = {"expire_holds": expire_holds}
