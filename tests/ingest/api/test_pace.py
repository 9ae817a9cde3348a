"""A program that searches too fast is told when to come again; nobody else notices."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import func, select

from hub.bootstrap import Hub
from hub.clock import FixedClock
from hub.db.tables import slot_search
from tests.ingest.api.conftest import APPOINTMENTS, Program, a_program, entity

SEARCHES = f"{APPOINTMENTS}/searchTimeSlot"
pytestmark = pytest.mark.usefixtures("roster")


@pytest.fixture
def hub(hub: Hub) -> Hub:
    """A hub that allows six searches a minute."""
    return replace(hub, settings=hub.settings.model_copy(update={"searches_per_minute": 6}))


def searches(hub: Hub) -> int:
    with hub.reading() as connection:
        return connection.execute(select(func.count()).select_from(slot_search)).scalar_one()


def test_a_minutes_worth_goes_at_once_and_then_one_at_a_time(hub: Hub, clock: FixedClock, program: Program) -> None:
    body = {"relatedEntity": [entity(program.order())]}
    assert [program.post(SEARCHES, body).status_code for _ in range(7)] == [201] * 6 + [429]
    refused = program.post(SEARCHES, body)
    assert refused.headers["Retry-After"] == "10"
    assert refused.headers["Content-Type"] == "application/problem+json"
    told = refused.json()
    assert (told["status"], told["type"], told["code"]) == (429, "urn:doorstep:problem:too-fast", "too-fast")
    assert told["detail"] == told["reason"]
    assert "10 s" in told["reason"]
    assert searches(hub) == 6, "a refused search looks at nothing"
    clock.advance(timedelta(seconds=9))
    early = program.post(SEARCHES, body)
    assert (early.status_code, early.headers["Retry-After"]) == (429, "1")
    clock.advance(timedelta(seconds=1))
    assert [program.post(SEARCHES, body).status_code for _ in range(2)] == [201, 429]
    clock.advance(timedelta(minutes=5))
    assert [program.post(SEARCHES, body).status_code for _ in range(7)] == [201] * 6 + [429]


def test_one_program_does_not_slow_another_and_nothing_else_is_slowed(
    hub: Hub, client: TestClient, program: Program
) -> None:
    order = program.order()
    body = {"relatedEntity": [entity(order)]}
    assert [program.post(SEARCHES, body).status_code for _ in range(7)][-1] == 429
    assert a_program(hub, client).post(SEARCHES, body).status_code == 201
    assert program.get(SEARCHES).status_code == 200


def test_programs_that_search_at_the_same_instant_are_counted_together(program: Program) -> None:
    body = {"relatedEntity": [entity(program.order())]}
    with ThreadPoolExecutor(8) as pool:
        codes = list(pool.map(lambda _: program.post(SEARCHES, body).status_code, range(12)))
    assert sorted(codes) == [201] * 6 + [429] * 6
