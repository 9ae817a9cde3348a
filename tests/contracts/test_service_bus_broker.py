"""What the real SDK is promised by the broker that stands for Service Bus."""

import asyncio
import json
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
from azure.servicebus import (
    ServiceBusClient,
    ServiceBusMessage,
    ServiceBusReceivedMessage,
    ServiceBusReceiveMode,
    ServiceBusSubQueue,
)
from azure.servicebus._pyamqp.error import MessageException
from azure.servicebus.aio import ServiceBusClient as AioClient
from azure.servicebus.aio import ServiceBusReceiver, ServiceBusSender
from azure.servicebus.exceptions import (
    MessageLockLostError,
    MessageSizeExceededError,
    MessagingEntityNotFoundError,
    ServiceBusAuthenticationError,
    ServiceBusError,
)

DEAD = ServiceBusSubQueue.DEAD_LETTER


class Bench:
    """One event loop and one client for all scenes, because the SDK takes a second to close a link."""

    def __init__(self, bus: str) -> None:
        self.bus = bus
        self._runner = asyncio.Runner()
        self.client = self.run(self._connect())

    async def _connect(self) -> AioClient:
        return AioClient.from_connection_string(self.bus, retry_total=0)

    def run[T](self, work: Coroutine[Any, Any, T]) -> T:
        return self._runner.run(asyncio.wait_for(work, 25))

    @asynccontextmanager
    async def left_open[T: ServiceBusSender | ServiceBusReceiver](self, link: T) -> AsyncIterator[T]:
        """The link, open; it is closed with all others at the end."""
        await link.__aenter__()
        yield link

    async def _close(self) -> None:
        await asyncio.gather(*(link.close() for link in self.client._handlers))
        await self.client.close()

    def close(self) -> None:
        self.run(self._close())
        self._runner.close()


@pytest.fixture(scope="module")
def bench(bus: str) -> Iterator[Bench]:
    bench = Bench(bus)
    yield bench
    bench.close()


def body(message: ServiceBusReceivedMessage) -> bytes:
    return b"".join(message.body)


async def send(bench: Bench, name: str, *bodies: bytes) -> None:
    async with bench.left_open(bench.client.get_queue_sender(name)) as sender:
        await sender.send_messages([ServiceBusMessage(each) for each in bodies])


async def take(receiver: ServiceBusReceiver, count: int, seconds: float = 5) -> list[ServiceBusReceivedMessage]:
    """Exactly `count` messages, or as many as came in time."""
    taken: list[ServiceBusReceivedMessage] = []
    deadline = asyncio.get_running_loop().time() + seconds
    while len(taken) < count and (left := deadline - asyncio.get_running_loop().time()) > 0:
        taken += await receiver.receive_messages(max_message_count=count - len(taken), max_wait_time=left)
    return taken


def test_the_synchronous_client_sends_receives_and_completes(bench: Bench, queue_name: str) -> None:
    with ServiceBusClient.from_connection_string(bench.bus, retry_total=0) as client:
        with client.get_queue_sender(queue_name) as sender:
            sender.send_messages(ServiceBusMessage("grüezi"))
        with client.get_queue_receiver(queue_name, max_wait_time=1) as receiver:
            received = []
            for message in receiver:
                received.append(str(message))
                receiver.complete_message(message)
                break
    assert received == ["grüezi"]


def test_what_was_sent_is_what_arrives(bench: Bench, queue_name: str) -> None:
    async def scene() -> None:
        sent = ServiceBusMessage(
            b'{"a": 1}',
            message_id="id-1",
            subject="completed",
            correlation_id="c-1",
            content_type="application/cloudevents+json",
            reply_to="elsewhere",
            application_properties={"text": "ö", "number": 7, "yes": True},
        )
        async with bench.left_open(bench.client.get_queue_sender(queue_name)) as sender:
            await sender.send_messages(sent)
        async with bench.left_open(bench.client.get_queue_receiver(queue_name)) as receiver:
            [got] = await take(receiver, 1)
            locked_until = got.locked_until_utc
            await receiver.complete_message(got)
        assert body(got) == b'{"a": 1}'
        assert (got.message_id, got.subject, got.correlation_id) == ("id-1", "completed", "c-1")
        assert (got.content_type, got.reply_to) == ("application/cloudevents+json", "elsewhere")
        assert got.application_properties == {b"text": "ö".encode(), b"number": 7, b"yes": True}
        assert got.delivery_count == 0
        assert got.sequence_number is not None
        assert got.enqueued_time_utc is not None
        assert abs(datetime.now(UTC) - got.enqueued_time_utc) < timedelta(seconds=20)
        assert locked_until is not None
        assert locked_until - datetime.now(UTC) > timedelta(seconds=20)

    bench.run(scene())


def test_a_completed_message_is_gone_and_an_abandoned_one_comes_again(bench: Bench, queue_name: str) -> None:
    async def scene() -> None:
        await send(bench, queue_name, b"done", b"again")
        async with bench.left_open(bench.client.get_queue_receiver(queue_name)) as receiver:
            done, again = await take(receiver, 2)
            await receiver.complete_message(done)
            await receiver.abandon_message(again)
            [once_more] = await take(receiver, 2, seconds=1)
            assert body(once_more) == b"again"
            assert once_more.delivery_count == 1
            await receiver.complete_message(once_more)
            assert await take(receiver, 1, seconds=0.5) == []

    bench.run(scene())


def test_a_dead_letter_tells_why(bench: Bench, queue_name: str) -> None:
    async def scene() -> None:
        async with bench.left_open(bench.client.get_queue_sender(queue_name)) as sender:
            await sender.send_messages(ServiceBusMessage(b"bad", application_properties={"kept": "yes"}))
        async with bench.left_open(bench.client.get_queue_receiver(queue_name)) as receiver:
            [bad] = await take(receiver, 1)
            await receiver.dead_letter_message(bad, reason="Unknown work type", error_description="“Dachdecken” ø")
            assert await take(receiver, 1, seconds=0.3) == []
        async with bench.left_open(bench.client.get_queue_receiver(queue_name, sub_queue=DEAD)) as receiver:
            [dead] = await take(receiver, 1)
            assert body(dead) == b"bad"
            assert dead.dead_letter_reason == "Unknown work type"
            assert dead.dead_letter_error_description == "“Dachdecken” ø"
            assert dead.dead_letter_source == queue_name
            assert dead.application_properties is not None
            assert dead.application_properties[b"kept"] == b"yes"
            await receiver.complete_message(dead)
            assert await take(receiver, 1, seconds=0.3) == []

    bench.run(scene())


def test_a_lock_that_expires_gives_the_message_to_the_next_and_refuses_the_first(bench: Bench) -> None:
    async def scene() -> None:
        await send(bench, "short-lock", b"slow")
        async with bench.left_open(bench.client.get_queue_receiver("short-lock")) as receiver:
            [first] = await take(receiver, 1)
            [second] = await take(receiver, 1)
            assert second.delivery_count == 1
            with pytest.raises(MessageLockLostError):
                await receiver.complete_message(first)
            # The SDK refused by its own clock; the broker must refuse too, on the link and on $management.
            with pytest.raises(MessageException, match="message-lock-lost"):
                await receiver._settle_message(first, "complete")
            with pytest.raises(MessageLockLostError):
                await receiver._renew_locks(cast("str", first.lock_token))
            await receiver.complete_message(second)

    bench.run(scene())


def test_a_renewed_lock_keeps_the_message(bench: Bench) -> None:
    async def scene() -> None:
        await send(bench, "short-lock-renewed", b"long work")
        async with bench.left_open(bench.client.get_queue_receiver("short-lock-renewed")) as receiver:
            [held] = await take(receiver, 1)
            for _ in range(3):
                await asyncio.sleep(0.6)
                await receiver.renew_message_lock(held)
            await receiver.complete_message(held)
            assert await take(receiver, 1, seconds=1.2) == []

    bench.run(scene())


def test_a_message_that_keeps_failing_is_dead_lettered(bench: Bench) -> None:
    async def scene() -> None:
        await send(bench, "three-tries", b"hopeless", b"fine")
        async with bench.left_open(bench.client.get_queue_receiver("three-tries")) as receiver:
            counts = []
            while messages := await take(receiver, 1, seconds=0.5):
                if body(messages[0]) == b"fine":
                    await receiver.complete_message(messages[0])
                else:
                    counts.append(messages[0].delivery_count)
                    await receiver.abandon_message(messages[0])
        assert counts == [0, 1, 2]
        async with bench.left_open(bench.client.get_queue_receiver("three-tries", sub_queue=DEAD)) as receiver:
            [dead] = await take(receiver, 1)
            assert body(dead) == b"hopeless"
            assert dead.dead_letter_reason == "MaxDeliveryCountExceeded"
            await receiver.complete_message(dead)

    bench.run(scene())


def test_a_message_nobody_takes_in_time_is_dead_lettered(bench: Bench) -> None:
    async def scene() -> None:
        await send(bench, "short-lived", b"late")
        await asyncio.sleep(0.3)
        async with bench.left_open(bench.client.get_queue_receiver("short-lived")) as receiver:
            assert await take(receiver, 1, seconds=0.3) == []
        async with bench.left_open(bench.client.get_queue_receiver("short-lived", sub_queue=DEAD)) as receiver:
            [dead] = await take(receiver, 1)
            assert dead.dead_letter_reason == "TTLExpiredException"
            await receiver.complete_message(dead)

    bench.run(scene())


def test_a_batch_of_two_thousand_arrives_in_order_and_once(bench: Bench, queue_name: str) -> None:
    async def scene() -> None:
        async with bench.left_open(bench.client.get_queue_sender(queue_name)) as sender:
            batch = await sender.create_message_batch()
            batches = 1
            for number in range(2000):
                message = ServiceBusMessage(json.dumps({"number": number, "filler": "x" * 200}).encode())
                try:
                    batch.add_message(message)
                except MessageSizeExceededError:
                    await sender.send_messages(batch)
                    batch = await sender.create_message_batch()
                    batch.add_message(message)
                    batches += 1
            await sender.send_messages(batch)
        assert batches < 10
        async with bench.left_open(bench.client.get_queue_receiver(queue_name)) as receiver:
            got: list[int] = []
            while len(got) < 2000:
                page = await take(receiver, min(200, 2000 - len(got)))
                assert page
                for message in page:
                    got.append(json.loads(body(message))["number"])
                    await receiver.complete_message(message)
            assert got == list(range(2000))
            assert await take(receiver, 1, seconds=0.3) == []

    bench.run(scene())


def test_two_receivers_share_a_queue_and_get_different_messages(bench: Bench, queue_name: str) -> None:
    async def scene() -> None:
        await send(bench, queue_name, *(str(number).encode() for number in range(60)))

        async def drain(receiver: ServiceBusReceiver) -> set[bytes]:
            got = set()
            while messages := await receiver.receive_messages(max_message_count=5, max_wait_time=0.5):
                for message in messages:
                    got.add(body(message))
                    await receiver.complete_message(message)
            return got

        async with (
            bench.client.get_queue_receiver(queue_name) as one,
            bench.client.get_queue_receiver(queue_name) as two,
        ):
            first, second = await asyncio.gather(drain(one), drain(two))
        assert first
        assert second
        assert not first & second
        assert first | second == {str(number).encode() for number in range(60)}

    bench.run(scene())


def test_a_topic_gives_each_subscription_its_own_copy_and_rules_choose(bench: Bench) -> None:
    async def scene() -> None:
        async with bench.left_open(bench.client.get_topic_sender("events")) as sender:
            await sender.send_messages(
                [
                    ServiceBusMessage(b"f", subject="completed", application_properties={"kind": "fibre"}),
                    ServiceBusMessage(b"m", subject="completed", application_properties={"kind": "meter"}),
                    ServiceBusMessage(b"h", subject="held", application_properties={"kind": "fibre"}),
                    ServiceBusMessage(b"n"),
                ]
            )
        got = {}
        for name in ("everything", "more-of-it", "only-fibre"):
            async with bench.left_open(bench.client.get_subscription_receiver("events", name)) as receiver:
                messages = await take(receiver, 4, seconds=0.6)
                got[name] = [body(message) for message in messages]
                for message in messages:
                    await receiver.complete_message(message)
        everything = [b"f", b"m", b"h", b"n"]
        assert got == {"everything": everything, "more-of-it": everything, "only-fibre": [b"f"]}

    bench.run(scene())


def test_a_large_message_passes_and_one_too_large_is_refused(bench: Bench, queue_name: str) -> None:
    async def scene() -> None:
        large = bytes(range(256)) * 800
        async with bench.left_open(bench.client.get_queue_sender(queue_name)) as sender:
            await sender.send_messages(ServiceBusMessage(large))
            with pytest.raises(MessageSizeExceededError):
                await sender.send_messages(ServiceBusMessage(b"x" * 300_000))
        async with bench.left_open(bench.client.get_queue_receiver(queue_name)) as receiver:
            [got] = await take(receiver, 1)
            assert body(got) == large
            await receiver.complete_message(got)

    bench.run(scene())


def test_receive_and_delete_takes_without_settling(bench: Bench, queue_name: str) -> None:
    async def scene() -> None:
        await send(bench, queue_name, b"a", b"b")
        mode = ServiceBusReceiveMode.RECEIVE_AND_DELETE
        async with bench.left_open(bench.client.get_queue_receiver(queue_name, receive_mode=mode)) as receiver:
            assert [body(message) for message in await take(receiver, 2)] == [b"a", b"b"]
        async with bench.left_open(bench.client.get_queue_receiver(queue_name)) as receiver:
            assert await take(receiver, 1, seconds=0.3) == []

    bench.run(scene())


def test_peeking_takes_nothing_and_closing_a_receiver_gives_back_the_rest(bench: Bench, queue_name: str) -> None:
    async def scene() -> None:
        await send(bench, queue_name, b"a", b"b")
        async with bench.client.get_queue_receiver(queue_name, prefetch_count=10) as receiver:
            assert [body(message) for message in await receiver.peek_messages(5)] == [b"a", b"b"]
            await asyncio.sleep(0.2)
        async with bench.left_open(bench.client.get_queue_receiver(queue_name)) as receiver:
            messages = await take(receiver, 2)
            assert [(body(message), message.delivery_count) for message in messages] == [(b"a", 0), (b"b", 0)]

    bench.run(scene())


def test_what_the_broker_lacks_is_refused_in_a_sentence(bench: Bench, queue_name: str) -> None:
    async def scene() -> None:
        with pytest.raises(MessagingEntityNotFoundError, match="no queue, topic or subscription 'nowhere'"):
            await send(bench, "nowhere", b"x")
        with pytest.raises(ServiceBusError, match="has no sessions"):
            async with bench.left_open(bench.client.get_queue_receiver(queue_name, session_id="s")) as receiver:
                await receiver.receive_messages(max_wait_time=1)
        await send(bench, queue_name, b"x")
        async with bench.left_open(bench.client.get_queue_receiver(queue_name)) as receiver:
            [message] = await take(receiver, 1)
            with pytest.raises(ServiceBusError, match="cannot defer"):
                await receiver.defer_message(message)

    bench.run(scene())


def test_a_wrong_key_is_refused(bench: Bench, queue_name: str) -> None:
    async def scene() -> None:
        wrong = bench.bus.replace("SharedAccessKey=SAS_KEY_VALUE", "SharedAccessKey=guessed")
        async with AioClient.from_connection_string(wrong, retry_total=0) as client:
            with pytest.raises(ServiceBusAuthenticationError):
                await client.get_queue_sender(queue_name).send_messages(ServiceBusMessage(b"x"))

    bench.run(scene())
