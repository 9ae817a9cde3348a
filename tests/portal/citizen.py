"""A citizen with a link and an appointment, as the tests of the pages after booking begin."""

import re
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from html import unescape
from typing import Any
from uuid import uuid4

from fastapi.testclient import TestClient
from httpx import Response

from hub.bootstrap import Hub
from hub.domain.appointments import Appointment, Visit
from hub.domain.contact import LinkPurpose
from hub.domain.ids import AppointmentId
from hub.domain.lifecycle import AppointmentStatus, VisitStatus, WorkOrderStatus
from hub.domain.technicians import Technician
from hub.domain.work_orders import WorkOrder
from hub.notifications.links import make_link
from tests.samples import a_visit, add_route, add_technician


@dataclass(frozen=True)
class Booked:
    """Somebody whose appointment is agreed, and the visit that keeps it."""

    client: TestClient
    order: WorkOrder
    appointment: Appointment
    visit: Visit
    technician: Technician
    token: str

    @property
    def path(self) -> str:
        return f"/a/{self.token}"

    def get(self, step: str = "", **options: Any) -> Response:
        answer: Response = self.client.get(f"{self.path}{step}", **options)
        return answer

    def post(self, step: str, files: Any = None, **form: str) -> Response:
        answer: Response = self.client.post(f"{self.path}{step}", data=form, files=files)
        return answer

    def text(self, step: str = "") -> str:
        """What a page says, without its tags."""
        page = self.get(step).text
        return " ".join(unescape(re.sub(r"<[^>]+>", " ", page)).split())


def link_for(hub: Hub, order: WorkOrder) -> str:
    with hub.unit_of_work() as work:
        token = make_link(work, order.id, LinkPurpose.BOOKING)
        work.commit()
    return token


def book(hub: Hub, client: TestClient, starts_at: datetime, **order: Any) -> Booked:
    """A booked order whose visit is planned from `starts_at`, half an hour into its arrival window of two hours."""
    with hub.unit_of_work() as work:
        technician = add_technician(work)
        visit = a_visit(work, add_route(work, technician, starts_at.date()), starts_at)
        present = work.work_orders.get(visit.work_order_id)
        booked = work.work_orders.swap(present, replace(present, status=WorkOrderStatus.BOOKED, language="en", **order))
        appointment = work.appointments.add(
            Appointment(
                id=AppointmentId(uuid4()),
                work_order_id=booked.id,
                sequence=1,
                status=AppointmentStatus.CONFIRMED,
                starts_at=starts_at - timedelta(minutes=30),
                ends_at=starts_at + timedelta(minutes=90),
                lease_until=None,
                created_at=work.now,
                confirmed_at=work.now,
            )
        )
        visit = work.visits.add(replace(visit, appointment_id=appointment.id))
        work.commit()
    return Booked(client, booked, appointment, visit, technician, link_for(hub, booked))


def put(hub: Hub, visit: Visit, status: VisitStatus, **changes: Any) -> Visit:
    """The visit where a test begins."""
    with hub.unit_of_work() as work:
        present = work.visits.get(visit.id)
        after = work.visits.swap(present, replace(present, status=status, **changes))
        work.commit()
    return after
