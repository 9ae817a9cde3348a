"""The drop folder: a utility puts files into it, each order in them becomes one message.

    in/orders-0504.csv              found here: by a name the profile's format reads, not one that begins with a dot
    in/orders-0504.csv.working      claimed, while it is read
    in/done/orders-0504.csv         read to its end, whatever became of its orders
    in/rejects/orders-0504.csv      the orders that were not taken, each with the reason, ready to be corrected and dropped again

Put a file there under another name (`orders.csv.part`) and rename it when it is whole. A crash at any instant loses nothing: the claimed
file is read again from its beginning, and the inbox knows each order by the file's contents and its row, or by the id the profile finds.
"""

import csv
import fcntl
import hashlib
import io
import itertools
import json
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from hub.bootstrap import Hub
from hub.domain.errors import ConfigurationError
from hub.messaging.envelope import parse_envelope
from hub.messaging.service_bus import DeadLetter, ReceivedMessage, Retry
from ingest.inbox import InboxOutcome, event_key, find_claim
from ingest.profiles.csv_documents import CsvRecord
from ingest.profiles.definition import Profile
from ingest.profiles.documents import Record, UnreadableDocumentError
from ingest.profiles.problems import UnmappableMessageError
from ingest.profiles.reading import PROFILE_PROPERTY, ROW_PROPERTY, profiles_of, read_message
from ingest.service import receive_messages

_WORKING = ".working"
_DONE, _REJECTS = "done", "rejects"
_AT_ONCE = 100
_MOST_BYTES = 64 * 1024 * 1024
REASON_COLUMN = "Refused because"


@dataclass
class FolderCounts:
    """What one look into the folder did. `outcomes` counts orders by what became of them; a dead-lettered one could not be read."""

    files: int = 0
    orders: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)

    @property
    def refused(self) -> int:
        """Orders that are in a rejects file."""
        return self.outcomes[InboxOutcome.DEAD_LETTERED] + self.outcomes[InboxOutcome.REJECTED]


@dataclass(frozen=True)
class _Row:
    """One order of the file: `number` is its row in a CSV file, else its place among the orders."""

    number: int
    record: Record
    message: ReceivedMessage
    key: str = ""
    """The CloudEvent's key; empty when the order could not be mapped."""


@dataclass(frozen=True)
class _Reject:
    number: int
    reason: str
    record: Record | None = None


def take_in_folder(hub: Hub, folder: Path, profile: str, *, settled_for: timedelta = timedelta()) -> FolderCounts:
    """Take in every file in `folder` that nobody else is reading and that did not change for `settled_for`.

    Raises ConfigurationError when the folder is none, NotFoundError for an unknown profile, and what the database raises: the file
    that was being read then stays claimed and is read again.
    """
    reader = profiles_of(hub.settings).get(profile)
    if not folder.is_dir():
        raise ConfigurationError(f"{folder} is no folder. Make it, or name another one.")
    counts = FolderCounts()
    for path in _waiting(folder, reader, settled_for):
        with _claimed(path) as working:
            if working is not None:
                _take_in_file(hub, reader, working, counts)
                counts.files += 1
    return counts


def _waiting(folder: Path, profile: Profile, settled_for: timedelta) -> list[Path]:
    """Files to read, claimed ones that somebody left behind first, then the oldest."""
    young = datetime.now(UTC) - settled_for
    found: list[tuple[bool, float, Path]] = []
    for entry in os.scandir(folder):
        is_left = entry.name.endswith(_WORKING)
        suffix = Path(entry.name.removesuffix(_WORKING)).suffix.lower()
        if (
            entry.name.startswith(".")
            or suffix not in profile.file_suffixes
            or not entry.is_file(follow_symlinks=False)
        ):
            continue
        changed = entry.stat(follow_symlinks=False).st_mtime
        if is_left or datetime.fromtimestamp(changed, UTC) <= young:
            found.append((not is_left, changed, Path(entry.path)))
    return [path for *_, path in sorted(found)]


@contextmanager
def _claimed(path: Path) -> Iterator[Path | None]:
    """The file under its working name while it is ours alone, or None when somebody else has it.

    The lock is the claim: it ends with the process that holds it, so a file whose reader was killed is free again.
    """
    working = path if path.name.endswith(_WORKING) else path.with_name(path.name + _WORKING)
    try:
        if working != path:
            if working.exists():
                # An earlier file of this name is being read; this one waits.
                yield None
                return
            path.rename(working)
        handle = os.open(working, os.O_RDONLY | os.O_NOFOLLOW)
    except FileNotFoundError:
        yield None
        return
    try:
        yield working if _lock(handle, working) else None
    finally:
        os.close(handle)


def _lock(handle: int, working: Path) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # Whoever had it may just have finished and moved it away.
        return os.fstat(handle).st_ino == working.stat().st_ino
    except (BlockingIOError, FileNotFoundError):
        return False


def _take_in_file(hub: Hub, profile: Profile, working: Path, counts: FolderCounts) -> None:
    name = working.name.removesuffix(_WORKING)
    rejects: list[_Reject] = []
    body, digest, taken = b"", "", 0
    try:
        body = _content(working)
        digest = hashlib.sha256(body).hexdigest()
        changed = datetime.fromtimestamp(working.stat().st_mtime, UTC)
        rows = _rows(hub, profile, body, digest, changed)
        for batch in itertools.batched(rows, _AT_ONCE):
            taken += len(batch)
            rejects += _take_in_rows(hub, batch, counts)
    except UnreadableDocumentError as error:
        rest = " Nothing after it was taken." if taken else ""
        rejects.append(_Reject(0, f"{error.problem}.{rest}"))
        counts.outcomes[InboxOutcome.DEAD_LETTERED] += 1
    counts.orders += taken
    if rejects:
        _write_rejects(working.parent / _REJECTS / name, profile, rejects)
    target = working.parent / _DONE
    target.mkdir(exist_ok=True)
    working.rename(_free_name(target / name, digest))


def _content(path: Path) -> bytes:
    if path.stat().st_size > _MOST_BYTES:
        raise UnreadableDocumentError(
            "The file", f"is larger than {_MOST_BYTES // 1024 // 1024} MB; cut it into several"
        )
    return path.read_bytes()


def _rows(hub: Hub, profile: Profile, body: bytes, digest: str, changed: datetime) -> Iterator[_Row]:
    """The orders of the file as messages; what a profile cannot map stays as it came, to be refused with its reason."""
    for position, record in enumerate(profile.format.records(body), start=1):
        number = record.number if isinstance(record, CsvRecord) else position
        raw = ReceivedMessage(
            body=record.alone(),
            message_id=f"{digest[:32]} {number}",
            subject=None,
            correlation_id=None,
            content_type=None,
            properties={PROFILE_PROPERTY: profile.name, ROW_PROPERTY: number},
            sequence_number=number,
            delivery_count=0,
            enqueued_at=changed,
            dead_letter_reason=None,
            dead_letter_description=None,
        )
        try:
            message = read_message(profiles_of(hub.settings), raw)
        except UnmappableMessageError:
            yield _Row(number, record, raw)
            continue
        yield _Row(number, record, message, event_key(parse_envelope(message.body)))


def _take_in_rows(hub: Hub, rows: Iterable[_Row], counts: FolderCounts) -> list[_Reject]:
    several = list(rows)
    rejects: list[_Reject] = []
    for row, answer in zip(several, receive_messages(hub, [row.message for row in several]), strict=True):
        if isinstance(answer, Retry):
            # The whole file comes again; what was taken is known by then.
            raise answer.error
        if isinstance(answer, DeadLetter):
            outcome, reason = InboxOutcome.DEAD_LETTERED.value, answer.description
        else:
            outcome, reason = _what_became(hub, row)
        counts.outcomes[outcome] += 1
        if reason:
            rejects.append(_Reject(row.number, reason, row.record))
    return rejects


def _what_became(hub: Hub, row: _Row) -> tuple[str, str]:
    """What is noted of the message, and why its order is rejected if it is."""
    with hub.unit_of_work() as work:
        noted = find_claim(work, row.key)
        if noted is None:
            return InboxOutcome.UNCHANGED.value, ""
        if noted.outcome != InboxOutcome.REJECTED.value:
            return noted.outcome, ""
        orders = work.work_orders.table.c
        utility = parse_envelope(row.message.body).source
        order = work.work_orders.find_where(orders.utility == utility, orders.external_id == noted.detail)
    return noted.outcome, order.reject_reason if order else ""


def _write_rejects(path: Path, profile: Profile, rejects: list[_Reject]) -> None:
    """The orders that were not taken: of CSV the same columns and one more, of other formats one JSON object a line."""
    path.parent.mkdir(exist_ok=True)
    whole = next((one for one in rejects if one.record is None), None)
    rows = [one for one in rejects if isinstance(one.record, CsvRecord)]
    if profile.format_name == "csv" and rows:
        content = _as_csv(rows, whole)
    else:
        path = path.with_name(f"{path.name}.jsonl")
        content = "".join(json.dumps(_as_object(one), ensure_ascii=False) + "\n" for one in rejects).encode()
    part = path.with_name(f".{path.name}.part")
    part.write_bytes(content)
    part.replace(path)


def _as_csv(rows: list[_Reject], whole: _Reject | None) -> bytes:
    first = rows[0].record
    if not isinstance(first, CsvRecord):
        raise TypeError("only rows of a CSV file are written as one")
    lines = [(*first.header, REASON_COLUMN)]
    lines += [(*one.record.row, one.reason) for one in rows if isinstance(one.record, CsvRecord)]
    if whole is not None:
        lines.append((*("" for _ in first.header), whole.reason))
    try:
        return first.form.written(lines)
    except UnicodeEncodeError:
        # A reason may hold a sign that the file's encoding has not.
        text = io.StringIO(newline="")
        csv.writer(text, delimiter=first.form.delimiter, quotechar=first.form.quote).writerows(lines)
        return text.getvalue().encode(first.form.encoding, "replace")


def _as_object(one: _Reject) -> Mapping[str, object]:
    order = one.record.alone().decode("utf-8", "replace") if one.record else None
    return {"number": one.number, "reason": one.reason, "order": order}


def _free_name(path: Path, digest: str) -> Path:
    if not path.exists():
        return path
    numbered = (path.with_name(f"{path.stem}.{digest[:8]}-{number}{path.suffix}") for number in itertools.count(1))
    return next(one for one in numbered if not one.exists())
