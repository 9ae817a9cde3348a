"""Profiles and the drop folder, for the command line: what a file would become, which profiles there are, take a folder in."""

import json
from dataclasses import asdict
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any

import typer
from rich.console import Console
from rich.table import Column, Table

from hub.bootstrap import make_clock
from hub.catalogue import load_catalogue
from hub.domain.catalogue import Catalogue
from hub.domain.errors import ConfigurationError
from hub.messaging.envelope import parse_envelope
from hub.messaging.service_bus import ReceivedMessage
from infra.hosts.running import read_settings, running_hub
from ingest.folder import take_in_folder
from ingest.mapping import judge_request
from ingest.messages import read
from ingest.profiles.csv_documents import CsvRecord
from ingest.profiles.definition import Profile
from ingest.profiles.documents import Record, UnreadableDocumentError
from ingest.profiles.file import load_profile
from ingest.profiles.mapping import Mapped, content_id, map_record
from ingest.profiles.problems import Problem, UnmappableMessageError
from ingest.profiles.reading import profiles_of
from ingest.schemas import MalformedOrderError, WorkOrderRequest


def try_profile(profile: str, file: Path, day: date | None, *, as_json: bool) -> None:
    """Show what each order in `file` becomes, or everything that is wrong with it; nothing is stored. Exits with 1 on errors.

    `day` is when it is imagined to come, at midnight UTC; default now.
    """
    settings = read_settings()
    reader = load_profile(Path(profile), own=True) if profile.endswith(".toml") else profiles_of(settings).get(profile)
    try:
        body = file.read_bytes()
    except OSError as error:
        raise ConfigurationError(f"{file} cannot be read: {error.strerror}.") from error
    now = datetime.combine(day, time(), UTC) if day else make_clock(settings).now()
    tries = _try_all(reader, body, load_catalogue(settings.catalogue), now)
    if as_json:
        typer.echo(json.dumps({"profile": reader.name, "orders": tries}, indent=2, ensure_ascii=False))
    else:
        _print(tries)
    if any(one["errors"] for one in tries):
        raise typer.Exit(1)


def list_profiles() -> None:
    """Print each profile: its name, format, utility, and how messages find it."""
    table = Table("name", "format", "utility", "found by", "", box=None, header_style="bold")
    for _, one in sorted(profiles_of(read_settings()).by_name.items()):
        found_by = (
            [*sorted(one.content_types), *(f"source {source}" for source in sorted(one.sources))] if one.own else []
        )
        table.add_row(
            one.name, one.format_name, one.source, "\n".join(found_by) or "its name", "yours" if one.own else "shipped"
        )
    Console().print(table)


def take_in(folder: Path | None, profile: str | None, *, as_json: bool) -> None:
    """Take in the files of the drop folder once, and say what became of their orders. Exits with 1 when some were refused."""
    settings = read_settings()
    where, by = folder or settings.drop_folder, profile or settings.drop_profile
    if where is None or not by:
        raise ConfigurationError(
            "Name the folder and its profile, or set DOORSTEP_DROP_FOLDER and DOORSTEP_DROP_PROFILE."
        )
    with running_hub(settings) as hub:
        counts = take_in_folder(hub, where, by)
    said = {"files": counts.files, "orders": counts.orders, "outcomes": dict(sorted(counts.outcomes.items()))}
    if as_json:
        typer.echo(json.dumps(said))
    else:
        words = ", ".join(f"{count} {outcome}" for outcome, count in sorted(counts.outcomes.items())) or "none"
        typer.echo(f"{counts.files} files, {counts.orders} orders: {words}.")
    if counts.refused:
        typer.echo(f"The refused ones are in {where / 'rejects'}, each with its reason.", err=True)
        raise typer.Exit(1)


def _try_all(profile: Profile, body: bytes, catalogue: Catalogue, now: datetime) -> list[dict[str, Any]]:
    tries: list[dict[str, Any]] = []
    try:
        for position, record in enumerate(profile.format.records(body), start=1):
            number = record.number if isinstance(record, CsvRecord) else position
            tries.append({"order": number, **_try(profile, record, catalogue, now)})
    except UnreadableDocumentError as error:
        tries.append({"order": len(tries) + 1, "errors": [asdict(error.problem)]})
    return tries


def _try(profile: Profile, record: Record, catalogue: Catalogue, now: datetime) -> dict[str, Any]:
    try:
        mapped = map_record(profile, record, fallback_id=content_id(profile, record), fallback_time=now)
    except UnmappableMessageError as error:
        return {"errors": [asdict(problem) for problem in error.problems]}
    shown = {
        "event": mapped.event,
        "fields": [asdict(reading) for reading in mapped.readings],
        "remarks": list(mapped.remarks),
    }
    try:
        return {**shown, "errors": [], **_judged(mapped, catalogue, now)}
    except MalformedOrderError as error:
        return {**shown, "errors": [asdict(Problem("", str(error)))]}


def _judged(mapped: Mapped, catalogue: Catalogue, now: datetime) -> dict[str, Any]:
    """What the import would make of it today; of a change only whether it can be read, as the order is in the database."""
    body = json.dumps(mapped.event).encode()
    reading = read(_as_message(body))
    if not isinstance(reading.content, WorkOrderRequest):
        return {"outcome": parse_envelope(body).type.rpartition("workOrder.")[2], "because": []}
    judgement = judge_request(
        reading.content, catalogue, utility=reading.utility, correlation_id=reading.correlation_id, now=now
    )
    return {"outcome": judgement.order.status.value, "because": [*judgement.refusals, *judgement.remarks]}


def _as_message(body: bytes) -> ReceivedMessage:
    return ReceivedMessage(
        body=body,
        message_id="try",
        subject=None,
        correlation_id=None,
        content_type=None,
        properties={},
        sequence_number=0,
        delivery_count=0,
        enqueued_at=datetime.now(UTC),
        dead_letter_reason=None,
        dead_letter_description=None,
    )


def _print(tries: list[dict[str, Any]]) -> None:
    console = Console()
    for one in tries:
        console.print(f"[bold]Order {one['order']}[/bold]")
        for problem in one["errors"]:
            console.print(f"  ✗ {problem['place']} {problem['sentence']}".rstrip(), style="red", markup=False)
        if "fields" in one:
            # Whole, on as many lines as it needs: a long number or address that is cut shows nothing.
            whole = Column("value", overflow="fold"), Column("from", overflow="fold")
            table = Table("field", *whole, box=None, header_style="bold", padding=(0, 2))
            for reading in one["fields"]:
                # Values come from outside; they are text, never markup.
                table.add_row(reading["field"], _plain(reading["value"]), _plain(reading["place"] or "the profile"))
            console.print(table)
        for remark in one.get("remarks", ()):
            console.print(f"  {remark}", markup=False)
        if "outcome" in one:
            console.print(f"  → {one['outcome']}", style="green" if one["outcome"] != "rejected" else "yellow")
            for sentence in one["because"]:
                console.print(f"    {sentence}", markup=False)


def _plain(text: str) -> str:
    return "".join(sign if sign.isprintable() or sign == "\n" else "?" for sign in text).replace("[", r"\[")
