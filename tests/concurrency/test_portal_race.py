"""A thousand citizens over sixty-four connections, a hundred places: through the portal's own pages, on a real server."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, timedelta
from datetime import time as wall_time
from http import HTTPStatus
from urllib.parse import quote

import pytest
import uvicorn

from hub.bootstrap import Hub
from hub.clock import FixedClock
from hub.domain.contact import LinkPurpose
from hub.domain.ids import WorkOrderId
from hub.domain.lifecycle import AppointmentStatus
from hub.notifications.links import make_link
from infra.benchmarks.portal.visitor import Answer, Connection, appointment_of, connected, slot_values
from infra.hosts.web import create_app
from scheduling.service import expire_holds
from tests.concurrency.test_double_booking import racing
from tests.scheduling.citizens import TUESDAY, at, employ, invite
from tests.scheduling.promises import Books, promise_faults, route_faults

CONNECTIONS = 64
MOST_TRIES = 40
MOST_RACES = 6
"""How often a race without guards is run until somebody meets somebody."""
DAYS = tuple(TUESDAY + timedelta(days=day) for day in range(4))


@contextmanager
def served(hub: Hub) -> Iterator[int]:
    """The web host over `hub` on a port of its own."""
    config = uvicorn.Config(create_app(hub), log_level="warning", lifespan="off", timeout_graceful_shutdown=2)
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        thread = threading.Thread(target=lambda: server.run(sockets=[listener]), daemon=True)
        thread.start()
        until = time.monotonic() + 30
        while not server.started and time.monotonic() < until:
            time.sleep(0.02)
        yield port
        server.should_exit = True
        thread.join(30)


def linked(hub: Hub, orders: Sequence[WorkOrderId]) -> list[str]:
    """A personal link for the citizen of each order."""
    with hub.unit_of_work() as work:
        tokens = [make_link(work, order, LinkPurpose.BOOKING) for order in orders]
        work.commit()
    return tokens


def places(hub: Hub, technicians: int) -> list[str]:
    """Routes of an hour on four days, each with room for one visit of 45 minutes; the window of each day as the form sends it."""
    names = [f"Technician {number}" for number in range(technicians)]
    employ(hub, DAYS, *names, ends=wall_time(9), break_seconds=0)
    return ["/".join(f"{at(day, hour).astimezone(UTC):%Y-%m-%dT%H:%MZ}" for hour in (8, 10)) for day in DAYS]


@dataclass
class Crowd:
    """What all of them together met."""

    booked: int = 0
    shown_others: int = 0
    left_without: int = 0
    gave_up: int = 0
    statuses: Counter[int] = field(default_factory=Counter)


async def _citizen(site: Connection, token: str, wish: str, crowd: Crowd) -> None:
    """Ask for `wish`; whoever was slower takes one of the times that the next page shows, until it shows none."""
    page = f"/a/{token}"
    for _ in range(MOST_TRIES):
        answer = await _ask(site, crowd, "POST", f"{page}/hold", f"slot={quote(wish, safe='')}")
        assert answer.status == HTTPStatus.SEE_OTHER
        shown = await _ask(site, crowd, "GET", answer.location)
        held = appointment_of(shown.text)
        if held is not None:
            done = await _ask(site, crowd, "POST", f"{page}/confirm", f"appointment={held}")
            assert "note=confirmed" in done.location, done.location
            crowd.booked += 1
            return
        others = slot_values(shown.text)
        if not others:
            assert f"{page}/earlier" in shown.text, "whoever finds no time can wait for one"
            crowd.left_without += 1
            return
        crowd.shown_others += 1
        wish = others[0]
    crowd.gave_up += 1


async def _ask(site: Connection, crowd: Crowd, method: str, path: str, form: str = "") -> Answer:
    answer = await site.ask(method, path, form)
    crowd.statuses[answer.status] += 1
    return answer


def race(port: int, tokens: Sequence[str], wish: str) -> Crowd:
    """Let everybody loose over the connections, all after the same time."""
    crowd, waiting = Crowd(), iter(tokens)

    async def one() -> None:
        async with connected(port) as site:
            for token in waiting:
                await _citizen(site, token, wish, crowd)

    async def together() -> None:
        async with asyncio.TaskGroup() as group:
            for _ in range(CONNECTIONS):
                group.create_task(one())

    asyncio.run(asyncio.wait_for(together(), 500))
    return crowd


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_thousand_citizens_and_a_hundred_places_make_a_hundred_winners(hub: Hub, clock: FixedClock) -> None:
    windows = places(hub, technicians=25)
    tokens = linked(hub, invite(hub, 1000))
    with served(hub) as port:
        crowd = race(port, tokens, windows[0])
    assert (crowd.booked, crowd.left_without, crowd.gave_up) == (100, 900, 0)
    assert crowd.shown_others > 0, "while there were others, losers were shown them"
    assert set(crowd.statuses) == {HTTPStatus.OK, HTTPStatus.SEE_OTHER}
    books = Books.read(hub)
    assert [one.status for one in books.appointments].count(AppointmentStatus.CONFIRMED) == 100
    assert promise_faults(hub) + route_faults(hub) == []
    clock.advance(timedelta(hours=1))
    assert expire_holds(hub, clock.now()) == 0, "nobody is left with a hold"


def test_without_the_guards_more_citizens_win_than_there_are_places(hub: Hub) -> None:
    unguarded = racing(hub, lock=False, constraint=False)
    booked, room = 0, 0
    for _ in range(MOST_RACES):
        # On a busy machine they may come one after the other, and then nobody meets: more citizens race for another technician's places.
        windows = places(hub, technicians=1)
        with served(unguarded) as port:
            booked, room = race(port, linked(hub, invite(hub, 16)), windows[0]).booked, len(windows)
        if booked > room:
            break
    assert booked > room
    assert any("overlaps" in fault for fault in promise_faults(hub)), "the checker sees the double bookings"
