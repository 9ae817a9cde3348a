"""The relay: everything once it can, again when it must, always in order, one at a time."""

import asyncio
import threading
from collections.abc import Sequence
from datetime import timedelta

import pytest
from sqlalchemy import text

from hub.bootstrap import Hub
from hub.clock import FixedClock
from hub.domain.events import SYSTEM
from hub.domain.lifecycle import Action
from hub.messaging.envelope import parse_envelope
from hub.messaging.service_bus import MessageTooLarge, OutgoingMessage
from ingest.events import STATE_CHANGED_TYPE
from ingest.relay import OutboxLag, outbox_lag, relay_outbox
from tests.ingest.reading import outbox
from tests.samples import a_work_order


class Bus:
    """Keeps what is published; fails, before or after it kept it, as often as it is told."""

    def __init__(self, *, fail_before: int = 0, fail_after: int = 0) -> None:
        self.messages: list[OutgoingMessage] = []
        self.batches: list[int] = []
        self._before, self._after = fail_before, fail_after

    async def publish(self, messages: Sequence[OutgoingMessage]) -> None:
        await asyncio.sleep(0)
        if self._before:
            self._before -= 1
            raise OSError("the bus is away")
        self.messages += messages
        self.batches.append(len(messages))
        if self._after:
            self._after -= 1
            raise OSError("the answer was lost")


def _fill(hub: Hub, count: int) -> None:
    with hub.unit_of_work() as work:
        for _ in range(count):
            order = work.create_work_order(a_work_order(), by=SYSTEM)
            work.advance_work_order(order, Action.INVITE, by=SYSTEM)
        work.commit()


def _relay(hub: Hub, bus: Bus, batch_size: int = 200) -> int:
    return asyncio.run(relay_outbox(hub, bus.publish, batch_size=batch_size))


def test_everything_is_sent_once_and_marked(ingest_hub: Hub) -> None:
    _fill(ingest_hub, 5)
    bus = Bus()
    assert (_relay(ingest_hub, bus, 4), _relay(ingest_hub, bus)) == (10, 0)
    rows = outbox(ingest_hub)
    assert bus.batches == [4, 4, 2]
    assert [message.message_id for message in bus.messages] == [str(row["id"]) for row in rows]
    assert {row["sent_at"] for row in rows} == {ingest_hub.clock.now()}


def test_a_message_is_a_cloud_event_with_the_events_id(ingest_hub: Hub) -> None:
    _fill(ingest_hub, 1)
    bus = Bus()
    _relay(ingest_hub, bus)
    row, message = outbox(ingest_hub)[0], bus.messages[0]
    envelope = parse_envelope(message.body)
    assert (envelope.id, envelope.type) == (str(row["id"]), STATE_CHANGED_TYPE)
    assert (envelope.source, envelope.subject) == (ingest_hub.settings.event_source, row["subject"])
    assert (envelope.time, envelope.data) == (row["at"], row["data"])
    assert envelope.extensions["correlationid"] == row["correlation_id"] == message.correlation_id
    assert int(envelope.extensions["sequence"]) == row["seq"]
    assert (message.subject, message.properties) == (STATE_CHANGED_TYPE, {"type": STATE_CHANGED_TYPE})


def test_a_crash_between_publish_and_mark_sends_again_with_the_same_ids(ingest_hub: Hub) -> None:
    _fill(ingest_hub, 3)
    bus = Bus(fail_after=1)
    with pytest.raises(OSError, match="the answer was lost"):
        _relay(ingest_hub, bus)
    assert _relay(ingest_hub, bus) == 6
    first, second = bus.messages[:6], bus.messages[6:]
    assert [one.message_id for one in first] == [one.message_id for one in second]
    assert [one.body for one in first] == [one.body for one in second]


def test_a_bus_that_is_away_loses_nothing_and_later_batches_wait(ingest_hub: Hub) -> None:
    _fill(ingest_hub, 3)
    bus = Bus(fail_before=1)
    with pytest.raises(OSError, match="the bus is away"):
        _relay(ingest_hub, bus, 2)
    assert (bus.messages, [row["sent_at"] for row in outbox(ingest_hub)]) == ([], [None] * 6)
    assert _relay(ingest_hub, bus, 2) == 6


def test_each_order_keeps_its_order_while_many_write_at_once(ingest_hub: Hub) -> None:
    def live_a_life() -> None:
        with ingest_hub.unit_of_work() as work:
            order = work.create_work_order(a_work_order(), by=SYSTEM)
            work.commit()
        for action in (Action.INVITE, Action.BOOK, Action.UNBOOK, Action.BOOK, Action.PLAN, Action.BEGIN):
            with ingest_hub.unit_of_work() as work:
                order = work.advance_work_order(work.work_orders.get(order.id, lock=True), action, by=SYSTEM)
                work.commit()

    bus = Bus()
    threads = [threading.Thread(target=live_a_life) for _ in range(6)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        _relay(ingest_hub, bus, 3)
    for thread in threads:
        thread.join()
    _relay(ingest_hub, bus)
    heard: dict[str, list[str]] = {}
    for message in bus.messages:
        envelope = parse_envelope(message.body)
        heard.setdefault(str(envelope.subject), []).append(envelope.data["event"]["workOrder"]["status"])
    life = ["received", "contacting", "booked", "contacting", "booked", "planned", "in progress"]
    assert list(heard.values()) == [life] * 6


def test_only_one_relay_works_at_a_time(ingest_hub: Hub) -> None:
    _fill(ingest_hub, 2)
    other = Bus()

    class Nosy(Bus):
        async def publish(self, messages: Sequence[OutgoingMessage]) -> None:
            assert await relay_outbox(ingest_hub, other.publish) == 0
            await super().publish(messages)

    assert _relay(ingest_hub, Nosy()) == 4
    assert other.messages == []
    _fill(ingest_hub, 1)
    assert _relay(ingest_hub, other) == 2


@pytest.mark.parametrize("how", ["error", "cancelled"])
def test_a_relay_that_ends_badly_lets_the_next_one_work(ingest_hub: Hub, how: str) -> None:
    _fill(ingest_hub, 1)
    started = asyncio.Event()

    async def publish(messages: Sequence[OutgoingMessage]) -> None:
        started.set()
        if how == "error":
            raise OSError("away")
        await asyncio.sleep(60)

    async def work() -> None:
        task = asyncio.create_task(relay_outbox(ingest_hub, publish))
        await started.wait()
        task.cancel()
        await task

    with pytest.raises((OSError, asyncio.CancelledError)):
        asyncio.run(work())
    assert _relay(ingest_hub, Bus()) == 2
    with ingest_hub.reading() as connection:
        # Other tests may hold theirs in other databases of the same server.
        query = (
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' "
            "AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
        )
        assert connection.scalar(text(query)) == 0


def test_no_transaction_is_open_while_the_bus_is_called(ingest_hub: Hub) -> None:
    _fill(ingest_hub, 1)
    states: list[str] = []

    async def publish(messages: Sequence[OutgoingMessage]) -> None:
        with ingest_hub.reading() as connection:
            query = (
                "SELECT state FROM pg_stat_activity WHERE datname = current_database() "
                "AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
            )
            states.extend(connection.scalars(text(query)))

    asyncio.run(relay_outbox(ingest_hub, publish))
    assert set(states) == {"idle"}


def test_an_event_too_large_for_the_bus_goes_out_short_and_holds_up_nobody(ingest_hub: Hub) -> None:
    _fill(ingest_hub, 1)
    with ingest_hub.unit_of_work() as work:
        order = work.create_work_order(a_work_order(), by=SYSTEM, reason="a very long story " * 100)
        work.commit()
    _fill(ingest_hub, 1)

    class SmallBus(Bus):
        async def publish(self, messages: Sequence[OutgoingMessage]) -> None:
            for message in messages:
                if len(message.body) > 1800:
                    raise MessageTooLarge(message.message_id, len(message.body))
                await super().publish([message])

    bus = SmallBus()
    assert (_relay(ingest_hub, bus), _relay(ingest_hub, bus)) == (5, 0)
    assert [message.message_id for message in bus.messages] == [str(row["id"]) for row in outbox(ingest_hub)]
    short = parse_envelope(bus.messages[2].body)
    assert short.subject == order.external_id
    assert short.data["event"]["workOrder"]["status"] == "received"


def test_how_far_the_relay_is_behind_can_be_asked(ingest_hub: Hub, clock: FixedClock) -> None:
    assert outbox_lag(ingest_hub) == OutboxLag(0, 0.0)
    _fill(ingest_hub, 2)
    clock.advance(timedelta(seconds=90))
    _fill(ingest_hub, 1)
    assert outbox_lag(ingest_hub) == OutboxLag(6, 90.0)
    _relay(ingest_hub, Bus())
    assert outbox_lag(ingest_hub) == OutboxLag(0, 0.0)
