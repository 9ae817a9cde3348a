"""What was tried to reach a citizen, as a chain of entries in which nothing can be changed without showing.

An entry's hash is the SHA-256 of its number, instant, kind, content and the hash of the entry before, so the last hash stands for
all of them: whoever was given it can tell later whether anything was changed, taken out or put in.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import ARRAY, UUID, bindparam, select, text
from sqlalchemy.dialects.postgresql import distinct_on

from hub.db.inserting import as_json, insert_many
from hub.db.record_tables import contact_entry
from hub.db.unit_of_work import UnitOfWork
from hub.domain.ids import WorkOrderId
from hub.logs import without_addresses

FIRST = ""
"""What stands for the hash before the first entry."""
_LOCK_CHAINS = text("""
    SELECT pg_advisory_xact_lock(hashtextextended('contact ' || id, 0))
    FROM json_array_elements_text(CAST(:ids AS json)) WITH ORDINALITY AS chain (id, place) ORDER BY place
""")


@dataclass(frozen=True)
class Entry:
    """One thing that happened. `content` is canonical JSON; nothing in it may be a whole address or number of a person."""

    number: int
    at: datetime
    kind: str
    content: str
    previous: str
    hash: str


def append_entry(work: UnitOfWork, work_order_id: WorkOrderId, kind: str, content: Mapping[str, object]) -> Entry:
    """Add an entry to the order's chain in this transaction; `content` must be JSON values, with addresses masked.

    Waits for other transactions that add to the same chain. Take row locks before this, never after, so that nobody waits in a circle.
    """
    return append_entries(work, kind, {work_order_id: content})[work_order_id]


def append_entries(
    work: UnitOfWork, kind: str, contents: Mapping[WorkOrderId, Mapping[str, object]]
) -> dict[WorkOrderId, Entry]:
    """One entry of the same kind for each of many orders, in three questions; the same as `append_entry` for one after the other."""
    ids = sorted(contents)
    if not ids:
        return {}
    # In the order of the ids, so that two that add to the same chains wait in one direction only.
    work.connection.execute(_LOCK_CHAINS, {"ids": as_json(ids)})
    table = contact_entry.c
    found = work.connection.execute(
        select(table.work_order_id, table.number, table.hash)
        .where(table.work_order_id == bindparam("ids", ids, type_=ARRAY(UUID(as_uuid=True))).any_())
        .ext(distinct_on(table.work_order_id))
        .order_by(table.work_order_id, table.number.desc())
    )
    newest = {row.work_order_id: (row.number, row.hash) for row in found}
    entries = dict[WorkOrderId, Entry]()
    for work_order_id in ids:
        number, previous = newest.get(work_order_id, (0, FIRST))
        content = json.dumps(
            contents[work_order_id], sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
        )
        # The last net below its callers: what once is in the chain can never be taken out again.
        content = without_addresses(content)
        entries[work_order_id] = _sealed(number + 1, work.now, kind, content, previous)
    rows = [{"work_order_id": work_order_id, **vars(entry)} for work_order_id, entry in entries.items()]
    insert_many(work.connection, contact_entry, rows)
    return entries


def read_entries(work: UnitOfWork, work_order_id: WorkOrderId) -> tuple[Entry, ...]:
    """The order's chain, oldest first."""
    table = contact_entry.c
    columns = (table.number, table.at, table.kind, table.content, table.previous, table.hash)
    found = work.connection.execute(select(*columns).where(table.work_order_id == work_order_id).order_by(table.number))
    return tuple(Entry(row.number, row.at, row.kind, row.content, row.previous, row.hash) for row in found)


def first_fault(entries: Iterable[Entry]) -> int | None:
    """The number of the first entry that is not as it was written, or does not follow the one before; None when all are sound."""
    previous = FIRST
    for number, entry in enumerate(entries, start=1):
        sealed = _sealed(number, entry.at, entry.kind, entry.content, previous)
        if entry != sealed:
            return number
        previous = entry.hash
    return None


def _sealed(number: int, at: datetime, kind: str, content: str, previous: str) -> Entry:
    instant = at.astimezone(UTC)
    # JSON as the frame: no text in one field can be read as a part of another.
    sealed = json.dumps(
        [number, instant.isoformat(timespec="microseconds"), kind, content, previous], ensure_ascii=False
    )
    return Entry(number, instant, kind, content, previous, hashlib.sha256(sealed.encode()).hexdigest())
