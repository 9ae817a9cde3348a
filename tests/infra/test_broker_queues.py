"""The broker's queues without sockets and clocks: who gets what, and that nothing stays behind."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from proton import Message

from infra.local.config import Namespace
from infra.local.duplicates import DuplicateHistory
from infra.local.entities import Entities, SessionMissing
from infra.local.journal import Journal
from infra.local.message import StoredMessage
from infra.local.message_queue import LockLost, MessageQueue
from infra.local.schedule import MessageNotFound
from infra.local.session_queue import SessionQueue, SessionTaken
from infra.local.wakeups import Wakeups

LOCK_MS = 30_000


def entities_of(*queues: dict[str, Any], topics: tuple[dict[str, Any], ...] = ()) -> tuple[Entities, Wakeups]:
    """Queues with locks of 30 seconds and what else is asked for; in memory."""
    wakeups = Wakeups()
    described = [
        {"Name": each.pop("Name"), "Properties": {"LockDuration": "PT30S", "MaxDeliveryCount": 2, **each}}
        for each in queues
    ]
    namespace = Namespace.model_validate({"Name": "n", "Queues": described, "Topics": topics})
    return Entities(namespace, Journal(None), wakeups), wakeups


def encoded(text: str = "x", *, session_id: str | None = None, message_id: str | None = None) -> bytes:
    message: Any = Message(body=text.encode(), inferred=True)
    message.group_id, message.id = session_id, message_id
    return bytes(message.encode())


def send(entities: Entities, name: str, content: bytes, now_ms: int = 0) -> None:
    target = entities.target(name)
    assert target is not None
    entities.publish(target, content, now_ms)


def queue_of(entities: Entities, name: str) -> MessageQueue:
    queue = entities.source(name)
    assert queue is not None
    return queue


def sessions_of(entities: Entities, name: str) -> SessionQueue:
    queue = queue_of(entities, name)
    assert isinstance(queue, SessionQueue)
    return queue


def test_thousands_of_messages_leave_nothing_behind() -> None:
    entities, wakeups = entities_of({"Name": "q"})
    queue = queue_of(entities, "q")
    content = encoded()
    for number in range(20_000):
        send(entities, "q", content, number)
        lock = queue.lock_next(number)
        assert lock is not None
        if number % 3 == 0:
            queue.renew(lock.token, number)
        queue.complete(lock.token)
    assert (len(queue), len(queue._locks), len(queue._only_lane.ready)) == (0, 0, 0)
    entities.act_on_time(10**9)
    wakeups.ring(10**9)
    assert wakeups.next_ms is None


def test_thousands_of_sessions_leave_nothing_behind() -> None:
    entities, _ = entities_of({"Name": "q", "RequiresSession": True})
    queue = sessions_of(entities, "q")
    for number in range(3_000):
        send(entities, "q", encoded(session_id=f"s{number}"), number)
        owner = object()
        lane = queue.accept_session(f"s{number}", owner, number) if number % 2 else queue.accept_next(owner, number)
        assert lane is not None
        lock = queue.lock_next(number, lane)
        assert lock is not None
        queue.complete(lock.token)
        queue.close_session(lane)
    assert (len(queue._sessions), len(queue._available), len(queue._taken), len(queue._locks)) == (0, 0, 0, 0)


def test_locks_end_in_the_order_in_which_they_were_given_or_renewed() -> None:
    entities, wakeups = entities_of({"Name": "q"})
    queue = queue_of(entities, "q")
    for text in "ab":
        send(entities, "q", encoded(text))
    first, second = queue.lock_next(0), queue.lock_next(1_000)
    assert first is not None
    assert second is not None
    assert queue.renew(first.token, 20_000) == 50_000
    assert wakeups.ring(31_000)
    entities.act_on_time(31_000)
    assert wakeups.next_ms == 50_000
    with pytest.raises(LockLost):
        queue.complete(second.token)
    queue.complete(first.token)
    again = queue.lock_next(31_000)
    assert again is not None
    assert (again.message.sequence, again.message.delivery_count) == (second.message.sequence, 1)


@given(st.lists(st.sampled_from("abc"), min_size=1, max_size=30), st.randoms(use_true_random=False))
def test_a_session_gives_its_messages_in_order_whatever_fails(letters: list[str], random: object) -> None:
    """Two receivers take turns at random; some messages are given back, some receivers leave."""
    entities, _ = entities_of({"Name": "q", "RequiresSession": True, "MaxDeliveryCount": 2000})
    queue = sessions_of(entities, "q")
    for number, letter in enumerate(letters):
        send(entities, "q", encoded(str(number), session_id=letter))
    done: dict[str, list[int]] = {letter: [] for letter in letters}
    fails = list(range(len(letters)))
    random.shuffle(fails)  # type: ignore[attr-defined]
    while (lane := queue.accept_next(object(), 0)) is not None:
        with pytest.raises(SessionTaken):
            queue.accept_session(lane.session_id, object(), 0)
        while (lock := queue.lock_next(0, lane)) is not None:
            chance = fails.pop() if fails else 1
            if chance % 4 == 0:
                queue.abandon(lock.token)
            elif chance % 4 == 2:
                break
            else:
                queue.complete(lock.token)
                done[lane.session_id].append(lock.message.sequence)
        queue.close_session(lane)
    assert len(queue) == 0
    assert all(sequences == sorted(sequences) for sequences in done.values())
    assert sum(map(len, done.values())) == len(letters)


def test_sessions_are_served_in_the_order_of_their_waiting() -> None:
    entities, _ = entities_of({"Name": "q", "RequiresSession": True})
    queue = sessions_of(entities, "q")
    for session_id in ("a", "b", "a", "c"):
        send(entities, "q", encoded(session_id=session_id))
    first = queue.accept_next(object(), 0)
    assert first is not None
    lock = queue.lock_next(0, first)
    assert lock is not None
    queue.complete(lock.token)
    queue.close_session(first)
    order = [lane.session_id for _ in range(3) if (lane := queue.accept_next(object(), 0)) is not None]
    assert (first.session_id, order) == ("a", ["b", "c", "a"])
    assert queue.accept_next(object(), 0) is None


def test_a_session_held_too_long_is_lost_with_its_messages() -> None:
    entities, _ = entities_of({"Name": "q", "RequiresSession": True, "MaxDeliveryCount": 5})
    queue = sessions_of(entities, "q")
    send(entities, "q", encoded(session_id="a"))
    owner = object()
    lane = queue.accept_session("a", owner, 0)
    lock = queue.lock_next(0, lane)
    assert lock is not None
    assert entities.act_on_time(LOCK_MS - 1) == []
    assert entities.act_on_time(LOCK_MS) == [owner]
    with pytest.raises(LockLost):
        queue.complete(lock.token)
    again = queue.accept_next(object(), LOCK_MS)
    assert again is not None
    assert queue.lock_next(LOCK_MS, again) is not None


def test_a_batch_with_one_message_of_no_session_is_refused_as_a_whole() -> None:
    entities, _ = entities_of({"Name": "q", "RequiresSession": True})
    inner = [encoded(session_id="a"), encoded()]
    batch = b"".join(b"\x00\x53\x75\xb0" + len(each).to_bytes(4) + each for each in inner)
    with pytest.raises(SessionMissing):
        send(entities, "q", batch)
    assert len(queue_of(entities, "q")) == 0


def test_duplicates_are_forgotten_after_the_window() -> None:
    history = DuplicateHistory("q", timedelta(seconds=20), Journal(None))
    assert [history.is_new("a", now) for now in (0, 1, 19_999, 20_000, 20_001)] == [True, False, False, True, False]
    assert all(history.is_new("", now) for now in (0, 1))
    for number in range(5_000):
        history.is_new(f"m{number}", 30_000 + number * 100)
    assert len(history) <= 201


def test_calling_off_is_all_or_nothing_and_leaves_no_rest() -> None:
    entities, wakeups = entities_of({"Name": "q"})
    target = entities.target("q")
    assert target is not None
    schedule = target.schedule
    for number in range(1, 5_001):
        schedule.put(StoredMessage(number, b"", 0, due_ms=10_000 + number))
    with pytest.raises(MessageNotFound):
        schedule.cancel([1, 2, 99_999])
    assert len(schedule.messages) == 5_000
    for number in range(2, 5_001):
        schedule.cancel([number])
    assert list(schedule.messages) == [1]
    assert len(schedule._order) <= 1_002
    assert wakeups.next_ms == 10_001
    assert [message.sequence for message in schedule.take_due(20_000)] == [1]


def test_forwarding_keeps_rules_and_duplicates_on_its_way() -> None:
    rule = {"Name": "r", "Properties": {"FilterType": "Correlation", "CorrelationFilter": {"MessageId": "a"}}}
    topic = {
        "Name": "t",
        "Subscriptions": [
            {"Name": "on", "Properties": {"ForwardTo": "once"}, "Rules": [rule]},
            {"Name": "also", "Properties": {"ForwardTo": "once"}},
        ],
    }
    entities, _ = entities_of(
        {"Name": "first", "ForwardTo": "T"}, {"Name": "once", "RequiresDuplicateDetection": True}, topics=(topic,)
    )
    for message_id in ("a", "b", "b"):
        send(entities, "first", encoded(message_id=message_id))
    assert len(queue_of(entities, "once")) == 2
    assert len(queue_of(entities, "first")) == 0


@pytest.mark.parametrize("verb", ["abandon", "defer"])
def test_changes_that_no_message_can_carry_leave_the_message_with_its_receiver(verb: str) -> None:
    entities, _ = entities_of({"Name": "q"})
    send(entities, "q", encoded())
    queue = queue_of(entities, "q")
    lock = queue.lock_next(0)
    assert lock is not None
    with pytest.raises(ValueError, match="why"):
        getattr(queue, verb)(lock.token, {"why": [1]})
    assert len(queue) == 1
    queue.complete(lock.token)
    assert len(queue) == 0
