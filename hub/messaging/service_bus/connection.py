"""Reaching the bus: clients made from a connection string, bounded waits, growing pauses, one clear error."""

import asyncio
import contextlib
from collections.abc import Awaitable
from dataclasses import dataclass

from azure.servicebus.aio import ServiceBusClient
from azure.servicebus.exceptions import (
    MessagingEntityNotFoundError,
    ServiceBusAuthenticationError,
    ServiceBusAuthorizationError,
    ServiceBusError,
)

from hub.domain.errors import DoorstepError, ErrorKind

OPEN_SECONDS = 15.0
CLOSE_SECONDS = 5.0
# What the SDK raises for a bus that is not there, ends in the middle, or does not answer in time. ValueError is what it
# says of a handler that another task has shut down, and RuntimeError of a link that died while settling.
UNREACHABLE = (ServiceBusError, OSError, TimeoutError, ValueError, RuntimeError)


class BusUnavailable(DoorstepError):
    """The bus cannot be reached or does not do what it is asked; the sentence names its address, never its key."""

    kind = ErrorKind.UNAVAILABLE
    code = "bus-unavailable"

    def __init__(self, address: str, why: str) -> None:
        super().__init__(f"The message bus at {address} {why}")
        self.address = address


def address_of(connection_string: str) -> str:
    """The host and port a connection string names, for sentences; never its key."""
    for part in connection_string.split(";"):
        name, _, value = part.strip().partition("=")
        if name.lower() == "endpoint":
            return value.removeprefix("sb://").rstrip("/")
    return "(no endpoint named)"


def unavailable(connection_string: str, entity: str, error: BaseException) -> BusUnavailable:
    """The one error for whatever kept us from the bus."""
    if isinstance(error, MessagingEntityNotFoundError):
        why = f"has no queue, topic or subscription {entity}. Create it, or correct the name."
    elif isinstance(error, ServiceBusAuthenticationError | ServiceBusAuthorizationError):
        why = "refuses the key. Copy the connection string again."
    else:
        why = "does not answer. Check that it runs and that the connection string is right, then try again."
    return BusUnavailable(address_of(connection_string), why)


def new_client(connection_string: str) -> ServiceBusClient:
    """A client that opens nothing yet. It does not retry by itself: whoever uses it does, with a new client.

    Raises BusUnavailable for a connection string that cannot be read.
    """
    try:
        return ServiceBusClient.from_connection_string(connection_string, retry_total=0)
    except ValueError as error:
        raise BusUnavailable(
            address_of(connection_string),
            "cannot be named by this connection string."
            " Give one of the form Endpoint=sb://…;SharedAccessKeyName=…;SharedAccessKey=….",
        ) from error


async def within[T](seconds: float, work: Awaitable[T]) -> T:
    """The result of `work`; raises TimeoutError after `seconds`, for the SDK waits for ever on a silent peer."""
    return await asyncio.wait_for(work, seconds)


async def close_quietly(*closers: Awaitable[None]) -> None:
    """Close what may be broken already; never raises for that and never waits long."""
    for closer in closers:
        with contextlib.suppress(*UNREACHABLE):
            await within(CLOSE_SECONDS, closer)


@dataclass(slots=True)
class Pauses:
    """Pauses that double from `first` to `longest` seconds, until something works again."""

    first: float = 0.2
    longest: float = 10.0
    _failures: int = 0

    def next(self) -> float:
        """The pause after one more failure, in seconds."""
        pause = min(self.longest, self.first * 2.0 ** min(self._failures, 20))
        self._failures += 1
        return pause

    def reset(self) -> None:
        """It worked."""
        self._failures = 0
