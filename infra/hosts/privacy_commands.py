"""`doorstep privacy …`: hand out and erase what is kept about a person; let go of what is kept long enough."""

import getpass
from pathlib import Path
from typing import Annotated

import typer

from hub.domain.errors import DoorstepError
from hub.domain.events import Actor, ActorKind

privacy = typer.Typer(help="People's rights over their data: export, erasure, retention.", no_args_is_help=True)

_Who = Annotated[
    str | None,
    typer.Option(
        prompt="E-mail address or telephone number",
        help="One whole e-mail address or telephone number. Asked for when absent, so that it need not stand in the shell's history.",
    ),
]
_Reason = Annotated[
    str | None,
    typer.Option(
        prompt="Why (without names or addresses)",
        help="Kept for ever with the act; names nobody. Asked for when absent.",
    ),
]
# What is asked for is not required: help must not say both.


@privacy.command("find")
def find(who: _Who = None) -> None:
    """Say how many rows are kept about a person, and for which orders."""
    from infra.hosts.running import read_settings, running_hub
    from portal.privacy.service import find_person

    with running_hub(read_settings()) as hub:
        found = find_person(hub, who or "")
    for order in found.orders:
        typer.echo(f"{order.external_id}  {order.status.value}  {order.work_type}")
    for name, count in sorted(found.counts.items()):
        typer.echo(f"{count:6}  {name}")


@privacy.command("export")
def export(
    to: Annotated[Path, typer.Option(help="The ZIP archive to write; it must not exist yet.")],
    who: _Who = None,
    reason: _Reason = None,
) -> None:
    """Write everything that is kept about a person into an archive only its owner can read."""
    from infra.hosts.running import read_settings, running_hub
    from portal.privacy.service import export_person

    if to.exists():
        message = f"{to} exists already; name another file."
        raise DoorstepError(message)
    with running_hub(read_settings()) as hub:
        archive = export_person(hub, who or "", by=_who_runs_this(), reason=reason or "")
    try:
        to.touch(mode=0o600, exist_ok=False)
        to.write_bytes(archive.content)
    except OSError as error:
        message = f"{to} cannot be written: {error.strerror}."
        raise DoorstepError(message) from error
    typer.echo(f"{to} is written: {sum(archive.counts.values())} rows and files.")


@privacy.command("erase")
def erase(
    who: _Who = None,
    reason: _Reason = None,
    force: Annotated[bool, typer.Option("--force", help="Also while work for the person goes on.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask again.")] = False,
) -> None:
    """Erase what is kept about a person, for good."""
    from infra.hosts.running import read_settings, running_hub
    from portal.privacy.service import erase_person, find_person

    with running_hub(read_settings()) as hub:
        if not yes:
            found = find_person(hub, who or "")
            typer.confirm(
                f"{len(found.orders)} orders and {found.rows} rows are this person's. Erase them for good?", abort=True
            )
        changed = erase_person(hub, who or "", by=_who_runs_this(), reason=reason or "", force=force)
    typer.echo(f"{sum(changed.values())} rows in {len(changed)} tables were emptied or deleted.")


@privacy.command("retain")
def retain() -> None:
    """Erase now what is kept longer than the retention rules say; the worker does this once a day."""
    from infra.hosts.running import read_settings, running_hub
    from portal.privacy.retention import apply_rules, load_rules

    with running_hub(read_settings()) as hub:
        is_whole = False
        total = 0
        while not is_whole:
            done, is_whole = apply_rules(hub, load_rules(hub.settings.retention), hub.clock.now())
            total += done
    typer.echo(f"{total} rows were emptied or deleted." if total else "Nothing is kept for too long.")


@privacy.command("acts")
def acts(
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many at most, the newest first.")] = 50,
) -> None:
    """List what was exported, erased and let go of, by whom and why."""
    from infra.hosts.instants import in_utc
    from infra.hosts.running import read_settings, running_hub
    from portal.privacy.acts import list_acts

    with running_hub(read_settings()) as hub, hub.snapshot() as work:
        for one in list_acts(work, limit=limit):
            who = " ".join(part for part in (one.actor_kind, one.actor_name) if part)
            counts = ", ".join(f"{name} {count}" for name, count in sorted(one.counts.items()))
            typer.echo(f"{in_utc(one.at)}  {one.act.value}  {who}  {one.reason}  ({counts})")


def _who_runs_this() -> Actor:
    """The account of this machine, which is all a command knows of who types it."""
    return Actor(ActorKind.STAFF, f"{getpass.getuser()} at the command line")
