"""A worker whose messages are taken in by processes of their own: all of them once, whatever dies, and nobody is left behind."""

import asyncio
import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError
from sqlalchemy import func, select

from hub.bootstrap import Hub
from hub.db import tables
from hub.messaging.service_bus import BusUnavailable, send_batch
from hub.metrics import PROCESS
from hub.settings import Settings
from infra.benchmarks.ingest.feed import draw_orders
from infra.chaos.traffic import queue_is_empty
from infra.hosts.processes import HostProcess
from infra.hosts.running import how_many_processes
from infra.hosts.worker import Worker
from infra.local.running import broker_thread

pytestmark = pytest.mark.timeout(360)


@pytest.fixture
def told(hub: Hub) -> Iterator[Hub]:
    """The hub with a bus."""
    with broker_thread() as address:
        yield replace(hub, settings=hub.settings.model_copy(update={"service_bus": SecretStr(address)}))


def imported(hub: Hub) -> int:
    with hub.reading() as connection:
        return connection.execute(select(func.count()).select_from(tables.work_order)).scalar_one()


def counted() -> tuple[float, float]:
    """The completed deliveries and the import lags that this process counted, other tests' among them."""
    deliveries = PROCESS.get_sample_value("doorstep_deliveries_total", {"settlement": "completed"})
    return deliveries or 0.0, PROCESS.get_sample_value("doorstep_import_lag_seconds_count") or 0.0


def is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def until(is_so: Callable[[], bool], seconds: float = 150.0) -> None:
    end = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > end:
            pytest.fail(f"not so after {seconds} seconds")
        time.sleep(0.1)


async def reach(is_so: Callable[[], bool]) -> None:
    await asyncio.to_thread(until, is_so)


def test_a_process_that_is_killed_is_replaced_and_every_order_is_there_once(told: Hub) -> None:
    queue, bus = told.settings.orders_queue, told.settings.service_bus
    assert bus is not None

    async def run() -> set[int]:
        worker = Worker(told, intake_processes=2)
        working = asyncio.create_task(worker.run())
        try:
            await asyncio.to_thread(send_batch, bus.get_secret_value(), queue, draw_orders(40, 3))
            await reach(lambda: imported(told) == 40)
            # What was imported but not completed would come again and be counted again.
            await reach(lambda: queue_is_empty(bus.get_secret_value(), queue))
            first = multiprocessing.active_children()
            assert [one.name for one in sorted(first, key=lambda one: one.name)] == ["intake-1", "intake-2"]
            for one in first:
                assert one.pid is not None
                os.kill(one.pid, signal.SIGKILL)
            await asyncio.to_thread(send_batch, bus.get_secret_value(), queue, draw_orders(60, 4))
            await reach(lambda: imported(told) == 100)
            second = {one.pid for one in multiprocessing.active_children() if one.pid is not None}
            assert second
            assert not second & {one.pid for one in first}
        finally:
            worker.stop.set()
            await working
        return second

    before = counted()
    pids = asyncio.run(run())
    assert multiprocessing.active_children() == []
    assert not any(is_running(pid) for pid in pids)
    assert queue_is_empty(bus.get_secret_value(), queue)
    with told.reading() as connection:
        assert connection.execute(select(func.count()).select_from(tables.inbox_message)).scalar_one() == 100
    # The killed ones may have taken the word of their last second with them.
    deliveries, lags = (after - earlier for after, earlier in zip(counted(), before, strict=True))
    assert 60 <= deliveries <= 100
    assert 60 <= lags <= 100


def children(pid: int) -> set[int]:
    """The processes that process `pid` started and that run."""
    found = set[int]()
    for file in Path(f"/proc/{pid}/task").glob("*/children"):
        # A thread may end while its name is read.
        with suppress(OSError):
            found.update(map(int, file.read_text().split()))
    return found


def test_a_worker_that_is_killed_leaves_no_process_behind(told: Hub, tmp_path: Path) -> None:
    assert told.settings.database_url is not None
    environment = {
        "DATABASE_URL": told.settings.database_url.get_secret_value(),
        "DOORSTEP_STATE_DIR": str(tmp_path),
        "DOORSTEP_SERVICE_BUS": _address(told),
        "DOORSTEP_INTAKE_PROCESSES": "2",
    }
    worker = HostProcess("worker", ("worker",), environment, tmp_path / "worker.log")
    worker.start()
    try:
        assert worker.pid is not None
        send_batch(_address(told), told.settings.orders_queue, draw_orders(5, 5))
        until(lambda: imported(told) == 5)
        started = children(worker.pid)
        assert len(started) >= 2
        os.kill(worker.pid, signal.SIGKILL)
        until(lambda: not any(map(is_running, started)))
    finally:
        worker.ask_to_stop()
        worker.stop()


def test_a_connection_string_nobody_can_read_ends_the_worker_with_its_sentence(hub: Hub) -> None:
    settings = hub.settings.model_copy(update={"service_bus": SecretStr("nonsense")})
    with pytest.raises(BusUnavailable, match="cannot be named by this connection string"):
        asyncio.run(Worker(replace(hub, settings=settings), intake_processes=2).run())


def test_as_many_processes_as_cores_unless_the_settings_say_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(64)), raising=False)
    assert how_many_processes(None, Settings()) == 4
    assert how_many_processes(None, Settings(simulated_clock=Path("clock"))) == 1
    assert how_many_processes(7, Settings()) == 7
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0}, raising=False)
    assert how_many_processes(None, Settings()) == 1
    with pytest.raises(ValidationError, match="intake_processes"):
        Settings(intake_processes=0)


def _address(hub: Hub) -> str:
    return "" if hub.settings.service_bus is None else hub.settings.service_bus.get_secret_value()
