"""A technician with a phone and a visit that was dispatched to them."""

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from fastapi.testclient import TestClient
from PIL import Image

from hub.bootstrap import Hub
from hub.clock import FixedClock
from hub.domain.appointments import Appointment, Visit
from hub.domain.events import SYSTEM
from hub.domain.ids import AppointmentId, VisitId, WorkOrderId
from hub.domain.lifecycle import AppointmentStatus, VisitStatus, WorkOrderStatus
from hub.domain.technicians import Technician
from infra.hosts.web import create_app
from technician_api.service import Enrol, enrol_device, issue_enrolment_code
from tests.samples import a_work_order, add_route, add_technician

API = "/api/technician/v1"


@dataclass
class Phone:
    """A technician's phone: it knows its token and makes a key for each new write."""

    client: TestClient
    token: str
    technician: Technician

    def get(self, path: str, **options: Any) -> Any:
        return self.client.get(f"{API}{path}", headers=self._headers(), **options)

    def post(self, path: str, key: str | None = None, **options: Any) -> Any:
        headers = {**self._headers(), "Idempotency-Key": key or str(uuid4())}
        return self.client.post(f"{API}{path}", headers=headers, **options)

    def add_photo(self, visit: Visit, content: bytes, key: str | None = None, **form: str) -> Any:
        files = {"file": ("photo.jpg", content, "image/jpeg")}
        return self.post(f"/visits/{visit.id}/photos", key, files=files, data=form)

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}


def a_phone(hub: Hub, client: TestClient, technician: Technician) -> Phone:
    """Another phone, enrolled for `technician`."""
    code = issue_enrolment_code(hub, technician.id, SYSTEM)
    new = enrol_device(hub, Enrol(code, "test phone", str(uuid4()), "192.0.2.1"))
    return Phone(client, new.token, technician)


def dispatch(hub: Hub, technician: Technician, starts_at: datetime, **order_changes: Any) -> Visit:
    """A visit of 45 minutes with a confirmed appointment, dispatched, of an order that is planned."""
    with hub.unit_of_work() as work:
        day = starts_at.date()
        routes = work.routes.list_where(work.routes.table.c.technician_id == technician.id)
        route = next((one for one in routes if one.day == day), None) or add_route(work, technician, day)
        order = work.work_orders.add(a_work_order(**{"status": WorkOrderStatus.PLANNED, **order_changes}))
        appointment = work.appointments.add(_agreed(order.id, starts_at))
        visit = work.visits.add(
            Visit(
                id=VisitId(uuid4()),
                work_order_id=order.id,
                appointment_id=appointment.id,
                route_id=route.id,
                technician_id=technician.id,
                status=VisitStatus.DISPATCHED,
                starts_at=starts_at,
                ends_at=starts_at + timedelta(minutes=45),
                travel_seconds=600,
                travel_model="great-circle",
            )
        )
        work.commit()
    return visit


def _agreed(order_id: WorkOrderId, starts_at: datetime) -> Appointment:
    return Appointment(
        id=AppointmentId(uuid4()),
        work_order_id=order_id,
        sequence=1,
        status=AppointmentStatus.CONFIRMED,
        starts_at=starts_at - timedelta(minutes=30),
        ends_at=starts_at + timedelta(minutes=90),
        lease_until=None,
        created_at=starts_at - timedelta(days=2),
        confirmed_at=starts_at - timedelta(days=2),
    )


def jpeg(width: int = 64, height: int = 48, **options: Any) -> bytes:
    """A small picture, half red, half blue."""
    picture = Image.new("RGB", (width, height), "red")
    picture.paste("blue", (0, 0, width // 2, height))
    out = io.BytesIO()
    picture.save(out, options.pop("format", "JPEG"), **options)
    return out.getvalue()


@pytest.fixture
def client(hub: Hub) -> Iterator[TestClient]:
    with TestClient(create_app(hub), raise_server_exceptions=False) as made:
        yield made


@pytest.fixture
def technician(hub: Hub) -> Technician:
    with hub.unit_of_work() as work:
        added = add_technician(work)
        work.commit()
    return added


@pytest.fixture
def phone(hub: Hub, client: TestClient, technician: Technician) -> Phone:
    return a_phone(hub, client, technician)


@pytest.fixture
def visit(hub: Hub, technician: Technician, clock: FixedClock) -> Visit:
    return dispatch(hub, technician, clock.now() + timedelta(hours=1))


@pytest.fixture
def other_phone(hub: Hub, client: TestClient) -> Phone:
    """The phone of somebody else."""
    with hub.unit_of_work() as work:
        colleague = add_technician(work, name="Els Claes")
        work.commit()
    return a_phone(hub, client, colleague)


@pytest.fixture
def reach(hub: Hub) -> Callable[[Visit, VisitStatus], Visit]:
    """`reach(visit, status)` puts the visit where a test begins."""

    def put(visit: Visit, status: VisitStatus) -> Visit:
        with hub.unit_of_work() as work:
            present = work.visits.get(visit.id)
            after = work.visits.swap(present, replace(present, status=status))
            work.commit()
        return after

    return put
