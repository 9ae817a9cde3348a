"""The page of a planning that is under way: how far it is, where it leads, and what it says when it went wrong."""

import re
import threading
import time
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from html import unescape
from http import HTTPStatus
from uuid import uuid4

import pytest
from sqlalchemy import func, insert, update

from hub.bootstrap import Hub
from hub.db import tables
from hub.domain.ids import PlanId
from scheduling.board.searches import MOST_AT_ONCE, Started, TooManySearchesError, find_search, start_search
from scheduling.engine.plan import Objective
from scheduling.engine.solver import Progress
from tests.web.staff_browser import a_browser, signed_in_browser

TERRITORY = "oost-vlaanderen"
TUESDAY = date(2026, 5, 5)


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    """What a planning of these tests waits for."""
    event = threading.Event()
    yield event
    event.set()


def _search(hub: Hub, gate: threading.Event, error: Exception | None = None) -> Started:
    """A planning that has told of one plan and goes on until the gate opens."""
    told = threading.Event()

    def work(hear: Callable[[Progress], None]) -> PlanId:
        hear(Progress(1.25, Objective(1, 42, 7200)))
        told.set()
        gate.wait(60)
        if error:
            raise error
        return PlanId(uuid4())

    search = start_search(hub, TERRITORY, (TUESDAY, TUESDAY), 20.0, work)
    assert told.wait(60)
    until = time.monotonic() + 60
    while (seen := find_search(hub, search.id)) is None or seen.best is None:
        assert time.monotonic() < until
        time.sleep(0.05)
    return search


def test_a_planning_shows_a_bar_and_the_best_so_far_and_leads_to_the_draft(hub: Hub, gate: threading.Event) -> None:
    browser = signed_in_browser(hub)
    search = _search(hub, gate)
    address = f"/console/board/planning/{search.id}"
    page = browser.get(address).text
    assert re.search(r'<progress id="bar"[^>]* max="20.0" value="[0-9.]+"', page)
    assert '<label for="bar">' in page
    assert re.search(r'id="best" role="status">\s*Best so far', page)
    assert "1 promise missed, weight 42 left out, cost 2 h" in page
    assert '<noscript><meta http-equiv="refresh" content="2"></noscript>' in page
    gate.set()
    assert search.wait(60)
    draft = f"/console/board?territory={TERRITORY}&day=2026-05-05&view=draft"
    assert browser.get(address).headers["location"] == draft
    assert browser.get(address, headers={"HX-Request": "true"}).headers["hx-redirect"] == draft


def test_the_best_so_far_is_told_once_to_a_page_that_asks_every_second(hub: Hub, gate: threading.Event) -> None:
    browser = signed_in_browser(hub)
    table = tables.planning_search
    search = _search(hub, gate)
    page = browser.get(f"/console/board/planning/{search.id}").text
    (asks,) = re.findall(r'hx-get="([^"]+)"', page)
    again = browser.get(unescape(asks), headers={"HX-Request": "true"}).text
    assert '<progress id="bar"' in again
    assert 'id="best"' not in again
    better = {"seconds": 7.5, "missed_promises": 0, "missed_weight": 3, "cost_seconds": 60}
    gate.set()
    assert search.wait(60)
    with hub.unit_of_work() as work:
        mine = table.c.id == search.id
        work.connection.execute(table.update().where(mine).values(best=better, ended_at=None))
        work.commit()
    assert "weight 3 left out" in browser.get(unescape(asks), headers={"HX-Request": "true"}).text


def test_a_planning_that_fails_says_why_and_an_unknown_one_leads_to_the_board(hub: Hub, gate: threading.Event) -> None:
    browser = signed_in_browser(hub)
    search = _search(hub, gate, TooManySearchesError())
    gate.set()
    assert search.wait(60)
    failed = browser.get(f"/console/board/planning/{search.id}")
    assert failed.status_code == HTTPStatus.CONFLICT
    assert "plannings run already" in failed.text
    asked = browser.get(failed.url.path, headers={"HX-Request": "true"})
    assert (asked.status_code, asked.headers["hx-redirect"]) == (HTTPStatus.OK, failed.url.path)
    assert browser.get(f"/console/board/planning/{uuid4()}").headers["location"] == "/console/board"
    assert a_browser(hub).get(f"/console/board/planning/{search.id}").headers["location"].startswith("/console/sign-in")


def test_a_planning_that_breaks_is_in_the_log_and_says_so(
    hub: Hub, gate: threading.Event, caplog: pytest.LogCaptureFixture
) -> None:
    browser = signed_in_browser(hub)
    search = _search(hub, gate, ZeroDivisionError("secret"))
    gate.set()
    assert search.wait(60)
    page = browser.get(f"/console/board/planning/{search.id}")
    assert page.status_code == HTTPStatus.SERVICE_UNAVAILABLE
    assert f"at planning {search.id}" in page.text
    assert "secret" not in page.text
    assert "ZeroDivisionError" in caplog.text


def test_a_planning_whose_process_is_gone_says_so_and_takes_no_room(hub: Hub, gate: threading.Event) -> None:
    browser = signed_in_browser(hub)
    table = tables.planning_search
    silent = {"heard_at": func.clock_timestamp() - timedelta(seconds=16), "began_at": func.clock_timestamp()}
    days = {"territory": TERRITORY, "first_day": TUESDAY, "last_day": TUESDAY, "seconds": 20.0}
    ids = [uuid4() for _ in range(MOST_AT_ONCE)]
    with hub.unit_of_work() as work:
        for one in ids:
            work.connection.execute(insert(table).values(id=one, **days, **silent))
        work.commit()
    gone = browser.get(f"/console/board/planning/{ids[0]}")
    assert gone.status_code == HTTPStatus.CONFLICT
    assert "ended before it was done. Plan them again." in gone.text
    _search(hub, gate)


def test_only_so_many_plannings_run_at_once_and_old_ones_are_forgotten(hub: Hub, gate: threading.Event) -> None:
    days = TUESDAY, TUESDAY

    def work(_: Callable[[Progress], None]) -> PlanId:
        gate.wait(60)
        return PlanId(uuid4())

    started = [start_search(hub, TERRITORY, days, 1.0, work) for _ in range(MOST_AT_ONCE)]
    with pytest.raises(TooManySearchesError):
        start_search(hub, TERRITORY, days, 1.0, work)
    gate.set()
    assert all(one.wait(60) for one in started)
    old = tables.planning_search.c.id == started[0].id
    with hub.unit_of_work() as work_of_ours:
        long_ago = func.clock_timestamp() - timedelta(days=2)
        work_of_ours.connection.execute(update(tables.planning_search).where(old).values(ended_at=long_ago))
        work_of_ours.commit()
    assert start_search(hub, TERRITORY, days, 1.0, work).wait(60)
    assert find_search(hub, started[0].id) is None
    found = find_search(hub, started[1].id)
    assert found is not None
    assert (found.done, found.failure) == (True, None)
