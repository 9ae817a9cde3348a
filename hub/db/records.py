"""Frozen dataclasses in, frozen dataclasses out: rows never leave this folder."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from functools import cache
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    ARRAY,
    BindParameter,
    Column,
    ColumnElement,
    Connection,
    Insert,
    Select,
    Table,
    Update,
    any_,
    bindparam,
    insert,
    select,
    update,
)

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
        self._shape: Callable[..., T] = shape
        self._key = key
        self._names, self._all_of, self._query = _layout(table, shape)
        self._own: dict[object, T] = {}

    @property
    def what(self) -> str:
        """The record's name for sentences."""
        return self.table.name.replace("_", " ")

    def find(self, *key: object, lock: bool = False) -> T | None:
        """The record with primary key `key`, or None; `lock` waits for and takes the row's lock."""
        found = self.list_by(lock=lock, **dict(zip(self._key, key, strict=True)))
        return found[0] if found else None

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

    def list_by(self, *, lock: bool = False, **values: object) -> list[T]:
        """Records whose fields have these values. As `list_where`, but the statement is made once and not with each question."""
        statement = _by(self._query, self.table, tuple(values), lock)
        found = [self.read(row) for row in self._connection.execute(statement, values)]
        if lock:
            self._remember(found)
        return found

    def find_with[O: "DataclassInstance"](
        self, other: "Records[O]", through: str, **values: object
    ) -> tuple[T, O] | None:
        """The first record whose fields have these values and the one of another table that its field `through` names: one question."""
        statement = _both(self._query, self.table, other.all_rows, other.table, through, tuple(values))
        row = self._connection.execute(statement, values).first()
        return None if row is None else (self.read(row[: len(self._names)]), other.read(row[len(self._names) :]))

    @property
    def all_rows(self) -> Select[Any]:
        """The question for all records, to be narrowed."""
        return self._query

    def read(self, row: Sequence[Any]) -> T:
        """The record a row of `all_rows` holds."""
        return self._shape(*row)

    def list_where(
        self,
        *where: ColumnElement[bool],
        order_by: tuple[ColumnElement[Any], ...] = (),
        limit: int | None = None,
        lock: bool = False,
        skip_locked: bool = False,
    ) -> list[T]:
        """Records for which all of `where` hold; with `skip_locked` those another transaction holds are left out."""
        query = self._query.where(*where).order_by(*order_by)
        if limit is not None:
            query = query.limit(limit)
        if lock or skip_locked:
            # FOR NO KEY UPDATE: it keeps every other writer out, but not somebody who only writes a row that names this one.
            # Keys never change here, and waiting for those would close circles: a draft plan names half of all orders.
            query = query.with_for_update(skip_locked=skip_locked, key_share=True)
        found = [self.read(row) for row in self._connection.execute(query)]
        if lock or skip_locked:
            self._remember(found)
        return found

    def add(self, record: T) -> T:
        """Insert `record` and give it back."""
        self._connection.execute(_adding(self.table), self._values(record))
        self._remember((record,))
        return record

    def add_all(self, records: Sequence[T]) -> None:
        """Insert `records` in one question."""
        insert_many(self._connection, self.table, [self._values(record) for record in records])
        self._remember(records)

    def list_by_id(self, ids: Sequence[object], *, lock: bool = False) -> dict[object, T]:
        """The records with these ids (of tables whose key is one column), by id; `lock` takes their locks in the order of the ids."""
        column = self.table.c[self._key[0]]
        order = (column.asc(),) if lock else ()
        found = self.list_where(column == any_(_array(column, ids)), order_by=order, lock=lock)
        return {getattr(record, self._key[0]): record for record in found}

    def recall(self, key: object) -> T:
        """The record with this id; as `recall_all`. Raises NotFoundError."""
        return self._own.get(key) or self.get(key)

    def recall_all(self, ids: Sequence[object], *, lock: bool = False) -> dict[object, T]:
        """The same, but what this transaction itself locked or wrote is not asked for again: such rows are its own until it ends.

        For those who hear of changes in the transaction that makes them. Not for after a statement that changes rows past these records.
        """
        known = dict[object, T]()
        unknown = []
        for one in ids:
            record = self._own.get(one)
            if record is None:
                unknown.append(one)
            else:
                known[one] = record
        return {**known, **self.list_by_id(unknown, lock=lock)} if unknown else known

    def swap_all(self, before: Sequence[T], changes: Sequence[Mapping[str, Any]]) -> list[T]:
        """Change of each of `before` the fields that the mapping at its place names, with the version raised by one.

        One question for all that become the same and were of the same version, as nearly all do that take a step together.
        Raises StaleVersionError when one of them changed meanwhile.
        """
        alike: dict[tuple[Any, ...], list[object]] = {}
        swapped = []
        for old, changed in zip(before, changes, strict=True):
            version = getattr(old, "version")  # noqa: B009 - only versioned records are swapped
            alike.setdefault((version, *changed.items()), []).append(getattr(old, self._key[0]))
            swapped.append(self._shape(**{**self._attributes(old), **changed, "version": version + 1}))
        key, rising = self.table.c[self._key[0]], self.table.c.version
        for (version, *becomes), ids in alike.items():
            values = {**dict(becomes), "version": rising + 1}
            statement = update(self.table).where(key == any_(_array(key, ids)), rising == version).values(values)
            if self._connection.execute(statement).rowcount != len(ids):
                raise StaleVersionError(self.what)
        self._remember(swapped)
        return swapped

    def swap(self, before: T, after: T) -> T:
        """Replace `before` by `after` with the version raised by one; raises StaleVersionError when it changed meanwhile."""
        expected = getattr(before, "version")  # noqa: B009 - only versioned records are swapped
        stood = self._values(before)
        values = {name: value for name, value in self._values(after).items() if value != stood[name]}
        values["version"] = expected + 1
        becomes = {f"new_{name}": value for name, value in values.items()}
        known = {f"old_{name}": getattr(before, name) for name in self._key}
        statement = _swapping(self.table, self._key, tuple(values))
        changed = self._connection.execute(statement, {**becomes, **known, "old_version": expected})
        if changed.rowcount != 1:
            raise StaleVersionError(self.what)
        swapped = self._shape(**{**self._attributes(after), "version": expected + 1})
        self._remember((swapped,))
        return swapped

    def forget_own(self) -> None:
        """The transaction ended: what it locked or wrote is anybody's to change."""
        self._own.clear()

    def _remember(self, own: Sequence[T]) -> None:
        if len(self._key) > 1:
            return
        rows = {getattr(record, self._key[0]): record for record in own}
        if not self._connection.in_nested_transaction():
            self._own |= rows
            return
        # The end of a savepoint may take it back: then neither this nor what was before it is sure to stand.
        for key in rows:
            self._own.pop(key, None)

    def _attributes(self, record: T) -> dict[str, Any]:
        return dict(zip(self._names, self._all_of(record), strict=True))

    def _values(self, record: T) -> dict[str, Any]:
        return self._attributes(record)


@cache
def _layout(
    table: Table, shape: "type[DataclassInstance]"
) -> tuple[tuple[str, ...], Callable[[object], tuple[Any, ...]], Select[Any]]:
    # Made once: every transaction opens two dozen of these, and reads through one or two.
    names = tuple(field.name for field in fields(shape))
    return names, attrgetter(*names), select(*(table.c[name] for name in names))


@cache
def _by(every: Select[Any], table: Table, names: tuple[str, ...], lock: bool) -> Select[Any]:
    query = every.where(*_equal(table, names))
    return query.with_for_update(key_share=True) if lock else query


@cache
def _adding(table: Table) -> Insert:
    return insert(table)


@cache
def _swapping(table: Table, key: tuple[str, ...], names: tuple[str, ...]) -> Update:
    def told(name: str, when: str) -> BindParameter[Any]:
        return bindparam(f"{when}_{name}", type_=table.c[name].type)

    where = [table.c[name] == told(name, "old") for name in (*key, "version")]
    return update(table).where(*where).values({name: told(name, "new") for name in names})


@cache
def _both(
    every: Select[Any], table: Table, others: Select[Any], other: Table, through: str, names: tuple[str, ...]
) -> Select[Any]:
    together = table.c[through] == next(iter(other.primary_key))
    return every.add_columns(*others.selected_columns).where(together, *_equal(table, names)).limit(1)


def _equal(table: Table, names: Sequence[str]) -> list[ColumnElement[bool]]:
    return [table.c[name] == bindparam(name, type_=table.c[name].type) for name in names]


def _array(column: Column[Any], values: Sequence[object]) -> Any:
    # One parameter whatever the number of values, so that the statement is made and planned once.
    return bindparam(None, list(values), type_=ARRAY(column.type), unique=True)
