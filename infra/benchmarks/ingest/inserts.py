"""The import service by itself, and the same rows put into the same tables by psycopg and nothing else."""

import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import batched
from typing import Any

import psycopg
from psycopg import sql

from hub.bootstrap import Hub
from hub.messaging.service_bus import Complete, OutgoingMessage
from infra.benchmarks.ingest.feed import as_received
from ingest.service import receive_messages

BATCH = 100
"""Orders in a transaction."""
_TABLES = (
    "work_order",
    "inbox_message",
    "status_event",
    "outbox_event",
    "contact_case",
    "contact_entry",
    "part_revision",
)
_KEY = {"work_order": "id", "inbox_message": "(SELECT w.id FROM work_order w WHERE w.external_id = t.detail)"}
"""What says to which order a row belongs, where it is no column `work_order_id`."""
_COLUMNS = """
    SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute
    WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum
"""


def import_all(hub: Hub, messages: Sequence[OutgoingMessage]) -> float:
    """Import the orders in `messages`, `BATCH` at a time: read, check, judge, store, tell the other rooms; returns orders a second."""
    received = [as_received(message) for message in messages]
    began = time.perf_counter()
    for some in batched(received, BATCH):
        answers = receive_messages(hub, some)
        if not all(isinstance(answer, Complete) for answer in answers):
            raise AssertionError("a good order was not imported")
    return len(messages) / (time.perf_counter() - began)


@dataclass(frozen=True)
class Statement:
    """An insert into one table, and its rows as texts, by order."""

    query: sql.Composed
    rows: Mapping[str, Sequence[Sequence[Any]]]


def read_rows(address: str) -> tuple[list[str], list[Statement]]:
    """What an import wrote into the database at `address`: the orders' ids in their order, and the inserts that write the same."""
    with psycopg.connect(address) as connection:
        orders = [row[0] for row in connection.execute("SELECT id::text FROM work_order ORDER BY imported_at, id")]
        found = (_read_table(connection, table) for table in _TABLES)
        return orders, [one for one in found if one.rows]


def insert_all(address: str, orders: Sequence[str], statements: Sequence[Statement]) -> float:
    """Insert the rows into an empty database, by `executemany`, one transaction for `BATCH` orders; returns orders a second."""
    with psycopg.connect(address) as connection:
        began = time.perf_counter()
        for some in batched(orders, BATCH):
            with connection.cursor() as cursor:
                for statement in statements:
                    rows = [row for order in some for row in statement.rows.get(order, ())]
                    if rows:
                        cursor.executemany(statement.query, rows)
            connection.commit()
        return len(orders) / (time.perf_counter() - began)


def _read_table(connection: psycopg.Connection, table: str) -> Statement:
    columns = connection.execute(_COLUMNS, [table]).fetchall()
    names = sql.SQL(", ").join(sql.Identifier(name) for name, _ in columns)
    texts = sql.SQL(", ").join(sql.SQL("t.{}::text").format(sql.Identifier(name)) for name, _ in columns)
    casts = sql.SQL(", ").join(sql.SQL("%s::" + kind) for _, kind in columns)
    query = sql.SQL("INSERT INTO {} ({}) OVERRIDING SYSTEM VALUE VALUES ({})").format(
        sql.Identifier(table), names, casts
    )
    key = sql.SQL(_KEY.get(table, "work_order_id"))
    rows = defaultdict[str, list[Sequence[Any]]](list)
    for order, *row in connection.execute(
        sql.SQL("SELECT ({})::text, {} FROM {} AS t ORDER BY 1").format(key, texts, sql.Identifier(table))
    ):
        rows[order].append(row)
    return Statement(query, rows)
