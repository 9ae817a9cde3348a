"""A dispatcher signs in, looks around, plans a day and publishes it."""

import time
from datetime import date
from http import HTTPStatus

import pytest
from playwright.sync_api import Route, expect

from hub.bootstrap import Hub
from hub.db.tables import planning_search
from hub.domain.lifecycle import VisitStatus, WorkOrderStatus
from hub.domain.staff import Role
from hub.domain.work_orders import WorkOrder
from hub.web.staff_accounts import create_staff
from scheduling.board import routes
from scheduling.board.day import BoardDay
from scheduling.board.queries import load_board
from tests.journeys.conftest import MakeVisitor
from tests.journeys.site import TUESDAY, Site
from tests.journeys.visitor import DESK, Visitor

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("journeys-staff")]

EMAIL, PASSWORD = "dina@company.example", "a long enough password"


def sign_in(site: Site, dispatcher: Visitor, onward: str, heading: str) -> None:
    """A new dispatcher who wanted to see `onward` and signs in on the way."""
    create_staff(site.hub, EMAIL, "Dina Dispatcher", PASSWORD, [Role.DISPATCHER])
    dispatcher.open(onward).sees("Sign in")
    dispatcher.page.get_by_label("E-mail address").fill(EMAIL)
    dispatcher.page.get_by_label("Password").fill(PASSWORD)
    dispatcher.press("Sign in").sees(heading)


def expect_dispatched(site: Site, orders: list[WorkOrder]) -> None:
    for order in orders:
        (visit,) = [one for one in site.visits_of(order) if one.status is not VisitStatus.CANCELLED]
        assert visit.status is VisitStatus.DISPATCHED
        assert site.order(order.id).status is WorkOrderStatus.PLANNED


def test_a_dispatcher_plans_and_publishes(site: Site, dispatcher: Visitor) -> None:
    site.add_technicians("Jan Janssens", "Els Claes")
    booked = site.receive_order(language="en")
    appointment = site.book(booked)
    # Their markers would lie on one another.
    neighbours = [site.receive_order(language="en") for _ in range(3)]
    for neighbour in neighbours:
        site.book(neighbour)
    ready = site.receive_order(work_type="cabinet_repair", street="Kouter 1", latitude=51.049, longitude=3.727)
    assert site.order(ready.id).status is WorkOrderStatus.READY
    board = f"/console/board?territory=oost-vlaanderen&day={TUESDAY}"
    sign_in(site, dispatcher, board, f"Board: oost-vlaanderen, Tue {TUESDAY}")
    expect(dispatcher.page.get_by_role("region", name="Timeline by technician")).to_be_visible()
    expect(dispatcher.page.get_by_role("region", name="Map of the routes")).to_be_visible()

    # How far the planning is shows only where it takes longer than the answer; `test_console_by_night` looks at that page.
    dispatcher.passes("/console/board/planning/").press("Plan these days")
    expect(dispatcher.page.get_by_text("You see the draft")).to_be_visible(timeout=60_000)
    dispatcher.inspect()
    assert {visit.status for visit in site.visits_of(booked)} == {VisitStatus.PLANNED}
    assert site.visits_of(ready) == [], "a draft changes nothing"

    dispatcher.press("Publish the draft").sees(f"Published: oost-vlaanderen, {TUESDAY}")
    expect(dispatcher.page.locator("#applied")).to_have_attribute("data-applied", "5")
    expect_dispatched(site, [booked, *neighbours, ready])
    (promised,) = [one for one in site.visits_of(booked) if one.status is VisitStatus.DISPATCHED]
    assert appointment.starts_at <= promised.starts_at < appointment.ends_at
    dispatcher.press("Back to the board", role="link").sees(f"Board: oost-vlaanderen, Tue {TUESDAY}")
    expect(dispatcher.page.get_by_text("2 of 2", exact=True)).to_be_visible()


def test_a_dispatcher_looks_at_every_page(site: Site, dispatcher: Visitor) -> None:
    site.add_technicians("Jan Janssens")
    order = site.receive_order(language="en", notes="</script><script>alert(1)</script>")
    site.book(order)
    sign_in(site, dispatcher, "/console", "Today")
    menu = dispatcher.page.get_by_role("navigation", name="Console")
    for address in [link.get_attribute("href") for link in menu.get_by_role("link").all()]:
        menu.locator(f"a[href='{address}']").click()
        expect(menu.locator("a[aria-current=page]")).to_have_attribute("href", str(address))
        dispatcher.inspect()
    dispatcher.open("/console/orders").sees("Orders")
    dispatcher.page.get_by_label("Reference, name or address").fill(order.external_id)
    dispatcher.press("Show").sees("Orders")
    dispatcher.press(order.external_id, role="link")
    dispatcher.page.wait_for_url(f"**/console/orders/{order.id}")
    dispatcher.inspect()
    dispatcher.open("/console/orders/00000000-0000-0000-0000-000000000000", status=404)
    dispatcher.inspect()
    dispatcher.open("/demo/outbox").sees("Outbox")
    dispatcher.open("/console").press("Sign out").sees("Sign in")


def test_a_wrong_password_is_refused_with_a_sentence(site: Site, dispatcher: Visitor) -> None:
    create_staff(site.hub, EMAIL, "Dina Dispatcher", PASSWORD, [Role.DISPATCHER])
    dispatcher.open("/console").sees("Sign in")
    dispatcher.page.get_by_label("E-mail address").fill(EMAIL)
    dispatcher.page.get_by_label("Password").fill("not the password")
    dispatcher.expects(401).press("Sign in")
    expect(dispatcher.page.get_by_role("alert")).to_be_visible()
    dispatcher.sees("Sign in")


def test_a_draft_that_takes_long_to_draw_is_asked_for_once(
    site: Site, dispatcher: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.add_technicians("Jan Janssens")
    site.book(site.receive_order(language="en"))
    drawn: list[str] = []

    def draw_slowly(hub: Hub, territory: str, day: date, *, draft: bool) -> BoardDay:
        if draft:
            drawn.append(territory)
            time.sleep(2.5)
        return load_board(hub, territory, day, draft=draft)

    monkeypatch.setattr(routes, "load_board", draw_slowly)
    monkeypatch.setattr(routes, "_AT_ONCE_SECONDS", 0.01)
    board = f"/console/board?territory=oost-vlaanderen&day={TUESDAY}"
    sign_in(site, dispatcher, board, f"Board: oost-vlaanderen, Tue {TUESDAY}")
    dispatcher.passes("/console/board/planning/").press("Plan these days")
    expect(dispatcher.page.get_by_text("You see the draft")).to_be_visible(timeout=60_000)
    assert drawn == ["oost-vlaanderen"]
    dispatcher.inspect()


def test_a_planning_is_followed_on_after_a_tunnel_and_a_server_that_was_busy(site: Site, dispatcher: Visitor) -> None:
    address = f"/console/board/planning/{site.begin_planning()}"
    sign_in(site, dispatcher, address, "Planning oost-vlaanderen")
    refused: list[str] = []

    def refuse_once(asked: Route) -> None:
        if refused:
            asked.continue_()
            return
        refused.append(asked.request.url)
        asked.fulfill(status=503, body="Soon.")

    dispatcher.expects(503).page.route("**/planning/*seen=*", refuse_once)
    with dispatcher.page.expect_event("requestfailed"):
        dispatcher.loses_connection()
    dispatcher.finds_connection()
    with dispatcher.page.expect_response(lambda answer: "seen=" in answer.url and answer.status == HTTPStatus.OK):
        pass
    assert refused
    better = {"seconds": 7.5, "missed_promises": 0, "missed_weight": 3, "cost_seconds": 60}
    with site.hub.unit_of_work() as work:
        work.connection.execute(planning_search.update().values(best=better))
        work.commit()
    expect(dispatcher.page.get_by_role("status")).to_contain_text("weight 3 left out")
    dispatcher.inspect()


def test_who_may_not_plan_is_told_so(site: Site, make_visitor: MakeVisitor) -> None:
    create_staff(site.hub, EMAIL, "Anna Analyst", PASSWORD, [Role.ANALYST])
    analyst = make_visitor(size=DESK, language="en-GB", narrow=False)
    analyst.open("/console").sees("Sign in")
    analyst.page.get_by_label("E-mail address").fill(EMAIL)
    analyst.page.get_by_label("Password").fill(PASSWORD)
    analyst.press("Sign in").sees("Today")
    analyst.open("/console/board", status=403)
    analyst.inspect()
