"""`python -m infra.benchmarks.ingest`: what the bus and the database allow, and what the import makes of it; a table and one JSON object."""

import argparse
import json
import logging
import os
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from pydantic import SecretStr
from rich.console import Console
from sqlalchemy import create_engine

from hub.bootstrap import Hub, build_hub
from hub.clock import FixedClock
from hub.db.databases import create_database, drop_database
from hub.db.embedded import EmbeddedServer
from hub.db.engine import sqlalchemy_url
from hub.db.schema import upgrade
from hub.db.server_account import shared_place
from hub.messaging.service_bus import send_batch
from hub.settings import Settings
from infra.benchmarks.ingest import bus, inserts
from infra.benchmarks.ingest.beside import import_beside
from infra.benchmarks.ingest.feed import draw_orders
from infra.benchmarks.ingest.memory import at_shares, watch_memory
from infra.benchmarks.tables import Table, number
from infra.chaos.options import START
from infra.hosts.rooms import SUBSCRIPTIONS
from infra.hosts.running import how_many_processes
from infra.local.running import BrokerProcess

_TEMPLATE = "template_bench"
_SHARES = (0.1, 0.25, 0.5, 0.75, 1.0)
_RECEIVERS = 2
"""As many as the worker uses."""
RAW_SLOW, RAW_FAST = "SDK alone, completed one by one", "SDK alone, completed together"
CONSUMER, END_TO_END, SERVICE, INSERTS, RELAY = (
    "consumer alone",
    "consumer end to end",
    "import service alone",
    "the same rows by psycopg",
    "outbox relay",
)


@dataclass
class Bench:
    """The servers of a benchmark: a PostgreSQL as an installation has it, and a broker that keeps its messages on disk."""

    server: str
    broker: BrokerProcess
    folder: Path
    databases: int = 0

    @contextmanager
    def hub(self) -> Iterator[Hub]:
        """A hub with every room on an empty database of its own."""
        with self.database() as address:
            bus_address = SecretStr(self.broker.connection_string)
            settings = Settings(
                database_url=SecretStr(address), state_dir=self.folder, demo=True, service_bus=bus_address
            )
            hub = build_hub(settings, SUBSCRIPTIONS, clock=FixedClock(START))
            try:
                yield hub
            finally:
                hub.close()

    @contextmanager
    def database(self) -> Iterator[str]:
        """The address of an empty database with the present schema."""
        self.databases += 1
        name = f"bench_{self.databases}"
        yield create_database(self.server, name, template=_TEMPLATE)
        drop_database(self.server, name)


def main() -> int:
    """Run for a person; returns the exit code: 1 when a target was missed, 130 after an interrupt."""
    given = _arguments()
    logging.basicConfig(level=logging.ERROR)
    try:
        return _watch(given) if given.memory else _measure(given)
    except KeyboardInterrupt:
        print("Stopped by you; nothing is left running.", file=sys.stderr)
        return 130


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench-ingest BENCH=", description=__doc__)
    parser.add_argument("--orders", type=int, default=3_000, help="in each measurement")
    parser.add_argument("--runs", type=int, default=5, help="of which the medians are given")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path, help="a file for the figures, beside standard output")
    parser.add_argument("--memory", action="store_true", help="instead: a worker's memory over many messages")
    parser.add_argument("--messages", type=int, default=100_000, help="of --memory")
    parser.add_argument("--minutes", type=float, default=60.0, help="after which --memory ends")
    return parser.parse_args()


@contextmanager
def _built() -> Iterator[Bench]:
    place = shared_place()
    place.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="doorstep-bench-", dir=place)))
        folder.chmod(0o755)
        server = stack.enter_context(EmbeddedServer(folder / "postgres"))
        broker = stack.enter_context(BrokerProcess(state=folder / "broker"))
        engine = create_engine(sqlalchemy_url(create_database(server.url, _TEMPLATE)))
        upgrade(engine)
        engine.dispose()
        yield Bench(server.url, broker, folder)


def _measure(given: argparse.Namespace) -> int:
    figures = defaultdict[str, list[float]](list)
    load = os.getloadavg()[0]
    with _built() as bench:
        for run in range(given.runs):
            for name, rate in _one_run(bench, given.orders, given.seed + run):
                figures[name].append(rate)
                print(f"run {run + 1} of {given.runs}: {name} {rate:,.0f}/s", file=sys.stderr, flush=True)
    middle = {name: median(rates) for name, rates in figures.items()}
    limit = max(middle[RAW_SLOW], middle[RAW_FAST])
    ratios = {
        CONSUMER: middle[CONSUMER] / limit,
        END_TO_END: middle[END_TO_END] / limit,
        SERVICE: middle[SERVICE] / middle[INSERTS],
    }
    targets = {END_TO_END: 0.6, SERVICE: 0.1}
    _table(figures, ratios, targets, given, load).draw(Console())
    result = {
        "orders": given.orders,
        "runs": given.runs,
        "batch": bus.BATCH,
        "load_before": round(load, 1),
        "per_second": {name: round(rate, 1) for name, rate in middle.items()},
        "each_run": {name: [round(rate, 1) for rate in rates] for name, rates in figures.items()},
        "consumer_of_sdk": round(ratios[CONSUMER], 3),
        "end_to_end_of_sdk": round(ratios[END_TO_END], 3),
        "service_of_inserts": round(ratios[SERVICE], 3),
    }
    _print(result, given.json)
    return int(any(ratios[name] < target for name, target in targets.items()))


def _one_run(bench: Bench, orders: int, seed: int) -> Iterator[tuple[str, float]]:
    address = bench.broker.connection_string
    with bench.hub() as hub:
        queue, topic = hub.settings.orders_queue, hub.settings.events_topic
        for name, at_once in ((RAW_SLOW, False), (RAW_FAST, True)):
            send_batch(address, queue, draw_orders(orders, seed))
            yield name, bus.drain_raw(address, queue, orders, receivers=_RECEIVERS, at_once=at_once)
        send_batch(address, queue, draw_orders(orders, seed))
        yield CONSUMER, bus.consume_all(bus.only_complete, address, queue, orders)
        yield END_TO_END, import_beside(hub, draw_orders(orders, seed), how_many_processes(None, hub.settings))
    with bench.hub() as hub, bench.database() as empty:
        messages = draw_orders(orders, seed)
        yield SERVICE, inserts.import_all(hub, messages)
        source = hub.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
        written = inserts.read_rows(source)
        yield INSERTS, inserts.insert_all(empty, *written)
        yield RELAY, bus.relay_all(hub, address, topic, 2 * orders)


def _table(
    figures: dict[str, list[float]],
    ratios: dict[str, float],
    targets: dict[str, float],
    given: argparse.Namespace,
    load: float,
) -> Table:
    of = {CONSUMER: "of the SDK", END_TO_END: "of the SDK", SERVICE: "of raw inserts"}
    rows = []
    for name, rates in figures.items():
        share = f"{ratios[name]:.2f} {of[name]}" if name in ratios else ""
        target = f"{targets[name]:.1f}" if name in targets else ""
        rows.append([name, number(median(rates)), number(min(rates)), number(max(rates)), share, target])
    return Table(
        f"Messages a second, medians of {given.runs} runs of {given.orders:,} orders",
        ("what", "median", "least", "most", "share", "wanted"),
        rows,
        (
            f"{bus.BATCH} messages a batch, {_RECEIVERS} receivers; inserts by executemany, {inserts.BATCH} orders a transaction.",
            f"End to end in {how_many_processes(None, Settings())} processes, as a worker of this machine.",
            f"Broker and PostgreSQL write to disk. Load when it began: {load:.1f}; trust the shares, not the rates.",
        ),
    )


def _watch(given: argparse.Namespace) -> int:
    shown = 0

    def show(done: int) -> None:
        nonlocal shown
        if done - shown >= given.messages // 20:
            shown = done
            print(f"{done:,} of {given.messages:,} messages", file=sys.stderr, flush=True)

    samples = watch_memory(given.messages, given.seed, given.minutes, show)
    if not samples:
        print("The worker took in nothing in that time.", file=sys.stderr)
        return 1
    found = at_shares(samples, _SHARES)
    rows = [[f"{messages:,}", number(mebibytes, 1)] for messages, mebibytes in found]
    Table("Resident memory of a worker", ("messages taken in", "MiB"), rows).draw(Console())
    quarter, end = found[1][1], found[-1][1]
    _print(
        {"messages": samples[-1].messages, "mebibytes": dict(found), "growth": round(end / quarter - 1, 3)}, given.json
    )
    return int(end > 1.1 * quarter or samples[-1].messages < given.messages)


def _print(result: dict[str, object], file: Path | None) -> None:
    written = json.dumps(result)
    print(written)
    if file is not None:
        file.write_text(written + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
