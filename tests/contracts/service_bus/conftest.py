"""The namespace the contract is tried on: a broker of ours, or the one that an environment variable names."""

import json
import os
from collections.abc import Iterator
from datetime import timedelta
from itertools import cycle
from pathlib import Path
from uuid import uuid4

import pytest

from infra.local.config import Namespace, read_config
from infra.local.running import broker_thread
from tests.contracts.service_bus.driver import DEAD, AioWay, Bus, SyncWay

ENTITIES = Path(__file__).with_name("entities.json")
CONTRACT_BUS = "DOORSTEP_CONTRACT_BUS"
# Service Bus allows no shorter durations than those of the file; our broker does, and so the suite waits less.
_SHORTER = {"PT5S": "PT2S", "PT10S": "PT0.5S", "PT20S": "PT4S"}
_plain = cycle(f"contract-plain-{number}" for number in range(1, 6))


class Durations:
    """The durations of the namespace at hand, in seconds."""

    def __init__(self, namespace: Namespace) -> None:
        of = {queue.name: queue.properties for queue in namespace.queues}
        self.lock = of["contract-short-lock"].lock_duration.total_seconds()
        self.window = of["contract-no-duplicates"].duplicate_detection_history_time_window.total_seconds()
        self.life = (of["contract-short-lived"].default_message_time_to_live or timedelta(0)).total_seconds()


@pytest.fixture(scope="package")
def namespace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Durations]]:
    """Connection string and durations of the namespace under test."""
    if given := os.environ.get(CONTRACT_BUS):
        yield given, Durations(read_config(ENTITIES))
        return
    text = ENTITIES.read_text(encoding="utf-8")
    for long, short in _SHORTER.items():
        text = text.replace(json.dumps(long), json.dumps(short))
    config = tmp_path_factory.mktemp("contract") / "config.json"
    config.write_text(text, encoding="utf-8")
    with broker_thread(config) as connection_string:
        yield connection_string, Durations(read_config(config))


@pytest.fixture(
    scope="package",
    params=[
        pytest.param(SyncWay, id="sync", marks=pytest.mark.xdist_group("service-bus-sync")),
        pytest.param(AioWay, id="aio", marks=pytest.mark.xdist_group("service-bus-aio")),
    ],
)
def bus(request: pytest.FixtureRequest, namespace: tuple[str, Durations]) -> Iterator[Bus]:
    """A client of the namespace: the synchronous one, then the asynchronous one."""
    connection_string, _ = namespace
    bus = Bus(request.param(connection_string))
    if CONTRACT_BUS in os.environ:
        _empty(bus)
    yield bus
    bus.close()


def _empty(bus: Bus) -> None:
    """Throw away what an earlier run left; sessions are new in each run, so theirs may stay."""
    namespace = read_config(ENTITIES)
    named = [(queue.name, queue.properties) for queue in namespace.queues]
    for topic in namespace.topics:
        named += [(f"{topic.name}/{each.name}", each.properties) for each in topic.subscriptions]
    for name, properties in named:
        if not properties.requires_session and not properties.forward_to:
            bus.empty(name)
        if not properties.forward_dead_lettered_messages_to:
            bus.empty(name, **DEAD)


@pytest.fixture
def durations(namespace: tuple[str, Durations]) -> Durations:
    """How long locks, windows and lives are here."""
    return namespace[1]


@pytest.fixture
def queue() -> str:
    """A plain queue; a test leaves it empty, and the next tests use others."""
    return next(_plain)


@pytest.fixture
def session_id() -> str:
    """A session nobody used before."""
    return f"session-{uuid4()}"
