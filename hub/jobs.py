"""Jobs: work that must happen after a transaction commits, and exactly when it commits.

A job is deferred on the caller's own connection, so it exists if and only if the caller's change does. The queue is
procrastinate, in the same database.
"""

from typing import Protocol

from procrastinate import App, SyncPsycopgConnector
from sqlalchemy import Connection


class JobQueue(Protocol):
    """Where a use case leaves work for the worker."""

    def defer(self, connection: Connection, task: str, **arguments: str) -> None:
        """Leave job `task` with `arguments`, as part of the transaction open on `connection`."""
        ...


class ProcrastinateQueue:
    """The real queue."""

    def __init__(self) -> None:
        # The connector is never opened: every job travels on its caller's connection.
        self._app = App(connector=SyncPsycopgConnector())

    def defer(self, connection: Connection, task: str, **arguments: str) -> None:
        """Leave job `task` with `arguments`, as part of the transaction open on `connection`."""
        if not connection.in_transaction():
            # The job goes past SQLAlchemy, which would otherwise not know that there is something to commit.
            connection.begin()
        raw = connection.connection.driver_connection
        self._app.configure_task(task, connection=raw, allow_unknown=True).defer(**arguments)


class RememberedQueue:
    """A queue for tests: keeps what was deferred and runs nothing."""

    def __init__(self) -> None:
        self.jobs: list[tuple[str, dict[str, str]]] = []

    def defer(self, connection: Connection, task: str, **arguments: str) -> None:
        """Remember the job."""
        self.jobs.append((task, arguments))
