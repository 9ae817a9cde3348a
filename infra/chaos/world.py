"""The machinery of a run: its own database, broker and workers, each a process that is brought back whenever it ends."""

import json
import os
import shutil
import signal
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from pydantic import SecretStr

from hub.bootstrap import Hub, build_hub
from hub.clock import ShiftedClock
from hub.db.databases import create_database
from hub.db.schema import upgrade
from hub.db.server_account import shared_place
from hub.domain.errors import DoorstepError
from hub.settings import Settings
from infra.chaos.database import KillableDatabase
from infra.chaos.options import START, ChaosOptions
from infra.hosts.processes import HostProcess
from infra.hosts.rooms import SUBSCRIPTIONS
from infra.local.config import DEFAULT_CONFIG
from infra.local.server import connection_string
from ingest.sample.technicians import draw_technicians

_START_SECONDS = 60.0
_TECHNICIANS = 12
"""As many as the stream's territories are drawn for."""
_LOCK = "PT8S"
"""Short locks: what a killed worker had in hand comes again after seconds, not half a minute."""
_LOOK_SECONDS = 0.1
_UNGUARDED = "infra.chaos.unguarded"


class ChaosStuckError(DoorstepError):
    """A part of the run cannot be started; the sentence says which, with the end of its log."""

    code = "chaos-stuck"


class Target(Protocol):
    """What can be killed and comes back."""

    restarts: int

    @property
    def name(self) -> str:
        """What it is called in figures and logs."""
        ...

    @property
    def is_up(self) -> bool:
        """Whether its process runs."""
        ...

    def kill(self) -> None:
        """End it by SIGKILL."""
        ...

    def revive(self) -> None:
        """Start it again."""
        ...

    def stop(self) -> None:
        """End it for good."""
        ...


@dataclass
class KillableProcess:
    """A `doorstep …` process as a target."""

    process: HostProcess
    restarts: int = 0

    @property
    def name(self) -> str:
        """What it is called in figures and logs."""
        return self.process.name

    @property
    def is_up(self) -> bool:
        """Whether its process runs."""
        return self.process.pid is not None and not self.process.has_died

    def kill(self) -> None:
        """End it by SIGKILL."""
        if self.process.pid is not None and self.is_up:
            with suppress(ProcessLookupError):
                os.kill(self.process.pid, signal.SIGKILL)

    def revive(self) -> None:
        """Start it again."""
        self.restarts += 1
        self.process.start()

    def stop(self) -> None:
        """Ask it to end, and end it by force when it does not."""
        self.process.ask_to_stop()
        self.process.stop()


class Keeper:
    """Brings back whatever of `targets` is not up, as a service manager does, in one thread for each of them."""

    def __init__(self, targets: Sequence[Target]) -> None:
        self._targets = targets
        self._stopping = threading.Event()
        self._threads = [
            threading.Thread(target=self._keep, args=(one,), name=f"keeper of {one.name}") for one in targets
        ]
        self.failures: list[str] = []

    def start(self) -> None:
        """Begin to watch."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Watch no more; what runs goes on running."""
        self._stopping.set()
        for thread in self._threads:
            if thread.is_alive():
                thread.join()

    def _keep(self, target: Target) -> None:
        while not self._stopping.wait(_LOOK_SECONDS):
            if target.is_up:
                continue
            try:
                target.revive()
            except (DoorstepError, OSError) as error:
                self.failures.append(f"{target.name}: {error}")
                self._stopping.wait(1.0)


@dataclass
class World:
    """What a run acts upon. `hub` is the run's own view of the database; it does no work."""

    hub: Hub
    clock: ShiftedClock
    bus: str
    folder: Path
    database: KillableDatabase
    broker: KillableProcess
    workers: Sequence[KillableProcess]
    keeper: Keeper = field(init=False)

    def __post_init__(self) -> None:
        self.keeper = Keeper(self.targets)

    @property
    def targets(self) -> tuple[Target, ...]:
        """All that can be killed."""
        return (self.database, self.broker, *self.workers)


@contextmanager
def built_world(options: ChaosOptions, disturb: Callable[[Hub], None] = lambda _: None) -> Iterator[World]:
    """A world whose clock starts on a Monday morning; everything in it has ended when the block ends, whatever ends it.

    `disturb` may change the database before the first worker starts.
    """
    with ExitStack() as stack:
        stack.enter_context(_own_settings_only())
        folder = stack.enter_context(_folder(keep=options.keep))
        database = KillableDatabase(folder / "postgres")
        stack.callback(database.stop)
        database.start()
        clock = ShiftedClock(folder / "clock")
        clock.shift_to(START)
        bus_port = _free_port()
        settings = Settings(
            database_url=SecretStr(create_database(database.url, "doorstep")),
            state_dir=folder,
            demo=True,
            shifted_clock=folder / "clock",
            service_bus=SecretStr(connection_string("127.0.0.1", bus_port)),
        )
        hub = build_hub(settings, SUBSCRIPTIONS)
        stack.callback(hub.close)
        upgrade(hub.engine)
        _employ(hub)
        disturb(hub)
        broker, workers = _processes(options, settings, folder, bus_port)
        world = World(hub, clock, settings.service_bus.get_secret_value(), folder, database, broker, workers)  # type: ignore[union-attr]
        for one in (broker, *workers):
            stack.callback(one.stop)
        stack.callback(world.keeper.stop)
        broker.process.start()
        _wait_for_port(bus_port, broker.process)
        for worker in workers:
            worker.process.start()
        world.keeper.start()
        yield world


def _employ(hub: Hub) -> None:
    """Technicians for all of the stream's work: nobody is invited where no technician could come."""
    with hub.unit_of_work() as work:
        for one in draw_technicians(1, _TECHNICIANS):
            work.technicians.add(one)
        work.commit()


def _processes(
    options: ChaosOptions, settings: Settings, folder: Path, bus_port: int
) -> tuple[KillableProcess, list[KillableProcess]]:
    secrets = settings.database_url, settings.service_bus
    database_url, bus = (one.get_secret_value() if one else "" for one in secrets)
    environment = {
        "DATABASE_URL": database_url,
        "DOORSTEP_STATE_DIR": str(folder),
        "DOORSTEP_DEMO": "true",
        "DOORSTEP_SHIFTED_CLOCK": str(settings.shifted_clock),
        "DOORSTEP_SERVICE_BUS": bus,
    }
    config, state = str(_bus_config(folder)), str(folder / "broker")
    broker = ("broker", "--port", str(bus_port), "--config", config, "--state", state)
    module = "infra.hosts" if options.guarded else _UNGUARDED
    workers = [
        KillableProcess(HostProcess(f"worker-{n}", ("worker",), environment, folder / f"worker-{n}.log", module=module))
        for n in range(1, options.workers + 1)
    ]
    return KillableProcess(HostProcess("broker", broker, environment, folder / "broker.log")), workers


def _bus_config(folder: Path) -> Path:
    config = json.loads(DEFAULT_CONFIG.read_text(encoding="utf-8"))
    for namespace in config["UserConfig"]["Namespaces"]:
        for queue in namespace["Queues"]:
            queue["Properties"]["LockDuration"] = _LOCK
        for topic in namespace["Topics"]:
            for subscription in topic["Subscriptions"]:
                subscription["Properties"]["LockDuration"] = _LOCK
    file = folder / "service-bus.json"
    file.write_text(json.dumps(config), encoding="utf-8")
    return file


@contextmanager
def _own_settings_only() -> Iterator[None]:
    """For the length of the block no setting of the installation is seen, by us or by the processes we start."""
    ours = [name for name in os.environ if name.startswith("DOORSTEP_") or name == "DATABASE_URL"]
    hidden = {name: os.environ.pop(name) for name in ours}
    try:
        yield
    finally:
        os.environ.update(hidden)


@contextmanager
def _folder(*, keep: bool) -> Iterator[Path]:
    """A folder that the account of the embedded server can enter."""
    place = shared_place()
    place.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="doorstep-chaos-", dir=place)).resolve()
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        if not keep:
            shutil.rmtree(folder, ignore_errors=True)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def _wait_for_port(port: int, process: HostProcess) -> None:
    until = time.monotonic() + _START_SECONDS
    while time.monotonic() < until and not process.has_died:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1.0):
            return
        time.sleep(0.05)
    raise ChaosStuckError(f"The broker did not start:\n{process.last_words()}")
