"""What a dispatcher types on the board and the hub refuses: the board says why, and what was typed is still in it."""

import re
from datetime import date, timedelta
from http import HTTPStatus
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select

from hub.bootstrap import Hub
from hub.clock import FixedClock
from hub.db import tables
from hub.domain.ids import RouteId
from hub.domain.lifecycle import WorkOrderStatus
from scheduling.board.typed import FURTHEST
from tests.samples import a_work_order, add_route, add_technician
from tests.web.staff_browser import signed_in_browser, who_is_signed_in

TERRITORY = "oost-vlaanderen"
TUESDAY = date(2026, 5, 5)


@pytest.fixture
def els(hub: Hub) -> RouteId:
    """Els' route on Tuesday; Jan works that day too, and comes after her in the list."""
    with hub.unit_of_work() as work:
        routes = [add_route(work, add_technician(work, name=name), TUESDAY) for name in ("Els Maes", "Jan Janssens")]
        work.commit()
    return routes[0].id


def _send(hub: Hub, browser: TestClient, path: str, **form: str) -> Any:
    return browser.post(path, data={"csrf_token": who_is_signed_in(hub, browser).csrf_token, **form})


def _value(page: str, field: str) -> str:
    """What a field of the page holds."""
    found = re.search(rf'<input [^>]*\bid="{field}"[^>]* value="([^"]*)"', page)
    assert found, field
    return found[1]


def _alert(page: str) -> str:
    found = re.search(r'<p class="notice notice--bad" role="alert" id="problem" tabindex="-1">([^<]*)</p>', page)
    assert found, "the page does not say what is wrong"
    return found[1]


@pytest.mark.parametrize(
    ("begins", "ends", "sentence"),
    [
        ("14:15", "13:10", "An absence ends after it begins"),
        ("14:15", "later", "A time was not readable."),
        ("13+02:00", "17+02:00", "A time is that of the place and has no offset."),
        ("13Z", "17Z", "A time is that of the place and has no offset."),
    ],
)
def test_an_absence_that_cannot_be_comes_back_with_all_that_was_typed(
    hub: Hub, els: RouteId, begins: str, ends: str, sentence: str
) -> None:
    with hub.unit_of_work() as work:
        (other,) = work.routes.list_where(tables.route.c.id != els)
    away = {"route_id": str(other.id), "begins": begins, "ends": ends, "reason": 'a "long" <i>visit</i>'}
    answer = _send(hub, signed_in_browser(hub), "/console/board/absence", **away)
    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    page = answer.text
    assert "<title>Wrong: Board of 2026-05-05" in page
    assert _alert(page).startswith(sentence)
    assert '<details class="absence" open>' in page
    assert f'<option value="{other.id}" selected>Jan Janssens</option>' in page
    assert f'<option value="{els}">Els Maes</option>' in page
    assert (_value(page, "begins"), _value(page, "ends")) == (begins, ends)
    assert _value(page, "reason") == "a &#34;long&#34; &lt;i&gt;visit&lt;/i&gt;"
    assert re.search(r'id="ends"[^>]* aria-invalid="true" aria-describedby="problem"', page)
    assert not re.search(r'id="first_day"[^>]* aria-invalid', page)
    with hub.reading() as connection:
        assert connection.execute(select(tables.absence.c.id)).all() == []


def test_an_absence_in_the_right_order_closes_the_form_again(hub: Hub, els: RouteId) -> None:
    browser = signed_in_browser(hub)
    away = {"route_id": str(els), "begins": "12:00", "ends": "13:30", "reason": "ill"}
    page = browser.get(_send(hub, browser, "/console/board/absence", **away).headers["location"]).text
    assert '<details class="absence">' in page
    assert 'role="alert"' not in page


def test_a_reason_is_kept_without_what_nobody_can_see(hub: Hub, els: RouteId) -> None:
    away = {"route_id": str(els), "begins": "12:00", "ends": "13:30", "reason": " ill\x00\u200b  again\u202e "}
    answer = _send(hub, signed_in_browser(hub), "/console/board/absence", **away)
    assert answer.status_code == HTTPStatus.SEE_OTHER
    with hub.reading() as connection:
        assert connection.execute(select(tables.absence.c.reason)).scalar_one() == "ill again"


@pytest.mark.usefixtures("els")
def test_days_that_cannot_be_planned_come_back_on_the_board_they_were_typed_on(hub: Hub) -> None:
    days = {"first_day": "2026-05-20", "last_day": "2026-05-17", "seconds": "20", "shown_day": "2026-05-05"}
    answer = _send(hub, signed_in_browser(hub), "/console/board/plan", territory=TERRITORY, **days)
    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    page = answer.text
    assert _alert(page) == "The last day to plan lies before the first. Choose them again."
    assert "Board: oost-vlaanderen, Tue 2026-05-05" in page
    assert (_value(page, "first_day"), _value(page, "last_day")) == ("2026-05-20", "2026-05-17")
    assert '<option value="20" selected>' in page
    assert re.search(r'id="last_day"[^>]* aria-invalid="true" aria-describedby="problem"', page)
    assert '<details class="absence">' in page


FAR = ["0001-01-01", "0001-01-02", "0002-05-05", "2062-05-05", "9999-12-31"]


@pytest.mark.parametrize("day", FAR)
@pytest.mark.usefixtures("els")
def test_a_day_far_away_is_neither_planned_nor_repaired(hub: Hub, day: str) -> None:
    browser = signed_in_browser(hub)
    for path, form in (("plan", {"first_day": day, "last_day": day}), ("repair", {"day": day})):
        answer = _send(hub, browser, f"/console/board/{path}", territory=TERRITORY, **form)
        assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
        assert _alert(answer.text) == "A day to plan lies more than two years from today. Look at its year."
    with hub.reading() as connection:
        assert connection.execute(select(tables.plan.c.id)).all() == []


@pytest.mark.parametrize("day", FAR)
@pytest.mark.usefixtures("els")
def test_the_board_can_be_asked_for_any_day(hub: Hub, day: str) -> None:
    order = a_work_order(work_type="cabinet_repair", status=WorkOrderStatus.READY, citizen_name="")
    with hub.unit_of_work() as work:
        work.work_orders.add(order)
        work.commit()
    browser = signed_in_browser(hub)
    for page in ("", "/data"):
        assert browser.get(f"/console/board{page}?territory={TERRITORY}&day={day}").status_code == HTTPStatus.OK
    why = browser.get(f"/console/board/why/{order.id}?territory={TERRITORY}&day={day}")
    assert why.status_code == HTTPStatus.NOT_FOUND


@pytest.mark.usefixtures("els")
def test_today_is_by_the_clock_of_the_hub(hub: Hub, clock: FixedClock) -> None:
    def repair() -> int:
        browser = signed_in_browser(hub, name=f"D{clock.now().year} Dispatcher")
        answer = _send(hub, browser, "/console/board/repair", territory=TERRITORY, day=TUESDAY.isoformat())
        return int(answer.status_code)

    clock.advance(FURTHEST)
    assert repair() == HTTPStatus.SEE_OTHER
    clock.advance(timedelta(days=366))
    assert repair() == HTTPStatus.UNPROCESSABLE_ENTITY
