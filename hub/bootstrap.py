"""Puts the hub together: what every host and every test is handed."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import Connection, Engine

from hub.catalogue import load_catalogue
from hub.clock import Clock, SharedClock, ShiftedClock, SystemClock
from hub.db.engine import MOST_CONNECTIONS, make_engine
from hub.db.unit_of_work import Subscriptions, UnitOfWork
from hub.domain.catalogue import Catalogue
from hub.domain.contact import Channel
from hub.jobs import JobQueue, ProcrastinateQueue
from hub.notifications.ports import Sender
from hub.notifications.providers import make_senders
from hub.settings import Settings


@dataclass(frozen=True)
class Hub:
    """Everything a use case may need; each `verb(hub, command)` receives it."""

    settings: Settings
    clock: Clock
    engine: Engine
    catalogue: Catalogue
    jobs: JobQueue
    subscriptions: Subscriptions
    senders: Mapping[Channel, Sender]

    def unit_of_work(self) -> UnitOfWork:
        """One transaction; see `hub.db.unit_of_work`."""
        return self._open(snapshot=False)

    def snapshot(self) -> UnitOfWork:
        """One transaction whose reads all see the same instant, for what is put together from several tables; it cannot write.

        Between two reads of an ordinary transaction others commit: a citizen who moves an appointment would then be seen
        with both times agreed, or with none.
        """
        return self._open(snapshot=True)

    def _open(self, *, snapshot: bool) -> UnitOfWork:
        return UnitOfWork(
            self.engine,
            now=self.clock.now(),
            settings=self.settings,
            catalogue=self.catalogue,
            jobs=self.jobs,
            subscriptions=self.subscriptions,
            snapshot=snapshot,
        )

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection for reads that lock nothing and write nothing."""
        with self.engine.connect() as connection:
            yield connection
            connection.rollback()

    def close(self) -> None:
        """Give back the database connections."""
        self.engine.dispose()


def build_hub(
    settings: Settings,
    subscriptions: Subscriptions,
    *,
    clock: Clock | None = None,
    jobs: JobQueue | None = None,
    senders: Mapping[Channel, Sender] | None = None,
    connections: int = MOST_CONNECTIONS,
) -> Hub:
    """A hub by `settings`, with so many database connections at most; raises ConfigurationError when a file named there is wrong.

    `subscriptions` come from `infra.hosts.rooms`, which alone knows every room; tests pass their own clock, jobs and senders.
    """
    engine = make_engine(settings, connections=connections)
    time = clock or make_clock(settings)
    return Hub(
        settings=settings,
        clock=time,
        engine=engine,
        catalogue=load_catalogue(settings.catalogue),
        jobs=jobs or ProcrastinateQueue(),
        subscriptions=subscriptions,
        senders=senders if senders is not None else make_senders(settings, engine, time),
    )


def make_clock(settings: Settings) -> Clock:
    """The clock by `settings`: the machine's, the demo's or the play's."""
    if settings.simulated_clock:
        return SharedClock(settings.simulated_clock)
    if settings.shifted_clock:
        return ShiftedClock(settings.shifted_clock)
    return SystemClock()
