"""A broker for the contract suite, with a queue of its own for each test."""

import json
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from infra.local.running import broker_thread

_names = (f"queue-{number}" for number in count(1))
_QUEUES = 60


def queue(name: str, **properties: Any) -> dict[str, Any]:
    return {"Name": name, "Properties": properties}


def write_config(path: Path, queues: list[dict[str, Any]], topics: list[dict[str, Any]] | None = None) -> Path:
    namespace = {"Name": "sbemulatorns", "Queues": queues, "Topics": topics or []}
    path.write_text(json.dumps({"UserConfig": {"Namespaces": [namespace], "Logging": {"Type": "File"}}}))
    return path


@pytest.fixture(scope="package")
def bus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The connection string of a broker with many queues, some with a lock of a second, and two topics."""
    subscriptions = [
        {"Name": "everything", "Properties": {"LockDuration": "PT30S"}},
        {"Name": "more-of-it", "Properties": {}, "Rules": []},
        {
            "Name": "only-fibre",
            "Properties": {},
            "Rules": [
                {
                    "Name": "fibre",
                    "Properties": {
                        "FilterType": "Correlation",
                        "CorrelationFilter": {"Label": "completed", "Properties": {"kind": "fibre"}},
                    },
                }
            ],
        },
    ]
    config = write_config(
        tmp_path_factory.mktemp("bus") / "config.json",
        [
            queue("short-lock", LockDuration="PT1S", MaxDeliveryCount=3),
            queue("short-lock-renewed", LockDuration="PT1S"),
            queue("short-lock-consumed", LockDuration="PT2S"),
            queue("lock-of-three-seconds", LockDuration="PT3S"),
            queue("three-tries", MaxDeliveryCount=3),
            queue("short-lived", DefaultMessageTimeToLive="PT0.2S", DeadLetteringOnMessageExpiration=True),
            *(queue(f"queue-{number}", LockDuration="PT30S") for number in range(1, _QUEUES)),
        ],
        [{"Name": "Events", "Properties": {}, "Subscriptions": subscriptions}],
    )
    with broker_thread(config) as connection_string:
        yield connection_string


@pytest.fixture
def queue_name() -> str:
    """An empty queue nobody else uses."""
    return next(_names)
