"""A completed order, the citizen's link to the survey, and a browser."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from fastapi.testclient import TestClient

from hub.bootstrap import Hub
from hub.domain.contact import LinkPurpose
from hub.domain.lifecycle import WorkOrderStatus
from hub.domain.work_orders import WorkOrder
from hub.notifications.links import make_link
from infra.hosts.web import create_app
from tests.samples import a_work_order


@dataclass(frozen=True)
class Asked:
    """A citizen who was asked."""

    order: WorkOrder
    token: str

    @property
    def address(self) -> str:
        return f"/survey/{self.token}"


@pytest.fixture
def client(hub: Hub) -> Iterator[TestClient]:
    with TestClient(create_app(hub), raise_server_exceptions=False) as made:
        yield made


@pytest.fixture
def asked(hub: Hub) -> Asked:
    with hub.unit_of_work() as work:
        order = work.work_orders.add(a_work_order(status=WorkOrderStatus.COMPLETED))
        token = make_link(work, order.id, LinkPurpose.SURVEY)
        work.commit()
    return Asked(order, token)
