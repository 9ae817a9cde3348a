"""Programs of two utilities, each with a token, and a hub that has room for appointments."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient
from pydantic import SecretStr

from hub.bootstrap import Hub, build_hub
from hub.clock import FixedClock
from hub.jobs import RememberedQueue
from hub.settings import Settings
from infra.hosts.rooms import SUBSCRIPTIONS
from infra.hosts.web import create_app
from ingest.api.clients import add_client, issue_token
from ingest.api.scopes import Scope
from tests.conftest import MONDAY_MORNING, MakeDatabase
from tests.ingest.messages import UTILITY, an_order
from tests.samples import add_route, add_technician

ORDERS = "/tmf-api/workOrderManagement/v4"
APPOINTMENTS = "/tmf-api/appointment/v4"
OTHER_UTILITY = "urn:utility:other"
MONDAY = date(2026, 5, 4)


@dataclass
class Program:
    """A program of a utility, with a token for `scopes`."""

    client: TestClient
    token: str

    def send(self, method: str, path: str, **options: Any) -> Any:
        headers = {"Authorization": f"Bearer {self.token}", **options.pop("headers", {})}
        return self.client.request(method, path, headers=headers, **options)

    def get(self, path: str, **options: Any) -> Any:
        return self.send("GET", path, **options)

    def post(self, path: str, body: Any, **options: Any) -> Any:
        return self.send("POST", path, json=body, **options)

    def patch(self, path: str, body: Any, **options: Any) -> Any:
        return self.send("PATCH", path, json=body, **options)

    def delete(self, path: str, **options: Any) -> Any:
        return self.send("DELETE", path, **options)

    def order(self, **changes: Any) -> dict[str, Any]:
        """A new work order, as it was answered."""
        answer = self.post(f"{ORDERS}/workOrder", an_order(**changes))
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    def free(self, order: dict[str, Any], **changes: Any) -> list[dict[str, Any]]:
        """The windows that are free for `order`."""
        answer = self.post(f"{APPOINTMENTS}/searchTimeSlot", {"relatedEntity": [entity(order)], **changes})
        assert answer.status_code == 201, answer.text
        return [slot["validFor"] for slot in answer.json()["availableTimeSlot"]]

    def book(self, order: dict[str, Any], window: dict[str, str], **options: Any) -> Any:
        return self.post(
            f"{APPOINTMENTS}/appointment", {"validFor": window, "relatedEntity": [entity(order)]}, **options
        )


def entity(order: dict[str, Any]) -> dict[str, str]:
    return {"id": order["id"], "role": "work order", "@referredType": "WorkOrder"}


def a_program(
    hub: Hub, client: TestClient, utility: str = UTILITY, scopes: tuple[Scope, ...] = tuple(Scope)
) -> Program:
    listed, secret = add_client(hub, utility, "order system", scopes)
    return Program(client, issue_token(hub, listed.id, secret).token)


@pytest.fixture
def client(hub: Hub) -> Iterator[TestClient]:
    with TestClient(create_app(hub), raise_server_exceptions=False) as made:
        yield made


@pytest.fixture
def program(hub: Hub, client: TestClient) -> Program:
    return a_program(hub, client)


@pytest.fixture
def stranger(hub: Hub, client: TestClient) -> Program:
    """A program of another utility."""
    return a_program(hub, client, OTHER_UTILITY)


@pytest.fixture(scope="module")
def shared_program(
    make_database: MakeDatabase, migrated_template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Program]:
    """A program for many small tests that leave nothing behind."""
    url = make_database(template=migrated_template)
    settings = Settings(database_url=SecretStr(url), state_dir=tmp_path_factory.mktemp("state"))
    hub = build_hub(settings, SUBSCRIPTIONS, clock=FixedClock(MONDAY_MORNING), jobs=RememberedQueue())
    with TestClient(create_app(hub), raise_server_exceptions=False) as made:
        yield a_program(hub, made)
    hub.close()


@pytest.fixture
def roster(hub: Hub) -> None:
    """Two technicians of Ghent who work for two weeks."""
    with hub.unit_of_work() as work:
        for name in ("Jan Janssens", "Els Claes"):
            technician = add_technician(work, name=name)
            for number in range(14):
                add_route(work, technician, MONDAY + timedelta(days=number))
        work.commit()
