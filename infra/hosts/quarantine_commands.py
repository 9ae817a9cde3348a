"""The verbs of `doorstep ingest dead-letters`: look for messages that could not be used, read, correct, replay and discard them."""

import getpass
import json
import sys
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import typer

from hub.domain.errors import DoorstepError
from hub.domain.events import Actor, ActorKind
from infra.hosts.instants import in_utc

dead_letters = typer.Typer(
    help="Look for messages that could not be used; correct, replay and discard them.",
    no_args_is_help=True,
    rich_markup_mode="rich",
)

_Json = Annotated[bool, typer.Option("--json", help="JSON, for programs.")]
_Ids = Annotated[list[UUID], typer.Argument(help="The messages' ids, as the list shows them.")]


@dead_letters.command("list")
def list_messages(
    status: Annotated[str, typer.Option(help="waiting, replayed, settled, discarded, or any.")] = "waiting",
    cause: Annotated[
        str, typer.Option(help="unreadable, 'given up by the bus', 'refused order' or 'refused change'.")
    ] = "",
    text: Annotated[str, typer.Option(help="Part of the order's number, message id, utility or reason.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many at most, the newest first.")] = 100,
    as_json: _Json = False,
) -> None:
    """List the messages in quarantine, the newest first."""
    from ingest.quarantine.records import Cause, QuarantineStatus
    from ingest.quarantine.service import QuarantineFilter, list_quarantined

    wanted = QuarantineFilter(
        status=None if status == "any" else QuarantineStatus(_one_of("status", status, QuarantineStatus)),
        cause=Cause(_one_of("cause", cause, Cause)) if cause else None,
        text=text,
    )
    with _hub() as hub:
        found = list_quarantined(hub, wanted, limit=limit)
    if as_json:
        typer.echo(json.dumps([_plain(vars(one)) for one in found.messages], ensure_ascii=False))
        return
    for one in found.messages:
        order = one.external_id or "unknown order"
        typer.echo(f"{one.id} {in_utc(one.quarantined_at)} {one.status}, {one.cause}, {order}: {one.reason}")
    typer.echo(f"{len(found.messages)} of {found.total}.", err=True)


@dead_letters.command("show")
def show_message(message_id: Annotated[UUID, typer.Argument(help="The message's id.")], as_json: _Json = False) -> None:
    """Show one message: why it lies here, what was done, and what it holds (personal data)."""
    from infra.console.quarantine import readable
    from ingest.quarantine.records import QuarantinedId
    from ingest.quarantine.service import show_quarantined

    with _hub() as hub:
        story = show_quarantined(hub, QuarantinedId(message_id))
    body = None if story.body is None else readable(story.body)
    if as_json:
        acts = [_plain(vars(act)) for act in story.acts]
        typer.echo(json.dumps({**_plain(vars(story.message)), "body": body, "acts": acts}, ensure_ascii=False))
        return
    for name, value in _plain(vars(story.message)).items():
        typer.echo(f"{name.replace('_', ' ')}: {value}")
    for act in story.acts:
        typer.echo(f"{in_utc(act.at)} {act.act} by {act.actor_kind} {act.actor_name}: {act.reason}".rstrip(": "))
    typer.echo(f"\n{'What it held is erased.' if body is None else body}")


@dead_letters.command("correct")
def correct_message(
    message_id: Annotated[UUID, typer.Argument(help="The message's id.")],
    file: Annotated[Path, typer.Argument(help="The corrected message, or - for standard input.")],
    reason: Annotated[str, typer.Option(help="What was corrected, for the history.")] = "",
) -> None:
    """Put a corrected message in the place of one; replay takes it in."""
    from ingest.quarantine.records import QuarantinedId
    from ingest.quarantine.service import CorrectionError, correct_quarantined

    try:
        body = sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
    except OSError as error:
        raise CorrectionError(f"{file} cannot be read: {error.strerror}.") from error
    with _hub() as hub:
        correct_quarantined(hub, QuarantinedId(message_id), body, by=_actor(), reason=reason)
    typer.echo(f"Message {message_id} is corrected. Take it in with: doorstep ingest dead-letters replay {message_id}")


@dead_letters.command("replay")
def replay_messages(ids: _Ids, as_json: _Json = False) -> None:
    """Take messages in again as they are now. Exits with 1 when one of them could not be."""
    from ingest.quarantine.records import QuarantinedId
    from ingest.quarantine.service import replay_quarantined

    with _hub() as hub:
        replays = replay_quarantined(hub, [QuarantinedId(one) for one in ids], by=_actor())
    if as_json:
        typer.echo(json.dumps([_plain(vars(one)) for one in replays], ensure_ascii=False))
    else:
        for one in replays:
            typer.echo(f"{one.id}: {one.sentence}")
    if not all(one.done for one in replays):
        raise typer.Exit(1)


@dead_letters.command("discard")
def discard_messages(
    ids: _Ids, reason: Annotated[str, typer.Option(help="Why; the history keeps it.")], as_json: _Json = False
) -> None:
    """Give messages up for good and erase what they hold."""
    from ingest.quarantine.records import QuarantinedId
    from ingest.quarantine.service import discard_quarantined

    with _hub() as hub:
        count = discard_quarantined(hub, [QuarantinedId(one) for one in ids], by=_actor(), reason=reason)
    typer.echo(json.dumps({"discarded": count}) if as_json else f"{count} of {len(ids)} discarded.")


def _hub() -> Any:
    from infra.hosts.running import read_settings, running_hub

    return running_hub(read_settings())


def _actor() -> Actor:
    return Actor(ActorKind.STAFF, f"{getpass.getuser()} at the command line")


def _one_of(what: str, word: str, words: Any) -> str:
    known = [one.value for one in words]
    if word not in known:
        raise DoorstepError(f"There is no {what} '{word}'; there are {', '.join(known)}.")
    return word


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    """Values as JSON has them: ids and instants as text."""
    return {
        name: value if isinstance(value, str | int | bool | dict | type(None)) else str(value)
        for name, value in values.items()
    }
