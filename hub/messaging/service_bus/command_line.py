"""What a person at a terminal does with the bus, as plain functions: send, read along, look at the dead letters.

They run the SDK's asynchronous client, because its synchronous one waits for ever on a silent bus.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator
from itertools import batched

from azure.servicebus import ServiceBusReceivedMessage, ServiceBusSubQueue
from azure.servicebus.aio import ServiceBusClient, ServiceBusReceiver

from hub.messaging.service_bus.connection import (
    OPEN_SECONDS,
    UNREACHABLE,
    close_quietly,
    new_client,
    unavailable,
    within,
)
from hub.messaging.service_bus.messages import OutgoingMessage, ReceivedMessage, from_sdk
from hub.messaging.service_bus.publisher import ServiceBusPublisher

_PAGE = 100
_CHUNK = 500


def send_batch(
    connection_string: str,
    queue: str,
    messages: Iterable[OutgoingMessage],
    progress: Callable[[int], None] = lambda _: None,
    *,
    patience_seconds: float = 10.0,
) -> int:
    """Send the messages in order, in as few transfers as fit; returns how many.

    `progress` gets the number sent so far. Raises BusUnavailable and MessageTooLarge, as the publisher does.
    """

    async def send() -> int:
        sent = 0
        async with ServiceBusPublisher(connection_string, queue, patience_seconds=patience_seconds) as publisher:
            for chunk in batched(messages, _CHUNK):
                await publisher.publish(chunk)
                sent += len(chunk)
                progress(sent)
        return sent

    return asyncio.run(send())


def receive_events(
    connection_string: str, topic: str, subscription: str, *, idle_seconds: float | None = None
) -> Iterator[ReceivedMessage]:
    """Each message of the subscription, taken off the bus once the caller asks for the next.

    Ends after `idle_seconds` without a message; None waits for ever, until the caller stops asking. A message the
    caller did not finish with comes again. Raises BusUnavailable.
    """

    def receiver(client: ServiceBusClient) -> ServiceBusReceiver:
        return client.get_subscription_receiver(topic, subscription, prefetch_count=0)

    return _receive(connection_string, f"{topic}/{subscription}", receiver, idle_seconds)


def receive_dead_letters(
    connection_string: str, queue: str, subscription: str | None = None, *, remove: bool = False
) -> Iterator[ReceivedMessage]:
    """The dead letters of a queue, or of a topic's subscription; `remove` takes them off the bus.

    Raises BusUnavailable.
    """

    def receiver(client: ServiceBusClient) -> ServiceBusReceiver:
        if subscription is None:
            return client.get_queue_receiver(queue, sub_queue=ServiceBusSubQueue.DEAD_LETTER)
        return client.get_subscription_receiver(queue, subscription, sub_queue=ServiceBusSubQueue.DEAD_LETTER)

    name = queue if subscription is None else f"{queue}/{subscription}"
    if remove:
        return _receive(connection_string, name, receiver, idle_seconds=1.0)
    return _peek(connection_string, name, receiver)


def _receive(
    connection_string: str,
    name: str,
    receiver_of: Callable[[ServiceBusClient], ServiceBusReceiver],
    idle_seconds: float | None,
) -> Iterator[ReceivedMessage]:
    with asyncio.Runner() as runner:
        client = new_client(connection_string)
        receiver = receiver_of(client)
        wait = 5.0 if idle_seconds is None else idle_seconds

        async def next_page() -> list[ServiceBusReceivedMessage]:
            work = receiver.receive_messages(max_message_count=_PAGE, max_wait_time=wait)
            return await within(wait + OPEN_SECONDS, work)

        async def done(message: ServiceBusReceivedMessage) -> None:
            await within(OPEN_SECONDS, receiver.complete_message(message))

        try:
            runner.run(within(OPEN_SECONDS, receiver.__aenter__()))
            while True:
                page = runner.run(next_page())
                if not page and idle_seconds is not None:
                    return
                for message in page:
                    yield from_sdk(message)
                    runner.run(done(message))
        except UNREACHABLE as error:
            raise unavailable(connection_string, name, error) from error
        finally:
            runner.run(close_quietly(receiver.close(), client.close()))


def _peek(
    connection_string: str, name: str, receiver_of: Callable[[ServiceBusClient], ServiceBusReceiver]
) -> Iterator[ReceivedMessage]:
    with asyncio.Runner() as runner:
        client = new_client(connection_string)
        receiver = receiver_of(client)

        async def next_page(after: int) -> list[ServiceBusReceivedMessage]:
            return await within(OPEN_SECONDS, receiver.peek_messages(_PAGE, sequence_number=after + 1))

        try:
            after = 0
            while page := runner.run(next_page(after)):
                after = page[-1].sequence_number or after
                yield from (from_sdk(message) for message in page)
        except UNREACHABLE as error:
            raise unavailable(connection_string, name, error) from error
        finally:
            runner.run(close_quietly(receiver.close(), client.close()))
