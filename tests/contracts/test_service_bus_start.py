"""What the broker refuses at its start, and what it keeps from one start to the next."""

import asyncio
import json
import queue as queues
import socket
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from azure.servicebus import ServiceBusClient
from azure.servicebus.aio import ServiceBusClient as AioClient

from hub.messaging.service_bus import (
    BusUnavailable,
    OutgoingMessage,
    ReceivedMessage,
    receive_dead_letters,
    receive_events,
    send_batch,
)
from hub.messaging.service_bus.messages import from_sdk
from infra.local.config import DEFAULT_CONFIG, ConfigurationRefused, read_config
from infra.local.journal import Journal, StateRefused
from infra.local.loop import Loop
from infra.local.running import BrokerNotStarted, BrokerProcess, broker_thread
from infra.local.server import PortTaken, run_broker
from tests.contracts.conftest import queue, write_config


def message(number: int) -> OutgoingMessage:
    return OutgoingMessage(body=str(number).encode(), message_id=f"m-{number}")


def test_the_shipped_configuration_has_what_the_product_uses() -> None:
    namespace = read_config(DEFAULT_CONFIG)
    assert [each.name for each in namespace.queues] == ["work-orders", "work-orders-in-sessions"]
    assert [each.properties.requires_session for each in namespace.queues] == [False, True]
    assert [each.properties.lock_duration.total_seconds() for each in namespace.queues] == [30, 30]
    assert [each.properties.max_delivery_count for each in namespace.queues] == [10, 10]
    [topic] = namespace.topics
    assert (topic.name, [each.name for each in topic.subscriptions]) == ("work-order-events", ["utility"])


@pytest.mark.parametrize(
    ("properties", "sentence"),
    [
        ({"ForwardTo": "nowhere"}, "forwards to nowhere, which it does not have"),
        ({"ForwardDeadLetteredMessagesTo": "nowhere"}, "forwards to nowhere, which it does not have"),
        ({"ForwardTo": "Q"}, "forwards from q in a circle"),
        ({"ForwardTo": "q", "RequiresSession": True}, "a queue with sessions cannot forward"),
        ({"DuplicateDetectionHistoryTimeWindow": "P8D"}, "DuplicateDetectionHistoryTimeWindow"),
        ({"LockDuration": "half a minute"}, "LockDuration"),
        ({"LockDuration": "PT6M"}, "LockDuration"),
        ({"MaxDeliveryCount": 0}, "MaxDeliveryCount"),
        ({"Colour": "red"}, "Colour: this setting is not supported here"),
    ],
)
def test_a_queue_that_asks_too_much_is_refused(tmp_path: Path, properties: dict[str, Any], sentence: str) -> None:
    config = write_config(tmp_path / "config.json", [queue("q", **properties)])
    with pytest.raises(ConfigurationRefused, match=sentence):
        read_config(config)


def test_an_sql_filter_is_refused(tmp_path: Path) -> None:
    rule = {"Name": "r", "Properties": {"FilterType": "Sql", "SqlFilter": {"SqlExpression": "1=1"}}}
    topic = {"Name": "t", "Properties": {}, "Subscriptions": [{"Name": "s", "Properties": {}, "Rules": [rule]}]}
    config = write_config(tmp_path / "config.json", [], [topic])
    with pytest.raises(ConfigurationRefused, match="only correlation filters are supported here, not 'Sql'"):
        read_config(config)


def test_a_rule_action_and_a_subscription_that_looks_for_duplicates_are_refused(tmp_path: Path) -> None:
    correlation = {"FilterType": "Correlation", "CorrelationFilter": {"Label": "x"}}
    rule = {"Name": "r", "Properties": {**correlation, "Action": {"SqlExpression": "SET a = 1"}}}
    subscription: dict[str, Any] = {"Name": "s", "Properties": {}, "Rules": [rule]}
    topic = {"Name": "t", "Properties": {}, "Subscriptions": [subscription]}
    with pytest.raises(ConfigurationRefused, match=r"Rules\.0\.Properties\.Action: this broker runs no rule actions"):
        read_config(write_config(tmp_path / "action.json", [], [topic]))
    subscription |= {"Rules": [], "Properties": {"RequiresDuplicateDetection": True}}
    with pytest.raises(ConfigurationRefused, match=r"Subscriptions\.0\.Properties\.RequiresDuplicateDetection"):
        read_config(write_config(tmp_path / "duplicates.json", [], [topic]))


def test_two_queues_of_one_name_a_missing_file_and_broken_json_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationRefused, match="names q twice"):
        read_config(write_config(tmp_path / "twice.json", [queue("q"), queue("Q")]))
    with pytest.raises(ConfigurationRefused, match=r"gone\.json cannot be read .* Name a file that exists"):
        read_config(tmp_path / "gone.json")
    (tmp_path / "broken.json").write_text("{\n,")
    with pytest.raises(ConfigurationRefused, match=r"is not JSON \(line 2"):
        read_config(tmp_path / "broken.json")


def test_a_port_in_use_is_one_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(PortTaken, match=f"Port {port} on 127.0.0.1 is in use by another program"):
            run_broker(DEFAULT_CONFIG, "127.0.0.1", port, None, lambda _: None)
        with pytest.raises(BrokerNotStarted, match=rf"^Port {port} on 127.0.0.1 is in use .*another port\.$"):
            BrokerProcess(port=port).start()


def test_one_state_folder_serves_one_broker(tmp_path: Path) -> None:
    with broker_thread(state=tmp_path), pytest.raises(StateRefused, match="that no other broker uses"):
        Journal(tmp_path)


def test_messages_dead_letters_and_delivery_counts_outlive_a_killed_broker(tmp_path: Path) -> None:
    config = write_config(tmp_path / "config.json", [queue("q", MaxDeliveryCount=3)])
    with BrokerProcess(config, tmp_path / "state") as broker:
        send_batch(broker.connection_string, "q", map(message, range(200)))
        asyncio.run(fail_first(broker.connection_string))
        broker.kill()
        broker.start()
        dead = list(receive_dead_letters(broker.connection_string, "q"))
        rest = receive_all(broker.connection_string, "q")
    assert [(each.message_id, each.dead_letter_reason) for each in dead] == [("m-0", "Unreadable")]
    assert [each.message_id for each in rest] == [f"m-{number}" for number in range(1, 200)]
    assert [each.delivery_count for each in rest[:3]] == [1, 0, 0]
    assert len({each.sequence_number for each in (*dead, *rest)}) == 200


async def fail_first(connection_string: str) -> None:
    """Dead-letter the first message, abandon the second, hold the third, and leave without a word."""
    client = AioClient.from_connection_string(connection_string)
    receiver = client.get_queue_receiver("q")
    first, second, *_ = await receiver.receive_messages(max_message_count=3, max_wait_time=5)
    await receiver.dead_letter_message(first, reason="Unreadable")
    await receiver.abandon_message(second)
    await client.close()


def receive_all(connection_string: str, name: str) -> list[ReceivedMessage]:
    with (
        ServiceBusClient.from_connection_string(connection_string) as client,
        client.get_queue_receiver(name) as receiver,
    ):
        found: list[ReceivedMessage] = []
        while page := receiver.receive_messages(max_message_count=200, max_wait_time=0.5):
            found += [from_sdk(each) for each in page]
        return found


def test_strangers_do_not_disturb_the_broker(tmp_path: Path) -> None:
    with broker_thread() as connection_string:
        port = int(connection_string.split(";")[0].rsplit(":", 1)[1])
        for said in (
            b"GET / HTTP/1.1\r\n\r\n",
            b"AMQP\x03\x01\x00\x00" + b"\xff" * 300,
            b"AMQP\x00\x01\x00\x00\x00\x00",
        ):
            with socket.create_connection(("127.0.0.1", port), timeout=5) as stranger:
                stranger.sendall(said)
        assert send_batch(connection_string, "work-orders", [message(1)]) == 1


def test_a_full_disk_stops_the_broker_with_a_sentence_and_loses_nothing_acknowledged(tmp_path: Path) -> None:
    told: queues.Queue[str | Exception] = queues.Queue()

    def limit_the_file(loop: Loop) -> None:
        database = loop._broker._journal._database
        assert database is not None
        database.execute("PRAGMA max_page_count = 200")

    def serve() -> None:
        try:
            run_broker(DEFAULT_CONFIG, "127.0.0.1", 0, tmp_path, told.put, limit_the_file)
        except StateRefused as error:
            told.put(error)

    threading.Thread(target=serve, daemon=True).start()
    connection_string = str(told.get(timeout=60))
    acknowledged: list[int] = []
    large = (OutgoingMessage(body=b"x" * 1000, message_id=f"m-{number}") for number in range(3000))
    with pytest.raises(BusUnavailable):
        send_batch(connection_string, "work-orders", large, acknowledged.append, patience_seconds=0.3)
    refusal = told.get(timeout=60)
    assert isinstance(refusal, StateRefused)
    assert "Make room there and start it again" in str(refusal)
    assert acknowledged
    with broker_thread(state=tmp_path) as connection_string:
        kept = {each.message_id for each in receive_all(connection_string, "work-orders")}
    assert {f"m-{number}" for number in range(acknowledged[-1])} <= kept


def test_a_stopped_broker_leaves_at_once_and_says_nothing(tmp_path: Path) -> None:
    broker = BrokerProcess(state=tmp_path).start()
    process = broker._process
    assert process is not None
    started = time.monotonic()
    broker.stop()
    assert time.monotonic() - started < 3
    assert process.returncode == 0


def test_a_subscription_keeps_what_nobody_has_read_yet(tmp_path: Path) -> None:
    with broker_thread(state=tmp_path) as connection_string:
        send_batch(connection_string, "work-order-events", map(message, range(3)))
    with broker_thread(state=tmp_path) as connection_string:
        events = receive_events(connection_string, "work-order-events", "utility", idle_seconds=0.5)
        assert [json.loads(each.body) for each in events] == [0, 1, 2]


def test_other_accounts_of_the_machine_cannot_read_what_is_kept(tmp_path: Path) -> None:
    Journal(tmp_path / "broker").close()
    assert (tmp_path / "broker").stat().st_mode & 0o077 == 0
