"""What our broker keeps when it is killed and started again, beside messages: see also the start's tests.

These kill a process, so they are no part of the contract that a real namespace is held to.
"""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from azure.servicebus import NEXT_AVAILABLE_SESSION, ServiceBusClient, ServiceBusMessage
from azure.servicebus.exceptions import MessageNotFoundError

from infra.local.journal import FILE_NAME, Journal
from infra.local.message import MessageState, StoredMessage
from infra.local.running import BrokerProcess
from tests.contracts.conftest import queue, write_config


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[BrokerProcess]:
    """A broker process with a plain queue, one without duplicates and one with sessions; its state is on disk."""
    config = write_config(
        tmp_path / "config.json",
        [
            queue("plain"),
            queue("once", RequiresDuplicateDetection=True),
            queue("sessions", RequiresSession=True, LockDuration="PT30S"),
        ],
        [{"Name": "events", "Properties": {}, "Subscriptions": [{"Name": "all", "Properties": {}}]}],
    )
    with BrokerProcess(config, tmp_path / "state") as broker:
        yield broker


def crash(broker: BrokerProcess) -> None:
    """Kill the broker, and start it again on what it left."""
    broker.kill()
    broker.start()


def client_of(broker: BrokerProcess) -> ServiceBusClient:
    return ServiceBusClient.from_connection_string(broker.connection_string, retry_total=0)


def take(receiver: Any, count: int, seconds: float = 8.0) -> list[bytes]:
    """Take and complete so many messages, or as many as come in time; their bodies."""
    found: list[bytes] = []
    deadline = time.monotonic() + seconds
    while len(found) < count and (left := deadline - time.monotonic()) > 0:
        for message in receiver.receive_messages(max_message_count=count - len(found), max_wait_time=left):
            found.append(b"".join(message.body))
            receiver.complete_message(message)
    return found


def test_schedules_survive_and_can_still_be_called_off(broker: BrokerProcess) -> None:
    # Three to four seconds go by until one is called off, on a busy machine more.
    due = datetime.now(UTC) + timedelta(seconds=12)
    with client_of(broker) as client, client.get_queue_sender("plain") as sender:
        messages = [ServiceBusMessage(text) for text in (b"kept", b"called off")]
        _, number = sender.schedule_messages(messages, due)
        with client.get_topic_sender("events") as to_topic:
            to_topic.schedule_messages(ServiceBusMessage(b"told"), due)
    crash(broker)
    with client_of(broker) as client:
        with client.get_queue_sender("plain") as sender:
            sender.cancel_scheduled_messages(number)
        with client.get_queue_receiver("plain") as receiver:
            assert take(receiver, 1, 30) == [b"kept"]
            assert datetime.now(UTC) >= due
            assert take(receiver, 1, 1) == [], "what was called off does not come"
        with client.get_subscription_receiver("events", "all") as receiver:
            assert take(receiver, 1) == [b"told"]


def test_what_fell_due_while_the_broker_was_away_arrives_at_its_start(broker: BrokerProcess) -> None:
    with client_of(broker) as client, client.get_queue_sender("plain") as sender:
        sender.schedule_messages(ServiceBusMessage(b"due"), datetime.now(UTC) + timedelta(seconds=1))
    broker.kill()
    time.sleep(1.0)
    broker.start()
    with client_of(broker) as client, client.get_queue_receiver("plain") as receiver:
        assert take(receiver, 1) == [b"due"]


def test_deferred_messages_stay_deferred(broker: BrokerProcess) -> None:
    with client_of(broker) as client:
        with client.get_queue_sender("plain") as sender:
            sender.send_messages(ServiceBusMessage(b"aside"))
        with client.get_queue_receiver("plain") as receiver:
            [message] = receiver.receive_messages(max_wait_time=5)
            receiver.defer_message(message)
    crash(broker)
    assert message.sequence_number is not None
    with client_of(broker) as client, client.get_queue_receiver("plain") as receiver:
        assert take(receiver, 1, 0.5) == []
        [again] = receiver.receive_deferred_messages(message.sequence_number)
        receiver.complete_message(again)
    crash(broker)
    with (
        client_of(broker) as client,
        client.get_queue_receiver("plain") as receiver,
        pytest.raises(MessageNotFoundError),
    ):
        receiver.receive_deferred_messages(message.sequence_number)


def test_sessions_keep_their_state_and_order_but_no_receiver(broker: BrokerProcess) -> None:
    with client_of(broker) as client:
        with client.get_queue_sender("sessions") as sender:
            sender.send_messages([ServiceBusMessage(text, session_id="s") for text in (b"1", b"2", b"3")])
        receiver = client.get_queue_receiver("sessions", session_id="s")
        receiver.session.set_state(b"after nothing")
        first, _ = (receiver.receive_messages(max_wait_time=5)[0] for _ in range(2))
        receiver.complete_message(first)
        crash(broker)
        with pytest.raises(Exception, match=r"lock|detach|[Cc]onnection|shutdown|[Cc]lose"):
            receiver.session.renew_lock()
    with (
        client_of(broker) as client,
        client.get_queue_receiver("sessions", session_id=NEXT_AVAILABLE_SESSION, max_wait_time=5) as receiver,
    ):
        assert receiver.session.session_id == "s"
        assert receiver.session.get_state() == b"after nothing"
        assert take(receiver, 2) == [b"2", b"3"]
        receiver.session.set_state(None)
    crash(broker)
    with client_of(broker) as client, client.get_queue_receiver("sessions", session_id="s") as receiver:
        assert receiver.session.get_state() is None


def test_duplicates_are_known_after_a_crash(broker: BrokerProcess) -> None:
    def send(text: bytes, name: str) -> None:
        with client_of(broker) as client, client.get_queue_sender("once") as sender:
            sender.send_messages(ServiceBusMessage(text, message_id=name))

    send(b"first", "a")
    with client_of(broker) as client, client.get_queue_receiver("once") as receiver:
        assert take(receiver, 1) == [b"first"]
    crash(broker)
    send(b"twin", "a")
    send(b"other", "b")
    with client_of(broker) as client, client.get_queue_receiver("once") as receiver:
        assert take(receiver, 2, 1) == [b"other"]


def test_a_state_folder_of_the_first_version_is_taken_over(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / FILE_NAME)) as database:
        database.executescript(
            """
            CREATE TABLE message (
                sequence INTEGER PRIMARY KEY, queue TEXT NOT NULL, encoded BLOB NOT NULL, enqueued_ms INTEGER NOT NULL,
                expires_ms INTEGER, delivery_count INTEGER NOT NULL, dead_letter_source TEXT
            ) STRICT;
            CREATE TABLE counter (only INTEGER PRIMARY KEY CHECK (only = 1), sequence INTEGER NOT NULL) STRICT;
            INSERT INTO counter VALUES (1, 7);
            INSERT INTO message VALUES (7, 'plain', x'005375a00161', 1000, NULL, 2, NULL);
            """
        )
    for _ in range(2):
        journal = Journal(tmp_path)
        assert list(journal.messages()) == [("plain", StoredMessage(7, b"\x00Su\xa0\x01a", 1000, None, 2))]
        assert journal.next_sequence() == 8
        journal.close()


def test_what_is_not_committed_is_not_kept(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    kept = StoredMessage(1, b"a", 0, state=MessageState.DEFERRED, session_id="s")
    journal.keep("plain", kept)
    journal.set_session_state("plain", "s", b"x", 5)
    journal.commit()
    journal.keep("plain", StoredMessage(2, b"b", 0))
    journal.remove(kept)
    journal.close()
    again = Journal(tmp_path)
    assert list(again.messages()) == [("plain", kept)]
    assert list(again.session_states()) == [("plain", "s", b"x", 5)]
    again.close()
