"""The site that is measured: its own database with the settings of an installation, a full roster, and a link for every citizen."""

from __future__ import annotations

import socket
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import batched
from pathlib import Path
from statistics import median

import psycopg
from pydantic import SecretStr

from hub.bootstrap import Hub, build_hub
from hub.clock import SharedClock
from hub.db.databases import create_database
from hub.db.embedded import EmbeddedServer
from hub.db.schema import upgrade
from hub.domain.contact import LinkPurpose
from hub.notifications.links import make_link
from hub.settings import Settings
from infra.benchmarks.campaign.options import CampaignOptions
from infra.benchmarks.campaign.people import draw_company
from infra.benchmarks.campaign.stage import CATALOGUE, own_folder
from infra.hosts.processes import HostProcess, Hosts
from infra.hosts.rooms import SUBSCRIPTIONS
from scheduling.roster import load_roster

_START_SECONDS = 90.0
_AT_ONCE = 500


@dataclass(frozen=True)
class Site:
    """Where the portal and the bare page listen, the database's address, and the token of each citizen's link."""

    port: int
    bare_port: int
    database: str
    tokens: tuple[str, ...]


@contextmanager
def built_site(options: CampaignOptions, processes: int) -> Iterator[Site]:
    """A running site, and the bare one, each in so many processes; everything goes at the end."""
    with ExitStack() as stack:
        folder = stack.enter_context(own_folder("portal"))
        server = stack.enter_context(EmbeddedServer(folder / "postgres"))
        url = create_database(server.url, "portal")
        clock_file = folder / "clock"
        SharedClock(clock_file).set(options.hours[0])
        settings = Settings(
            database_url=SecretStr(url), state_dir=folder, demo=True, catalogue=CATALOGUE, simulated_clock=clock_file
        )
        hub = build_hub(settings, SUBSCRIPTIONS)
        stack.callback(hub.close)
        upgrade(hub.engine)
        tokens = _fill(hub, options)
        port, bare_port = _free_port(), _free_port()
        _serve(stack, folder, (port, bare_port), url, processes)
        yield Site(port, bare_port, url, tokens)


def _fill(hub: Hub, options: CampaignOptions) -> tuple[str, ...]:
    company, days = draw_company(options), options.working_days
    load_roster(hub, company.technicians, days[0], (days[-1] - days[0]).days + 1)
    tokens = list[str]()
    for some in batched(company.citizens, _AT_ONCE):
        with hub.unit_of_work() as work:
            orders = [one.order(work.now) for one in some]
            work.work_orders.add_all(orders)
            tokens += [make_link(work, order.id, LinkPurpose.BOOKING) for order in orders]
            work.commit()
        print(f"{len(tokens):,} of {options.citizens:,} orders laid out", file=sys.stderr, flush=True)
    return tuple(tokens)


def _serve(stack: ExitStack, folder: Path, ports: tuple[int, int], url: str, processes: int) -> None:
    port, bare_port = ports
    environment = {
        "DATABASE_URL": url,
        "DOORSTEP_STATE_DIR": str(folder),
        "DOORSTEP_PUBLIC_URL": f"http://127.0.0.1:{port}",
        "DOORSTEP_DEMO": "true",
        "DOORSTEP_CATALOGUE": str(CATALOGUE),
        "DOORSTEP_SIMULATED_CLOCK": str(folder / "clock"),
        "DOORSTEP_LOG_FORMAT": "text",
        "DOORSTEP_WEB_PROCESSES": str(processes),
    }
    web = HostProcess("web", ("web", "--port", str(port)), environment, folder / "web.log")
    bare = HostProcess(
        "bare",
        (str(bare_port), str(processes)),
        environment,
        folder / "bare.log",
        module="infra.benchmarks.portal.bare",
    )
    hosts = stack.enter_context(Hosts([web, bare]))
    hosts.wait_for_address(web, f"http://127.0.0.1:{port}/health/ready", _START_SECONDS)
    hosts.wait_for_address(bare, f"http://127.0.0.1:{bare_port}/page", _START_SECONDS)


def bare_update_seconds(url: str, count: int = 500) -> float:
    """The median time of one UPDATE of one row by its key, committed, on the site's server: what any booking must pay at least once."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS bare (id int PRIMARY KEY, counted int NOT NULL)")
        connection.execute("INSERT INTO bare SELECT n, 0 FROM generate_series(1, 1000) AS n ON CONFLICT DO NOTHING")
        taken = list[float]()
        for number in range(count):
            began = time.perf_counter()
            connection.execute("UPDATE bare SET counted = counted + 1 WHERE id = %s", (1 + number % 1000,))
            taken.append(time.perf_counter() - began)
        return median(taken)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])
