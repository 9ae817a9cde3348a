"""Browsers with somebody of the staff signed in, for the tests of staff pages."""

from fastapi.testclient import TestClient

from hub.bootstrap import Hub
from hub.domain.staff import Role
from hub.web.staff import STAFF_COOKIE
from hub.web.staff_accounts import StaffMember, create_staff, member_of_session
from infra.hosts.web import create_app

PASSWORD = "a long enough password"


def a_browser(hub: Hub) -> TestClient:
    """A browser nobody has signed in with, which does not follow redirects."""
    return TestClient(create_app(hub), base_url="http://127.0.0.1:8080", follow_redirects=False)


def signed_in_browser(hub: Hub, *roles: Role, name: str = "Dina Dispatcher") -> TestClient:
    """A browser in which a new member of staff with `roles` has signed in."""
    email = f"{name.split(maxsplit=1)[0].lower()}@company.example"
    create_staff(hub, email, name, PASSWORD, roles or (Role.DISPATCHER,))
    browser = a_browser(hub)
    answer = browser.post("/console/sign-in", data={"email": email, "password": PASSWORD})
    assert answer.status_code == 303, answer.text
    return browser


def who_is_signed_in(hub: Hub, browser: TestClient) -> StaffMember:
    """The member of staff, with the token that the browser's forms carry."""
    return member_of_session(hub, browser.cookies.get(STAFF_COOKIE))
