"""Frozen dataclasses in, frozen dataclasses out: rows never leave this folder."""

from collections.abc import Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from sqlalchemy import ARRAY, Column, ColumnElement, Connection, Table, and_, any_, bindparam, insert, select, update
from sqlalchemy.engine import Row

from hub.db.inserting import insert_many
from hub.domain.errors import NotFoundError, StaleVersionError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


class Records[T: "DataclassInstance"]:
    """The records of one table, as dataclasses of type `shape`: every field has a column of its name.

    `key` names the primary key's columns. Records with a `version` field are changed by `swap`, which loses
    cleanly (StaleVersionError) to whoever was first.
    """

    def __init__(self, connection: Connection, table: Table, shape: type[T], key: tuple[str, ...] = ("id",)) -> None:
        self._connection = connection
        self.table = table
        self._shape = shape
        self._key = key
        self._names = tuple(field.name for field in fields(shape))
        self._columns = [table.c[name] for name in self._names]

    @property
    def what(self) -> str:
        """The record's name for sentences."""
        return self.table.name.replace("_", " ")

    def find(self, *key: object, lock: bool = False) -> T | None:
        """The record with primary key `key`, or None; `lock` waits for and takes the row's lock."""
        where = and_(*(self.table.c[name] == value for name, value in zip(self._key, key, strict=True)))
        return self.find_where(where, lock=lock)

    def get(self, *key: object, lock: bool = False) -> T:
        """The record with primary key `key`; raises NotFoundError."""
        found = self.find(*key, lock=lock)
        if found is None:
            raise NotFoundError(self.what)
        return found

    def find_where(self, *where: ColumnElement[bool], lock: bool = False) -> T | None:
        """The first record for which all of `where` hold, or None."""
        rows = self.list_where(*where, limit=1, lock=lock)
        return rows[0] if rows else None

    def list_where(
        self,
        *where: ColumnElement[bool],
        order_by: tuple[ColumnElement[Any], ...] = (),
        limit: int | None = None,
        lock: bool = False,
        skip_locked: bool = False,
    ) -> list[T]:
        """Records for which all of `where` hold; with `skip_locked` those another transaction holds are left out."""
        query = select(*self._columns).where(*where).order_by(*order_by)
        if limit is not None:
            query = query.limit(limit)
        if lock or skip_locked:
            # FOR NO KEY UPDATE: it keeps every other writer out, but not somebody who only writes a row that names this one.
            # Keys never change here, and waiting for those would close circles: a draft plan names half of all orders.
            query = query.with_for_update(skip_locked=skip_locked, key_share=True)
        return [self._read(row) for row in self._connection.execute(query)]

    def add(self, record: T) -> T:
        """Insert `record` and give it back."""
        self._connection.execute(insert(self.table), self._values(record))
        return record

    def add_all(self, records: Sequence[T]) -> None:
        """Insert `records` in one question."""
        insert_many(self._connection, self.table, [self._values(record) for record in records])

    def list_by_id(self, ids: Sequence[object], *, lock: bool = False) -> dict[object, T]:
        """The records with these ids (of tables whose key is one column), by id; `lock` takes their locks in the order of the ids."""
        column = self.table.c[self._key[0]]
        order = (column.asc(),) if lock else ()
        found = self.list_where(column == any_(_array(column, ids)), order_by=order, lock=lock)
        return {getattr(record, self._key[0]): record for record in found}

    def swap_all(self, before: Sequence[T], after: Sequence[T], changed: tuple[str, ...]) -> list[T]:
        """Replace each of `before` by the one of `after` at its place, in one question; only the fields `changed` differ.

        Raises StaleVersionError when one of them changed meanwhile.
        """
        rows = [{"new_" + name: getattr(one, name) for name in changed} for one in after]
        for row, old in zip(rows, before, strict=True):
            row |= {"was_version": getattr(old, "version"), "becomes": getattr(old, "version") + 1}  # noqa: B009
            row |= {f"at_{name}": getattr(old, name) for name in self._key}
        if not rows:
            return []
        where = [self.table.c[name] == bindparam(f"at_{name}") for name in self._key]
        values: dict[str, Any] = {
            **{name: bindparam(f"new_{name}") for name in changed},
            "version": bindparam("becomes"),
        }
        statement = update(self.table).where(*where, self.table.c.version == bindparam("was_version")).values(values)
        if self._connection.execute(statement, rows).rowcount != len(rows):
            raise StaleVersionError(self.what)
        return [
            self._shape(**{**self._attributes(one), "version": getattr(old, "version") + 1})  # noqa: B009
            for old, one in zip(before, after, strict=True)
        ]

    def swap(self, before: T, after: T) -> T:
        """Replace `before` by `after` with the version raised by one; raises StaleVersionError when it changed meanwhile."""
        expected = getattr(before, "version")  # noqa: B009 - only versioned records are swapped
        values = {**self._values(after), "version": expected + 1}
        where = [self.table.c[name] == getattr(before, name) for name in self._key]
        changed = self._connection.execute(
            update(self.table).where(*where, self.table.c.version == expected).values(values)
        )
        if changed.rowcount != 1:
            raise StaleVersionError(self.what)
        return self._shape(**{**self._attributes(after), "version": expected + 1})

    def _read(self, row: Row[Any]) -> T:
        return self._shape(**dict(zip(self._names, row, strict=True)))

    def _attributes(self, record: T) -> dict[str, Any]:
        return {name: getattr(record, name) for name in self._names}

    def _values(self, record: T) -> dict[str, Any]:
        return self._attributes(record)


def _array(column: Column[Any], values: Sequence[object]) -> Any:
    # One parameter whatever the number of values, so that the statement is made and planned once.
    return bindparam(None, list(values), type_=ARRAY(column.type), unique=True)
