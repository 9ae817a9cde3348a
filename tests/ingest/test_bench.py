"""The benchmark measures what it says: the very rows of the import, every message of the queue."""

from dataclasses import replace

import psycopg
from pydantic import SecretStr

from hub.bootstrap import Hub
from hub.messaging.service_bus import send_batch
from infra.benchmarks.ingest import bus
from infra.benchmarks.ingest.beside import import_beside
from infra.benchmarks.ingest.feed import draw_orders
from infra.benchmarks.ingest.inserts import import_all, insert_all, read_rows
from infra.benchmarks.ingest.memory import Sample, at_shares
from infra.chaos.traffic import queue_is_empty
from infra.local.running import broker_thread
from tests.conftest import MakeDatabase

_WRITTEN = ("work_order", "inbox_message", "status_event", "outbox_event", "contact_case", "contact_entry")


def test_psycopg_writes_the_very_rows_that_the_import_wrote(
    hub: Hub, make_database: MakeDatabase, migrated_template: str
) -> None:
    assert import_all(hub, draw_orders(130, 1)) > 0
    source = hub.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    copy = make_database(template=migrated_template)
    orders, statements = read_rows(source)
    assert len(orders) == 130
    assert insert_all(copy, orders, statements) > 0
    for table in _WRITTEN:
        query = f"SELECT one::text FROM {table} AS one ORDER BY 1"  # noqa: S608 - names of ours
        with psycopg.connect(source) as one, psycopg.connect(copy) as other:
            written = one.execute(query).fetchall()
            assert len(written) >= 90
            assert other.execute(query).fetchall() == written


def test_the_queue_is_empty_after_each_measurement_and_the_orders_are_there(hub: Hub) -> None:
    with broker_thread() as address:
        queue = hub.settings.orders_queue
        for at_once in (False, True):
            send_batch(address, queue, draw_orders(60, 1))
            assert bus.drain_raw(address, queue, 60, receivers=2, at_once=at_once) > 0
            assert queue_is_empty(address, queue)
        send_batch(address, queue, draw_orders(60, 1))
        assert bus.consume_all(bus.only_complete, address, queue, 60) > 0
        assert queue_is_empty(address, queue)
        told = replace(hub, settings=hub.settings.model_copy(update={"service_bus": SecretStr(address)}))
        assert import_beside(told, draw_orders(60, 1), 2) > 0
        assert queue_is_empty(address, queue)
        with hub.snapshot() as work:
            assert len(work.work_orders.list_where()) == 60
        assert bus.relay_all(hub, address, hub.settings.events_topic, 120) > 0


def test_memory_is_read_around_each_share() -> None:
    samples = [Sample(messages, 100.0 + messages / 100) for messages in range(10, 1001, 10)]
    assert at_shares(samples, (0.25, 1.0)) == [(250, 102.5), (1000, 109.75)]
