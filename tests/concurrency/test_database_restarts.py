"""The database ends every connection, as its restart does: the worker goes on by itself and nothing is lost."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy import create_engine, text
from sqlalchemy.exc import OperationalError

from hub.bootstrap import Hub, build_hub
from hub.clock import SystemClock
from hub.db.engine import sqlalchemy_url
from hub.domain.contact import Notification, NotificationStatus
from hub.domain.events import SYSTEM
from hub.messaging.service_bus import OutgoingMessage
from hub.notifications.service import request_notification
from hub.settings import Settings
from infra.hosts.job_queue import job_app, rescue_stalled_jobs
from infra.hosts.rooms import SUBSCRIPTIONS
from infra.hosts.worker import Worker
from ingest.relay import relay_outbox
from tests.samples import a_work_order

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def live_hub(database_url: str, tmp_path: Path) -> Iterator[Hub]:
    """A hub with the real clock and the real job queue."""
    settings = Settings(database_url=SecretStr(database_url), state_dir=tmp_path, demo=True)
    built = build_hub(settings, SUBSCRIPTIONS, clock=SystemClock())
    yield built
    built.close()


@contextmanager
def database_is_away(postgres_url: str, hub: Hub) -> Iterator[None]:
    """What a restart does: every connection ends in the middle, and no new one is taken for the length of the block."""
    engine = create_engine(sqlalchemy_url(postgres_url), isolation_level="AUTOCOMMIT")
    name = hub.engine.url.database
    with engine.connect() as connection:
        connection.execute(text(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false'))
        connection.execute(
            text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :name"), {"name": name}
        )
        try:
            yield
        finally:
            connection.execute(text(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true'))
    engine.dispose()


@contextmanager
def running(worker: Worker) -> Iterator[threading.Thread]:
    loop = asyncio.new_event_loop()
    failure = list[BaseException]()

    def work() -> None:
        asyncio.set_event_loop(loop)
        try:
            loop.run_until_complete(worker.run())
        except BaseException as error:  # noqa: BLE001 - the test tells it
            failure.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield thread
    finally:
        if thread.is_alive():
            loop.call_soon_threadsafe(worker.stop.set)
        thread.join(30)
        loop.close()
    assert failure == []


def request(hub: Hub) -> Notification:
    with hub.unit_of_work() as work:
        order = work.work_orders.add(a_work_order())
        queued = request_notification(work, order, kind="survey")
        work.commit()
    assert queued is not None
    return queued


def until(true: Callable[[], bool], seconds: float = 60.0) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if true():
            return True
        time.sleep(0.05)
    return False


def is_sent(hub: Hub, one: Notification) -> bool:
    with hub.unit_of_work() as work:
        return work.notifications.get(one.id).status is NotificationStatus.SENT


def test_a_worker_outlives_a_restart_of_the_database_and_goes_on_sending(
    live_hub: Hub, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("infra.hosts.job_queue._PATIENCE_SECONDS", 1.0)
    with running(Worker(live_hub)) as thread:
        first = request(live_hub)
        assert until(lambda: is_sent(live_hub, first))
        for seconds in (0.0, 5.0):
            with database_is_away(postgres_url, live_hub):
                time.sleep(seconds)
            time.sleep(0.5)
        later = request(live_hub)
        assert until(lambda: is_sent(live_hub, later))
        assert thread.is_alive()


def test_a_relay_whose_connection_dies_says_so_and_sends_the_same_again(live_hub: Hub, postgres_url: str) -> None:
    with live_hub.unit_of_work() as work:
        work.create_work_order(a_work_order(), by=SYSTEM)
        work.commit()
    sent = list[str]()

    async def publish(messages: Sequence[OutgoingMessage]) -> None:
        sent.extend(one.message_id for one in messages)

    async def publish_while_the_database_restarts(messages: Sequence[OutgoingMessage]) -> None:
        await publish(messages)
        with database_is_away(postgres_url, live_hub):
            pass

    with pytest.raises(OperationalError):
        asyncio.run(relay_outbox(live_hub, publish_while_the_database_restarts))
    assert asyncio.run(relay_outbox(live_hub, publish)) == 2
    assert sent[:2] == sent[2:]


def test_two_workers_may_rescue_the_same_jobs_at_once(live_hub: Hub) -> None:
    for _ in range(3):
        request(live_hub)
    with live_hub.engine.begin() as connection:
        connection.execute(text("UPDATE procrastinate_jobs SET status = 'doing', worker_id = NULL"))

    async def rescue() -> list[int]:
        async with job_app(live_hub).open_async() as one, job_app(live_hub).open_async() as other:
            return list(await asyncio.gather(*(rescue_stalled_jobs(app) for app in (one, other, one, other))))

    assert sum(asyncio.run(rescue())) == 3
    with live_hub.reading() as connection:
        assert connection.scalar(text("SELECT count(*) FROM procrastinate_jobs WHERE status = 'todo'")) == 3
