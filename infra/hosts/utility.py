"""The utility's side, for the command line: send work orders, hear what became of them."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from hub.bootstrap import make_clock
from hub.domain.errors import ConfigurationError
from hub.messaging.envelope import parse_envelope
from hub.messaging.service_bus import receive_dead_letters, receive_events, send_batch
from hub.settings import Settings
from infra.hosts.instants import in_utc
from infra.hosts.running import read_settings
from ingest.sample_feed import generate, read_feed, write_feed

_IDLE_SECONDS = 2.0


def send(file: Path) -> None:
    """Send every line of `file` as one message, with a bar on a terminal and plain lines otherwise."""
    settings = read_settings()
    messages = list(read_feed(None if str(file) == "-" else file))
    with showing_progress("Sending work orders", len(messages)) as progress:
        sent = send_batch(_bus(settings), settings.orders_queue, messages, progress)
    typer.echo(f"Sent {sent} messages to the queue {settings.orders_queue}.")


def receive(*, follow: bool, as_json: bool) -> None:
    """Print the hub's events as they come; each is taken off the bus once it is printed."""
    settings = read_settings()
    heard = 0
    events = receive_events(
        _bus(settings),
        settings.events_topic,
        settings.utility_subscription,
        idle_seconds=None if follow else _IDLE_SECONDS,
    )
    try:
        for message in events:
            heard += 1
            typer.echo(message.body.decode() if as_json else _event_line(message.body))
    except KeyboardInterrupt:
        pass
    typer.echo(f"{heard} events.", err=True)


def dead_letters() -> None:
    """Print the reason of every message that could not be taken in."""
    settings = read_settings()
    count = 0
    for message in receive_dead_letters(_bus(settings), settings.orders_queue):
        count += 1
        typer.echo(f"{message.message_id}: {message.dead_letter_reason}: {message.dead_letter_description}")
    typer.echo(f"{count} dead letters.", err=True)


def write_sample(file: Path, orders: int, seed: int, first_day: date | None, technicians: int = 8) -> None:
    """Write a sample feed to `file`, of orders for the territories that so many technicians work in; the demo has 8."""
    feed = generate(orders, seed, first_day or make_clock(read_settings()).now().date(), technicians)
    write_feed(file, feed)
    typer.echo(f"Wrote {len(feed.messages)} messages to {file}. Send them with: doorstep utility send {file}")


@contextmanager
def showing_progress(what: str, total: int) -> Iterator[Callable[[int], None]]:
    """A function to call with how much is done: a bar on a terminal, a plain line at every tenth otherwise."""
    console = Console(stderr=True)
    if console.is_terminal:
        columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()
        with Progress(*columns, console=console) as bar:
            task = bar.add_task(what, total=total)
            yield lambda done: bar.update(task, completed=done)
        return
    told = -1

    def plain(done: int) -> None:
        nonlocal told
        tenth = 10 * done // max(total, 1)
        if tenth != told:
            told = tenth
            print(f"{what}: {done} of {total}", file=sys.stderr, flush=True)

    yield plain


def _bus(settings: Settings) -> str:
    if settings.service_bus is None:
        message = (
            "No Service Bus is named. Set DOORSTEP_SERVICE_BUS to a connection string; "
            "`doorstep demo` says how to reach its own, `doorstep broker` prints one."
        )
        raise ConfigurationError(message)
    return settings.service_bus.get_secret_value()


def _event_line(body: bytes) -> str:
    """When, which order, TMF697's state, and why; an order that is handed back says so, since its state has not changed."""
    event = parse_envelope(body)
    said = event.data.get("event", {}) if isinstance(event.data, dict) else {}
    order, dossier = said.get("workOrder", {}), said.get("dossier")
    parts = [order.get("state") or event.type]
    if dossier is not None:
        asked = f" after {len(dossier['attempts'])} contact attempts" if "attempts" in dossier else ""
        parts.append(f"handed back{asked}")
    elif order.get("holdReason"):
        parts.append(order["holdReason"])
    if reason := order.get("note", {}).get("text"):
        parts.append(reason)
    when = in_utc(event.time) if event.time else "without a time"
    return f"{when} {event.subject or ''} {': '.join(parts)}"
