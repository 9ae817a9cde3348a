"""The machinery of a play: a fresh database, the broker, the web, the worker and the utility's ear, each a process of its own.

Everything here is made for one play and gone at its end, whatever ends it. Mail and SMS are recorded, never sent: a play takes
none of the installation's own settings.
"""

import json
import os
import secrets
import shutil
import signal
import socket
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pydantic import SecretStr
from sqlalchemy import text

from hub.bootstrap import Hub, build_hub
from hub.clock import SharedClock
from hub.db.databases import create_database, drop_database
from hub.db.embedded import EmbeddedServer, default_state_dir
from hub.db.schema import upgrade
from hub.db.server_account import shared_place
from hub.domain.errors import DoorstepError
from hub.settings import Settings
from infra.hosts.processes import HostProcess, Hosts
from infra.hosts.rooms import SUBSCRIPTIONS
from infra.local.config import DEFAULT_CONFIG
from infra.local.server import connection_string
from infra.play import ear

_START_SECONDS = 60.0
_SETTLE_SECONDS = 90.0
_LOCK = "PT8S"
_LOOK_SECONDS = 0.02
_UNSETTLED = text("""
    SELECT coalesce((SELECT max(caught_up_to) FROM worker_beat), '-infinity') < :now AS behind,
           (SELECT count(*) FROM outbox_event WHERE sent_at IS NULL) AS unsent,
           (SELECT count(*) FROM inbox_message) AS taken_in,
           (SELECT count(*) FROM contact_case WHERE status = 'open' AND next_due_at <= :now) AS ladder_steps,
           (SELECT count(*) FROM procrastinate_jobs WHERE status IN ('todo', 'doing')
            AND (scheduled_at IS NULL OR scheduled_at <= clock_timestamp())) AS jobs
""")


class PlayStuckError(DoorstepError):
    """A part of the play does not get on; the sentence says which, and what it left undone."""

    code = "play-stuck"


@dataclass
class World:
    """What the people of a play act upon."""

    hub: Hub
    clock: SharedClock
    web_url: str
    bus: str
    folder: Path
    hosts: Hosts
    worker: HostProcess
    database: str
    patience: float = 0.0

    @property
    def notes(self) -> Path:
        """Where the utility's ear writes what it hears."""
        return self.folder / "ear.log"

    @property
    def restarts(self) -> int:
        """How often a process ended by itself or was killed, and was started again."""
        return sum(process.restarts for process in self.hosts.processes)

    def kill_worker(self) -> None:
        """End the worker as a power cut would (SIGKILL); it is started again."""
        if self.worker.pid is not None:
            with suppress(ProcessLookupError):
                os.kill(self.worker.pid, signal.SIGKILL)

    def wait_for_work(self, seconds: float = 3.0) -> bool:
        """Wait, for a bounded time, until the worker has something in hand; False when nothing came."""
        until = time.monotonic() + seconds
        with self.hub.reading() as connection:
            before = connection.execute(_UNSETTLED, {"now": self.clock.now()}).one()
        while time.monotonic() < until:
            with self.hub.reading() as connection:
                found = connection.execute(_UNSETTLED, {"now": self.clock.now()}).one()
            if found.unsent or found.jobs or found.taken_in > before.taken_in:
                return True
            time.sleep(0.002)
        return False

    def settle(self, now: datetime, messages: int) -> None:
        """Wait until the worker has taken in `messages` different messages and done everything due up to `now`.

        Raises PlayStuckError when it does not get there.
        """
        began = time.monotonic()
        left = None
        while time.monotonic() - began < _SETTLE_SECONDS:
            with self.hub.reading() as connection:
                left = connection.execute(_UNSETTLED, {"now": now}).one()
            if not (left.behind or left.unsent or left.ladder_steps or left.jobs) and left.taken_in >= messages:
                self.patience += time.monotonic() - began
                return
            time.sleep(_LOOK_SECONDS)
        raise PlayStuckError(
            f"The worker does not get on at {now.isoformat()}; left are {left}. It last said:\n{self.worker.last_words()}"
        )

    def wait_until_heard(self, count: int) -> None:
        """Wait, for a bounded time, until the utility's ear has written down `count` events."""
        until = time.monotonic() + _SETTLE_SECONDS
        while time.monotonic() < until and ear.count_notes(self.notes) < count:
            time.sleep(0.2)


@contextmanager
def built_world(start: datetime, *, keep: bool = False) -> Iterator[World]:
    """A world whose clock stands at `start`; with `keep` its database outlives it."""
    with ExitStack() as stack:
        stack.enter_context(_own_settings_only())
        folder = stack.enter_context(_folder())
        database_url = stack.enter_context(_database(folder, keep=keep))
        clock_file = folder / "clock"
        clock = SharedClock(clock_file)
        clock.set(start)
        web_port, bus_port = _free_port(), _free_port()
        settings = Settings(
            database_url=SecretStr(database_url),
            state_dir=folder,
            public_url=f"http://127.0.0.1:{web_port}",
            port=web_port,
            demo=True,
            simulated_clock=clock_file,
            service_bus=SecretStr(connection_string("127.0.0.1", bus_port)),
        )
        hub = build_hub(settings, SUBSCRIPTIONS)
        stack.callback(hub.close)
        upgrade(hub.engine)
        yield _with_hosts(stack, hub, clock, folder, bus_port)


def _with_hosts(stack: ExitStack, hub: Hub, clock: SharedClock, folder: Path, bus_port: int) -> World:
    settings = hub.settings
    environment = _environment(settings)

    def host(name: str, *arguments: str) -> HostProcess:
        return HostProcess(name, arguments, environment, folder / f"{name}.log")

    broker = host("broker", "broker", "--port", str(bus_port), "--config", str(_bus_config(folder)))
    stack.enter_context(Hosts([broker]))
    _wait_for_port(bus_port, broker)
    web, worker = host("web", "web"), host("worker", "worker")
    listener = host("ear", *ear.COMMAND)
    hosts = stack.enter_context(Hosts([web, worker, listener]))
    hosts.wait_for_address(web, f"{settings.public_url}/health/ready", _START_SECONDS)
    return World(
        hub=hub,
        clock=clock,
        web_url=settings.public_url,
        bus=settings.service_bus.get_secret_value() if settings.service_bus else "",
        folder=folder,
        hosts=hosts,
        worker=worker,
        database=str(hub.engine.url.database),
    )


def _bus_config(folder: Path) -> Path:
    """The usual queues, but with short locks: what a killed worker had in hand comes again after seconds, not half a minute."""
    config = json.loads(DEFAULT_CONFIG.read_text(encoding="utf-8"))
    for namespace in config["UserConfig"]["Namespaces"]:
        for queue in namespace["Queues"]:
            queue["Properties"]["LockDuration"] = _LOCK
    file = folder / "service-bus.json"
    file.write_text(json.dumps(config), encoding="utf-8")
    return file


def _environment(settings: Settings) -> dict[str, str]:
    secret = settings.database_url, settings.service_bus
    database_url, bus = (one.get_secret_value() if one else "" for one in secret)
    return {
        "DATABASE_URL": database_url,
        "DOORSTEP_STATE_DIR": str(settings.state_dir),
        "DOORSTEP_PUBLIC_URL": settings.public_url,
        "DOORSTEP_PORT": str(settings.port),
        "DOORSTEP_DEMO": "true",
        "DOORSTEP_SIMULATED_CLOCK": str(settings.simulated_clock),
        "DOORSTEP_SERVICE_BUS": bus,
        "DOORSTEP_LOG_FORMAT": "text",
    }


@contextmanager
def _own_settings_only() -> Iterator[None]:
    """For the length of the block no DOORSTEP_ variable of the installation is seen, by us or by the processes we start."""
    hidden = {name: os.environ.pop(name) for name in list(os.environ) if name.startswith("DOORSTEP_")}
    try:
        yield
    finally:
        os.environ.update(hidden)


@contextmanager
def _folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="doorstep-play-", dir=_place()))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _place() -> Path:
    """A folder that the account of the embedded server can enter."""
    place = shared_place()
    place.mkdir(parents=True, exist_ok=True)
    return place


@contextmanager
def _database(folder: Path, *, keep: bool) -> Iterator[str]:
    """A new database on the server named by DATABASE_URL, else on an embedded one: a throwaway, or with `keep` the usual one."""
    name = f"doorstep_play_{secrets.token_hex(4)}"
    named = os.environ.get("DATABASE_URL")
    with ExitStack() as stack:
        if named:
            server = named
        elif keep:
            server = stack.enter_context(EmbeddedServer(default_state_dir() / "postgres")).url
        else:
            server = stack.enter_context(EmbeddedServer(folder / "postgres", throwaway=True)).url
        url = create_database(server, name)
        try:
            yield url
        finally:
            if not keep:
                drop_database(server, name)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def _wait_for_port(port: int, process: HostProcess) -> None:
    until = time.monotonic() + _START_SECONDS
    while time.monotonic() < until and process.restarts <= 1:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1.0):
            return
        time.sleep(0.05)
    raise PlayStuckError(f"The broker did not start:\n{process.last_words()}")
