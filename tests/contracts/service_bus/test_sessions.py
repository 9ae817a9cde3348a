"""Sessions: one receiver each, messages in order, a state, a lock that is renewed or lost."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from azure.servicebus import NEXT_AVAILABLE_SESSION, ServiceBusMessage, ServiceBusReceiveMode
from azure.servicebus.exceptions import (
    OperationTimeoutError,
    ServiceBusError,
    SessionCannotBeLockedError,
    SessionLockLostError,
)

from tests.contracts.service_bus.conftest import Durations
from tests.contracts.service_bus.driver import Bus, Link, bodies, body

QUEUE = "contract-sessions"
NEXT = "contract-sessions-next"
SHORT = "contract-sessions-short-lock"


def of(session_id: str, *texts: bytes) -> list[ServiceBusMessage]:
    """A message of the session for each text."""
    return [ServiceBusMessage(text, session_id=session_id) for text in texts]


def complete_all(receiver: Link, count: int) -> list[bytes]:
    """Take and complete so many messages; their bodies in order."""
    messages = receiver.take(count)
    for message in messages:
        receiver.complete_message(message)
    return bodies(messages)


def test_a_receiver_gets_its_session_in_order_and_no_other(bus: Bus, session_id: str) -> None:
    other = session_id + "-other"
    bus.send(QUEUE, *(each for number in b"123" for s in (session_id, other) for each in of(s, b"%d" % number)))
    with bus.open(QUEUE, session_id=session_id) as receiver:
        assert receiver.session.session_id == session_id
        assert receiver.session.locked_until_utc - datetime.now(UTC) > timedelta(seconds=15)
        assert complete_all(receiver, 3) == [b"49", b"50", b"51"]
        assert receiver.is_empty()
    with bus.open(QUEUE, session_id=other) as receiver:
        assert complete_all(receiver, 3) == [b"49", b"50", b"51"]


def test_an_abandoned_message_comes_again_before_those_after_it(bus: Bus, session_id: str) -> None:
    bus.send(QUEUE, *of(session_id, b"1", b"2", b"3"))
    with bus.open(QUEUE, session_id=session_id) as receiver:
        [first] = receiver.take(1)
        receiver.abandon_message(first)
        assert complete_all(receiver, 3) == [b"1", b"2", b"3"]


def test_a_session_has_one_receiver(bus: Bus, session_id: str) -> None:
    bus.send(QUEUE, *of(session_id, b"1"))
    with bus.open(QUEUE, session_id=session_id) as receiver:
        with pytest.raises(SessionCannotBeLockedError), bus.open(QUEUE, session_id=session_id) as second:
            second.take(1, 1)
        assert complete_all(receiver, 1) == [b"1"]
    with bus.open(QUEUE, session_id=session_id) as after:
        assert after.is_empty()


def test_what_a_receiver_leaves_unsettled_is_free_at_once_and_uncounted(bus: Bus, session_id: str) -> None:
    bus.send(QUEUE, *of(session_id, b"1", b"2"))
    with bus.open(QUEUE, session_id=session_id) as receiver:
        assert len(receiver.take(2)) == 2
    with bus.open(QUEUE, session_id=session_id) as receiver:
        again = receiver.take(2)
        assert [(body(each), each.delivery_count) for each in again] == [(b"1", 0), (b"2", 0)]
        for message in again:
            receiver.complete_message(message)


def test_the_next_available_session_is_one_with_messages_that_nobody_has(bus: Bus, session_id: str) -> None:
    sessions = [f"{session_id}-{number}" for number in range(3)]
    bus.send(NEXT, *(message for each in sessions for message in of(each, each.encode())))
    served = []
    for _ in sessions:
        with bus.open(NEXT, session_id=NEXT_AVAILABLE_SESSION, max_wait_time=5) as receiver:
            [got] = receiver.take(1)
            receiver.complete_message(got)
            assert got.session_id == receiver.session.session_id
            served.append(got.session_id)
    assert sorted(served) == sessions
    with (
        pytest.raises(OperationTimeoutError),
        bus.open(NEXT, session_id=NEXT_AVAILABLE_SESSION, max_wait_time=1) as nobody,
    ):
        nobody.take(1, 1)


def test_a_receiver_waits_for_the_next_session(bus: Bus, session_id: str) -> None:
    def wait() -> bytes:
        with bus.open(NEXT, session_id=NEXT_AVAILABLE_SESSION, max_wait_time=10) as receiver:
            return complete_all(receiver, 1)[0]

    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(wait)
        time.sleep(0.5)
        assert not waiting.done()
        bus.send(NEXT, *of(session_id, b"at last"))
        assert waiting.result(20) == b"at last"


def test_a_sessions_state_is_kept_until_it_is_cleared(bus: Bus, session_id: str) -> None:
    with bus.open(QUEUE, session_id=session_id) as receiver:
        assert receiver.session.get_state() is None
        receiver.session.set_state("seen: ö")
    with bus.open(QUEUE, session_id=session_id) as receiver:
        assert receiver.session.get_state() == "seen: ö".encode()
        receiver.session.set_state(b"\x00\xff" * 5000)
        assert receiver.session.get_state() == b"\x00\xff" * 5000
        receiver.session.set_state(None)
        assert receiver.session.get_state() is None


def test_a_session_lock_is_renewed(bus: Bus, session_id: str, durations: Durations) -> None:
    bus.send(SHORT, *of(session_id, b"long work"))
    with bus.open(SHORT, session_id=session_id) as receiver:
        [message] = receiver.take(1)
        before = receiver.session.locked_until_utc
        for _ in range(4):
            time.sleep(durations.lock * 0.4)
            assert receiver.session.renew_lock() > before
        receiver.complete_message(message)


def test_a_lost_session_settles_nothing_and_its_messages_count_as_failed(
    bus: Bus, session_id: str, durations: Durations
) -> None:
    bus.send(SHORT, *of(session_id, b"1", b"2"))
    with bus.open(SHORT, session_id=session_id) as receiver:
        first, _ = receiver.take(2)
        time.sleep(durations.lock + 0.3)
        with pytest.raises(SessionLockLostError):
            receiver.complete_message(first)
        with pytest.raises(SessionLockLostError):
            receiver.session.renew_lock()
    with bus.open(SHORT, session_id=session_id) as receiver:
        again = receiver.take(2)
        assert [(body(each), each.delivery_count) for each in again] == [(b"1", 1), (b"2", 1)]
        for message in again:
            receiver.complete_message(message)


def test_the_bus_itself_ends_the_link_of_a_lost_session(bus: Bus, session_id: str, durations: Durations) -> None:
    """The SDK refuses by its own clock before it asks; here its clock is put forward."""
    bus.send(SHORT, *of(session_id, b"1"))
    with bus.open(SHORT, session_id=session_id) as receiver:
        [message] = receiver.take(1)
        time.sleep(durations.lock + 0.3)
        receiver.raw.session._locked_until_utc = datetime.now(UTC) + timedelta(hours=1)
        with pytest.raises(ServiceBusError):
            receiver.complete_message(message)
    with bus.open(SHORT, session_id=session_id) as receiver:
        assert complete_all(receiver, 1) == [b"1"]


def test_a_message_of_a_session_that_keeps_failing_is_a_dead_letter_outside_of_sessions(
    bus: Bus, session_id: str
) -> None:
    bus.send(QUEUE, *of(session_id, b"hopeless", b"fine"))
    with bus.open(QUEUE, session_id=session_id) as receiver:
        for _ in range(3):
            [message] = receiver.take(1)
            receiver.abandon_message(message)
        assert complete_all(receiver, 1) == [b"fine"]
    dead_letters = bus.dead_letters(QUEUE)
    [dead] = dead_letters.take(1)
    assert (body(dead), dead.session_id) == (b"hopeless", session_id)
    assert dead.dead_letter_reason == "MaxDeliveryCountExceeded"
    dead_letters.complete_message(dead)


def test_a_session_defers_and_peeks_its_own_messages(bus: Bus, session_id: str) -> None:
    other = session_id + "-other"
    bus.send(QUEUE, *of(session_id, b"later", b"now"), *of(other, b"not mine"))
    with bus.open(QUEUE, session_id=session_id) as receiver:
        later, now = receiver.take(2)
        receiver.defer_message(later)
        receiver.complete_message(now)
        assert bodies(receiver.peek_messages(5, sequence_number=1)) == [b"later"]
    with bus.open(QUEUE, session_id=other) as receiver:
        with pytest.raises(ServiceBusError):
            receiver.receive_deferred_messages(later.sequence_number)
        assert complete_all(receiver, 1) == [b"not mine"]
    with bus.open(QUEUE, session_id=session_id) as receiver:
        [again] = receiver.receive_deferred_messages(later.sequence_number)
        receiver.complete_message(again)
        assert body(again) == b"later"


def test_receive_and_delete_takes_a_session_empty(bus: Bus, session_id: str) -> None:
    bus.send(QUEUE, *of(session_id, b"1", b"2"))
    mode = ServiceBusReceiveMode.RECEIVE_AND_DELETE
    with bus.open(QUEUE, session_id=session_id, receive_mode=mode) as receiver:
        assert bodies(receiver.take(2)) == [b"1", b"2"]
    with bus.open(QUEUE, session_id=session_id) as receiver:
        assert receiver.is_empty()


def test_a_scheduled_message_arrives_in_its_session(bus: Bus, session_id: str) -> None:
    due = datetime.now(UTC) + timedelta(seconds=1)
    bus.sender(QUEUE).schedule_messages(of(session_id, b"later"), due)
    with bus.open(QUEUE, session_id=session_id) as receiver:
        assert complete_all(receiver, 1) == [b"later"]


def test_sessions_with_messages_or_a_state_are_listed(bus: Bus, session_id: str) -> None:
    full, stateful, empty = (f"{session_id}-{name}" for name in ("full", "stateful", "empty"))
    bus.send(QUEUE, *of(full, b"1"))
    with bus.open(QUEUE, session_id=stateful) as receiver:
        receiver.session.set_state(b"x")
    with bus.open(QUEUE, session_id=empty):
        pass
    assert {full, stateful} <= listed(bus)
    assert empty not in listed(bus)
    since = datetime.now(UTC) - timedelta(minutes=5)
    recently = listed(bus, state_updated_after=since)
    assert stateful in recently
    assert full not in recently
    with bus.open(QUEUE, session_id=stateful) as receiver:
        receiver.session.set_state(None)
    with bus.open(QUEUE, session_id=full) as receiver:
        complete_all(receiver, 1)
    assert not {full, stateful} & listed(bus)


def listed(bus: Bus, **options: datetime) -> set[str]:
    """The ids of the sessions the SDK lists."""
    found = bus.client.raw.list_queue_sessions(QUEUE, **options)
    if hasattr(found, "__anext__"):

        async def gather() -> set[str]:
            return {each async for each in found}

        return set(bus.client._way.call(gather))
    return set(found)


def test_sessions_are_required_where_they_are_and_refused_where_they_are_not(bus: Bus, queue: str) -> None:
    with pytest.raises(ServiceBusError, match="not-allowed"):
        bus.send(QUEUE, b"of no session")
    with pytest.raises(ServiceBusError, match="not-allowed"), bus.open(QUEUE) as plain:
        plain.take(1, 1)
    with pytest.raises(ServiceBusError, match="not-allowed"), bus.open(queue, session_id="s") as sessionful:
        sessionful.take(1, 1)
