"""Each message is counted once, whether it lies in the tally yet or not, and never uncounted."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from threading import Barrier, Thread
from typing import Any

from sqlalchemy import delete, event, insert

from hub.bootstrap import Hub
from hub.clock import FixedClock
from hub.db import tables
from ingest.counting import SETTLED_AFTER, count_messages, tally_inbox


def add(hub: Hub, outcomes: Sequence[str], at: datetime) -> None:
    rows = [
        {"message_id": f"{at} {n}", "handler": "h", "outcome": one, "received_at": at} for n, one in enumerate(outcomes)
    ]
    with hub.engine.begin() as connection:
        connection.execute(insert(tables.inbox_message), rows)


def counted(hub: Hub) -> Counter[str]:
    with hub.snapshot() as work:
        return Counter(count_messages(work.connection))


def test_nothing_came(ingest_hub: Hub, clock: FixedClock) -> None:
    assert counted(ingest_hub) == {}
    assert tally_inbox(ingest_hub, clock.now()) == 0
    assert counted(ingest_hub) == {}


def test_old_and_new_messages_are_counted_once(ingest_hub: Hub, clock: FixedClock) -> None:
    hub = ingest_hub
    add(hub, ["imported", "imported", "rejected"], clock.now())
    assert counted(hub) == {"imported": 2, "rejected": 1}
    assert tally_inbox(hub, clock.now()) == 0  # too young to be tallied
    clock.advance(SETTLED_AFTER + timedelta(minutes=5))
    add(hub, ["imported", "stale"], clock.now())
    expected = {"imported": 3, "rejected": 1, "stale": 1}
    assert counted(hub) == expected
    assert tally_inbox(hub, clock.now()) == 3
    assert tally_inbox(hub, clock.now()) == 0
    assert counted(hub) == expected
    clock.advance(SETTLED_AFTER + timedelta(minutes=5))
    assert tally_inbox(hub, clock.now()) == 2
    assert counted(hub) == expected


def test_the_count_outlives_the_rows_and_a_clock_that_goes_back(ingest_hub: Hub, clock: FixedClock) -> None:
    hub, began = ingest_hub, clock.now()
    add(hub, ["imported"] * 4, began)
    clock.advance(timedelta(hours=1))
    tally_inbox(hub, clock.now())
    assert tally_inbox(hub, began) == 0
    with hub.engine.begin() as connection:
        connection.execute(delete(tables.inbox_message))
    assert counted(hub) == {"imported": 4}


def test_workers_that_tally_at_once_count_once(ingest_hub: Hub, clock: FixedClock) -> None:
    hub, results, start = ingest_hub, list[int](), Barrier(4)
    add(hub, ["imported"] * 50, clock.now())
    clock.advance(timedelta(hours=1))

    def tally() -> None:
        start.wait(10)
        results.append(tally_inbox(hub, clock.now()))

    threads = [Thread(target=tally) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(results) == [0, 0, 0, 50]
    assert counted(hub) == {"imported": 50}


def test_a_look_reads_only_what_is_new(ingest_hub: Hub, clock: FixedClock) -> None:
    """With 20,000 tallied messages the plan of the look must not read the inbox from end to end."""
    hub = ingest_hub
    add(hub, ["imported"] * 20_000, clock.now())
    clock.advance(timedelta(hours=1))
    tally_inbox(hub, clock.now())
    add(hub, ["imported"] * 3, clock.now())
    asked = list[tuple[str, Any]]()

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_rest: Any) -> None:
        if "inbox_message" in statement:
            asked.append((statement, parameters))

    with hub.engine.begin() as connection:
        connection.exec_driver_sql("ANALYZE inbox_message")
    event.listen(hub.engine, "before_cursor_execute", note)
    assert counted(hub) == {"imported": 20_003}
    event.remove(hub.engine, "before_cursor_execute", note)
    ((statement, parameters),) = asked
    with hub.engine.connect() as connection:
        plan = "\n".join(row[0] for row in connection.exec_driver_sql(f"EXPLAIN {statement}", parameters))
    assert "ix_inbox_message_received_at" in plan
    assert "Seq Scan" not in plan
