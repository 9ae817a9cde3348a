"""What Prometheus reads: what this process measured, and what all processes share, counted in the database at each look.

Figures of the database are the same whichever process is asked, so take their maximum over processes, not their sum; they
survive a restart. Each look asks a few rows by index, however many messages there ever were.
"""

import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector
from pydantic import SecretStr
from sqlalchemy import Connection, func, select, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from starlette.requests import Request
from starlette.responses import Response

from hub.bootstrap import Hub
from hub.db import tables
from hub.db.message_tables import quarantined_message
from hub.metrics import PROCESS
from hub.web.errors import problem
from ingest.counting import count_messages
from ingest.inbox import InboxOutcome
from ingest.quarantine.records import QuarantineStatus

WORKER_IS_ALIVE_FOR = timedelta(seconds=30)
"""A worker beats every second or so; one that was silent for longer is gone."""
_JOBS = text(
    "SELECT status::text, count(*) AS jobs FROM procrastinate_jobs WHERE status IN ('todo', 'doing', 'failed') GROUP BY 1"
)


@dataclass(frozen=True)
class SharedFigures:
    """What the database knows at one instant. Lags and ages are in seconds; `jobs` counts by status (todo, doing, failed)."""

    messages: dict[str, int]
    outbox_backlog: int
    outbox_lag: float
    quarantined: int
    jobs: dict[str, int]
    workers: int


def read_figures(hub: Hub) -> SharedFigures:
    """The figures of this instant; raises OperationalError when the database does not answer."""
    with hub.snapshot() as work:
        connection, now = work.connection, work.now
        backlog, oldest = _outbox(connection)
        return SharedFigures(
            messages={outcome.value: 0 for outcome in InboxOutcome} | dict(count_messages(connection)),
            outbox_backlog=backlog,
            outbox_lag=max((now - oldest).total_seconds(), 0.0) if oldest else 0.0,
            quarantined=_quarantined(connection),
            jobs={"todo": 0, "doing": 0, "failed": 0} | {row.status: row.jobs for row in connection.execute(_JOBS)},
            workers=living_workers(connection, now),
        )


def living_workers(connection: Connection, now: datetime) -> int:
    """How many workers gave a sign of life in the last `WORKER_IS_ALIVE_FOR`."""
    beat = tables.worker_beat.c.beat_at
    return connection.scalar(select(func.count()).where(beat > now - WORKER_IS_ALIVE_FOR)) or 0


def _quarantined(connection: Connection) -> int:
    """How many messages wait for somebody to correct, replay or discard them."""
    waits = quarantined_message.c.status == QuarantineStatus.WAITING.value
    return connection.scalar(select(func.count()).select_from(quarantined_message).where(waits)) or 0


def _outbox(connection: Connection) -> tuple[int, datetime | None]:
    """How many events wait for the bus, and when the first of them happened."""
    outbox = tables.outbox_event.c
    waits = outbox.sent_at.is_(None)
    backlog = connection.scalar(select(func.count()).where(waits)) or 0
    return backlog, connection.scalar(select(outbox.at).where(waits).order_by(outbox.seq).limit(1))


class _Shared(Collector):
    """The figures of the database as Prometheus wants them; without a database, the one figure that says so."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    def collect(self) -> Iterator[Metric]:
        """Ask the database; one that is away is a figure too, and this process's own figures are still told."""
        try:
            figures = read_figures(self._hub)
        except (OperationalError, PoolTimeoutError):
            yield GaugeMetricFamily("doorstep_database_up", "Whether the database answered.", value=0)
            return
        yield GaugeMetricFamily("doorstep_database_up", "Whether the database answered.", value=1)
        yield from _families(figures)


def _families(figures: SharedFigures) -> Iterator[Metric]:
    messages = CounterMetricFamily(
        "doorstep_messages",
        "The utility's messages, each once however often it was delivered, by what became of it.",
        labels=["outcome"],
    )
    for outcome, number in sorted(figures.messages.items()):
        messages.add_metric([outcome], number)
    yield messages
    received = "The utility's messages, each once: the sum of doorstep_messages_total over its outcomes."
    yield CounterMetricFamily("doorstep_messages_received", received, value=sum(figures.messages.values()))
    yield GaugeMetricFamily("doorstep_outbox_backlog", "Events that wait for the bus.", value=figures.outbox_backlog)
    yield GaugeMetricFamily(
        "doorstep_outbox_lag_seconds", "How long the first waiting event has waited.", value=figures.outbox_lag
    )
    yield GaugeMetricFamily(
        "doorstep_quarantined_messages", "Messages that wait for somebody to see to them.", value=figures.quarantined
    )
    jobs = GaugeMetricFamily("doorstep_jobs_queued", "Jobs by status: todo, doing, failed.", labels=["status"])
    for status, number in sorted(figures.jobs.items()):
        jobs.add_metric([status], number)
    yield jobs
    yield GaugeMetricFamily("doorstep_workers_alive", "Workers with a recent sign of life.", value=figures.workers)


def exposition(hub: Hub) -> bytes:
    """Everything in Prometheus's text format."""
    shared = CollectorRegistry()
    shared.register(_Shared(hub))
    return generate_latest(PROCESS) + generate_latest(shared)


def answer_metrics(hub: Hub, request: Request, *, token: SecretStr | None) -> Response:
    """The figures for whoever shows `token` as a bearer; None asks for none, which only a port of the machine itself may do.

    Figures tell how a company does, so an empty token closes the door: as if there were no such address.
    """
    if token is not None:
        wanted = token.get_secret_value()
        if not wanted:
            return problem(404, "not-found", "There is nothing here. Set DOORSTEP_METRICS_TOKEN to open the metrics.")
        kind, _, given = request.headers.get("authorization", "").partition(" ")
        if kind.lower() != "bearer" or not secrets.compare_digest(given.strip().encode(), wanted.encode()):
            return problem(401, "not-signed-in", "The metrics need the token of this installation as a bearer.")
    return Response(exposition(hub), media_type=CONTENT_TYPE_LATEST, headers={"Cache-Control": "no-store"})
