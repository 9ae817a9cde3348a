"""What becomes of accepted requests, and what time does to all of them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy import delete

from hub.bootstrap import Hub
from hub.contact_record import append_entry
from hub.db.portal_tables import citizen_request, request_message
from hub.db.unit_of_work import ForMany, Subscriptions, UnitOfWork
from hub.domain.citizen_requests import CitizenRequest, RequestStatus
from hub.domain.events import Event
from hub.domain.work_orders import WorkOrder
from portal.requests.messages import retry_request_messages
from portal.requests.records import requests

KEPT_AFTER_DECISION = timedelta(days=30)
"""How long a decided request keeps what is personal; an accepted one lives on in its order."""
_BATCH = 200


def note_orders(work: UnitOfWork, events: Sequence[Event]) -> None:
    """Work orders began: the requests of those that citizens asked for know their order now."""
    begun = [event.work_order_id for event in events if not event.before]
    for order in work.work_orders.recall_all(begun).values():
        if order.utility == work.settings.own_requests_source:
            _note_order(work, order)


def _note_order(work: UnitOfWork, order: WorkOrder) -> None:
    found = requests(work).find_where(
        citizen_request.c.reference == order.external_id,
        citizen_request.c.status == RequestStatus.ACCEPTED,
        lock=True,
    )
    if found is not None:
        requests(work).swap(found, replace(found, status=RequestStatus.ORDERED, work_order_id=order.id))
        append_entry(work, order.id, "requested_by_citizen", {"reference": found.reference})


def forget_requests(hub: Hub, now: datetime) -> int:
    """Delete requests nobody confirmed in time, and empty what is personal in those decided long ago; returns how many. A timer."""
    table = citizen_request.c
    with hub.unit_of_work() as work:
        kept = requests(work)
        unconfirmed = kept.list_where(
            table.status == RequestStatus.UNCONFIRMED, table.link_expires_at <= now, limit=_BATCH, skip_locked=True
        )
        ids = [one.id for one in unconfirmed]
        work.connection.execute(delete(request_message).where(request_message.c.request_id.in_(ids)))
        work.connection.execute(delete(citizen_request).where(table.id.in_(ids)))
        decided = kept.list_where(
            table.status.in_((RequestStatus.ORDERED, RequestStatus.DECLINED)),
            table.decided_at <= now - KEPT_AFTER_DECISION,
            table.erased_at.is_(None),
            limit=_BATCH,
            skip_locked=True,
        )
        for one in decided:
            kept.swap(one, _emptied(one, now))
        work.commit()
    return len(unconfirmed) + len(decided)


def _emptied(one: CitizenRequest, now: datetime) -> CitizenRequest:
    return replace(
        one,
        citizen_name="",
        citizen_email="",
        citizen_phone="",
        street="",
        town="",
        notes="",
        token_hash=None,
        erased_at=now,
    )


SUBSCRIPTIONS: Subscriptions = {
    "work_order.received": (ForMany(note_orders),),
    "work_order.needs_location": (ForMany(note_orders),),
    "work_order.rejected": (ForMany(note_orders),),
}
TIMERS: Mapping[str, Callable[[Hub, datetime], int]] = {
    "retry_request_messages": retry_request_messages,
    "forget_requests": forget_requests,
}
