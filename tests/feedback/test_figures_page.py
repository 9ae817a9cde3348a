"""Staff read the figures; nobody else does."""

import re

import pytest
from fastapi.testclient import TestClient

from hub.bootstrap import Hub
from hub.domain.staff import Role
from hub.web.staff import STAFF_COOKIE
from hub.web.staff_accounts import create_staff, sign_in

PAGE = "/console/figures"
PASSWORD = "a long enough password"


def signed_in(hub: Hub, client: TestClient, *roles: Role) -> TestClient:
    create_staff(hub, "ann@staff.example", "Ann", PASSWORD, roles)
    client.cookies.set(STAFF_COOKIE, sign_in(hub, "ann@staff.example", PASSWORD))
    return client


def test_the_figures_are_for_staff(client: TestClient) -> None:
    answer = client.get(PAGE, follow_redirects=False)
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/console/sign-in")


@pytest.mark.parametrize("role", list(Role))
def test_every_role_reads_them(hub: Hub, client: TestClient, role: Role) -> None:
    assert signed_in(hub, client, role).get(PAGE).status_code == 200


def test_with_nothing_to_count_each_figure_shows_a_dash_and_its_zero(hub: Hub, client: TestClient) -> None:
    page = signed_in(hub, client, Role.ANALYST).get(PAGE).text
    rows = re.findall(r'<tr id="([a-z0-9-]+)">(.*?)</tr>', page, re.DOTALL)
    assert len(rows) == 14
    for code, row in rows:
        cells = re.findall(r"<td[^>]*>(.*?)</td>", row)
        assert (cells[0], cells[2]) == ("–", "0"), code
    assert page.count("<svg") == 2
    assert "style=" not in page, "the content security policy allows no inline styles"


def test_the_days_can_be_chosen(hub: Hub, client: TestClient) -> None:
    page = signed_in(hub, client, Role.ANALYST).get(f"{PAGE}?from=2026-04-01&to=2026-04-03").text
    assert 'value="2026-04-01"' in page
    assert re.findall(r'<th scope="row">(2026-\d\d-\d\d)</th>', page) == ["2026-04-01", "2026-04-02", "2026-04-03"]


@pytest.mark.parametrize("query", ["from=2026-05-04&to=2026-05-01", "from=x", "to=9999-12-31&from=0001-01-01"])
def test_a_wrong_period_is_said_and_the_usual_one_shown(hub: Hub, client: TestClient, query: str) -> None:
    answer = signed_in(hub, client, Role.ANALYST).get(f"{PAGE}?{query}")
    assert answer.status_code == 422
    assert 'role="alert"' in answer.text
    assert 'value="2026-04-07"' in answer.text
