"""Where personal data lies, as `registry.toml` says it: read once, checked against the tables."""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any

from sqlalchemy import Column, Table

from hub.db.tables import metadata
from hub.domain.errors import ConfigurationError

FILE = Path(__file__).with_name("registry.toml")
_NOT_ERASED = ("record", "ours", "secret", "harmless")


class DataKind(StrEnum):
    """What is erased together, and kept equally long."""

    WORDS = "words"
    CONTACT = "contact"
    PLACE = "place"
    FILES = "files"
    COPIES = "copies"


@dataclass(frozen=True)
class PersonalTable:
    """A table, how its rows belong to somebody, and what each of its columns is.

    `order` names the column with the order's id, `parent` the column and the table that the row belongs to. `addresses` are columns
    with one whole address, `strangers` those of them by which a row that names no order is somebody's whose order has that address,
    `searched` those in which addresses are looked for. `deleted_as` is the kind with which whole rows go.
    `columns` has those that are emptied by kind; `hidden` are never exported.
    """

    table: Table
    order: str | None
    parent: tuple[str, str] | None
    addresses: tuple[str, ...]
    strangers: tuple[str, ...]
    searched: tuple[str, ...]
    deleted_as: DataKind | None
    columns: Mapping[DataKind, tuple[str, ...]]
    hidden: tuple[str, ...]
    exported: bool
    declared: frozenset[str]

    @property
    def name(self) -> str:
        """The table's name."""
        return self.table.name

    @property
    def belongs_to_people(self) -> bool:
        """Whether any of its rows can be said to be a citizen's."""
        return bool(self.order or self.parent or self.addresses or self.searched)

    def emptied(self, kind: DataKind) -> Iterator[Column[Any]]:
        """The columns that lose what they hold when data of `kind` is erased."""
        for name in self.columns.get(kind, ()):
            yield self.table.c[name]


@cache
def personal_tables() -> Mapping[str, PersonalTable]:
    """Every table of the registry by name; raises ConfigurationError when it names what there is not."""
    read = tomllib.loads(FILE.read_text(encoding="utf-8"))
    return {name: _table(name, said) for name, said in read.items()}


def _table(name: str, said: dict[str, Any]) -> PersonalTable:
    table = metadata.tables.get(name)
    if table is None:
        message = f"{FILE.name} names the table {name}, which there is not."
        raise ConfigurationError(message)
    columns = {kind: tuple(said.get(kind.value, ())) for kind in DataKind if kind.value in said}
    kept = {key: tuple(said.get(key, ())) for key in _NOT_ERASED}
    parent = said.get("parent")
    declared = [column for group in (*columns.values(), *kept.values()) for column in group]
    named = {*declared, *said.get("addresses", ()), *said.get("strangers", ()), *said.get("searched", ())}
    named |= {said["order"]} if "order" in said else set()
    named |= {parent[0]} if parent else set()
    for column in named - set(table.c.keys()):
        message = f"{FILE.name} names the column {name}.{column}, which there is not."
        raise ConfigurationError(message)
    if len(declared) != len(set(declared)):
        message = f"{FILE.name} names a column of {name} twice."
        raise ConfigurationError(message)
    return PersonalTable(
        table=table,
        order=said.get("order"),
        parent=(parent[0], parent[1]) if parent else None,
        addresses=tuple(said.get("addresses", ())),
        strangers=tuple(said.get("strangers", ())),
        searched=tuple(said.get("searched", ())),
        deleted_as=DataKind(said["rows"]) if "rows" in said else None,
        columns=columns,
        hidden=kept["secret"],
        exported=said.get("export", True),
        declared=frozenset(declared),
    )
