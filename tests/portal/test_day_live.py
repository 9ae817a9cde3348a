"""The live page over a real server: it hears each change once, ends by itself, holds no transaction, and is bounded."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from hub.bootstrap import Hub
from hub.clock import FixedClock
from hub.db.citizen_tables import technician_place
from hub.domain.lifecycle import VisitStatus
from hub.jobs import RememberedQueue
from hub.notifications.links import token_hash
from portal.day import live
from portal.day.live import END, MOST_PER_LINK, Pace, Watch, follow
from portal.day.queries import Looked, look
from tests.journeys.site import Site, open_site
from tests.portal.citizen import Booked, book, link_for, put

_PATIENCE = 20.0
QUICK = Pace(asked_every=0.05, heartbeat=0.1, longest=30.0, again_after=1.0)


@dataclass
class Heard:
    """One event of a stream."""

    name: str
    mark: str
    said: str


@pytest.fixture
def site(hub: Hub, clock: FixedClock, jobs: RememberedQueue, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.setattr(live, "Pace", lambda: QUICK)
    with open_site(hub, clock, jobs) as opened:
        yield opened


@pytest.fixture
def citizen(site: Site, clock: FixedClock) -> Booked:
    client: Any = None
    return book(site.hub, client, clock.now() + timedelta(hours=2))


@contextmanager
def listening(site: Site, citizen: Booked, language: str = "en") -> Iterator[Iterator[Heard]]:
    """The events of one stream, as they come."""
    address = f"{site.address}{citizen.path}/day/events?lang={language}"
    with httpx.Client(timeout=_PATIENCE) as client, client.stream("GET", address) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert answer.headers["cache-control"] == "no-store"
        yield _events(answer)


def _events(answer: httpx.Response) -> Iterator[Heard]:
    fields: dict[str, str] = {}
    for line in answer.iter_lines():
        name, _, value = line.partition(": ")
        if not line and "event" in fields:
            yield Heard(fields["event"], fields.get("id", ""), fields.get("data", ""))
            fields = {}
        elif name == "data":
            fields["data"] = fields.get("data", "") + value
        elif name:
            fields[name] = value


def test_each_change_is_heard_and_the_end_ends_the_stream(site: Site, citizen: Booked, clock: FixedClock) -> None:
    with listening(site, citizen) as events:
        assert "Jan comes to you today." in next(events).said
        put(site.hub, citizen.visit, VisitStatus.EN_ROUTE, set_off_at=clock.now())
        assert "Jan is on the way to you." in next(events).said
        with site.hub.unit_of_work() as work:
            row = {"visit_id": citizen.visit.id, "latitude": 51.07, "longitude": 3.723, "reported_at": work.now}
            work.connection.execute(technician_place.insert().values(row))
            work.commit()
        assert "still about 2 km away" in next(events).said
        put(site.hub, citizen.visit, VisitStatus.ON_SITE)
        assert "Jan has arrived." in next(events).said
        put(site.hub, citizen.visit, VisitStatus.COMPLETED)
        assert "The work is done." in next(events).said
        assert next(events).name == "end"
        assert list(events) == []


def test_time_alone_is_heard_too(site: Site, citizen: Booked, clock: FixedClock) -> None:
    with listening(site, citizen, "nl") as events:
        assert "Verwacht rond 11:00." in next(events).said
        clock.advance(timedelta(hours=2, minutes=1))
        assert "Het wordt wat later dan gepland." in next(events).said


def test_what_does_not_concern_the_page_is_not_told(site: Site, citizen: Booked, clock: FixedClock) -> None:
    with listening(site, citizen) as events:
        next(events)
        # The order's version rises, but nothing that is shown changes.
        with site.hub.unit_of_work() as work:
            order = work.work_orders.get(citizen.order.id)
            work.work_orders.swap(order, replace(order, notes="a word of the utility"))
            work.commit()
        time.sleep(4 * QUICK.asked_every)
        put(site.hub, citizen.visit, VisitStatus.ON_SITE)
        assert "Jan has arrived." in next(events).said


def test_a_stream_holds_no_transaction(site: Site, citizen: Booked) -> None:
    with listening(site, citizen) as events:
        next(events)
        for _ in range(10):
            with site.hub.reading() as connection:
                idle = connection.execute(
                    text(
                        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
                        "AND pid <> pg_backend_pid() AND state LIKE 'idle in transaction%' "
                        "AND state_change < clock_timestamp() - interval '1 second'"
                    )
                ).scalar_one()
            assert idle == 0
            time.sleep(QUICK.asked_every)


def test_a_link_has_a_few_streams_and_no_more_and_gets_its_place_back(site: Site, citizen: Booked) -> None:
    address = f"{site.address}{citizen.path}/day/events"
    with httpx.Client(timeout=_PATIENCE) as client:
        opened = [client.send(client.build_request("GET", address), stream=True) for _ in range(MOST_PER_LINK)]
        # An iterator that is dropped closes its stream, so all of them are kept.
        kept = [_events(one) for one in opened]
        for events in kept:
            assert "Jan" in next(events).said
        refused = client.get(address)
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "60")
        # Another link of the same order has places of its own.
        other = replace(citizen, token=link_for(site.hub, citizen.order))
        with listening(site, other) as more:
            next(more)
        for one in opened:
            one.close()
        until = time.monotonic() + _PATIENCE
        while True:
            with client.stream("GET", address) as again:
                if again.status_code == 200 or time.monotonic() > until:
                    assert again.status_code == 200
                    break
            time.sleep(0.05)


def test_a_link_that_is_cancelled_meanwhile_ends_its_stream(site: Site, citizen: Booked, clock: FixedClock) -> None:
    with listening(site, citizen) as events:
        next(events)
        clock.advance(timedelta(days=91))
        put(site.hub, citizen.visit, VisitStatus.DISPATCHED)
        assert next(events).name == "end"


def told(hub: Hub, citizen: Booked, pace: Pace, look_at: Any = None) -> list[str]:
    """Everything one stream says until it ends by itself."""

    async def listen() -> list[str]:
        watch = Watch(hub, pace)
        link = token_hash(citizen.token)
        stream = follow(hub, watch, link, look_at or (lambda: look(hub, citizen.token)), _show)
        said = [one async for one in stream]
        assert watch.listeners == 0
        return said

    return asyncio.run(listen())


def _show(looked: Looked) -> str:
    return looked.standing.stage.value if looked.standing else "nowhere"


def test_silence_has_signs_of_life_and_a_stream_ends_by_itself(hub: Hub, clock: FixedClock) -> None:
    client: Any = None
    citizen = book(hub, client, clock.now() + timedelta(hours=2))
    said = told(hub, citizen, Pace(asked_every=0.05, heartbeat=0.05, longest=0.4, again_after=2))
    assert said[0] == "retry: 2000\n\n"
    assert said[1].startswith("event: standing\nid: ")
    assert set(said[2:]) == {": still here\n\n"}, "it breaks off without an end, so the browser comes again"


def test_a_visit_of_another_day_is_told_once(hub: Hub, clock: FixedClock) -> None:
    client: Any = None
    citizen = book(hub, client, clock.now() + timedelta(hours=30))
    _, standing, end = told(hub, citizen, QUICK)
    assert standing.startswith("event: standing\n")
    assert end == END


def test_the_places_of_a_host_are_bounded(hub: Hub, clock: FixedClock, monkeypatch: pytest.MonkeyPatch) -> None:
    client: Any = None
    citizen = book(hub, client, clock.now() + timedelta(hours=2))
    monkeypatch.setattr(live, "MOST_IN_ALL", 0)
    assert told(hub, citizen, QUICK)[1:] == [END]


def test_lines_of_an_event_cannot_break_out_of_it() -> None:
    event = live.as_event("standing", "one\n\nevent: end\ndata: two\r\nid: 9", "7")
    assert event == "event: standing\nid: 7\ndata: one\ndata: event: end\ndata: data: two\ndata: id: 9\n\n"
