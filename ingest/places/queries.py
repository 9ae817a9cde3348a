"""What a dispatcher sees of orders that wait for a place."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, select

from hub.db import tables
from hub.domain.ids import WorkOrderId
from hub.domain.lifecycle import WorkOrderStatus
from hub.domain.places import PlaceQuality

PAGE_LENGTH = 50


@dataclass(frozen=True)
class Waiting:
    """One order that waits. `since` is when its place was first missed; `retry_at` when the geocoder is asked again, if it is."""

    id: WorkOrderId
    external_id: str
    work_type: str
    street: str
    postcode: str
    town: str
    territory: str
    zone: str
    due_at: datetime | None
    place_quality: PlaceQuality
    place_note: str
    since: datetime
    retry_at: datetime | None


@dataclass(frozen=True)
class WaitingPage:
    """Page `page` (from 1) of `pages`; `total` orders wait."""

    lines: tuple[Waiting, ...]
    total: int
    page: int
    pages: int


def list_waiting(connection: Connection, page: int = 1) -> WaitingPage:
    """The orders that wait for a place, the longest first; a page past the end shows the last."""
    order, search = tables.work_order, tables.place_search
    waits = order.c.status == WorkOrderStatus.NEEDS_LOCATION
    total = connection.execute(select(func.count()).select_from(order).where(waits)).scalar_one()
    pages = max(1, -(-total // PAGE_LENGTH))
    page = min(max(1, page), pages)
    since = func.coalesce(search.c.began_at, order.c.imported_at)
    rows = connection.execute(
        select(
            order.c.id,
            order.c.external_id,
            order.c.work_type,
            order.c.street,
            order.c.postcode,
            order.c.town,
            order.c.territory,
            order.c.zone,
            order.c.due_at,
            order.c.place_quality,
            order.c.place_note,
            since,
            search.c.retry_at,
        )
        .select_from(order.outerjoin(search, search.c.work_order_id == order.c.id))
        .where(waits)
        .order_by(since, order.c.external_id)
        .limit(PAGE_LENGTH)
        .offset((page - 1) * PAGE_LENGTH)
    )
    return WaitingPage(tuple(Waiting(*tuple(row)) for row in rows), total, page, pages)
