"""What every command needs before it can work: settings, a database that answers, and the hub."""

import errno
import gc
import logging
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import SecretStr, ValidationError

from hub.bootstrap import Hub, build_hub
from hub.db.databases import ensure_database
from hub.db.embedded import EmbeddedServer, default_state_dir
from hub.db.engine import check_answers
from hub.db.schema import upgrade
from hub.domain.errors import ConfigurationError, DoorstepError
from hub.settings import Settings
from infra.hosts.rooms import SUBSCRIPTIONS
from ingest.places.choosing import geocoder_of
from ingest.profiles.reading import check_profiles
from portal.contact.policies import check_policies
from scheduling.driving import travel_of

DATABASE_NAME = "doorstep"
_MOST_PROCESSES = 4
"""More processes than these the database does not feed, as a rule; the setting says otherwise where it does."""
_log = logging.getLogger(__name__)


class PortTakenError(DoorstepError):
    """Another program listens on the port."""

    code = "port-taken"

    def __init__(self, host: str, port: int, remedy: str) -> None:
        super().__init__(f"Port {port} on {host} is taken by another program. Stop that program, or {remedy}.")
        self.port = port


def read_settings() -> Settings:
    """The settings of this process; raises ConfigurationError naming the variable that is wrong, never its value."""
    try:
        return Settings()
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        name = "_".join(str(part) for part in first["loc"]).upper()
        name = name if name == "DATABASE_URL" else f"DOORSTEP_{name.removeprefix('DOORSTEP_')}"
        message = f"The setting {name} is wrong: {first['msg']}."
        raise ConfigurationError(message) from error


def state_dir(settings: Settings) -> Path:
    """The folder for what this installation keeps; made when it is missing."""
    if settings.database_url is None:
        folder = default_state_dir(settings.state_dir)
    else:
        # Nobody but ourselves has to enter it.
        folder = (settings.state_dir or Path.cwd() / ".state").absolute()
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@contextmanager
def with_database(settings: Settings) -> Iterator[Settings]:
    """Settings that name a database: DATABASE_URL's, or an embedded server's that runs for the length of the block."""
    if settings.database_url is not None:
        yield settings.model_copy(update={"state_dir": state_dir(settings)})
        return
    folder = state_dir(settings)
    _log.info("DATABASE_URL names no database; the embedded one in %s is used.", folder / "postgres")
    with EmbeddedServer(folder / "postgres") as server:
        url = ensure_database(server.url, DATABASE_NAME)
        yield settings.model_copy(update={"database_url": SecretStr(url), "state_dir": folder})


@contextmanager
def running_hub(settings: Settings) -> Iterator[Hub]:
    """A hub whose database answers and has the present schema; raises DatabaseUnavailableError or ConfigurationError."""
    with with_database(settings) as complete:
        hub = build_hub(complete, SUBSCRIPTIONS)
        try:
            check_policies(complete.contact_policies, hub.catalogue)
            check_profiles(complete)
            geocoder_of(complete)
            travel_of(complete)
            check_answers(hub.engine)
            upgrade(hub.engine)
            yield hub
        finally:
            hub.close()


def how_many_processes(asked: int | None, settings: Settings) -> int:
    """As many as were `asked` for, else one a core and four at most; on a simulated or shifted clock one is enough."""
    if asked is not None:
        return asked
    if settings.simulated_clock is not None or settings.shifted_clock is not None:
        return 1
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return max(1, min(_MOST_PROCESSES, cores or 1))


def keep_what_is_loaded() -> None:
    """What is loaded when a host begins lives as long as it: the collector of garbage need not look through it again and again."""
    gc.collect()
    gc.freeze()


def listening_socket(host: str, port: int, remedy: str) -> socket.socket:
    """A socket that listens at the address; raises PortTakenError or ConfigurationError with `remedy` (what else to do) in its sentence."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The protocol is named because asyncio turns Nagle's algorithm off only for sockets that name it: without, half of all
    # answers would wait 40 ms for the other side's delayed acknowledgement.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        # Two that only bind would both succeed, and one of them fail much later.
        listener.listen()
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise PortTakenError(host, port, remedy) from error
        message = f"Port {port} on {host} cannot be opened: {error.strerror}. Check the address, or {remedy}."
        raise ConfigurationError(message) from error
    return listener
