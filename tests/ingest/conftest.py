"""A hub in which only this room listens, so that a test sees its steps and nobody else's."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from hub.bootstrap import Hub, build_hub
from hub.clock import FixedClock
from hub.jobs import RememberedQueue
from hub.settings import Settings
from ingest.handlers import SUBSCRIPTIONS
from tests.conftest import MONDAY_MORNING, MakeDatabase


@pytest.fixture
def ingest_hub(database_url: str, clock: FixedClock, jobs: RememberedQueue, tmp_path: Path) -> Iterator[Hub]:
    settings = Settings(database_url=SecretStr(database_url), state_dir=tmp_path)
    built = build_hub(settings, SUBSCRIPTIONS, clock=clock, jobs=jobs)
    yield built
    built.close()


@pytest.fixture(scope="module")
def shared_hub(
    make_database: MakeDatabase, migrated_template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Hub]:
    """One hub for many small tests, which look only at what they added to it."""
    url = make_database(template=migrated_template)
    settings = Settings(database_url=SecretStr(url), state_dir=tmp_path_factory.mktemp("state"))
    built = build_hub(settings, SUBSCRIPTIONS, clock=FixedClock(MONDAY_MORNING), jobs=RememberedQueue())
    yield built
    built.close()
