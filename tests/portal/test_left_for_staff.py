"""What a citizen left stands on the order's page, and staff alone can fetch the files."""

from datetime import timedelta
from uuid import uuid4

import pytest
from fastapi.testclient import TestClient

from hub.bootstrap import Hub
from hub.clock import FixedClock
from hub.domain.staff import Role
from portal.details.queries import what_was_left
from tests.portal.citizen import Booked, book
from tests.portal.test_details import upload
from tests.technician_api.conftest import jpeg
from tests.web.staff_browser import a_browser, signed_in_browser


@pytest.fixture
def citizen(hub: Hub, client: TestClient, clock: FixedClock) -> Booked:
    return book(hub, client, clock.now() + timedelta(hours=26))


def test_dispatchers_see_what_the_citizen_left(hub: Hub, citizen: Booked) -> None:
    desk = signed_in_browser(hub, Role.DISPATCHER)
    page = f"/console/orders/{citizen.order.id}"
    assert "What the citizen told us" not in desk.get(page).text
    citizen.post("/details/access", gate_code="4711#", note='<script>alert("x")</script>')
    citizen.post("/details/preferences", channel="sms", language="en")
    upload(citizen, ('"><script>.png', jpeg()))
    with hub.unit_of_work() as work:
        (one,) = what_was_left(work, citizen.order.id).files
    shown = desk.get(page).text
    assert "4711#" in shown
    assert "Not checked for viruses" in shown
    assert "<script>alert" not in shown
    assert '"><script>' not in shown
    answer = desk.get(f"{page}/files/{one.id}")
    assert answer.headers["content-disposition"].startswith("attachment;")
    assert answer.content.startswith(b"\xff\xd8\xff")


def test_nobody_else_can_fetch_a_citizens_file(
    hub: Hub, client: TestClient, citizen: Booked, clock: FixedClock
) -> None:
    upload(citizen, ("meter.png", jpeg()))
    with hub.unit_of_work() as work:
        (one,) = what_was_left(work, citizen.order.id).files
    address = f"/console/orders/{citizen.order.id}/files/{one.id}"
    assert a_browser(hub).get(address, follow_redirects=False).status_code == 303
    assert signed_in_browser(hub, Role.ANALYST, name="Ann Analyst").get(address).status_code == 403
    desk = signed_in_browser(hub, Role.DISPATCHER)
    other = book(hub, client, clock.now() + timedelta(hours=28))
    assert desk.get(f"/console/orders/{other.order.id}/files/{one.id}").status_code == 404
    assert desk.get(f"/console/orders/{citizen.order.id}/files/{uuid4()}").status_code == 404
