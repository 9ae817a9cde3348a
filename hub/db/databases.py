"""Databases on a PostgreSQL server, embedded or not: make one, drop one, name one in a URL."""

import re

import psycopg
from psycopg import sql

from hub.domain.errors import ConfigurationError

_URL = re.compile(r"(?P<server>postgres(?:ql)?(?:\+psycopg)?://[^/?]*)(?:/[^?]*)?(?P<parameters>\?.*)?")


class NotADatabaseUrlError(ConfigurationError):
    """An address that does not name a PostgreSQL server."""


def url_of_database(server_url: str, name: str) -> str:
    """The URL of another database on the same server; account, host and parameters stay.

    Raises:
        NotADatabaseUrlError: the address is not one of PostgreSQL.
    """
    parts = _URL.fullmatch(server_url)
    if parts is None:
        raise NotADatabaseUrlError(
            "DATABASE_URL is not an address of PostgreSQL. It looks like postgresql://user:password@host/name."
        )
    return f"{parts['server']}/{name}{parts['parameters'] or ''}"


def database_exists(server_url: str, name: str) -> bool:
    """Whether the server has a database of this name."""
    with _connect(server_url) as connection:
        return connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone() is not None


def create_database(server_url: str, name: str, *, template: str | None = None) -> str:
    """Make a database, empty or a copy of another that nobody is connected to; returns its URL.

    Raises:
        psycopg.errors.DuplicateDatabase: there is one of this name.
    """
    command = sql.SQL("CREATE DATABASE {} TEMPLATE {} ENCODING 'UTF8'").format(
        sql.Identifier(name), sql.Identifier(template or "template0")
    )
    with _connect(server_url) as connection:
        connection.execute(command)
    return url_of_database(server_url, name)


def ensure_database(server_url: str, name: str) -> str:
    """The URL of the database, made first if the server has none of this name."""
    if database_exists(server_url, name):
        return url_of_database(server_url, name)
    return create_database(server_url, name)


def drop_database(server_url: str, name: str) -> None:
    """Remove the database if there is one, ending the sessions in it. `server_url` names another database."""
    command = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
    with _connect(server_url) as connection:
        connection.execute(command)


def _connect(server_url: str) -> psycopg.Connection:
    return psycopg.connect(server_url.replace("+psycopg", "", 1), autocommit=True)
