"""The import from a full queue to a told and committed order, in as many processes as a worker of this machine has."""

import os
import sys
import time
from collections.abc import Sequence
from multiprocessing import current_process, get_context
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Event

from sqlalchemy import func, select

from hub.bootstrap import Hub
from hub.clock import Clock
from hub.db.tables import inbox_message
from hub.messaging.service_bus import OutgoingMessage, send_batch
from hub.settings import Settings
from infra.benchmarks.ingest.bus import LIMIT_SECONDS, Watch, watching
from infra.hosts.intake import IntakeProcess, run_intake
from infra.hosts.running import state_dir

_START_SECONDS = 120.0
_LOOK_SECONDS = 0.1


def import_beside(hub: Hub, messages: Sequence[OutgoingMessage], processes: int) -> float:
    """Take in `messages` by `processes` processes, the worker's own kind; returns messages a second.

    The queue is filled when all of them are there, and then they begin. Counted from the first message that comes to any of them to
    the last that one of them completed. Raises AssertionError when not all were completed, each once.
    """
    spawn = get_context("spawn")
    go = spawn.Event()
    ready = [spawn.Event() for _ in range(processes)]
    pipes = [spawn.Pipe(duplex=False) for _ in range(processes)]
    started = [
        IntakeProcess(hub.settings, hub.clock, number, _watched_intake, there, go, telling)
        for number, (there, (_, telling)) in enumerate(zip(ready, pipes, strict=True), 1)
    ]
    before = _settled(hub)
    try:
        for one in started:
            one.start()
        if not all(there.wait(_START_SECONDS) for there in ready):
            raise AssertionError("an intake process did not start")
        send_batch(_bus(hub.settings), hub.settings.orders_queue, messages)
        go.set()
        until = time.monotonic() + LIMIT_SECONDS
        while _settled(hub) - before < len(messages) and time.monotonic() < until:
            time.sleep(_LOOK_SECONDS)
    finally:
        for one in started:
            one.ask_to_end()
        for one in started:
            one.end()
    watches = [told.recv() for told, _ in pipes if told.poll()]
    return _together(watches).rate(len(messages))


def _watched_intake(
    settings: Settings, clock: Clock, telling: Connection, there: Event, go: Event, watched: Connection
) -> None:
    there.set()
    go.wait(_START_SECONDS)
    # The log is written as by any worker, but into a file.
    with (state_dir(settings) / f"{current_process().name}.log").open("wb") as log:
        os.dup2(log.fileno(), sys.stderr.fileno())
    with watching() as watch:
        run_intake(settings, clock, telling)
    watched.send(watch)


def _together(watches: Sequence[Watch]) -> Watch:
    """What several processes of one machine saw: they read the same clock."""
    busy = [watch for watch in watches if watch.completed]
    return Watch(
        first=min((watch.first for watch in busy), default=0.0),
        latest=max((watch.latest for watch in busy), default=0.0),
        completed=sum(watch.completed for watch in busy),
    )


def _settled(hub: Hub) -> int:
    with hub.reading() as connection:
        return connection.execute(select(func.count()).select_from(inbox_message)).scalar_one()


def _bus(settings: Settings) -> str:
    return "" if settings.service_bus is None else settings.service_bus.get_secret_value()
