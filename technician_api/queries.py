"""What a technician sees: the visits of a day, each with what the job needs to be done."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import date, datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import func, select

from hub.bootstrap import Hub
from hub.db import citizen_tables, tables
from hub.db.records import Records
from hub.db.unit_of_work import UnitOfWork
from hub.domain.appointments import Appointment, Visit
from hub.domain.catalogue import Catalogue
from hub.domain.citizen_records import AccessDetails
from hub.domain.ids import AppointmentId, VisitId, WorkOrderId
from hub.domain.lifecycle import LIVE_VISIT_STATUSES, VISIT_TRANSITIONS, Action, VisitStatus
from hub.domain.technicians import Technician
from hub.domain.work_orders import WorkOrder
from technician_api.schemas import (
    AccessView,
    AddressView,
    ArrivalWindow,
    CitizenView,
    MyDay,
    NextAction,
    TechnicianView,
    VisitView,
    WorkTypeView,
)

ACTION_NAMES: dict[NextAction, Action] = {
    "set-off": Action.SET_OFF,
    "arrive": Action.ARRIVE,
    "start": Action.START,
    "complete": Action.COMPLETE,
    "abort": Action.ABORT,
}
REPORTABLE = frozenset({VisitStatus.ON_SITE, VisitStatus.WORKING, VisitStatus.COMPLETED, VisitStatus.ABORTED})
"""From arrival on, reports and photos are taken; a confirmation may follow after the visit."""
_SHOWN = tuple(set(VisitStatus) - {VisitStatus.PLANNED, VisitStatus.CANCELLED})


def my_day(hub: Hub, technician: Technician, day: date | None) -> MyDay:
    """The technician's visits on `day` (default: today where they live), in the planned order, dispatched ones only."""
    now = hub.clock.now().astimezone(ZoneInfo(technician.zone))
    wanted = day or now.date()
    visit, route = tables.visit.c, tables.route.c
    with hub.unit_of_work() as work:
        routes = select(route.id).where(route.technician_id == technician.id, route.day == wanted)
        visits = work.visits.list_where(
            visit.technician_id == technician.id,
            visit.route_id.in_(routes),
            visit.status.in_(_SHOWN),
            order_by=(visit.starts_at, visit.id),
        )
        views = visit_views(work, visits)
    owner = TechnicianView(id=technician.id, name=technician.name)
    return MyDay(date=wanted, now=now, technician=owner, visits=views)


def visit_views(work: UnitOfWork, visits: Sequence[Visit]) -> list[VisitView]:
    """`visits` with everything the phone shows, in the given order and with one query per kind of record."""
    order_ids = [visit.work_order_id for visit in visits]
    agreed_ids = [visit.appointment_id for visit in visits if visit.appointment_id is not None]
    orders: dict[WorkOrderId, WorkOrder] = {
        order.id: order for order in work.work_orders.list_where(tables.work_order.c.id.in_(order_ids))
    }
    agreed: dict[AppointmentId, Appointment] = {
        one.id: one for one in work.appointments.list_where(tables.appointment.c.id.in_(agreed_ids))
    }
    photos, reports = _photos(work, visits), _report_counts(work, visits)
    access, checks = _access(work, order_ids), _door_checks(work, visits)
    return [
        _view(
            work.catalogue,
            visit,
            orders[visit.work_order_id],
            agreed.get(visit.appointment_id) if visit.appointment_id else None,
            photos.get(visit.id, []),
            reports.get(visit.id, 0),
            access=_shown_access(visit, orders[visit.work_order_id], access.get(visit.work_order_id), work.now),
            door_checked_at=checks.get(visit.id),
        )
        for visit in visits
    ]


def next_actions(status: VisitStatus) -> list[NextAction]:
    """The steps the lifecycle allows a technician from `status`."""
    return [name for name, action in ACTION_NAMES.items() if (status, action) in VISIT_TRANSITIONS]


def _photos(work: UnitOfWork, visits: Sequence[Visit]) -> dict[VisitId, list[UUID]]:
    table = tables.photo.c
    found = work.photos.list_where(table.visit_id.in_([visit.id for visit in visits]), order_by=(table.taken_at,))
    by_visit: dict[VisitId, list[UUID]] = defaultdict(list)
    for photo in found:
        by_visit[photo.visit_id].append(photo.id)
    return by_visit


def _report_counts(work: UnitOfWork, visits: Sequence[Visit]) -> dict[VisitId, int]:
    table = tables.work_report.c
    query = select(table.visit_id, func.count()).where(table.visit_id.in_([visit.id for visit in visits]))
    return {VisitId(row[0]): row[1] for row in work.connection.execute(query.group_by(table.visit_id))}


def _access(work: UnitOfWork, order_ids: Sequence[WorkOrderId]) -> dict[WorkOrderId, AccessDetails]:
    table = citizen_tables.access_details
    records = Records(work.connection, table, AccessDetails, ("work_order_id",))
    return {one.work_order_id: one for one in records.list_where(table.c.work_order_id.in_(order_ids))}


def _door_checks(work: UnitOfWork, visits: Sequence[Visit]) -> dict[VisitId, datetime]:
    table = citizen_tables.door_check.c
    query = select(table.visit_id, table.checked_at).where(table.visit_id.in_([visit.id for visit in visits]))
    return {VisitId(row.visit_id): row.checked_at for row in work.connection.execute(query)}


def _shown_access(visit: Visit, order: WorkOrder, left: AccessDetails | None, now: datetime) -> AccessView | None:
    """Only on the visit's own day and only while it is ahead or under way: a code opens a door for whoever reads it."""
    zone = ZoneInfo(order.zone)
    if left is None or visit.status not in LIVE_VISIT_STATUSES:
        return None
    if now.astimezone(zone).date() != visit.starts_at.astimezone(zone).date():
        return None
    return AccessView(gate_code=left.gate_code, dog=left.dog, parking=left.parking, note=left.note)


def _view(
    catalogue: Catalogue,
    visit: Visit,
    order: WorkOrder,
    agreed: Appointment | None,
    photos: list[UUID],
    reports: int,
    *,
    access: AccessView | None,
    door_checked_at: datetime | None,
) -> VisitView:
    zone = ZoneInfo(order.zone)

    def local(instant: datetime | None) -> datetime | None:
        return instant.astimezone(zone) if instant else None

    return VisitView(
        id=visit.id,
        order_number=order.external_id,
        status=visit.status,
        address=_address(order),
        zone=order.zone,
        work_type=_work_type(catalogue, order.work_type),
        notes=order.notes,
        citizen=_citizen(visit, order),
        access=access,
        arrival_window=(
            ArrivalWindow(starts_at=agreed.starts_at.astimezone(zone), ends_at=agreed.ends_at.astimezone(zone))
            if agreed
            else None
        ),
        planned_start=visit.starts_at.astimezone(zone),
        planned_end=visit.ends_at.astimezone(zone),
        travel_seconds=visit.travel_seconds,
        expected_arrival=local(visit.promised_arrival),
        set_off_at=local(visit.set_off_at),
        arrived_at=local(visit.arrived_at),
        started_at=local(visit.started_at),
        ended_at=local(visit.ended_at),
        door_checked_at=local(door_checked_at),
        abort_reason=visit.abort_reason,
        next_actions=next_actions(visit.status),
        can_report=visit.status in REPORTABLE,
        reports=reports,
        photos=photos,
    )


def _work_type(catalogue: Catalogue, code: str) -> WorkTypeView:
    """A work type that the catalogue no longer has is shown by its code: the visit must still be made."""
    known = catalogue.work_types.get(code)
    return WorkTypeView(code=code, names=dict(known.names) if known else {"en": code})


def _address(order: WorkOrder) -> AddressView:
    return AddressView(
        street=order.street,
        postcode=order.postcode,
        town=order.town,
        latitude=order.place.lat,
        longitude=order.place.lon,
    )


def _citizen(visit: Visit, order: WorkOrder) -> CitizenView | None:
    """Only while the visit is ahead or under way: afterwards the technician has no need of the number."""
    if visit.status not in LIVE_VISIT_STATUSES or not (order.citizen_name or order.citizen_phone):
        return None
    first_name = order.citizen_name.partition(" ")[0]
    return CitizenView(first_name=first_name, phone=order.citizen_phone, language=order.language)
