"""The connection pool, and the sentence for a database that does not answer."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import URL, Engine, create_engine, event, make_url, text
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import ArgumentError, OperationalError

from hub.domain.errors import ConfigurationError, DatabaseUnavailableError
from hub.settings import Settings


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


def make_engine(settings: Settings) -> Engine:
    """The pool for the database `settings` name; nothing is connected yet."""
    if settings.database_url is None:
        message = (
            "No database is named. Set DATABASE_URL, or start Doorstep by its commands, which bring an embedded one."
        )
        raise ConfigurationError(message)
    engine = create_engine(
        sqlalchemy_url(settings.database_url.get_secret_value()),
        pool_size=10,
        max_overflow=30,
        pool_pre_ping=True,
        # An error's text goes to the log; what was being written may be a citizen's.
        hide_parameters=True,
        connect_args={"connect_timeout": 5, "options": "-c timezone=UTC"},
    )
    event.listen(engine, "handle_error", _leave_out_details)
    return engine


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
