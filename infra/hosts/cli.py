"""The command `doorstep`: parses, calls, prints; no logic of its own."""

from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError

from hub.domain.errors import DoorstepError
from hub.domain.staff import Role
from hub.logs import LogFormat, configure_logging
from hub.settings import Settings
from infra.hosts.contact_commands import contact
from infra.hosts.documents_commands import documents
from infra.hosts.dossier_commands import dossier
from infra.hosts.ingest_commands import ingest
from infra.hosts.mail_commands import mail
from infra.hosts.plan_commands import plan, read_day
from infra.hosts.privacy_commands import privacy
from infra.hosts.road_commands import roads
from infra.hosts.roster_commands import roster
from infra.hosts.texts_commands import texts
from infra.hosts.utility_clients import utility_clients

app = typer.Typer(
    name="doorstep",
    help="Doorstep brings a utility's work orders to booked, kept and rated visits. "
    "Start with [bold]make demo[/bold], or [bold]doorstep demo[/bold] when set up.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
utility = typer.Typer(help="Play the utility: send work orders, hear what became of them.", no_args_is_help=True)
database = typer.Typer(help="Look after the database.", no_args_is_help=True)
staff = typer.Typer(help="Look after staff accounts.", no_args_is_help=True)
app.add_typer(utility, name="utility")
app.add_typer(ingest, name="ingest")
app.add_typer(plan, name="plan")
app.add_typer(roster, name="roster")
app.add_typer(contact, name="contact")
app.add_typer(roads, name="roads")
app.add_typer(documents, name="documents")
app.add_typer(privacy, name="privacy")
app.add_typer(dossier, name="dossier")
app.add_typer(mail, name="mail")
app.add_typer(texts, name="texts")
app.add_typer(utility_clients, name="utility-clients")
app.add_typer(database, name="db")
app.add_typer(staff, name="staff")


def main() -> None:
    """Run the command line; an error of ours is one sentence on stderr and exit code 1."""
    configure_logging(_log_format())
    try:
        app()
    except DoorstepError as error:
        typer.secho(str(error), fg=typer.colors.RED, err=True)
        raise SystemExit(1) from error


def _log_format() -> LogFormat:
    """What the settings say; when one of them is wrong, the command itself says so."""
    try:
        return Settings().log_format
    except ValidationError:
        return "auto"


def _log_as_a_host() -> None:
    """A host's log is read by machines unless it goes to a terminal."""
    configure_logging(_log_format(), is_host=True)


@app.command()
def web(
    host: Annotated[str | None, typer.Option(help="Address to listen on; default DOORSTEP_HOST or 127.0.0.1.")] = None,
    port: Annotated[
        int | None, typer.Option(min=1, max=65535, help="Port to listen on; default DOORSTEP_PORT or 8080.")
    ] = None,
    processes: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=64,
            help="Processes that answer; default DOORSTEP_WEB_PROCESSES, or one for each core and four at most.",
        ),
    ] = None,
) -> None:
    """Serve the citizen portal, the console, the technician page and the APIs."""
    from infra.hosts.web_server import serve_web

    _log_as_a_host()
    serve_web(host, port, processes)


@app.command()
def worker() -> None:
    """Take in work orders, send events back, deliver messages, do what falls due. Run as many as you like."""
    from infra.hosts.running import read_settings, running_hub
    from infra.hosts.worker import run_worker

    _log_as_a_host()
    with running_hub(read_settings()) as hub:
        run_worker(hub)


@app.command()
def broker(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 takes a free one.")] = 5672,
    config: Annotated[Path | None, typer.Option(help="The emulator's config.json; default: the sample one.")] = None,
    state: Annotated[Path | None, typer.Option(help="Folder where messages survive a restart.")] = None,
) -> None:
    """Run the local Service Bus broker, which the unmodified Azure SDK talks to."""
    from infra.hosts.broker import serve_broker

    _log_as_a_host()
    serve_broker(host, port, config, state)


@app.command()
def status(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object, for programs.")] = False,
) -> None:
    """Say whether this installation can work, and what waits. Exits with 1 when it cannot."""
    from infra.hosts.status import show_status

    show_status(as_json=as_json)


@app.command()
def demo(
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port of the web pages.")] = 8080,
    reset: Annotated[bool, typer.Option("--reset", help="Forget the demo's data and stop.")] = False,
    open_browser: Annotated[bool, typer.Option("--open", help="Open the first page in a browser.")] = False,
) -> None:
    """Start everything on this machine with a sample week; Ctrl-C stops it and keeps the data."""
    from infra.demo.run import forget_demo, run_demo

    if reset:
        forget_demo()
    else:
        run_demo(port, open_browser=open_browser)


@app.command()
def play(
    orders: Annotated[int, typer.Option(help="How many messages the utility sends.")] = 300,
    technicians: Annotated[int, typer.Option(help="How many technicians work.")] = 12,
    days: Annotated[int, typer.Option(help="How many working days they are on the road.")] = 5,
    seed: Annotated[int, typer.Option(help="The same seed gives the same people with the same habits.")] = 1,
    json_to: Annotated[
        Path | None, typer.Option("--json", help="Where to write the figures as one JSON object; - is standard output.")
    ] = None,
    kills: Annotated[int, typer.Option(help="How often the worker is killed (SIGKILL) in the middle of its work.")] = 0,
    keep: Annotated[bool, typer.Option("--keep", help="Leave the database behind for a look.")] = False,
) -> None:
    """Play the whole product fast-forward in a fresh database and account for every order.

    Simulated citizens, technicians and a dispatcher act through HTTP; messages go through the broker. Exits with 1 when an
    order is unaccounted for, two visits of a technician overlap, or planning broke a promise.
    """
    from infra.hosts.play import play_from_command_line

    play_from_command_line(orders, technicians, days, seed, json_to, kills=kills, keep=keep)


@utility.command("send")
def utility_send(
    file: Annotated[Path, typer.Argument(help="One CloudEvent a line, or - for standard input.")],
) -> None:
    """Send work orders to the hub over Service Bus."""
    from infra.hosts.utility import send

    send(file)


@utility.command("receive")
def utility_receive(
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on waiting for more until Ctrl-C.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print whole CloudEvents, one a line.")] = False,
) -> None:
    """Show the events the hub sent back: state changes and escalations."""
    from infra.hosts.utility import receive

    receive(follow=follow, as_json=as_json)


@utility.command("dead-letters")
def utility_dead_letters() -> None:
    """Show the messages that could not be taken in, each with its reason; they stay where they are."""
    from infra.hosts.utility import dead_letters

    dead_letters()


@utility.command("sample")
def utility_sample(
    file: Annotated[Path, typer.Argument(help="Where to write the feed, one CloudEvent a line.")],
    orders: Annotated[int, typer.Option(min=1, help="How many messages.")] = 50,
    seed: Annotated[int, typer.Option(help="The same seed gives the same feed.")] = 1,
    first_day: Annotated[
        str | None, typer.Option(help="The day the orders begin (YYYY-MM-DD); default today by the hub's clock.")
    ] = None,
    technicians: Annotated[
        int, typer.Option(min=1, help="One territory for every four of them, three at most; the demo has 8.")
    ] = 8,
) -> None:
    """Write a feed of sample work orders, some bad on purpose."""
    from infra.hosts.utility import write_sample

    write_sample(file, orders, seed, read_day(first_day), technicians)


@database.command("upgrade")
def db_upgrade() -> None:
    """Create or upgrade the schema. Every command that needs the database does this first; this one does nothing else."""
    from infra.hosts.running import read_settings, running_hub

    with running_hub(read_settings()) as hub:
        typer.echo(f"The schema of {hub.engine.url.database} is up to date.")


@staff.command("add")
def staff_add(
    email: Annotated[str, typer.Argument(help="What they sign in with.")],
    role: Annotated[
        list[Role], typer.Option(help="dispatcher, operations, analyst or administrator; may be repeated.")
    ],
    name: Annotated[str | None, typer.Option(prompt=True, help="Their name. Asked for when absent.")] = None,
    password: Annotated[
        str | None, typer.Option(prompt=True, confirmation_prompt=True, hide_input=True, help="Asked for when absent.")
    ] = None,
) -> None:
    """Add a member of staff."""
    from hub.web.staff_accounts import create_staff
    from infra.hosts.running import read_settings, running_hub

    with running_hub(read_settings()) as hub:
        create_staff(hub, email, name or "", password or "", [Role(one) for one in role])
    typer.echo(f"{email} can sign in now.")
