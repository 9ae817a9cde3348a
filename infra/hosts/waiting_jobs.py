"""Carrying out the jobs that wait, for a bounded time: for hosts that are called now and then instead of running for months."""

import asyncio
from uuid import uuid4

from hub.bootstrap import Hub
from infra.hosts.job_queue import HEARTBEAT_SECONDS, STALLED_SECONDS, job_app, rescue_stalled_jobs

_GRACE_SECONDS = 10.0


async def run_waiting_jobs(hub: Hub, *, seconds: float = 45.0, concurrency: int = 4) -> None:
    """Do jobs until none waits, or begin no more after `seconds`; a job at hand has ten seconds more to end.

    What is left waits for the next call. A call that was killed leaves its jobs marked as being done; the next call finds
    that nobody does them and queues them again. Raises what the database raises.
    """
    async with job_app(hub).open_async() as app:
        await rescue_stalled_jobs(app)
        working = asyncio.create_task(
            app.run_worker_async(
                name=f"function-{uuid4().hex[:8]}",
                wait=False,
                concurrency=concurrency,
                install_signal_handlers=False,
                update_heartbeat_interval=HEARTBEAT_SECONDS,
                stalled_worker_timeout=STALLED_SECONDS,
                delete_jobs="successful",
                shutdown_graceful_timeout=_GRACE_SECONDS,
            )
        )
        await asyncio.wait({working}, timeout=seconds)
        working.cancel()
        (result,) = await asyncio.gather(working, return_exceptions=True)
        if isinstance(result, Exception):
            raise result
