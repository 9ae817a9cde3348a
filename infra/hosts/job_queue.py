"""The job queue: every room's jobs in the database, the connections to it, and the jobs that a dead worker left behind."""

import logging
import time
from contextlib import suppress
from functools import partial

from procrastinate import App, PsycopgConnector, RetryStrategy
from procrastinate.exceptions import ConnectorException
from psycopg import AsyncConnection
from psycopg.rows import TupleRow
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from hub.bootstrap import Hub
from infra.hosts.job_tracing import run_job
from infra.hosts.rooms import JOBS

HEARTBEAT_SECONDS = 2.0
STALLED_SECONDS = 8.0
"""A worker that has not given a sign of life for so long is dead; its jobs are done by others."""
_ATTEMPTS = 6
_PATIENCE_SECONDS = 10.0
"""How long somebody waits for a database connection before it counts as failed."""
_CLOSE_SECONDS = 2.0
"""How long the connections are given to end."""
_LOOK_SECONDS = 1.0
"""Who waits for a connection looks so often whether there will be any."""
_log = logging.getLogger(__name__)


class JobConnections(AsyncConnectionPool):
    """The job queue's connections. Opening, closing and waiting for them holds nobody up when the database is away."""

    async def getconn(self, timeout: float | None = None) -> AsyncConnection[TupleRow]:  # noqa: ASYNC109 - the library's signature
        """A connection within `timeout` seconds, or `PoolTimeout`; `PoolClosed` at most a second after the pool is closed.

        The library asks whether the pool is open once, at the start. A connection found dead later, just as the pool is
        closed, would make its taker wait for another to the end of its patience.
        """
        until = time.monotonic() + (self.timeout if timeout is None else timeout)
        while (left := until - time.monotonic()) > _LOOK_SECONDS:
            with suppress(PoolTimeout):
                return await super().getconn(_LOOK_SECONDS)
        return await super().getconn(max(left, 0.0))

    async def open(self, wait: bool = False, timeout: float = 0.0) -> None:  # noqa: ASYNC109 - the library's signature
        """Open without waiting: whoever needs a connection waits for it, with patience that ends."""
        await super().open(wait=False)

    async def close(self, timeout: float = _CLOSE_SECONDS) -> None:  # noqa: ASYNC109 - the library's signature
        """Let who waits for a connection fail at once, and give those that are being made `timeout` seconds at most."""
        await super().close(min(timeout, _CLOSE_SECONDS))


def job_app(hub: Hub) -> App:
    """The job queue with every room's jobs, over the hub's database."""
    # SQLAlchemy hides the password when it prints an URL, and psycopg does not know the driver's suffix.
    address = hub.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    app = App(
        connector=PsycopgConnector(
            pool_factory=JobConnections,
            conninfo=address,
            min_size=1,
            max_size=6,
            timeout=_PATIENCE_SECONDS,
        )
    )
    retry = RetryStrategy(max_attempts=_ATTEMPTS, exponential_wait=2)
    for name, job in JOBS.items():
        app.task(name=name, retry=retry)(partial(run_job, hub, name, job))
    return app


async def rescue_stalled_jobs(app: App) -> int:
    """Queue again what dead workers were doing; returns how many jobs. Other workers may do the same at this moment."""
    rescued = 0
    for job in await app.job_manager.get_stalled_jobs(seconds_since_heartbeat=STALLED_SECONDS):
        # Whoever is second finds the job not running any more, which must not keep it from the others.
        with suppress(ConnectorException):
            await app.job_manager.retry_job(job)
            _log.warning("Job %s was left by a worker that died; it is queued again.", job.id)
            rescued += 1
    return rescued
