"""The consumer and the publisher, against the broker: what reaches the handler, and what a bad day does not lose."""

import asyncio
import json
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from azure.servicebus import ServiceBusMessage, ServiceBusReceivedMessage
from azure.servicebus.aio import ServiceBusClient, ServiceBusReceiver

from hub.messaging.service_bus import (
    BusUnavailable,
    Complete,
    DeadLetter,
    MessageTooLarge,
    OutgoingMessage,
    ReceivedMessage,
    Retry,
    ServiceBusPublisher,
    Settlement,
    consume,
    consume_together,
    receive_dead_letters,
    receive_events,
    send_batch,
)
from hub.messaging.service_bus import consumer as consumer_module
from infra.local.config import DEFAULT_CONFIG
from infra.local.running import BrokerProcess, broker_thread
from infra.local.server import connection_string as connection_string_of


def message(name: str) -> OutgoingMessage:
    return OutgoingMessage(body=name.encode(), message_id=name)


class Recorder:
    """A handler that counts what it sees and stops the consumer when it has seen enough."""

    def __init__(self, answer: Callable[[ReceivedMessage], Settlement] = lambda _: Complete()) -> None:
        self.seen: list[str] = []
        self.done: Counter[str] = Counter()
        self.threads: set[int] = set()
        self._answer = answer

    def __call__(self, message: ReceivedMessage) -> Settlement:
        self.threads.add(threading.get_ident())
        self.seen.append(message.message_id)
        settlement = self._answer(message)
        self.done[message.message_id] += 1
        return settlement


async def until(fact: Callable[[], bool], seconds: float) -> None:
    """Wait for what another thread brings about, or until the time is over."""
    deadline = time.monotonic() + seconds
    while not fact() and time.monotonic() < deadline:  # noqa: ASYNC110 - the fact is a thread's, it sets no event
        await asyncio.sleep(0.02)


async def consume_until(
    bus: str, queue: str, recorder: Recorder, enough: Callable[[], bool], *, batch_size: int = 20, seconds: float = 20
) -> None:
    """Consume until `enough`, then stop as a host does."""
    stop = asyncio.Event()
    consumer = asyncio.create_task(
        consume(bus, queue, recorder, stop, batch_size=batch_size, wait_seconds=0.3, pause=lambda _: 0.1)
    )
    await until(lambda: enough() or consumer.done(), seconds)
    stop.set()
    await asyncio.wait_for(consumer, 15)


def test_poison_is_dead_lettered_and_the_good_ones_around_it_are_done(bus: str, queue_name: str) -> None:
    def answer(message: ReceivedMessage) -> Settlement:
        if message.body.startswith(b"bad"):
            return DeadLetter("Unreadable", "The work order has no address. Send it again with one." + "!" * 2000)
        return Complete()

    recorder = Recorder(answer)
    send_batch(bus, queue_name, map(message, ("good-1", "bad-1", "good-2", "bad-2", "good-3")))
    asyncio.run(consume_until(bus, queue_name, recorder, lambda: len(recorder.seen) >= 5))
    assert recorder.seen == ["good-1", "bad-1", "good-2", "bad-2", "good-3"]
    assert threading.get_ident() not in recorder.threads
    dead = list(receive_dead_letters(bus, queue_name))
    assert [each.message_id for each in dead] == ["bad-1", "bad-2"]
    assert dead[0].dead_letter_reason == "Unreadable"
    assert dead[0].dead_letter_description is not None
    assert dead[0].dead_letter_description.startswith("The work order has no address.")
    assert len(dead[0].dead_letter_description) == 1024
    assert [each.message_id for each in receive_dead_letters(bus, queue_name, remove=True)] == ["bad-1", "bad-2"]


def test_what_fails_for_now_comes_again(bus: str, queue_name: str) -> None:
    attempts: Counter[str] = Counter()

    def answer(message: ReceivedMessage) -> Settlement:
        attempts[message.message_id] += 1
        if message.message_id == "shaky" and attempts["shaky"] < 3:
            raise ConnectionError("the database is away")
        return Complete()

    recorder = Recorder(answer)
    send_batch(bus, queue_name, map(message, ("first", "shaky", "last")))
    asyncio.run(consume_until(bus, queue_name, recorder, lambda: recorder.done.total() >= 3))
    assert recorder.done == {"first": 1, "shaky": 1, "last": 1}
    assert attempts["shaky"] == 3


def test_a_slow_handler_keeps_its_locks(bus: str) -> None:
    """Six messages of 0.7 s each in one batch, with locks of 2 s: without renewal the last would come twice."""

    def answer(message: ReceivedMessage) -> Settlement:
        time.sleep(0.7)
        return Complete()

    recorder = Recorder(answer)
    names = [f"slow-{number}" for number in range(6)]
    all_done = list[float]()

    def enough() -> bool:
        if recorder.done.total() >= 6 and not all_done:
            all_done.append(time.monotonic())
        # One that was lost would have come again when its lock was over.
        return len(recorder.seen) >= 7 or bool(all_done and time.monotonic() - all_done[0] > 2.3)

    send_batch(bus, "short-lock-consumed", map(message, names))
    asyncio.run(consume_until(bus, "short-lock-consumed", recorder, enough, seconds=30))
    assert recorder.seen == names


def test_stopping_finishes_the_message_at_hand_and_gives_the_rest_back(bus: str, queue_name: str) -> None:
    started = threading.Event()

    def answer(message: ReceivedMessage) -> Settlement:
        started.set()
        # So long at most may the consumer take to hear that it is to stop.
        time.sleep(1.5)
        return Complete()

    first = Recorder(answer)
    names = [f"m-{number}" for number in range(5)]
    send_batch(bus, queue_name, map(message, names))
    asyncio.run(consume_until(bus, queue_name, first, started.is_set))
    second = Recorder()
    asyncio.run(consume_until(bus, queue_name, second, lambda: len(second.seen) >= 4, seconds=20))
    assert (first.seen, second.seen) == (names[:1], names[1:])


def test_the_consumer_goes_on_when_the_broker_is_killed_and_started_again(tmp_path: Path) -> None:
    broker = BrokerProcess(DEFAULT_CONFIG, tmp_path).start()
    names = [f"m-{number}" for number in range(120)]

    def answer(message: ReceivedMessage) -> Settlement:
        time.sleep(0.005)
        return Complete()

    recorder = Recorder(answer)

    async def scene() -> None:
        watched = asyncio.create_task(
            consume_until(broker.connection_string, "work-orders", recorder, lambda: set(names) <= set(recorder.done))
        )
        await until(lambda: recorder.done.total() >= 30, 10)
        await asyncio.to_thread(broker.kill)
        await asyncio.sleep(0.3)
        await asyncio.to_thread(broker.start)
        await watched

    try:
        send_batch(broker.connection_string, "work-orders", map(message, names))
        asyncio.run(asyncio.wait_for(scene(), 30))
        assert set(recorder.done) == set(names)
        # Handled twice at most: those in flight when the broker died, whose completion it never learnt of.
        assert recorder.done.total() <= len(names) + 20
        assert list(receive_dead_letters(broker.connection_string, "work-orders")) == []
    finally:
        broker.stop()


def test_the_publisher_waits_for_a_broker_that_comes_back(tmp_path: Path) -> None:
    broker = BrokerProcess(DEFAULT_CONFIG, tmp_path).start()

    async def scene() -> None:
        async with ServiceBusPublisher(broker.connection_string, "work-order-events") as publisher:
            # The first use is concurrent on purpose: the SDK's own sender fails at that.
            await asyncio.gather(*(publisher.publish([message(f"before-{number}")]) for number in range(5)))
            await asyncio.to_thread(broker.kill)
            late = asyncio.create_task(publisher.publish([message("while-it-was-away"), message("and-after")]))
            await asyncio.sleep(0.3)
            await asyncio.to_thread(broker.start)
            await asyncio.wait_for(late, 20)

    try:
        asyncio.run(scene())
        events = receive_events(broker.connection_string, "work-order-events", "utility", idle_seconds=0.5)
        ids = list(dict.fromkeys(each.message_id for each in events))
        assert ids == [*(f"before-{number}" for number in range(5)), "while-it-was-away", "and-after"]
    finally:
        broker.stop()


def test_an_event_is_taken_only_once_the_reader_asks_for_the_next(bus: str) -> None:
    send_batch(bus, "events", map(message, ("one", "two", "three")))
    reader = receive_events(bus, "events", "more-of-it", idle_seconds=0.5)
    assert next(reader).message_id == "one"
    assert next(reader).message_id == "two"
    reader.close()  # type: ignore[attr-defined]  # it is a generator
    # "one" was finished with; "two" and "three" stay locked with the reader that left, and come again after that.
    names = [each.message_id for each in receive_events(bus, "events", "everything", idle_seconds=0.5)]
    assert names[-3:] == ["one", "two", "three"]


def test_sending_tells_how_far_it_is_and_refuses_what_never_fits(bus: str, queue_name: str) -> None:
    told: list[int] = []
    assert send_batch(bus, queue_name, (message(str(number)) for number in range(1200)), told.append) == 1200
    assert told == [500, 1000, 1200]
    with pytest.raises(MessageTooLarge, match="The message huge has 300000 bytes"):
        send_batch(bus, queue_name, [OutgoingMessage(body=b"x" * 300_000, message_id="huge")])


def test_while_what_the_handler_needs_is_away_no_delivery_is_used_up(bus: str, queue_name: str) -> None:
    names = [f"m{number}" for number in range(30)]
    send_batch(bus, queue_name, [message(name) for name in names])
    away = threading.Event()
    away.set()
    asked = list[int]()

    def answer(received: ReceivedMessage) -> Settlement:
        if away.is_set():
            raise OSError("the database is away")
        return Complete()

    def is_ready() -> bool:
        asked.append(1)
        return not away.is_set()

    recorder = Recorder(answer)

    async def live_through_it() -> int:
        stop = asyncio.Event()
        task = asyncio.create_task(consume(bus, queue_name, recorder, stop, pause=lambda _: 0.0, is_ready=is_ready))
        await until(lambda: len(asked) > 3, 10)
        tried = len(recorder.seen)
        away.clear()
        await until(lambda: len(recorder.done) == len(names), 20)
        stop.set()
        await task
        return tried

    assert asyncio.run(live_through_it()) == 1, "the first failure is enough to stop for"
    assert recorder.done == Counter(names)


@pytest.mark.parametrize("silent", [False, True], ids=["nobody listens", "somebody listens and never answers"])
def test_a_dead_bus_is_one_sentence_in_bounded_time(silent: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hub.messaging.service_bus.publisher.OPEN_SECONDS", 0.5)
    monkeypatch.setattr("hub.messaging.service_bus.command_line.OPEN_SECONDS", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        if not silent:
            server.close()
        bus = connection_string_of("127.0.0.1", port)
        started = time.monotonic()
        with pytest.raises(BusUnavailable) as refusal:
            send_batch(bus, "work-orders", [message("m")], patience_seconds=0.2)
        with pytest.raises(BusUnavailable):
            next(receive_events(bus, "work-order-events", "utility", idle_seconds=0.2))
        assert time.monotonic() - started < 15
    assert str(refusal.value).startswith(f"The message bus at 127.0.0.1:{port} does not answer.")
    assert "SAS_KEY_VALUE" not in str(refusal.value)


def test_a_wrong_name_and_an_unreadable_connection_string_say_so(bus: str) -> None:
    with pytest.raises(BusUnavailable, match="has no queue, topic or subscription nowhere"):
        send_batch(bus, "nowhere", [message("m")], patience_seconds=0)
    with pytest.raises(BusUnavailable, match="cannot be named by this connection string"):
        send_batch("SharedAccessKey=hunter2", "work-orders", [message("m")])


async def together_until(
    bus: str,
    queue: str,
    handle: Callable[[Sequence[ReceivedMessage]], Sequence[Settlement | Retry]],
    enough: Callable[[], bool],
    *,
    seconds: float = 60,
    **options: Any,
) -> None:
    """Consume batches until `enough`, then stop as a host does."""
    stop = asyncio.Event()
    chosen = {"wait_seconds": 0.3, "pause": lambda _: 0.1, **options}
    consumer = asyncio.create_task(consume_together(bus, queue, handle, stop, **chosen))
    await until(lambda: enough() or consumer.done(), seconds)
    stop.set()
    await asyncio.wait_for(consumer, 20)


def test_in_a_batch_each_message_has_its_own_answer(bus: str, queue_name: str) -> None:
    seen = Counter[str]()

    def handle(messages: Sequence[ReceivedMessage]) -> list[Settlement | Retry]:
        answers: list[Settlement | Retry] = []
        for one in messages:
            seen[one.message_id] += 1
            if one.message_id == "bad":
                answers.append(DeadLetter("Unreadable", "It says nothing."))
            elif one.message_id == "shaky" and seen["shaky"] < 3:
                answers.append(Retry(ConnectionError("not now")))
            else:
                answers.append(Complete())
        return answers

    names = [*(f"m-{number}" for number in range(20)), "bad", "shaky"]
    send_batch(bus, queue_name, map(message, names))
    asyncio.run(together_until(bus, queue_name, handle, lambda: seen["shaky"] >= 3 and len(seen) == len(names)))
    assert seen == {**dict.fromkeys(names, 1), "shaky": 3}
    assert [one.message_id for one in receive_dead_letters(bus, queue_name)] == ["bad"]


def test_when_a_whole_batch_fails_all_of_it_comes_again(bus: str, queue_name: str) -> None:
    seen = Counter[str]()
    failures = [OSError("the database is away")]

    def handle(messages: Sequence[ReceivedMessage]) -> list[Settlement | Retry]:
        if failures:
            raise failures.pop()
        seen.update(one.message_id for one in messages)
        return [Complete()] * len(messages)

    names = [f"m-{number}" for number in range(30)]
    send_batch(bus, queue_name, map(message, names))
    asyncio.run(together_until(bus, queue_name, handle, lambda: len(seen) == len(names)))
    assert seen == dict.fromkeys(names, 1)


def test_a_lock_lost_during_the_work_is_no_failure_of_the_next(bus: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The lock of three seconds ends while the handler works and nobody renews: the message comes again, the others go on."""

    async def never(_: object) -> None:
        await asyncio.sleep(60)

    monkeypatch.setattr("hub.messaging.service_bus.locks.HeldLocks.keep", never)
    recorder = Recorder()

    def handle(messages: Sequence[ReceivedMessage]) -> list[Settlement | Retry]:
        if not recorder.seen:
            time.sleep(3.6)
        return [recorder(one) for one in messages]

    names = ["lost-1", "lost-2"]
    send_batch(bus, "lock-of-three-seconds", map(message, names))
    asyncio.run(
        together_until(
            bus, "lock-of-three-seconds", handle, lambda: recorder.done.total() >= 4, receivers=1, batch_size=2
        )
    )
    assert recorder.done == dict.fromkeys(names, 2)


def test_a_burst_is_handled_completely(bus: str, queue_name: str) -> None:
    """Ten thousand messages, by three receivers at once: all are handled, and nothing is left but what came again.

    On a machine that is very busy the bus may not hear of a completion in time; such a message comes again, as the bus promises.
    """
    seen = Counter[str]()

    def handle(messages: Sequence[ReceivedMessage]) -> list[Settlement | Retry]:
        seen.update(one.message_id for one in messages)
        return [Complete()] * len(messages)

    send_batch(bus, queue_name, (message(str(number)) for number in range(10_000)))
    asyncio.run(
        together_until(bus, queue_name, handle, lambda: len(seen) >= 10_000, receivers=3, batch_size=200, seconds=200)
    )
    assert len(seen) == 10_000
    assert seen.total() <= 10_100
    again = Recorder()
    asyncio.run(consume_until(bus, queue_name, again, lambda: bool(again.seen), seconds=1))
    assert len(again.seen) <= 100


@pytest.mark.parametrize("turns_slow", [False, True])
def test_a_bus_that_is_near_is_settled_first_and_one_that_turns_slow_is_not_waited_for(
    bus: str, queue_name: str, monkeypatch: pytest.MonkeyPatch, *, turns_slow: bool
) -> None:
    """Ten a batch. Beside which batches some of the ones before are still being settled?"""
    handled, settled, behind = 0, 0, list[int]()
    complete = ServiceBusReceiver.complete_message

    async def watched(receiver: ServiceBusReceiver, one: ServiceBusReceivedMessage) -> None:
        nonlocal settled
        if turns_slow and settled >= 30:
            await asyncio.sleep(0.2)
        await complete(receiver, one)
        settled += 1

    def handle(messages: Sequence[ReceivedMessage]) -> list[Settlement | Retry]:
        nonlocal handled
        behind.append(handled - settled)
        handled += len(messages)
        return [Complete()] * len(messages)

    monkeypatch.setattr(ServiceBusReceiver, "complete_message", watched)
    # Slow is two seconds for ten, which no busy machine makes of a near one.
    monkeypatch.setattr(consumer_module, "_TOGETHER_SECONDS", 1.5)
    send_batch(bus, queue_name, (message(str(number)) for number in range(80)))
    asyncio.run(together_until(bus, queue_name, handle, lambda: settled >= 80, receivers=1, batch_size=10, seconds=60))
    # How near it is shows with the first batch; how slow it has become, with the first slow one.
    assert behind[2:4] == [0, 0]
    assert any(behind[5:]) is turns_slow


def test_on_a_queue_with_sessions_each_order_keeps_its_order(tmp_path: Path) -> None:
    config = tmp_path / "config.json"
    entry = {"Name": "in-sessions", "Properties": {"RequiresSession": True, "LockDuration": "PT30S"}}
    namespace = {"Name": "sbemulatorns", "Queues": [entry], "Topics": []}
    config.write_text(json.dumps({"UserConfig": {"Namespaces": [namespace], "Logging": {"Type": "File"}}}))
    seen: dict[str, list[int]] = {}
    busy = Counter[str]()
    clashes = list[str]()

    def handle(messages: Sequence[ReceivedMessage]) -> list[Settlement | Retry]:
        for one in messages:
            session, _, number = one.message_id.partition(" ")
            busy[session] += 1
            if busy[session] > 1:
                clashes.append(session)
            time.sleep(0.001)
            seen.setdefault(session, []).append(int(number))
            busy[session] -= 1
        return [Complete()] * len(messages)

    async def send(bus: str) -> None:
        async with ServiceBusClient.from_connection_string(bus) as client, client.get_queue_sender("in-sessions") as to:
            for number in range(6):
                for session in range(12):
                    body = ServiceBusMessage(b"x", session_id=f"s{session}", message_id=f"s{session} {number}")
                    await to.send_messages(body)

    with broker_thread(config) as bus:
        asyncio.run(send(bus))
        enough = lambda: sum(map(len, seen.values())) >= 72  # noqa: E731 - it is asked again and again
        asyncio.run(together_until(bus, "in-sessions", handle, enough, receivers=4, batch_size=5, sessions=True))
    assert seen == {f"s{session}": list(range(6)) for session in range(12)}
    assert clashes == []


def test_what_keeps_failing_in_a_session_is_counted_and_comes_to_the_dead_letters(tmp_path: Path) -> None:
    config = tmp_path / "config.json"
    properties = {"RequiresSession": True, "LockDuration": "PT30S", "MaxDeliveryCount": 3}
    entry = {"Name": "in-sessions", "Properties": properties}
    namespace = {"Name": "sbemulatorns", "Queues": [entry], "Topics": []}
    config.write_text(json.dumps({"UserConfig": {"Namespaces": [namespace], "Logging": {"Type": "File"}}}))
    seen = list[tuple[str, int]]()

    def handle(messages: Sequence[ReceivedMessage]) -> list[Settlement | Retry]:
        seen.extend((one.message_id, one.delivery_count) for one in messages)
        failed = Retry(ConnectionError("not now"))
        return [failed if one.message_id == "shaky" else Complete() for one in messages]

    async def send(bus: str) -> None:
        async with ServiceBusClient.from_connection_string(bus) as client, client.get_queue_sender("in-sessions") as to:
            for name in ("shaky", "good"):
                await to.send_messages(ServiceBusMessage(b"x", session_id=name, message_id=name))

    with broker_thread(config) as bus:
        asyncio.run(send(bus))
        # Longer than a receiver waits for more of the session.
        slow = together_until(
            bus, "in-sessions", handle, lambda: len(seen) >= 4, sessions=True, receivers=2, pause=lambda _: 0.5
        )
        asyncio.run(slow)
        assert [one.message_id for one in receive_dead_letters(bus, "in-sessions")] == ["shaky"]
    assert sorted(seen) == [("good", 0), ("shaky", 0), ("shaky", 1), ("shaky", 2)]
