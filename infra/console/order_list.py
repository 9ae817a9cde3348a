"""The orders list: filtered, counted and cut into pages."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, func, or_, select

from hub.db import tables
from hub.domain.catalogue import Catalogue
from hub.domain.ids import WorkOrderId
from hub.domain.lifecycle import FINAL_WORK_ORDER_STATUSES, AppointmentStatus, HoldReason, WorkOrderStatus
from infra.console.stuck import Stuck, is_stuck

PAGE_LENGTH = 50


@dataclass(frozen=True)
class OrderFilter:
    """What to list: empty means everything. `text` is looked for in reference, name, address and town."""

    status: WorkOrderStatus | None = None
    territory: str = ""
    text: str = ""
    overdue: bool = False
    stuck: Stuck | None = None


@dataclass(frozen=True)
class OrderLine:
    """One line of the list; the window is that of the confirmed appointment."""

    id: WorkOrderId
    external_id: str
    work_type: str
    status: WorkOrderStatus
    hold_reason: HoldReason | None
    territory: str
    street: str
    postcode: str
    town: str
    zone: str
    imported_at: datetime
    window_starts_at: datetime | None
    window_ends_at: datetime | None


@dataclass(frozen=True)
class OrderPage:
    """Lines `first` to `last` (from 1) of `total`."""

    lines: tuple[OrderLine, ...]
    total: int
    page: int
    pages: int

    @property
    def first(self) -> int:
        """The number of the first line shown, 0 when there is none."""
        return (self.page - 1) * PAGE_LENGTH + 1 if self.lines else 0

    @property
    def last(self) -> int:
        """The number of the last line shown."""
        return (self.page - 1) * PAGE_LENGTH + len(self.lines)


def list_orders(
    connection: Connection, wanted: OrderFilter, now: datetime, page: int, catalogue: Catalogue
) -> OrderPage:
    """Page `page` (from 1) of the orders that fit, newest first; a page past the end shows the last."""
    order, appointment = tables.work_order, tables.appointment
    where = _conditions(wanted, now, catalogue)
    total = connection.execute(select(func.count()).select_from(order).where(*where)).scalar_one()
    pages = max(1, -(-total // PAGE_LENGTH))
    page = min(max(1, page), pages)
    live = and_(
        appointment.c.work_order_id == order.c.id,
        appointment.c.status == AppointmentStatus.CONFIRMED,
    )
    rows = connection.execute(
        select(
            order.c.id,
            order.c.external_id,
            order.c.work_type,
            order.c.status,
            order.c.hold_reason,
            order.c.territory,
            order.c.street,
            order.c.postcode,
            order.c.town,
            order.c.zone,
            order.c.imported_at,
            appointment.c.starts_at,
            appointment.c.ends_at,
        )
        .select_from(order.outerjoin(appointment, live))
        .where(*where)
        .order_by(order.c.imported_at.desc(), order.c.external_id)
        .limit(PAGE_LENGTH)
        .offset((page - 1) * PAGE_LENGTH)
    )
    return OrderPage(tuple(OrderLine(*tuple(row)) for row in rows), total, page, pages)


def known_territories(connection: Connection) -> list[str]:
    """The territories that orders or technicians are in."""
    found = select(tables.work_order.c.territory).union(select(tables.technician.c.territory))
    return sorted(name for name in connection.execute(found).scalars() if name)


def _conditions(wanted: OrderFilter, now: datetime, catalogue: Catalogue) -> list[ColumnElement[bool]]:
    order = tables.work_order.c
    where: list[ColumnElement[bool]] = []
    if wanted.status:
        where.append(order.status == wanted.status)
    if wanted.territory:
        where.append(order.territory == wanted.territory)
    if wanted.overdue:
        where.append(and_(order.due_at < now, order.status.not_in(FINAL_WORK_ORDER_STATUSES)))
    if wanted.stuck:
        where.append(is_stuck(wanted.stuck, now, catalogue))
    where += [_contains(word) for word in wanted.text.split()[:8]]
    return where


def _contains(word: str) -> ColumnElement[bool]:
    order = tables.work_order.c
    looked_at: tuple[ColumnElement[Any], ...] = (
        order.external_id,
        order.citizen_name,
        order.street,
        order.postcode,
        order.town,
    )
    return or_(*(column.icontains(word, autoescape=True) for column in looked_at))
