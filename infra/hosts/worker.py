"""The worker: takes in the utility's messages, sends what goes back, carries out jobs, and does what falls due.

Its loops share one process and one stop signal. Each of them can be killed at any instant: what was not committed
comes again, from the bus, the outbox, the job queue or the timers' tables. A loop that fails, as all do while the
database restarts, begins again by itself.
"""

import asyncio
import logging
import signal
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from uuid import uuid4

from procrastinate import App, PsycopgConnector, RetryStrategy
from procrastinate.exceptions import ConnectorException
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import DBAPIError

from hub.bootstrap import Hub
from hub.db.engine import check_answers
from hub.db.tables import worker_beat
from hub.domain.errors import ConfigurationError, DatabaseUnavailableError
from hub.messaging.service_bus import BusUnavailable, ServiceBusPublisher, consume, consume_together
from infra.hosts.job_tracing import run_job
from infra.hosts.monitoring import monitored
from infra.hosts.rooms import JOBS, TIMERS
from infra.hosts.timers import run_timer
from ingest.folder import take_in_folder
from ingest.quarantine.collecting import collect_dead_letter
from ingest.relay import relay_outbox
from ingest.service import receive_messages

_log = logging.getLogger(__name__)
_LOCAL_PAUSE = 0.01
"""Seconds between looks at a simulated clock, which jumps."""
_LOOKS_BETWEEN = 30
"""Looks at a simulated clock that stands still, before the timers look at the tables again."""
_REAL_PAUSE = 1.0
_RELAY_PAUSE = 0.2
_RECEIVERS = 2
_SESSION_RECEIVERS = 8
_FOLDER_PAUSE = 5.0
_FILE_IS_WHOLE_AFTER = timedelta(seconds=5)
"""A file that did not change for so long is taken for whole."""
_SIMULATED_RELAY_PAUSE = 0.03
_JOB_ATTEMPTS = 6
_HEARTBEAT_SECONDS = 2.0
_STALLED_SECONDS = 8.0
"""A worker that has not given a sign of life for so long is dead; its jobs are done by others."""
_BEGIN_AGAIN_SECONDS = 2.0
"""How long a loop that failed waits before it begins again."""
_JOB_QUEUE_PATIENCE_SECONDS = 10.0
"""How long the job queue waits for a database connection before it counts as failed."""


@dataclass
class Worker:
    """One worker process; `name` is its own among all workers."""

    hub: Hub
    name: str = field(default_factory=lambda: f"worker-{uuid4().hex[:8]}")
    stop: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> None:
        """Work until `stop` is set; raises what stops a loop for good (a wrong setting)."""
        loops: list[Callable[[], Awaitable[None]]] = [self._do_jobs, self._do_what_is_due, self._rescue_stalled_jobs]
        if self.hub.settings.service_bus is not None:
            loops += [self._take_in, self._gather_dead_letters, self._send_out]
        if self.hub.settings.drop_folder is not None:
            loops.append(self._take_in_files)
        async with asyncio.TaskGroup() as group:
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
        settings = self.hub.settings
        await consume_together(
            self._bus(),
            settings.orders_queue,
            partial(receive_messages, self.hub),
            self.stop,
            # Most sessions hold one message, so several receivers wait for their next one at a time.
            receivers=_SESSION_RECEIVERS if settings.orders_sessions else _RECEIVERS,
            sessions=settings.orders_sessions,
            is_ready=self._database_answers,
        )

    async def _gather_dead_letters(self) -> None:
        """What the bus gave up on is worked on in one place, the quarantine."""
        handle = partial(collect_dead_letter, self.hub)
        queue = self.hub.settings.orders_queue
        await consume(self._bus(), queue, handle, self.stop, is_ready=self._database_answers, dead_letters=True)

    async def _take_in_files(self) -> None:
        folder, profile = self.hub.settings.drop_folder, self.hub.settings.drop_profile
        while folder is not None and not self.stop.is_set():
            counts = await asyncio.to_thread(
                take_in_folder, self.hub, folder, profile, settled_for=_FILE_IS_WHOLE_AFTER
            )
            if counts.files:
                _log.info("%s files of the drop folder: %s", counts.files, dict(counts.outcomes))
            await self._wait(_FOLDER_PAUSE)

    def _database_answers(self) -> bool:
        try:
            check_answers(self.hub.engine)
        except DatabaseUnavailableError:
            return False
        return True

    async def _send_out(self) -> None:
        async with ServiceBusPublisher(self._bus(), self.hub.settings.events_topic) as publisher:
            while not self.stop.is_set():
                try:
                    sent = await relay_outbox(self.hub, publisher.publish)
                except (BusUnavailable, DBAPIError) as error:
                    _log.warning(
                        "Events wait in the outbox: %s",
                        error if isinstance(error, BusUnavailable) else "the database does not answer.",
                    )
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
        """Run every timer once; returns how much was done, or -1 when one failed and must be tried again."""
        total, failed = 0, False
        for name, timer in TIMERS.items():
            try:
                total += run_timer(self.hub, name, timer, now)
            except Exception:  # noqa: BLE001 - one broken timer must not stop the others
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
        async with job_app(self.hub).open_async() as app:
            working = asyncio.create_task(
                app.run_worker_async(
                    name=self.name,
                    concurrency=4,
                    install_signal_handlers=False,
                    fetch_job_polling_interval=1.0,
                    update_heartbeat_interval=_HEARTBEAT_SECONDS,
                    stalled_worker_timeout=_STALLED_SECONDS,
                    delete_jobs="successful",
                    shutdown_graceful_timeout=10.0,
                )
            )
            stopping = asyncio.create_task(self.stop.wait())
            await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
            stopping.cancel()
            working.cancel()
            results = await asyncio.gather(working, return_exceptions=True)
            for result in results:
                if isinstance(result, Exception):
                    raise result

    async def _rescue_stalled_jobs(self) -> None:
        """Give the jobs of a worker that was killed back to the queue."""
        async with job_app(self.hub).open_async() as app:
            while not self.stop.is_set():
                try:
                    await rescue_stalled_jobs(app)
                except ConnectorException:
                    _log.warning("The database does not answer; stalled jobs are looked for again later.")
                await self._wait(_HEARTBEAT_SECONDS)


def job_app(hub: Hub) -> App:
    """The job queue with every room's jobs, over the hub's database."""
    # SQLAlchemy hides the password when it prints an URL, and psycopg does not know the driver's suffix.
    address = hub.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    app = App(connector=PsycopgConnector(conninfo=address, min_size=1, max_size=6, timeout=_JOB_QUEUE_PATIENCE_SECONDS))
    retry = RetryStrategy(max_attempts=_JOB_ATTEMPTS, exponential_wait=2)
    for name, job in JOBS.items():
        app.task(name=name, retry=retry)(partial(run_job, hub, name, job))
    return app


async def rescue_stalled_jobs(app: App) -> int:
    """Queue again what dead workers were doing; returns how many jobs. Other workers may do the same at this moment."""
    rescued = 0
    for job in await app.job_manager.get_stalled_jobs(seconds_since_heartbeat=_STALLED_SECONDS):
        # Whoever is second finds the job not running any more, which must not keep it from the others.
        with suppress(ConnectorException):
            await app.job_manager.retry_job(job)
            _log.warning("Job %s was left by a worker that died; it is queued again.", job.id)
            rescued += 1
    return rescued


def run_worker(hub: Hub) -> None:
    """Work until SIGINT or SIGTERM."""

    async def work() -> None:
        worker = Worker(hub)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, worker.stop.set)
        await worker.run()

    with monitored(hub):
        asyncio.run(work())
