"""A person's data as a ZIP archive: one JSON file for each table, the files as they are kept, and a page that says what is what."""

import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from enum import Enum
from io import BytesIO
from typing import Any
from uuid import UUID

from sqlalchemy import select

from hub.db.unit_of_work import UnitOfWork
from hub.domain.errors import NotFoundError
from hub.files import read_file
from portal.privacy.people import Selection, rows_of
from portal.privacy.registry import DataKind, PersonalTable, personal_tables

SCHEMA = "urn:doorstep:personal-data:1"
_READ_ME = """\
This archive holds what is kept about one person.

manifest.json    when it was written, and how many rows there are of each table
tables/*.json    one file for each table: a list of rows, each an object whose names are those of the columns
files/*          photos and documents, named by the id of their row in tables/photo.json and tables/citizen_file.json

Instants are ISO 8601 in UTC. Keys and hashes of links are left out, and so are copies of the same data that only other programs use.
"""


@dataclass(frozen=True)
class Archive:
    """A ZIP archive, and how many rows of each table and files are in it."""

    content: bytes
    counts: dict[str, int]


def write_archive(work: UnitOfWork, selection: Selection) -> Archive:
    """Write what is meant by `selection` into an archive; raises FilesUnavailableError when the store does not answer."""
    counts: dict[str, int] = {}
    held = BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, one in personal_tables().items():
            if not (one.belongs_to_people and one.exported):
                continue
            rows = _rows(work, one, selection)
            if not rows:
                continue
            counts[name] = len(rows)
            archive.writestr(f"tables/{name}.json", _json([_shown(one, row) for row in rows]))
            if DataKind.FILES in one.columns:
                counts["files"] = counts.get("files", 0) + _add_files(work, archive, rows)
        manifest = {"schema": SCHEMA, "writtenAt": work.now, "rows": counts}
        archive.writestr("manifest.json", _json(manifest))
        archive.writestr("README.txt", _READ_ME)
    return Archive(held.getvalue(), counts)


def _rows(work: UnitOfWork, one: PersonalTable, selection: Selection) -> list[Mapping[str, Any]]:
    query = select(one.table).where(rows_of(one, selection)).order_by(*one.table.primary_key.columns)
    return [dict(row) for row in work.connection.execute(query).mappings()]


def _shown(one: PersonalTable, row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in one.hidden}


def _add_files(work: UnitOfWork, archive: zipfile.ZipFile, rows: list[Mapping[str, Any]]) -> int:
    added = 0
    for row in rows:
        try:
            content = read_file(work.settings, row["path"])
        except NotFoundError:  # the citizen removed it a moment ago
            continue
        ending = str(row["path"]).rpartition(".")[2]
        archive.writestr(f"files/{row['id']}.{ending}", content)
        added += 1
    return added


def _json(value: object) -> str:
    return json.dumps(value, default=_plain, ensure_ascii=False, indent=1)


def _plain(value: object) -> object:
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, bytes | memoryview):
        return bytes(value).decode("utf-8", "replace")
    message = f"{type(value).__name__} has no place in an export"
    raise TypeError(message)
