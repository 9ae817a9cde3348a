"""The connection pool, and the sentence for a database that does not answer."""

import select
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from psycopg import Connection, Error
from sqlalchemy import URL, Engine, create_engine, event, make_url, text
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import ArgumentError, InvalidatePoolError, OperationalError
from sqlalchemy.pool import ConnectionPoolEntry, PoolProxiedConnection

from hub.domain.errors import ConfigurationError, DatabaseUnavailableError
from hub.settings import Settings

MOST_CONNECTIONS = 40
"""One process opens no more: as many as it has threads for requests."""
_KEPT_CONNECTIONS = 10
_ASKED_AFTER_SECONDS = 5.0
"""A connection that has rested so long is asked for a sign of life before it is used: what lies between may have forgotten it."""


def sqlalchemy_url(address: str) -> URL:
    """`address` as an URL for psycopg 3; raises ConfigurationError when it is no PostgreSQL address."""
    try:
        url = make_url(address)
    except ArgumentError:
        url = None
    if url is None or url.get_backend_name() != "postgresql":
        message = "DATABASE_URL must look like postgresql://user:password@host:5432/database."
        raise ConfigurationError(message)
    return url.set(drivername="postgresql+psycopg")


def make_engine(settings: Settings, *, connections: int = MOST_CONNECTIONS) -> Engine:
    """The pool for the database `settings` name, of so many connections at most; nothing is connected yet."""
    if settings.database_url is None:
        message = (
            "No database is named. Set DATABASE_URL, or start Doorstep by its commands, which bring an embedded one."
        )
        raise ConfigurationError(message)
    engine = create_engine(
        sqlalchemy_url(settings.database_url.get_secret_value()),
        pool_size=min(_KEPT_CONNECTIONS, connections),
        max_overflow=max(connections - _KEPT_CONNECTIONS, 0),
        # An error's text goes to the log; what was being written may be a citizen's.
        hide_parameters=True,
        connect_args={"connect_timeout": 5, "options": "-c timezone=UTC"},
    )
    event.listen(engine, "handle_error", _leave_out_details)
    event.listen(engine, "checkin", _note_rest)
    event.listen(engine, "checkout", _hand_out_living)
    return engine


def _note_rest(_: object, entry: ConnectionPoolEntry) -> None:
    entry.info["rests_since"] = time.monotonic()


def _hand_out_living(connection: Any, entry: ConnectionPoolEntry, _: PoolProxiedConnection) -> None:
    """Replace every pooled connection when this one turns out to be dead.

    A server that ends a connection says so, which lies in the socket: looking there costs nothing, where a question before
    each transaction costs a tenth of it. Only one that said something, or has rested for long, is asked.
    """
    since = entry.info.get("rests_since")
    if since is None:
        return
    driver: Connection = connection
    try:
        if _said_something(driver) or time.monotonic() - since > _ASKED_AFTER_SECONDS:
            driver.execute("SELECT 1")
            driver.rollback()
    except (Error, ValueError) as error:
        raise InvalidatePoolError from error


def _said_something(driver: Connection) -> bool:
    # Not `select.select`, which refuses every file from the 1,024th on: a site with that many listeners has them.
    socket = select.poll()
    socket.register(driver.fileno(), select.POLLIN)
    return bool(socket.poll(0))


def _leave_out_details(context: ExceptionContext) -> None:
    """Cut the server's DETAIL lines off an error: they quote the row or key that was refused, for instance a person's."""
    for error in (context.original_exception, context.sqlalchemy_exception):
        if error is not None:
            error.args = tuple(one.partition("\nDETAIL:")[0] if isinstance(one, str) else one for one in error.args)


@contextmanager
def naming_the_database(engine: Engine) -> Iterator[None]:
    """Turns a refused or lost connection inside the block into DatabaseUnavailableError, without the password."""
    try:
        yield
    except OperationalError as error:
        where = engine.url.host or engine.url.query.get("host") or "this machine"
        port = f":{engine.url.port}" if engine.url.port else ""
        raise DatabaseUnavailableError(f"{where}{port}/{engine.url.database}") from error


def check_answers(engine: Engine) -> None:
    """Ask the database for a sign of life; raises DatabaseUnavailableError."""
    with naming_the_database(engine), engine.connect() as connection:
        connection.execute(text("SELECT 1"))
