"""Where a campaign takes place: a database of its own that goes with it, and a clock that every process shares."""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from pydantic import SecretStr

from hub.bootstrap import Hub, build_hub
from hub.clock import SharedClock
from hub.db.databases import create_database, drop_database
from hub.db.embedded import EmbeddedServer
from hub.db.schema import upgrade
from hub.db.server_account import shared_place
from hub.settings import Settings
from infra.benchmarks.campaign.options import CampaignOptions
from infra.hosts.rooms import SUBSCRIPTIONS

CATALOGUE = Path(__file__).with_name("catalogue.toml")


@contextmanager
def staged(options: CampaignOptions) -> Iterator[tuple[Hub, SharedClock]]:
    """A hub on a new database, of the server in DATABASE_URL or an embedded one, with the present schema."""
    with ExitStack() as stack:
        folder = stack.enter_context(own_folder("campaign"))
        server = (
            os.environ.get("DATABASE_URL")
            or stack.enter_context(EmbeddedServer(folder / "postgres", throwaway=True)).url
        )
        name = f"doorstep_campaign_{secrets.token_hex(4)}"
        url = create_database(server, name)
        stack.callback(drop_database, server, name)
        hub, clock = build_stage(url, folder, options)
        stack.callback(hub.close)
        upgrade(hub.engine)
        yield hub, clock


def build_stage(url: str, folder: Path, options: CampaignOptions) -> tuple[Hub, SharedClock]:
    """A hub with the campaign's catalogue on the database at `url`; its clock is a file in `folder`."""
    clock_file = folder / "clock"
    clock = SharedClock(clock_file)
    clock.set(options.hours[0])
    settings = Settings(
        database_url=SecretStr(url), state_dir=folder, demo=True, catalogue=CATALOGUE, simulated_clock=clock_file
    )
    return build_hub(settings, SUBSCRIPTIONS), clock


@contextmanager
def own_folder(name: str) -> Iterator[Path]:
    """A folder of its own for the block, that the account of the embedded server can enter."""
    place = shared_place()
    place.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=f"doorstep-{name}-", dir=place))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
