"""A citizen who has a link and a browser and chooses a time, as the tests of the pages before booking begin."""

import re
from dataclasses import dataclass
from datetime import date, timedelta
from html import unescape
from typing import Any

from fastapi.testclient import TestClient
from httpx import Response
from sqlalchemy import func, select

from hub.bootstrap import Hub
from hub.db import tables
from hub.domain.work_orders import WorkOrder
from tests.samples import add_route, add_technician

SLOT = re.compile(r'name="slot" value="([^"]+)"')


@dataclass(frozen=True)
class Citizen:
    """A browser with a link."""

    client: TestClient
    order: WorkOrder
    token: str

    def get(self, step: str = "", **options: Any) -> Response:
        answer: Response = self.client.get(f"/a/{self.token}{step}", **options)
        return answer

    def post(self, step: str, **form: str) -> Response:
        answer: Response = self.client.post(f"/a/{self.token}{step}", data=form)
        return answer

    def slots(self, step: str = "") -> list[str]:
        """The free times, earliest first; those that are recommended stand on the page twice."""
        return sorted({unescape(one) for one in SLOT.findall(self.get(step).text)})

    def appointment_id(self) -> str:
        found = re.search(r'name="appointment" value="([^"]+)"', self.get("/confirm").text)
        assert found is not None
        return found.group(1)

    def book(self, number: int = 0, step: str = "") -> Response:
        self.post("/hold", slot=self.slots(step)[number])
        return self.post("/confirm", appointment=self.appointment_id())


def staff(hub: Hub, technicians: int = 1) -> None:
    with hub.unit_of_work() as work:
        for _ in range(technicians):
            technician = add_technician(work)
            for ahead in range(5):
                add_route(work, technician, date(2026, 5, 4) + timedelta(days=ahead))
        work.commit()


def everything(hub: Hub) -> list[int]:
    """How many rows each table has that a citizen's page could change."""
    with hub.reading() as connection:
        return [
            connection.execute(select(func.count()).select_from(table)).scalar_one()
            for table in (
                tables.status_event,
                tables.appointment,
                tables.visit,
                tables.notification,
                tables.citizen_link,
            )
        ]
