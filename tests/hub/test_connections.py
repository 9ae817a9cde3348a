"""A connection that died while it rested is nobody's error."""

import time

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from hub.bootstrap import Hub
from hub.db import engine as engines


def server_process(hub: Hub) -> int:
    """The server's process behind the connection that the pool hands out."""
    with hub.reading() as connection:
        return int(connection.execute(text("SELECT pg_backend_pid()")).scalar_one())


def end(hub: Hub, process: int) -> None:
    """What an administrator or a restart does to a connection."""
    assert hub.settings.database_url is not None
    until = time.monotonic() + 20
    with psycopg.connect(hub.settings.database_url.get_secret_value(), autocommit=True) as outside:
        outside.execute("SELECT pg_terminate_backend(%s)", (process,))
        while outside.execute("SELECT 1 FROM pg_stat_activity WHERE pid = %s", (process,)).fetchone():
            assert time.monotonic() < until
            time.sleep(0.01)


def test_a_connection_that_the_server_ended_is_replaced_unseen(hub: Hub) -> None:
    process = server_process(hub)
    assert server_process(hub) == process, "the pool hands out the same one again"
    end(hub, process)
    assert server_process(hub) != process


def test_a_connection_that_rested_long_is_asked_even_when_nothing_was_heard(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engines, "_said_something", lambda _: False)
    process = server_process(hub)
    end(hub, process)
    with pytest.raises(OperationalError):
        server_process(hub)
    process = server_process(hub)
    end(hub, process)
    monkeypatch.setattr(engines, "_ASKED_AFTER_SECONDS", -1.0)
    assert server_process(hub) != process
