"""What a utility reads. Here, and nowhere else, stands whose orders a client may see: `_mine` is in every query.

Something of another utility's is not found, exactly as something that does not exist.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, Select, and_, exists, func, select

from hub.db import tables
from hub.db.unit_of_work import UnitOfWork
from hub.domain.appointments import Appointment
from hub.domain.errors import NotFoundError
from hub.domain.ids import AppointmentId, WorkOrderId
from hub.domain.lifecycle import AppointmentStatus, WorkOrderStatus
from hub.domain.work_orders import WorkOrder
from ingest.api.clients import UtilityClient
from ingest.api.resources import Agreement, CancelTask, OrderStory, SlotSearch
from ingest.api.selection import Selection, read_id
from ingest.outbox import WITH_APPOINTMENT

_ORDER, _APPOINTMENT = tables.work_order, tables.appointment
_LATER = tables.appointment.alias("later")
_AGREED = (AppointmentStatus.CONFIRMED, AppointmentStatus.COMPLETED)
_LONGEST_NAME = 100


def _mine(client: UtilityClient) -> ColumnElement[bool]:
    return _ORDER.c.utility == client.utility


def _newest_version() -> ColumnElement[bool]:
    """An appointment that was agreed once and not moved since; what is only held is no agreement yet."""
    moved = exists().where(
        _LATER.c.work_order_id == _APPOINTMENT.c.work_order_id, _LATER.c.replaces == _APPOINTMENT.c.id
    )
    return and_(_APPOINTMENT.c.confirmed_at.is_not(None), ~moved)


def find_order(work: UnitOfWork, client: UtilityClient, identity: str) -> WorkOrder | None:
    """The client's own order by our id, else by its external id; None when there is none."""
    number = read_id(identity)
    if number is not None:
        found = work.work_orders.find_where(_mine(client), _ORDER.c.id == number)
        if found is not None:
            return found
    return find_order_by_name(work, client, identity)


def find_order_by_name(work: UnitOfWork, client: UtilityClient, external_id: str) -> WorkOrder | None:
    """The client's own order by its external id."""
    if not external_id.isprintable() or len(external_id) > _LONGEST_NAME:
        return None
    return work.work_orders.find_where(_mine(client), _ORDER.c.external_id == external_id)


def get_order(work: UnitOfWork, client: UtilityClient, identity: str) -> WorkOrder:
    """The client's own order by our id; raises NotFoundError."""
    number = read_id(identity)
    found = None if number is None else work.work_orders.find_where(_mine(client), _ORDER.c.id == number)
    if found is None:
        raise NotFoundError("work order")
    return found


def list_orders(work: UnitOfWork, client: UtilityClient, selection: Selection) -> tuple[list[WorkOrder], int]:
    """A page of the client's orders by external id, and how many fit in all."""
    where = (_mine(client), *selection.where)
    total = work.connection.scalar(select(func.count()).select_from(_ORDER).where(*where)) or 0
    query = select(_ORDER).where(*where).order_by(_ORDER.c.external_id)
    rows = work.connection.execute(query.offset(selection.offset).limit(selection.limit))
    return [_read(WorkOrder, row) for row in rows], total


def stories_of(work: UnitOfWork, orders: Iterable[WorkOrder]) -> Mapping[WorkOrderId, OrderStory]:
    """When each of `orders` came where it is."""
    present = {order.id: order for order in orders}
    event = tables.status_event.c
    query = (
        select(event.work_order_id, event.after, event.at, event.reason)
        .where(event.work_order_id.in_(present), event.entity == "work_order", event.after != "")
        .order_by(event.seq)
    )
    reached: dict[WorkOrderId, dict[WorkOrderStatus, Any]] = {one: {} for one in present}
    reasons: dict[WorkOrderId, str] = {}
    for row in work.connection.execute(query):
        order_id = WorkOrderId(row.work_order_id)
        status = WorkOrderStatus(row.after)
        reached[order_id][status] = row.at
        if status is present[order_id].status:
            reasons[order_id] = row.reason
    return {one: OrderStory(times, reasons.get(one, "")) for one, times in reached.items()}


def agreements_for(work: UnitOfWork, orders: Iterable[WorkOrder]) -> Mapping[WorkOrderId, Agreement]:
    """What is agreed for those of `orders` that are in a status that can have an appointment."""
    able = [order.id for order in orders if order.status in WITH_APPOINTMENT]
    found: dict[WorkOrderId, Agreement] = {}
    for agreement in _agreements(work, able):
        if agreement.appointment.status in _AGREED:
            found[agreement.appointment.work_order_id] = agreement
    return found


def get_appointment(work: UnitOfWork, client: UtilityClient, identity: str) -> tuple[Agreement, WorkOrder]:
    """An agreement of one of the client's orders, by the id of any of its versions; raises NotFoundError."""
    number = read_id(identity)
    order_id = None
    if number is not None:
        mine = _APPOINTMENT.join(_ORDER, _ORDER.c.id == _APPOINTMENT.c.work_order_id)
        query = select(_ORDER.c.id).select_from(mine)
        order_id = work.connection.scalar(query.where(_mine(client), _APPOINTMENT.c.id == number))
    if order_id is not None:
        for versions in _chains(_versions(work, [order_id])):
            if any(one.id == number for one in versions):
                order = work.work_orders.get(order_id)
                return Agreement(versions[0].id, versions[-1]), order
    raise NotFoundError("appointment")


def list_appointments(
    work: UnitOfWork, client: UtilityClient, selection: Selection
) -> tuple[list[tuple[Agreement, WorkOrder]], int]:
    """A page of what was agreed for the client's orders, by time, and how many fit in all."""
    mine = _APPOINTMENT.join(_ORDER, _ORDER.c.id == _APPOINTMENT.c.work_order_id)
    where = (_mine(client), _newest_version(), *selection.where)
    total = work.connection.scalar(select(func.count()).select_from(mine).where(*where)) or 0
    query = select(_APPOINTMENT).select_from(mine).where(*where).order_by(_APPOINTMENT.c.starts_at, _APPOINTMENT.c.id)
    page = [
        _read(Appointment, row)
        for row in work.connection.execute(query.offset(selection.offset).limit(selection.limit))
    ]
    named = list({one.work_order_id for one in page})
    orders = {one.id: one for one in work.work_orders.list_where(_mine(client), _ORDER.c.id.in_(named))}
    first = {one.appointment.id: one.id for one in _agreements(work, named)}
    return [(Agreement(first[one.id], one), orders[one.work_order_id]) for one in page], total


def get_cancel_task(work: UnitOfWork, client: UtilityClient, identity: str) -> CancelTask:
    """The client's utility's wish to cancel; raises NotFoundError."""
    table = tables.cancel_task
    row = _task_row(work, client, table, identity)
    if row is None:
        raise NotFoundError("cancel task")
    return _cancel_task(row, work.work_orders.get(row.work_order_id))


def list_cancel_tasks(work: UnitOfWork, client: UtilityClient, selection: Selection) -> tuple[list[CancelTask], int]:
    """A page of the utility's wishes to cancel, the oldest first, and how many fit in all."""
    rows, orders, total = _task_page(work, client, tables.cancel_task, tables.cancel_task.c.requested_at, selection)
    return [_cancel_task(row, orders[row.work_order_id]) for row in rows], total


def get_slot_search(work: UnitOfWork, client: UtilityClient, identity: str) -> SlotSearch:
    """The client's utility's search for free times; raises NotFoundError."""
    row = _task_row(work, client, tables.slot_search, identity)
    if row is None:
        raise NotFoundError("search for time slots")
    return _slot_search(row, work.work_orders.get(row.work_order_id))


def list_slot_searches(work: UnitOfWork, client: UtilityClient, selection: Selection) -> tuple[list[SlotSearch], int]:
    """A page of the utility's searches of the last day, the oldest first, and how many fit in all."""
    rows, orders, total = _task_page(work, client, tables.slot_search, tables.slot_search.c.searched_at, selection)
    return [_slot_search(row, orders[row.work_order_id]) for row in rows], total


def first_version(work: UnitOfWork, appointment: Appointment) -> AppointmentId:
    """The id that the agreement `appointment` belongs to is known by."""
    for versions in _chains(_versions(work, [appointment.work_order_id])):
        if any(one.id == appointment.id for one in versions):
            return versions[0].id
    return appointment.id


def _versions(work: UnitOfWork, orders: Sequence[UUID]) -> list[Appointment]:
    """All appointments of `orders` that were agreed once, in the order in which they were made."""
    column = _APPOINTMENT.c
    return work.appointments.list_where(
        column.work_order_id.in_(orders),
        column.confirmed_at.is_not(None),
        order_by=(column.work_order_id, column.sequence),
    )


def _agreements(work: UnitOfWork, orders: Sequence[UUID]) -> list[Agreement]:
    return [Agreement(versions[0].id, versions[-1]) for versions in _chains(_versions(work, orders))]


def _chains(appointments: Iterable[Appointment]) -> list[list[Appointment]]:
    """The versions of each agreement, from the first to the newest."""
    chains: list[list[Appointment]] = []
    chain_of: dict[AppointmentId, list[Appointment]] = {}
    for one in appointments:
        chain = chain_of.get(one.replaces) if one.replaces else None
        if chain is None:
            chain = []
            chains.append(chain)
        chain.append(one)
        chain_of[one.id] = chain
    return chains


def _task_row(work: UnitOfWork, client: UtilityClient, table: Any, identity: str) -> Row[Any] | None:
    number = read_id(identity)
    if number is None:
        return None
    query: Select[Any] = select(table).join(_ORDER, _ORDER.c.id == table.c.work_order_id)
    return work.connection.execute(query.where(_mine(client), table.c.id == number)).one_or_none()


def _task_page(
    work: UnitOfWork, client: UtilityClient, table: Any, time: ColumnElement[Any], selection: Selection
) -> tuple[Sequence[Row[Any]], Mapping[UUID, WorkOrder], int]:
    mine = table.join(_ORDER, _ORDER.c.id == table.c.work_order_id)
    where = (_mine(client), *selection.where)
    total = work.connection.scalar(select(func.count()).select_from(mine).where(*where)) or 0
    query: Select[Any] = select(table).select_from(mine).where(*where).order_by(time, table.c.id)
    rows = work.connection.execute(query.offset(selection.offset).limit(selection.limit)).all()
    named = {row.work_order_id for row in rows}
    return rows, {one.id: one for one in work.work_orders.list_where(_mine(client), _ORDER.c.id.in_(named))}, total


def _cancel_task(row: Row[Any], order: WorkOrder) -> CancelTask:
    return CancelTask(row.id, order, row.state, row.reason, row.outcome, row.requested_at, row.effective_at)


def _slot_search(row: Row[Any], order: WorkOrder) -> SlotSearch:
    available = [(start, end) for start, end in row.available]
    return SlotSearch(row.id, order, row.state, row.requested, available, row.outcome, row.searched_at)


def _read[T](shape: type[T], row: Row[Any]) -> T:
    return shape(**{one.name: row._mapping[one.name] for one in fields(shape)})  # type: ignore[arg-type]  # noqa: SLF001 - SQLAlchemy's documented name
