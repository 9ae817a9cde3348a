"""What a client may not do, and that it is told so."""

import pytest
from azure.servicebus import ServiceBusMessage
from azure.servicebus.exceptions import (
    MessagingEntityNotFoundError,
    ServiceBusAuthenticationError,
    ServiceBusAuthorizationError,
)

from tests.contracts.service_bus.conftest import Durations
from tests.contracts.service_bus.driver import AioWay, Bus, SyncWay


@pytest.mark.parametrize("way", [SyncWay, AioWay])
def test_a_wrong_key_is_refused(namespace: tuple[str, Durations], way: type[SyncWay | AioWay]) -> None:
    parts = dict(part.split("=", 1) for part in namespace[0].strip(";").split(";"))
    parts["SharedAccessKey"] = "Z3Vlc3NlZA=="
    other = Bus(way("".join(f"{name}={value};" for name, value in parts.items())))
    with pytest.raises((ServiceBusAuthenticationError, ServiceBusAuthorizationError)):
        other.send("contract-plain-1", ServiceBusMessage(b"x"))
    other.close()


def test_what_is_not_there_is_named(bus: Bus) -> None:
    with pytest.raises(MessagingEntityNotFoundError):
        bus.send("contract-nowhere", b"x")
    with pytest.raises(MessagingEntityNotFoundError), bus.open("contract-nowhere") as receiver:
        receiver.take(1, 1)
    with pytest.raises(MessagingEntityNotFoundError), bus.open("contract-events/nobody") as receiver:
        receiver.take(1, 1)
