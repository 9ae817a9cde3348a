"""Whether a process can work: alive when it answers, ready when the database does and has the schema this code knows."""

import socket
import threading
import time
from dataclasses import dataclass
from functools import cache
from typing import Any

from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.exc import OperationalError, ProgrammingError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from hub.bootstrap import Hub
from hub.db.schema import alembic_config
from hub.messaging.service_bus.connection import address_of
from infra.hosts.metrics import living_workers

_TLS_PORT = 5671
_PLAIN_PORT = 5672
_BUS_SECONDS = 1.0
_LOOK_AGAIN_SECONDS = 10.0
DATABASE_AWAY = "the database does not answer"


@dataclass(frozen=True)
class Readiness:
    """`why_not` is a sentence's half, empty when ready. Workers and bus are told, but nobody is less ready without them."""

    why_not: str
    schema: str = ""
    workers: int = 0
    bus: str = "none"

    @property
    def is_ready(self) -> bool:
        """Whether requests may come here."""
        return not self.why_not

    def as_json(self) -> dict[str, Any]:
        """What anybody may know: no address, no version of a product."""
        if self.why_not == DATABASE_AWAY:
            return {"status": self.why_not}
        return {
            "status": self.why_not or "ready",
            "database": "answers",
            "schema": self.schema,
            "workers": self.workers,
            "bus": self.bus,
        }


def readiness(hub: Hub) -> Readiness:
    """How this process stands at this moment; asks the database once and the bus every ten seconds at most."""
    try:
        with hub.reading() as connection:
            found = _revision(connection)
            behind = _is_behind(found)
            workers = 0 if behind else living_workers(connection, hub.clock.now())
    except (OperationalError, PoolTimeoutError):
        return Readiness(DATABASE_AWAY)
    why_not = "the database has an older schema; run doorstep db upgrade" if behind else ""
    return Readiness(why_not, found, workers, _bus_state(hub))


def _revision(connection: Connection) -> str:
    """The schema's revision, empty when there is none."""
    try:
        return str(connection.scalar(text("SELECT version_num FROM alembic_version")) or "")
    except ProgrammingError:
        connection.rollback()
        return ""


def _is_behind(found: str) -> bool:
    """Whether the database lacks a migration of ours. A newer one than ours is the next release's, being rolled out: it serves us too."""
    head, known = _migrations()
    return found != head and (not found or found in known)


@cache
def _migrations() -> tuple[str, frozenset[str]]:
    """The last migration of this code, and all of them."""
    directory = ScriptDirectory.from_config(alembic_config())
    return directory.get_current_head() or "", frozenset(one.revision for one in directory.walk_revisions())


def _bus_state(hub: Hub) -> str:
    secret = hub.settings.service_bus
    return "none" if secret is None else _bus_look.state(secret.get_secret_value())


class _BusLook:
    """Whether the bus takes connections, asked now and then however often anybody asks us."""

    def __init__(self) -> None:
        self._turn = threading.Lock()
        self._seen: dict[str, tuple[float, str]] = {}

    def state(self, connection_string: str) -> str:
        """`reachable` or `away`."""
        address = address_of(connection_string)
        with self._turn:
            at, state = self._seen.get(address, (float("-inf"), ""))
            if time.monotonic() - at > _LOOK_AGAIN_SECONDS:
                state = (
                    "reachable"
                    if _takes_connections(address, "UseDevelopmentEmulator" in connection_string)
                    else "away"
                )
                self._seen[address] = (time.monotonic(), state)
            return state


_bus_look = _BusLook()


def _takes_connections(address: str, is_emulator: bool) -> bool:
    host, _, port = address.partition(":")
    number = int(port) if port.isdigit() else (_PLAIN_PORT if is_emulator else _TLS_PORT)
    try:
        with socket.create_connection((host, number), _BUS_SECONDS):
            return True
    except OSError:
        return False
