"""The worker: takes in the utility's messages, sends what goes back, carries out jobs, and does what falls due.

Its loops share one process and one stop signal. Each of them can be killed at any instant: what was not committed
comes again, from the bus, the outbox, the job queue or the timers' tables. A loop that fails begins again by itself;
while the database is away all wait for it (`infra.hosts.database_watch`).
"""

import asyncio
import logging
import signal
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import uuid4

from procrastinate import App, PsycopgConnector
from sqlalchemy.dialects.postgresql import insert

from hub.bootstrap import Hub
from hub.db.tables import worker_beat
from hub.domain.errors import ConfigurationError
from hub.messaging.service_bus import BusUnavailable, ServiceBusPublisher, consume
from hub.messaging.service_bus.connection import new_client
from infra.hosts.database_watch import DatabaseWatch, says_database_is_away
from infra.hosts.intake import database_answers, take_in, take_in_beside
from infra.hosts.job_queue import HEARTBEAT_SECONDS, STALLED_SECONDS, job_app, rescue_stalled_jobs
from infra.hosts.monitoring import monitored
from infra.hosts.rooms import TIMERS
from infra.hosts.running import how_many_processes, keep_what_is_loaded
from infra.hosts.timers import run_timer
from ingest.folder import take_in_folder
from ingest.quarantine.collecting import collect_dead_letter
from ingest.relay import relay_outbox

_log = logging.getLogger(__name__)
_LOCAL_PAUSE = 0.01
"""Seconds between looks at a simulated clock, which jumps."""
_LOOKS_BETWEEN = 30
"""Looks at a simulated clock that stands still, before the timers look at the tables again."""
_REAL_PAUSE = 1.0
_RELAY_PAUSE = 0.2
_FOLDER_PAUSE = 5.0
_FILE_IS_WHOLE_AFTER = timedelta(seconds=5)
"""A file that did not change for so long is taken for whole."""
_SIMULATED_RELAY_PAUSE = 0.03
_BEGIN_AGAIN_SECONDS = 2.0
"""How long a loop that failed waits before it begins again."""


@dataclass
class Worker:
    """One worker process; `name` is its own among all workers."""

    hub: Hub
    name: str = field(default_factory=lambda: f"worker-{uuid4().hex[:8]}")
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    intake_processes: int = 1
    """How many processes take in orders; with 1 it is the worker's own (`infra.hosts.intake`)."""
    _database: DatabaseWatch = field(init=False)

    def __post_init__(self) -> None:
        self._database = DatabaseWatch(self.hub)

    async def run(self) -> None:
        """Work until `stop` is set; raises what stops a loop for good (a wrong setting)."""
        loops: list[Callable[[], Awaitable[None]]] = [self._do_jobs, self._do_what_is_due, self._rescue_stalled_jobs]
        if self.hub.settings.service_bus is not None:
            # A string nobody can read ends the worker here, with a sentence, before anything runs: it would end each intake process
            # instead, and a job queue that is given up while it opens its connections never ends.
            await new_client(self._bus()).close()
            loops += [self._take_in, self._gather_dead_letters, self._send_out]
        if self.hub.settings.drop_folder is not None:
            loops.append(self._take_in_files)
        with self._database.keeping_the_log_short():
            async with asyncio.TaskGroup() as group:
                group.create_task(self._database.watch(self.stop))
                for loop in loops:
                    group.create_task(self._until_stop(loop))

    async def _until_stop(self, loop: Callable[[], Awaitable[None]]) -> None:
        """Keep `loop` going: a database that restarts, or a mistake in one loop, must not end the others' work."""
        try:
            while not self.stop.is_set():
                try:
                    await loop()
                except (BusUnavailable, ConfigurationError):
                    # A wrong setting does not pass by itself.
                    raise
                except Exception as error:  # noqa: BLE001 - whatever it is, nothing is lost by beginning again
                    if self._database.note(error):
                        await self._database.until_it_answers(self.stop)
                        continue
                    _log.warning(
                        "A loop of the worker failed and begins again: %s", type(error).__name__, exc_info=True
                    )
                if not self.stop.is_set():
                    await self._wait(_BEGIN_AGAIN_SECONDS)
        finally:
            self.stop.set()

    async def _wait(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self.stop.wait(), seconds)
        except TimeoutError:
            return

    def _bus(self) -> str:
        secret = self.hub.settings.service_bus
        return "" if secret is None else secret.get_secret_value()

    async def _take_in(self) -> None:
        if self.intake_processes == 1:
            await take_in(self.hub, self.stop)
        else:
            await take_in_beside(self.hub, self.stop, self.intake_processes)

    async def _gather_dead_letters(self) -> None:
        """What the bus gave up on is worked on in one place, the quarantine."""
        handle = partial(collect_dead_letter, self.hub)
        queue, is_ready = self.hub.settings.orders_queue, partial(database_answers, self.hub)
        await consume(self._bus(), queue, handle, self.stop, is_ready=is_ready, dead_letters=True)

    async def _take_in_files(self) -> None:
        folder, profile = self.hub.settings.drop_folder, self.hub.settings.drop_profile
        while folder is not None and not self.stop.is_set():
            counts = await asyncio.to_thread(
                take_in_folder, self.hub, folder, profile, settled_for=_FILE_IS_WHOLE_AFTER
            )
            if counts.files:
                _log.info("%s files of the drop folder: %s", counts.files, dict(counts.outcomes))
            await self._wait(_FOLDER_PAUSE)

    async def _send_out(self) -> None:
        async with ServiceBusPublisher(self._bus(), self.hub.settings.events_topic) as publisher:
            while not self.stop.is_set():
                try:
                    sent = await relay_outbox(self.hub, publisher.publish)
                except BusUnavailable as error:
                    _log.warning("Events wait in the outbox: %s", error)
                    sent = 0
                if not sent:
                    await self._wait(_SIMULATED_RELAY_PAUSE if self._is_simulated else _RELAY_PAUSE)

    async def _do_what_is_due(self) -> None:
        beaten: datetime | None = None
        while not self.stop.is_set():
            now = self.hub.clock.now()
            done = await asyncio.to_thread(self._run_timers, now)
            if done == 0 and now != beaten:
                await asyncio.to_thread(self._beat, now)
                beaten = now
            if done <= 0:
                await self._wait_for_time(now)

    async def _wait_for_time(self, now: datetime) -> None:
        """Wait before the timers look again; a simulated clock that jumps ends the wait at once."""
        if not self._is_simulated:
            await self._wait(_REAL_PAUSE)
            return
        for _ in range(_LOOKS_BETWEEN):
            await self._wait(_LOCAL_PAUSE)
            if self.stop.is_set() or self.hub.clock.now() != now:
                return

    @property
    def _is_simulated(self) -> bool:
        return self.hub.settings.simulated_clock is not None

    def _run_timers(self, now: datetime) -> int:
        """Run every timer once; returns how much was done, or -1 when one failed and must be tried again.

        Raises what says that the database is away: the timers after it would fail as well, each after a wait.
        """
        total, failed = 0, False
        for name, timer in TIMERS.items():
            try:
                total += run_timer(self.hub, name, timer, now)
            except Exception as error:
                if says_database_is_away(error):
                    raise
                # One broken timer must not stop the others.
                _log.exception("The timer %s failed and will be tried again.", name)
                failed = True
        return -1 if failed and total == 0 else total

    def _beat(self, now: datetime) -> None:
        with self.hub.engine.begin() as connection:
            row = insert(worker_beat).values(worker=self.name, caught_up_to=now, beat_at=self.hub.clock.now())
            connection.execute(
                row.on_conflict_do_update(
                    index_elements=["worker"],
                    set_={"caught_up_to": row.excluded.caught_up_to, "beat_at": row.excluded.beat_at},
                )
            )

    async def _do_jobs(self) -> None:
        app = job_app(self.hub)
        async with app.open_async():
            working = app.run_worker_async(
                name=self.name,
                concurrency=4,
                install_signal_handlers=False,
                fetch_job_polling_interval=1.0,
                update_heartbeat_interval=HEARTBEAT_SECONDS,
                stalled_worker_timeout=STALLED_SECONDS,
                delete_jobs="successful",
                shutdown_graceful_timeout=10.0,
            )
            await self._work_on_queue(app, working)

    async def _rescue_stalled_jobs(self) -> None:
        """Give the jobs of a worker that was killed back to the queue."""
        app = job_app(self.hub)

        async def rescue() -> None:
            while not self.stop.is_set():
                await rescue_stalled_jobs(app)
                await self._wait(HEARTBEAT_SECONDS)

        async with app.open_async():
            await self._work_on_queue(app, rescue())

    async def _work_on_queue(self, app: App, work: Coroutine[Any, Any, None]) -> None:
        """Do `work` with the queue's connections until it ends or the worker stops; raises what it raises."""
        working, stopping = asyncio.create_task(work), asyncio.create_task(self.stop.wait())
        try:
            await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            # Also when another loop ended the worker: one that outlived its connections would never end.
            stopping.cancel()
            working.cancel()
            giving_up = asyncio.create_task(self._give_up_connections(app))
            results = await asyncio.gather(working, return_exceptions=True)
            giving_up.cancel()
            await asyncio.gather(giving_up, return_exceptions=True)
        for result in results:
            if isinstance(result, Exception):
                raise result

    async def _give_up_connections(self, app: App) -> None:
        """Let nothing wait for a connection to a database that is away, when the work with them ends."""
        connector = app.connector
        if isinstance(connector, PsycopgConnector) and (self._database.is_away or not await self._database.answers()):
            await connector.pool.close()


def run_worker(hub: Hub) -> None:
    """Work until SIGINT or SIGTERM."""

    async def work() -> None:
        worker = Worker(hub, intake_processes=how_many_processes(hub.settings.intake_processes, hub.settings))
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, worker.stop.set)
        await worker.run()

    keep_what_is_loaded()
    with monitored(hub):
        asyncio.run(work())
