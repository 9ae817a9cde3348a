"""The browser of whoever opens the portal's pages, and a citizen who may choose a time."""

from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient

from hub.bootstrap import Hub
from infra.hosts.web import create_app
from tests.portal.chooser import Citizen, staff
from tests.portal.citizen import link_for
from tests.portal.test_ladder import receive


@pytest.fixture
def client(hub: Hub) -> Iterator[TestClient]:
    with TestClient(create_app(hub), base_url="http://127.0.0.1:8080") as made:
        yield made


@pytest.fixture
def citizen(hub: Hub, client: TestClient) -> Citizen:
    staff(hub)
    order = receive(hub, language="en")
    return Citizen(client, order, link_for(hub, order))
