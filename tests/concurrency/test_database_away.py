"""The database's server is stopped and started again under a worker: a line for each, and work goes on by itself."""

import asyncio
import logging
import threading
import time
from collections.abc import Iterator
from datetime import datetime
from itertools import pairwise
from pathlib import Path

import psycopg
import pytest
from procrastinate.exceptions import ConnectorException
from psycopg.rows import TupleRow
from psycopg_pool import PoolClosed, PoolTimeout
from pydantic import SecretStr
from sqlalchemy import make_url
from sqlalchemy.exc import OperationalError, ProgrammingError

from hub.bootstrap import Hub, build_hub
from hub.clock import SystemClock
from hub.db.databases import ensure_database
from hub.db.embedded import EmbeddedServer
from hub.db.schema import upgrade
from hub.db.tables import worker_beat
from hub.domain.errors import DatabaseUnavailableError
from hub.messaging.service_bus import OutgoingMessage, send_batch
from hub.settings import Settings
from infra.hosts.database_watch import DatabaseWatch, says_database_is_away
from infra.hosts.job_queue import JobConnections
from infra.hosts.rooms import SUBSCRIPTIONS, TIMERS
from infra.hosts.worker import Worker
from infra.local.running import broker_thread
from tests.concurrency.test_database_restarts import is_sent, request, running, until

pytestmark = pytest.mark.timeout(240)
_MOST_LINES = 5
"""Each loop of the worker by itself would write one a second."""


@pytest.fixture
def server(server_folder: Path) -> Iterator[EmbeddedServer]:
    """A server of the test's own, which keeps its data when it is stopped."""
    one = EmbeddedServer(server_folder / "postgres")
    one.start()
    yield one
    one.stop()


@pytest.fixture
def hub_and_bus(server: EmbeddedServer, server_folder: Path) -> Iterator[tuple[Hub, str]]:
    """A hub on that server, with the real clock, queue and bus."""
    with broker_thread() as bus:
        settings = Settings(
            database_url=SecretStr(ensure_database(server.url, "doorstep")),
            state_dir=server_folder,
            service_bus=SecretStr(bus),
            demo=True,
        )
        built = build_hub(settings, SUBSCRIPTIONS, clock=SystemClock())
        upgrade(built.engine)
        yield built, bus
        built.close()


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What the log holds from warnings on, as a formatter that writes traces would show it."""
    return [
        f"{one.name}: {one.getMessage()}{' (with a trace)' if one.exc_info else ''}"
        for one in caplog.records
        if one.levelno >= logging.WARNING
    ]


def said_by_watch(found: list[str]) -> list[str]:
    return [one for one in found if one.startswith("infra.hosts.database_watch: ")]


def beats_of(hub: Hub) -> int:
    with hub.engine.connect() as connection:
        return len(connection.execute(worker_beat.select()).all())


def test_a_server_that_is_stopped_and_started_again_makes_two_lines_and_the_worker_goes_on(
    server: EmbeddedServer, hub_and_bus: tuple[Hub, str], caplog: pytest.LogCaptureFixture
) -> None:
    hub, bus = hub_and_bus
    with running(Worker(hub)) as thread:
        first = request(hub)
        assert until(lambda: is_sent(hub, first))
        assert until(lambda: beats_of(hub) == 1)
        caplog.clear()
        server.stop()
        # Somebody's message comes meanwhile; it stays on the bus.
        send_batch(bus, hub.settings.orders_queue, [OutgoingMessage(b"not an order", "one")])
        # Longer than the job queue's patience, so that its end and its new beginning are seen too.
        time.sleep(13)
        meanwhile = lines(caplog)
        server.start()
        assert until(lambda: any("answers again" in one for one in lines(caplog)), 60)
        later = request(hub)
        assert until(lambda: is_sent(hub, later), 60)
        assert thread.is_alive()
        time.sleep(3)
        afterwards = lines(caplog)
    assert ["does not answer" in one for one in said_by_watch(meanwhile)] == [True], meanwhile
    assert "set DATABASE_URL" in meanwhile[0], "it is an embedded one, whose owner ended"
    assert ["answers again" in one for one in said_by_watch(afterwards)] == [False, True], afterwards
    # The message that waited is laid aside with a line of its own; the bus may have one to say too.
    assert len(afterwards) <= _MOST_LINES, afterwards
    assert not any("trace" in one for one in afterwards), afterwards


@pytest.mark.parametrize("seconds_away", [0.0, 4.0])
def test_a_worker_ends_soon_while_its_database_is_away(
    server: EmbeddedServer, hub_and_bus: tuple[Hub, str], seconds_away: float
) -> None:
    hub, _ = hub_and_bus
    worker, loop = Worker(hub), asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_until_complete, args=(worker.run(),))
    thread.start()
    assert until(lambda: beats_of(hub) == 1)
    server.stop()
    time.sleep(seconds_away)
    loop.call_soon_threadsafe(worker.stop.set)
    thread.join(5)
    ended = not thread.is_alive()
    thread.join(60)
    loop.close()
    assert ended, "within five seconds"


def test_a_connection_found_dead_as_the_queue_is_given_up_makes_nobody_wait_for_another(database_url: str) -> None:
    async def take() -> float:
        async def check(_: psycopg.AsyncConnection[TupleRow]) -> None:
            await connections.close()
            raise psycopg.OperationalError("found dead")

        address = make_url(database_url).set(drivername="postgresql").render_as_string(hide_password=False)
        connections = JobConnections(address, min_size=1, max_size=2, timeout=30, check=check, open=False)
        await connections.open()
        start = time.monotonic()
        with pytest.raises(PoolClosed):
            await connections.getconn()
        return time.monotonic() - start

    assert asyncio.run(take()) < 15, "half of its patience"


def a_refused_connection() -> OperationalError:
    """What SQLAlchemy raises when nothing listens."""
    with pytest.raises(psycopg.OperationalError) as refused:
        psycopg.connect("host=/nowhere dbname=none")
    return OperationalError("SELECT 1", {}, refused.value)


def test_only_a_lost_database_is_taken_for_one() -> None:
    refused = a_refused_connection()
    of_the_queue = ConnectorException()
    of_the_queue.__cause__ = refused.orig
    for one in (
        refused,
        of_the_queue,
        DatabaseUnavailableError("here"),
        ExceptionGroup("two", [refused, of_the_queue]),
        OperationalError("SELECT 1", {}, psycopg.errors.AdminShutdown()),
        OperationalError("SELECT 1", {}, psycopg.errors.CannotConnectNow()),
    ):
        assert says_database_is_away(one), one
    for other in (
        ValueError("something else"),
        ConnectorException(),
        OperationalError("SELECT 1", {}, psycopg.errors.DeadlockDetected()),
        OperationalError("SELECT 1", {}, psycopg.errors.DiskFull()),
        ProgrammingError("SELECT 1", {}, psycopg.errors.UndefinedTable()),
        ExceptionGroup("two", [refused, ValueError("something else")]),
    ):
        assert not says_database_is_away(other), other


def test_an_error_of_another_kind_keeps_its_trace(
    hub_and_bus: tuple[Hub, str], caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(hub: Hub, now: datetime) -> int:
        raise ProgrammingError("SELECT 1", {}, psycopg.errors.UndefinedTable("no such table"))

    monkeypatch.setitem(TIMERS, "broken", broken)
    hub, _ = hub_and_bus
    with running(Worker(hub)):
        assert until(lambda: any("timer broken failed" in one and "with a trace" in one for one in lines(caplog)))
    assert not any("does not answer" in one for one in lines(caplog))


def test_who_loses_a_database_that_answers_is_named_and_begins_again_ever_later(
    hub_and_bus: tuple[Hub, str], caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All connections taken, for instance: the loop that finds none must neither spin nor stop unseen."""
    tries: list[float] = []

    def without_a_connection(hub: Hub, now: datetime) -> int:
        tries.append(time.monotonic())
        raise PoolTimeout("couldn't get a connection after 10.00 sec")

    monkeypatch.setitem(TIMERS, "without", without_a_connection)
    caplog.set_level(logging.INFO, "infra.hosts.database_watch")
    hub, _ = hub_and_bus
    with running(Worker(hub)):
        assert until(lambda: len(tries) >= 4)
    pauses = [later - earlier for earlier, later in pairwise(tries)]
    assert pauses[0] > 0.2
    assert pauses[2] > 0.9
    said = [one.getMessage() for one in caplog.records if one.name == "infra.hosts.database_watch"]
    assert said[0] == "The database answers, though a part of the worker lost it: PoolTimeout."
    assert not said_by_watch(lines(caplog))


def test_a_process_beside_the_worker_names_what_it_alone_has_lost(
    hub_and_bus: tuple[Hub, str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    hub, _ = hub_and_bus

    async def lose_it() -> None:
        watch, stop = DatabaseWatch(hub, tells=False), asyncio.Event()
        with watch.keeping_the_log_short():
            logging.getLogger("somebody").error("No order can be taken in.", exc_info=a_refused_connection())
            watching = asyncio.create_task(watch.watch(stop))
            await watch.until_it_answers(stop)
            stop.set()
            await watching

    asyncio.run(lose_it())
    assert [one.getMessage() for one in caplog.records if one.name in {"somebody", "infra.hosts.database_watch"}] == [
        "The database answers, though a part of the worker lost it: OperationalError."
    ]
