"""What the day's pages read: where the visit stands, whether that changed, and earlier visits at the address."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, and_, any_, bindparam, func, or_, select
from sqlalchemy.dialects.postgresql import ARRAY

from hub.bootstrap import Hub
from hub.db import tables
from hub.db.citizen_tables import technician_place
from hub.db.records import Records
from hub.db.unit_of_work import UnitOfWork
from hub.domain.appointments import Appointment
from hub.domain.citizen_records import TechnicianPlace
from hub.domain.contact import LinkPurpose
from hub.domain.ids import WorkOrderId
from hub.domain.lifecycle import AppointmentStatus, VisitStatus
from hub.domain.work_orders import WorkOrder
from hub.notifications.links import find_link
from portal.day.standing import PLACE_IS_FRESH, Known, Standing, stand

MOST_EARLIER_VISITS = 10


@dataclass(frozen=True)
class Looked:
    """One look at an order through its link: the order, where its visit stands, and what marks this state."""

    order: WorkOrder
    standing: Standing | None
    mark: str


@dataclass(frozen=True)
class EarlierVisit:
    """A visit that took place at the address: when it began, what kind of work, and whether the work was done."""

    at: datetime
    work_type: str
    done: bool


@dataclass(frozen=True)
class Agreed:
    """The newest appointment that was ever agreed, for the calendar: a cancelled one too."""

    order: WorkOrder
    appointment: Appointment | None


def look(hub: Hub, token: str) -> Looked:
    """Where the link's visit stands now, seen in one instant; raises LinkInvalidError or LinkExpiredError."""
    with hub.snapshot() as work:
        order = find_link(work, token, LinkPurpose.BOOKING).order
        mark = read_marks(work.connection, [order.id], work.now).get(order.id, "")
        return Looked(order, stand(what_is_known(work, order), work.now), mark)


def standing_of(hub: Hub, order: WorkOrder) -> Standing | None:
    """The same for an order that was found already."""
    with hub.snapshot() as work:
        return stand(what_is_known(work, order), work.now)


def what_is_known(work: UnitOfWork, order: WorkOrder) -> Known:
    """What is known of the order's visit."""
    appointment = newest_agreed(work, order.id)
    visit = None
    if appointment is not None:
        table = tables.visit.c
        visit = work.visits.find_where(table.appointment_id == appointment.id, table.status != VisitStatus.CANCELLED)
    technician = work.technicians.get(visit.technician_id) if visit else None
    place = None
    if visit is not None and visit.status is VisitStatus.EN_ROUTE:
        place = Records(work.connection, technician_place, TechnicianPlace, ("visit_id",)).find(visit.id)
    return Known(order, appointment, visit, technician, place)


def newest_agreed(work: UnitOfWork, work_order_id: WorkOrderId) -> Appointment | None:
    """The newest appointment that was confirmed once; one that was only held does not count."""
    table = tables.appointment.c
    found = work.appointments.list_where(
        table.work_order_id == work_order_id,
        table.confirmed_at.is_not(None),
        order_by=((table.status == AppointmentStatus.CONFIRMED).desc(), table.sequence.desc()),
        limit=1,
    )
    return found[0] if found else None


def read_marks(connection: Connection, order_ids: Collection[UUID], now: datetime) -> dict[UUID, str]:
    """A short mark per order that differs as soon as anything its live page shows has changed. One question for all of them.

    Versions only rise, so their sums do; a place that grows stale counts as a change, and so does an order that ends.
    """
    order, visit, place = tables.work_order, tables.visit, technician_place
    agreed = tables.appointment
    wanted = bindparam("wanted", list(order_ids), type_=ARRAY(order.c.id.type))
    fresh = and_(visit.c.work_order_id == order.c.id, place.c.reported_at > now - PLACE_IS_FRESH)
    query = select(
        order.c.id,
        order.c.version,
        select(func.coalesce(func.sum(visit.c.version), 0))
        .where(visit.c.work_order_id == order.c.id)
        .scalar_subquery(),
        select(func.coalesce(func.sum(agreed.c.version), 0))
        .where(agreed.c.work_order_id == order.c.id)
        .scalar_subquery(),
        select(func.coalesce(func.max(place.c.reports), 0))
        .select_from(place.join(visit, visit.c.id == place.c.visit_id))
        .where(fresh)
        .scalar_subquery(),
    ).where(order.c.id == any_(wanted))
    return {row[0]: "-".join(str(part) for part in row[1:]) for row in connection.execute(query)}


def earlier_visits(hub: Hub, order: WorkOrder) -> tuple[EarlierVisit, ...]:
    """Visits that took place at the order's address, newest first: those of the order itself, and of other orders of the same utility
    only where the same citizen is their contact, by e-mail address or phone number. Where citizens asked themselves, only the
    address that they proved counts: a number beside it may be anybody's.

    The least is said: when, what kind of work, done or not; never who, and nothing of other people's orders.
    """
    table, visit = tables.work_order.c, tables.visit
    same_citizen = _same_citizen(order, is_proven_by_us=order.utility == hub.settings.own_requests_source)
    same_address = and_(
        table.postcode == order.postcode,
        table.street == order.street,
        table.town == order.town,
        table.utility == order.utility,
    )
    mine = or_(table.id == order.id, and_(same_address, or_(*same_citizen))) if same_citizen else table.id == order.id
    over = visit.c.status.in_((VisitStatus.COMPLETED, VisitStatus.ABORTED))
    query = (
        select(visit.c.arrived_at, visit.c.starts_at, table.work_type, visit.c.status)
        .join_from(visit, tables.work_order, table.id == visit.c.work_order_id)
        .where(mine, over)
        .order_by(visit.c.starts_at.desc())
        .limit(MOST_EARLIER_VISITS)
    )
    with hub.reading() as connection:
        rows = connection.execute(query).all()
    return tuple(
        EarlierVisit(row.arrived_at or row.starts_at, row.work_type, row.status is VisitStatus.COMPLETED)
        for row in rows
    )


def _same_citizen(order: WorkOrder, *, is_proven_by_us: bool) -> list[ColumnElement[bool]]:
    """Any of these says that an order has the same citizen; none when nothing can tell."""
    table = tables.work_order.c
    by_email = [table.citizen_email == order.citizen_email] if order.citizen_email else []
    by_phone = [table.citizen_phone == order.citizen_phone] if order.citizen_phone else []
    if not is_proven_by_us:
        return [*by_email, *by_phone]
    # Whoever asks proves the e-mail address, and the number only when there is no other (`portal.requests`).
    return by_email or [and_(table.citizen_email == "", one) for one in by_phone]


def find_agreed(hub: Hub, token: str) -> Agreed:
    """The link's order with its newest agreed appointment; raises LinkInvalidError or LinkExpiredError."""
    with hub.snapshot() as work:
        order = find_link(work, token, LinkPurpose.BOOKING).order
        return Agreed(order, newest_agreed(work, order.id))
