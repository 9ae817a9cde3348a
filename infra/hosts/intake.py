"""Taking in the utility's messages: in the worker's own process, or in several beside it.

One process of Python computes on one core at a time, and reading, judging and storing orders is mostly computing. So a worker on a
machine with several cores lets processes of its own do it. They share nothing but the queue and the database, as two workers do:
what one of them had not committed when it died comes again. The worker starts each again that dies, ends them when it ends, and
counts what they did as its own.
"""

import asyncio
import logging
import multiprocessing
import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from multiprocessing.connection import Connection
from typing import Any

from hub.bootstrap import Hub, build_hub
from hub.clock import Clock
from hub.db.engine import check_answers
from hub.domain.errors import DatabaseUnavailableError
from hub.logs import configure_logging
from hub.messaging.service_bus import consume_together
from hub.messaging.service_bus.connection import Pauses
from hub.metrics import Gathered, add_gathered, gather
from hub.settings import Settings
from infra.hosts.database_watch import DatabaseWatch
from infra.hosts.rooms import SUBSCRIPTIONS
from infra.hosts.running import keep_what_is_loaded
from ingest.service import receive_messages

_log = logging.getLogger(__name__)
_RECEIVERS = 2
_RECEIVERS_BESIDE = 1
"""In a process beside others: while one waits the others compute, and two receivers of one process would compute by turns."""
_SESSION_RECEIVERS = 8
_TELL_SECONDS = 1.0
_WATCH_SECONDS = 0.2
_STOP_SECONDS = 20.0
"""A process that was asked to end and has not after so long hangs; what it held comes again."""
_STEADY_SECONDS = 30.0
"""A process that lived so long began well: the pauses between its starts begin again."""
# Spawned and not forked: a fork would share the parent's database connections and its threads' locks.
_SPAWN = multiprocessing.get_context("spawn")


async def take_in(hub: Hub, stop: asyncio.Event, *, beside: bool = False) -> None:
    """Take in messages in this process until `stop` is set, `beside` other processes that do so or alone.

    Raises BusUnavailable for a connection string that cannot be read.
    """
    receivers = _RECEIVERS_BESIDE if beside else _RECEIVERS
    settings = hub.settings
    await consume_together(
        _bus(settings),
        settings.orders_queue,
        partial(receive_messages, hub),
        stop,
        # Most sessions hold one message, so several receivers wait for their next one at a time.
        receivers=_SESSION_RECEIVERS if settings.orders_sessions else receivers,
        sessions=settings.orders_sessions,
        is_ready=partial(database_answers, hub),
    )


async def take_in_beside(hub: Hub, stop: asyncio.Event, processes: int) -> None:
    """The same in `processes` processes of their own; one that dies is started again, after pauses that grow when it dies at once."""
    async with asyncio.TaskGroup() as group:
        for number in range(processes):
            group.create_task(_keep_one(hub, stop, number + 1))


def database_answers(hub: Hub) -> bool:
    """Whether messages have a chance."""
    try:
        check_answers(hub.engine)
    except DatabaseUnavailableError:
        return False
    return True


async def _keep_one(hub: Hub, stop: asyncio.Event, number: int) -> None:
    pauses = Pauses()
    while not stop.is_set():
        one = IntakeProcess(hub.settings, hub.clock, number)
        began = asyncio.get_running_loop().time()
        try:
            await asyncio.to_thread(one.start)
            while not stop.is_set() and one.is_alive:
                one.count()
                await _wait(stop, _WATCH_SECONDS)
        finally:
            await asyncio.shield(asyncio.to_thread(one.end))
        if stop.is_set():
            return
        if asyncio.get_running_loop().time() - began > _STEADY_SECONDS:
            pauses.reset()
        _log.warning("Intake process %s ended by itself (%s) and is started again.", number, one.exit_code)
        await _wait(stop, pauses.next())


async def _wait(stop: asyncio.Event, seconds: float) -> None:
    with suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), seconds)


class IntakeProcess:
    """One process that takes in messages, and what it tells of its work."""

    def __init__(
        self, settings: Settings, clock: Clock, number: int, run: Callable[..., None] | None = None, *more: Any
    ) -> None:
        self._told, telling = _SPAWN.Pipe(duplex=False)
        self._telling = telling
        self._process = _SPAWN.Process(
            target=run or run_intake,
            args=(settings, clock, telling, *more),
            name=f"intake-{number}",
            # Should this process end without having ended it, it is asked to end.
            daemon=True,
        )

    def start(self) -> None:
        """Begin; it takes in messages a second or two later."""
        self._process.start()
        # Its end of the pipe is its own now: when it dies, the pipe ends.
        self._telling.close()

    @property
    def pid(self) -> int | None:
        """Its process id."""
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        """Whether it runs."""
        return self._process.is_alive()

    @property
    def exit_code(self) -> int | None:
        """What it ended with; a negative number is the signal that ended it."""
        return self._process.exitcode

    def count(self) -> None:
        """Count what it did since the last time, among what this process measures."""
        with suppress(EOFError, OSError):
            while self._told.poll():
                add_gathered(self._told.recv())

    def ask_to_end(self) -> None:
        """Let it finish the batches at hand and end."""
        if self._process.is_alive():
            self._process.terminate()

    def end(self) -> None:
        """The same, and wait for it; by force when that takes too long."""
        if self._process.pid is None:
            return
        self.ask_to_end()
        until = time.monotonic() + _STOP_SECONDS
        while self._process.is_alive() and time.monotonic() < until:
            # Listened to until the end, so that it never waits for us.
            self.count()
            self._process.join(_WATCH_SECONDS)
        self._process.kill()
        self._process.join()
        self.count()
        self._told.close()


def run_intake(settings: Settings, clock: Clock, telling: Connection) -> None:
    """The life of an intake process: until SIGTERM or SIGINT, or until the worker that started it is gone."""
    configure_logging(settings.log_format, is_host=True)
    hub = build_hub(settings, SUBSCRIPTIONS, clock=clock)
    keep_what_is_loaded()
    try:
        # The worker that started it tells of a database that is away; of one that is away for this process alone, the process.
        database = DatabaseWatch(hub, tells=False)
        with database.keeping_the_log_short():
            asyncio.run(_live(hub, telling, database))
    finally:
        hub.close()


async def _live(hub: Hub, telling: Connection, database: DatabaseWatch) -> None:
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    parent = multiprocessing.parent_process()
    if parent is not None:
        # Also a parent that was killed must leave nobody behind.
        ending = threading.Thread(target=_when_it_ends, args=(parent, loop, stop), daemon=True)
        ending.start()
    taken = gather()
    beside = [asyncio.create_task(_tell(taken, telling)), asyncio.create_task(database.watch(stop))]
    try:
        await take_in(hub, stop, beside=True)
    finally:
        for one in beside:
            one.cancel()
        _send(taken(), telling)


def _when_it_ends(parent: Any, loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> None:
    parent.join()
    with suppress(RuntimeError):
        loop.call_soon_threadsafe(stop.set)


async def _tell(taken: Callable[[], Gathered], telling: Connection) -> None:
    """Tell the worker now and then what was done since the last time."""
    while True:
        await asyncio.sleep(_TELL_SECONDS)
        # In a thread: a worker that is slow to listen must not hold up the locks of messages.
        await asyncio.to_thread(_send, taken(), telling)


def _send(gathered: Gathered, telling: Connection) -> None:
    # A worker that is gone counts no more.
    with suppress(OSError):
        if gathered.deliveries or gathered.lags:
            telling.send(gathered)


def _bus(settings: Settings) -> str:
    return "" if settings.service_bus is None else settings.service_bus.get_secret_value()
