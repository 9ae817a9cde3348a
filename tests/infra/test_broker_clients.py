"""Odd clients: whatever one of them sends, the broker goes on for the others and keeps no message it cannot deliver."""

import asyncio
import json
import struct
from collections.abc import Iterator
from contextlib import closing, suppress
from typing import Any
from uuid import uuid4

import pytest
from proton import Delivery, Message, ProtonException, symbol, ulong
from proton.utils import BlockingConnection

from hub.messaging.service_bus import Complete, consume
from infra.local import wire
from infra.local.running import broker_thread

QUEUE, ODD = "work-orders", "odd"
CONFIG = {"UserConfig": {"Namespaces": [{"Name": "n", "Queues": [{"Name": QUEUE}, {"Name": ODD}]}]}}
SECONDS = 60
BODY = b"\x00\x53\x75\xa0\x02hi"
TEXT = b"\xb1\x00\x00\x01\xf4" + b"x" * 500


def header(*items: bytes) -> bytes:
    content = b"".join(items)
    return b"\x00\x53\x70\xd0" + struct.pack(">II", len(content) + 4, len(items)) + content + BODY


def annotated(key: bytes, value: bytes) -> bytes:
    content = b"\xa3" + bytes((len(key),)) + key + value
    return b"\x00\x53\x72\xd1" + struct.pack(">II", len(content) + 4, 2) + content + BODY


@pytest.fixture(scope="module")
def bus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A broker that keeps its messages, as installations do: what the journal cannot write would end it too."""
    folder = tmp_path_factory.mktemp("bus")
    (folder / "config.json").write_text(json.dumps(CONFIG), encoding="utf-8")
    with broker_thread(folder / "config.json", folder / "state") as connection_string:
        yield connection_string


def connect(bus: str) -> Any:
    address = bus.partition("Endpoint=sb://")[2].partition(";")[0]
    return closing(BlockingConnection(address, timeout=SECONDS, allowed_mechs="ANONYMOUS", sasl_enabled=True))


def send(bus: str, encoded: bytes, queue: str = QUEUE) -> int:
    """Send these very bytes; the outcome."""
    with connect(bus) as connection:
        link = connection.create_sender(queue).link
        delivery = link.delivery(str(uuid4()))
        link.stream(encoded)
        link.advance()
        connection.wait(lambda: delivery.remote_state, timeout=SECONDS)
        return int(delivery.remote_state)


def receive(bus: str) -> Any:
    with connect(bus) as connection:
        receiver = connection.create_receiver(QUEUE, credit=1)
        message = receiver.receive(timeout=SECONDS)
        receiver.accept()
        return message


@pytest.mark.parametrize(
    "encoded",
    [
        header(b"\x41", TEXT),
        header(b"\x41", b"\x40", TEXT),
        header(b"\x41", b"\x40", b"\x80" + b"\xff" * 8),
    ],
    ids=["priority is a text", "time to live is a text", "time to live is endless"],
)
def test_a_header_that_is_not_what_amqp_says_is_refused(bus: str, encoded: bytes) -> None:
    with pytest.raises(wire.MalformedMessage, match="is not of the type"):
        wire.read_envelope(encoded)
    assert send(bus, encoded) == Delivery.REJECTED
    assert send(bus, BODY) == Delivery.ACCEPTED
    assert bytes(receive(bus).body) == b"hi"


def test_an_instant_before_1970_is_past_and_the_message_arrives_at_once(bus: str) -> None:
    assert send(bus, annotated(b"x-opt-scheduled-enqueue-time", b"\x83" + b"\xff" * 8)) == Delivery.ACCEPTED
    assert bytes(receive(bus).body) == b"hi"


@pytest.mark.parametrize("undeliverable", [False, True], ids=["abandoned", "deferred"])
def test_a_settlement_that_cannot_be_written_down_is_refused(bus: str, *, undeliverable: bool) -> None:
    assert send(bus, BODY, ODD) == Delivery.ACCEPTED
    with connect(bus) as connection:
        receiver = connection.create_receiver(ODD, credit=1)
        receiver.receive(timeout=SECONDS)
        delivery = receiver.fetcher.unsettled[0]
        delivery.local.annotations = {symbol("why"): [1, 2]}
        delivery.local.failed, delivery.local.undeliverable = True, undeliverable
        delivery.update(Delivery.MODIFIED)
        connection.wait(lambda: delivery.remote_state, timeout=SECONDS)
        assert delivery.remote_state == Delivery.REJECTED
        assert delivery.remote.condition.name == "amqp:invalid-field"


def ask(connection: Any, operation: str, body: Any, queue: str = QUEUE) -> Any:
    sender = connection.create_sender(f"{queue}/$management")
    receiver = connection.create_receiver(f"{queue}/$management", credit=1)
    sender.send(Message(id="1", body=body, properties={"operation": f"com.microsoft:{operation}"}))
    # Answers come settled.
    return receiver.receive(timeout=SECONDS)


@pytest.mark.parametrize(
    ("operation", "body"),
    [
        ("schedule-message", {"messages": [{"message": 2**62}]}),
        ("schedule-message", {"messages": [{"message": 300_000_000}]}),
        ("receive-by-sequence-number", {"sequence-numbers": [float("inf")], "receiver-settle-mode": 1}),
        ("update-disposition", {"disposition-status": "abandoned", "lock-tokens": [], "properties-to-modify": [1]}),
        ("peek-message", {"from-sequence-number": float("inf"), "message-count": 1}),
    ],
)
def test_a_request_with_odd_values_is_answered(bus: str, operation: str, body: Any) -> None:
    with connect(bus) as connection:
        assert ask(connection, operation, body).properties["statusCode"] == 400


@pytest.mark.parametrize("address", ["amqps://[bad/nothing", "sb://[::x]/y"])
def test_an_address_that_is_none_is_not_found(bus: str, address: str) -> None:
    with connect(bus) as connection, pytest.raises(ProtonException, match="no queue, topic or subscription"):
        connection.create_receiver(address, credit=1)


def test_a_client_that_is_not_understood_feels_it_alone(bus: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def stumble(*_: object) -> None:
        raise LookupError("something nobody thought of")

    with connect(bus) as other:
        receiver = other.create_receiver(QUEUE, credit=1)
        with monkeypatch.context() as patch:
            patch.setattr("infra.local.intake.Intake.on_delivery", stumble)
            with suppress(ProtonException):
                assert send(bus, BODY) == Delivery.REJECTED
        assert send(bus, BODY) == Delivery.ACCEPTED
        assert bytes(receiver.receive(timeout=SECONDS).body) == b"hi"
        receiver.accept()


@pytest.mark.parametrize("identity", [uuid4(), ulong(7), b"\x01\xff", "plain"], ids=["uuid", "number", "bytes", "text"])
def test_an_id_of_any_kind_reaches_the_handler_as_a_text(bus: str, identity: Any) -> None:
    message = Message(id=identity, correlation_id=identity, body=b"hi", inferred=True)
    assert send(bus, message.encode()) == Delivery.ACCEPTED
    got = take(bus)
    assert isinstance(got.message_id, str)
    assert got.message_id[:100]
    assert got.correlation_id == got.message_id


def take(bus: str) -> Any:
    """The next message as our consumer sees it."""

    async def run() -> Any:
        stop = asyncio.Event()
        seen: list[Any] = []

        def handle(message: Any) -> Complete:
            seen.append(message)
            loop.call_soon_threadsafe(stop.set)
            return Complete()

        loop = asyncio.get_running_loop()
        await asyncio.wait_for(consume(bus, QUEUE, handle, stop, wait_seconds=0.3), SECONDS)
        return seen[0]

    return asyncio.run(run())
