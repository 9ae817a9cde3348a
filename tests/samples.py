"""Small, valid records for tests to begin from."""

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import uuid4

from hub.db.unit_of_work import UnitOfWork
from hub.domain.appointments import Visit
from hub.domain.ids import RouteId, TechnicianId, VisitId, WorkOrderId
from hub.domain.lifecycle import VisitStatus, WorkOrderStatus
from hub.domain.technicians import Route, Technician
from hub.domain.work_orders import WorkOrder


def a_work_order(**changes: Any) -> WorkOrder:
    """A meter swap in Ghent that has just arrived; every call makes another one."""
    identity = WorkOrderId(uuid4())
    order = WorkOrder(
        id=identity,
        utility="sample-utility",
        external_id=f"WO-{identity.hex[:8]}",
        work_type="meter_swap",
        status=WorkOrderStatus.RECEIVED,
        territory="oost-vlaanderen",
        weight=10,
        citizen_name="An Peeters",
        citizen_email="an.peeters@citizen.example",
        citizen_phone="+32470000001",
        language="nl",
        street="Veldstraat 1",
        postcode="9000",
        town="Gent",
        latitude=51.0520,
        longitude=3.7230,
        zone="Europe/Brussels",
        not_before=None,
        due_at=None,
        notes="",
        correlation_id=f"corr-{identity.hex[:8]}",
        imported_at=datetime(2026, 5, 4, 7, 0, tzinfo=UTC),
    )
    return replace(order, **changes)


def add_technician(work: UnitOfWork, **changes: Any) -> Technician:
    """A technician of Ghent with every skill, stored."""
    technician = Technician(
        id=TechnicianId(uuid4()),
        name="Jan Janssens",
        territory="oost-vlaanderen",
        skills=("fibre", "splicing", "meter", "repair"),
        start_latitude=51.05,
        start_longitude=3.72,
        end_latitude=51.05,
        end_longitude=3.72,
        zone="Europe/Brussels",
    )
    return work.technicians.add(replace(technician, **changes))


def staff_territory(work: UnitOfWork, territory: str = "oost-vlaanderen") -> None:
    """Somebody who can do every kind of work there, unless there is one: nobody is invited where no technician could come."""
    if work.technicians.find_where(work.technicians.table.c.territory == territory) is None:
        add_technician(work, territory=territory, name="Mia Maes")


def add_route(work: UnitOfWork, technician: Technician, day: date, **changes: Any) -> Route:
    """The technician's shift from 08:00 to 17:00 with half an hour's break around noon, stored."""
    route = Route(
        id=RouteId(uuid4()),
        technician_id=technician.id,
        territory=technician.territory,
        day=day,
        zone=technician.zone,
        starts=time(8),
        ends=time(17),
        break_from=time(11, 30),
        break_until=time(13, 0),
        break_seconds=1800,
    )
    return work.routes.add(replace(route, **changes))


def a_visit(work: UnitOfWork, route: Route, starts_at: datetime, **changes: Any) -> Visit:
    """A planned visit of 45 minutes on `route` for a new order, which is stored; the visit is not."""
    order = work.work_orders.add(a_work_order(status=WorkOrderStatus.BOOKED))
    visit = Visit(
        id=VisitId(uuid4()),
        work_order_id=order.id,
        appointment_id=None,
        route_id=route.id,
        technician_id=route.technician_id,
        status=VisitStatus.PLANNED,
        starts_at=starts_at,
        ends_at=starts_at + timedelta(minutes=45),
        travel_seconds=600,
        travel_model="great-circle",
    )
    return replace(visit, **changes)
