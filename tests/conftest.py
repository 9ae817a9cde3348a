"""What every test can ask for: a PostgreSQL server, databases on it, and no way out to the network."""

import ipaddress
import os
import shutil
import socket
import tempfile
from collections.abc import Callable, Generator, Iterator
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from pydantic import SecretStr
from sqlalchemy import create_engine

from hub.bootstrap import Hub, build_hub
from hub.clock import FixedClock
from hub.db.databases import create_database, drop_database
from hub.db.embedded import EmbeddedServer
from hub.db.engine import sqlalchemy_url
from hub.db.schema import upgrade
from hub.jobs import RememberedQueue
from hub.settings import Settings
from infra.hosts.rooms import SUBSCRIPTIONS
from infra.setup.postgres15 import THROWN_AWAY

# A busy machine is slow at times; how long an example may take is for benchmarks to say.
hypothesis.settings.register_profile("doorstep", deadline=None)
hypothesis.settings.load_profile("doorstep")

MakeDatabase = Callable[..., str]
MONDAY_MORNING = datetime(2026, 5, 4, 7, 0, tzinfo=UTC)
"""09:00 in Brussels on a Monday without a holiday."""


class NetworkBlockedError(RuntimeError):
    """A test tried to leave the machine."""


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Reports travel between processes as UTF-8; hostile input that a test printed or logged must not stop the whole run."""
    report = yield
    report.sections = [
        (name.encode(errors="replace").decode(), text.encode(errors="replace").decode())
        for name, text in report.sections
    ]
    return report


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test that asks for PostgreSQL, so that `-m database` runs them all and nobody has to remember."""
    for item in items:
        if isinstance(item, pytest.Function) and "postgres_url" in item.fixturenames:
            item.add_marker(pytest.mark.database)


def _stays_here(address: Any) -> bool:
    """Whether the address is a local socket's path or loopback."""
    if not isinstance(address, tuple):
        return True
    host = str(address[0])
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host in {"localhost", ""}


def _named_hosts() -> set[str]:
    """The servers that whoever runs the suite names: of the database, and of the bus its contract is tried on."""
    url = os.environ.get("DATABASE_URL", "")
    bus = os.environ.get("DOORSTEP_CONTRACT_BUS", "")
    endpoint = next((part for part in bus.split(";") if part.lower().startswith("endpoint=sb://")), "")
    hosts = (url.split("@")[-1].split("/")[0], endpoint[len("endpoint=sb://") :].strip("/"))
    return {host.rsplit(":", 1)[0] for host in hosts} - {""}


@pytest.fixture(scope="session", autouse=True)
def network_is_blocked() -> Iterator[None]:
    """Only loopback, local sockets and the servers of DATABASE_URL and DOORSTEP_CONTRACT_BUS can be reached; anything
    else fails the test.
    """
    patch = pytest.MonkeyPatch()
    connect, resolve = socket.socket.connect, socket.getaddrinfo
    named_hosts = _named_hosts()
    # The addresses that looking up a named host gave: the bus's client connects to one of these, not to the name.
    known_addresses = set[str]()

    def guarded_connect(self: socket.socket, address: Any) -> None:
        if not _stays_here(address) and str(address[0]) not in named_hosts | known_addresses:
            raise NetworkBlockedError(f"a test tried to connect to {address}")
        connect(self, address)

    def guarded_resolve(host: Any, *rest: Any, **options: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        if name is not None and not _stays_here((name,)) and name not in named_hosts | known_addresses:
            raise NetworkBlockedError(f"a test tried to look up {name}")
        found = resolve(host, *rest, **options)
        if name in named_hosts:
            known_addresses.update(str(address[0]) for *_, address in found)
        return found

    patch.setattr(socket.socket, "connect", guarded_connect)
    patch.setattr(socket, "getaddrinfo", guarded_resolve)
    yield
    patch.undo()


@pytest.fixture
def server_folder() -> Iterator[Path]:
    """A folder for an embedded server of the test's own, which its account can enter also when the tests run as root."""
    folder = Path(tempfile.mkdtemp(prefix="doorstep-", dir="/tmp"))
    folder.chmod(0o755)
    yield folder
    EmbeddedServer(folder / "postgres")._lock_file.unlink(missing_ok=True)
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a PostgreSQL server's maintenance database: DATABASE_URL's when set, else an embedded one's."""
    if named := os.environ.get("DATABASE_URL"):
        yield named
        return
    # Not below pytest's own temporary folder: that is closed to the account root lends the server.
    place = Path("/tmp") / f"doorstep-tests-{os.getpid()}"
    with EmbeddedServer(place / "postgres", throwaway=True) as server:
        yield server.url
    place.rmdir()


@pytest.fixture(scope="session")
def make_database(postgres_url: str, worker_id: str) -> Iterator[MakeDatabase]:
    """`make_database(template=None) -> url`: a database of the test's own, dropped when the session ends.

    On a server that ends with the tests nothing is dropped: hundreds of databases, each with a checkpoint, would take minutes.
    """
    numbers, made = count(1), list[str]()

    def make(*, template: str | None = None) -> str:
        name = f"doorstep_test_{os.getpid()}_{worker_id}_{next(numbers)}"
        made.append(name)
        return create_database(postgres_url, name, template=template)

    yield make
    if "DATABASE_URL" in os.environ and THROWN_AWAY not in os.environ:
        for name in made:
            drop_database(postgres_url, name)


@pytest.fixture
def empty_database_url(make_database: MakeDatabase) -> str:
    """A database without tables, for this test alone."""
    return make_database()


@pytest.fixture(scope="session")
def migrated_template(make_database: MakeDatabase) -> str:
    """The name of a database with the present schema; tests get copies of it, which is faster than migrating each."""
    url = make_database()
    engine = create_engine(sqlalchemy_url(url))
    upgrade(engine)
    engine.dispose()
    return str(engine.url.database)


@pytest.fixture
def database_url(make_database: MakeDatabase, migrated_template: str) -> str:
    """A database with the present schema, for this test alone."""
    return make_database(template=migrated_template)


@pytest.fixture
def clock() -> FixedClock:
    """A clock that stands still on a Monday morning in Brussels until the test moves it."""
    return FixedClock(MONDAY_MORNING)


@pytest.fixture
def jobs() -> RememberedQueue:
    """Remembers the jobs that use cases defer."""
    return RememberedQueue()


@pytest.fixture
def hub(database_url: str, clock: FixedClock, jobs: RememberedQueue, tmp_path: Path) -> Iterator[Hub]:
    """The whole hub, every room listening, on a database of its own and a clock that stands still."""
    settings = Settings(database_url=SecretStr(database_url), state_dir=tmp_path, demo=True)
    built = build_hub(settings, SUBSCRIPTIONS, clock=clock, jobs=jobs)
    yield built
    built.close()
