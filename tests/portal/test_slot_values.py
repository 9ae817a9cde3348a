"""A window in an address or a form means one of ours, or nothing: the ends of the calendar are refused, not an error of ours."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st

from hub.bootstrap import Hub
from infra.hosts.web import create_app
from portal.slot_list import read_instant, read_slot_value, slot_value
from tests.portal.chooser import Citizen, staff
from tests.portal.citizen import link_for
from tests.portal.test_ladder import receive

OUT_OF_REACH = [
    "9999-12-31T23:00Z/9999-12-31T23:59Z",
    "0001-01-01T00:00Z/0001-01-01T02:00Z",
    "2026-05-05T06:00Z/9999-12-31T08:00Z",
    "2026-05-05T06:00Z/2026-05-07T08:00Z",
    "9999-12-31T23:00-12:00/9999-12-31T23:59-12:00",
    "0001-01-01T00:00+12:00/0001-01-01T02:00+12:00",
    "2199-12-31T23:00Z/2200-01-01T01:00Z",
    "2026-05-05T08:00Z/2026-05-05T06:00Z",
    "2026-05-05T06:00/2026-05-05T08:00",
]


@pytest.fixture
def citizen(hub: Hub) -> Iterator[Citizen]:
    staff(hub)
    order = receive(hub, language="en")
    with TestClient(create_app(hub), base_url="http://127.0.0.1:8080") as client:
        yield Citizen(client, order, link_for(hub, order))


@pytest.mark.parametrize("value", OUT_OF_REACH)
def test_a_window_out_of_reach_is_none(value: str) -> None:
    assert read_slot_value(value) is None


def test_choosing_one_says_choose_a_time(citizen: Citizen) -> None:
    for value in OUT_OF_REACH:
        answer = citizen.post("/hold", slot=value)
        assert (answer.status_code, answer.url.params.get("note")) == (200, "missing"), value
    # Far away, and still a window: nobody has a free place then.
    for value in ("2199-12-31T06:00Z/2199-12-31T08:00Z", "2000-01-01T06:00Z/2000-01-01T08:00Z"):
        assert citizen.post("/hold", slot=value).status_code == 200, value


@pytest.mark.parametrize("note", ["taken", "expired"])
def test_an_address_that_names_one_shows_the_list(citizen: Citizen, note: str) -> None:
    free = citizen.slots()
    for value in OUT_OF_REACH:
        for instant in (*value.split("/"), "nonsense"):
            assert citizen.get("", params={"note": note, "at": instant}).status_code == 200, instant
    assert citizen.slots() == free


@given(st.datetimes(datetime(2000, 1, 1), datetime(2199, 12, 30)), st.integers(1, 24 * 60))  # noqa: DTZ001
def test_what_is_written_is_read_back(starts: datetime, minutes: int) -> None:
    starts_at = starts.replace(tzinfo=UTC, second=0, microsecond=0)
    window = (starts_at, starts_at + timedelta(minutes=minutes))
    assert read_slot_value(slot_value(*window)) == window


@given(st.datetimes(timezones=st.timezones()))
def test_every_instant_is_read_or_refused(instant: datetime) -> None:
    found = read_instant(instant.isoformat())
    assert found is None or 2000 <= found.year < 2200
