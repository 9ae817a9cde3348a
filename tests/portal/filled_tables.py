"""A row in every table that can hold something of a person, with something of that person in every column that can hold it."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import uuid4

from sqlalchemy import (
    ARRAY,
    JSON,
    Boolean,
    Column,
    Connection,
    Date,
    DateTime,
    Double,
    Integer,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
    Time,
    insert,
    inspect,
    text,
)
from sqlalchemy.dialects.postgresql import UUID
from sqlalchemy.types import TypeDecorator

from hub.db.columns import EnumText
from hub.domain.work_orders import WorkOrder
from hub.files import Folder, keep_file, new_file_path
from hub.settings import Settings
from portal.privacy.registry import personal_tables

SECRET = "An Geheim, an.geheim@home.example, +32 470 12 34 56, Geheimstraat 7"
TRACES = ("geheim", "470123456")
"""What is left of the person when anything is; numbers are looked for without the spaces in them."""
PERSON = {
    "citizen_name": "An Geheim",
    "citizen_email": "An.Geheim@home.example",
    "citizen_phone": "+32470123456",
    "street": "Geheimstraat 7",
    "notes": SECRET,
}
_NOW = datetime(2026, 5, 4, 7, 0, tzinfo=UTC)
_ADDRESSES = {"recipient": "+32470123456", "sender": "+32470123456", **PERSON}
_CHECKED: dict[str, dict[str, Any]] = {
    "conversation": {"status": "closed", "waiting_since": None},
    "survey_answer": {"rating": 5, "nps": 9},
    "privacy_act": {"act": "export"},
    "callback_delivery": {"delivered_at": _NOW},
    "notification": {"status": "delivered", "failover_of": None},
    "appointment": {"replaces": None},
    "waitlist_entry": {"status": "ended"},
    "inbox_message": {"outcome": "dead-lettered"},
}
"""What the tables' own checks ask for."""


class Filler:
    """Fills tables for one order; what a row needs in other tables is made with it."""

    def __init__(self, connection: Connection, order: WorkOrder, settings: Settings) -> None:
        self._connection, self._order, self._settings = connection, order, settings
        self._made: dict[str, dict[str, Any]] = {"work_order": {"id": order.id}}

    def fill_everything(self) -> None:
        """One row in each table of the registry in which something can be a citizen's."""
        for name, one in personal_tables().items():
            if one.belongs_to_people and name != "contact_entry":
                self.row(one.table)

    def row(self, table: Table) -> dict[str, Any]:
        """The row of `table`, made when it is first asked for."""
        if table.name not in self._made:
            values = dict(_CHECKED.get(table.name, {}))
            for column in table.c:
                if column.identity is None and column.name not in values:
                    values[column.name] = self._value(column)
            if {"starts_at", "ends_at"} <= values.keys():
                values["ends_at"] = values["starts_at"] + timedelta(hours=1)
            if "path" in values:
                values["path"] = new_file_path(Folder.PHOTOS, "jpg")
                keep_file(self._settings, values["path"], SECRET.encode())
            made = self._connection.execute(
                insert(table).values(values).returning(*table.primary_key.columns)
            ).mappings()
            self._made[table.name] = dict(made.one())
        return self._made[table.name]

    def _value(self, column: Column[Any]) -> Any:
        for key in column.foreign_keys:
            return self.row(key.column.table)[key.column.name]
        declared = personal_tables()[column.table.name]
        personal = any(column.name in names for names in declared.columns.values())
        if personal and column.name in _ADDRESSES:
            return _ADDRESSES[column.name]
        return _of_type(column, SECRET if personal else f"x{uuid4().hex[:8]}")


def _of_type(column: Column[Any], said: str) -> Any:
    kind: Any = column.type
    if isinstance(column.type, EnumText):
        return next(iter(column.type.kind.__members__.values()))
    if isinstance(kind, TypeDecorator):
        kind = kind.impl_instance
        if isinstance(kind, ARRAY):
            return (said,)
        return {
            "attempts": [said],
            "sentence": said,
            "event": {"workOrder": {"note": said}, "dossier": {"sentence": said}},
        }
    by_type: list[tuple[type, Any]] = [
        (UUID, uuid4()),
        (DateTime, _NOW),
        (Date, date(2026, 5, 4)),
        (Time, time(8)),
        (Boolean, False),
        (Integer, 1),
        (SmallInteger, 1),
        (Double, 51.0543),
        (LargeBinary, said.encode()),
        (ARRAY, [said]),
        (JSON, {"event": {"workOrder": {"note": said}}} if column.table.name == "outbox_event" else {"said": said}),
        (Text, said),
    ]
    return next(value for known, value in by_type if isinstance(kind, known))


def dump(connection: Connection) -> Iterator[tuple[str, str, str]]:
    """Everything in the database as (table, column, text), also in tables that are not ours."""
    for table in inspect(connection).get_table_names():
        for column in inspect(connection).get_columns(table):
            name = f'"{column["name"]}"'
            shown = f"encode({name}, 'escape')" if isinstance(column["type"], LargeBinary) else f"{name}::text"
            rows = connection.execute(text(f'SELECT {shown} FROM "{table}" WHERE {name} IS NOT NULL'))  # noqa: S608 - names of tables
            for said in rows.scalars():
                yield table, str(column["name"]), said


def traces(connection: Connection) -> set[tuple[str, str]]:
    """The (table, column) in which anything of the person is left."""
    return {
        (table, column)
        for table, column, said in dump(connection)
        if any(trace in said.lower().replace(" ", "") for trace in TRACES)
    }
