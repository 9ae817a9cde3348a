"""Requests and answers over AMQP: a client sends to a node (`$cbs`, `queue/$management`) and reads the answer from it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from proton import Condition, Delivery, Message, ProtonException, Receiver, Sender, int32, symbol


@dataclass(frozen=True, slots=True)
class Answer:
    """What a node answers: an HTTP-like status, a sentence, and for an error the condition Service Bus names."""

    status: int
    description: str
    condition: str = ""
    body: Any = None


def application_property(message: Message, name: str) -> Any:
    """The application property of this name, or None; proton gives None or a dictionary for all of them."""
    properties: Any = message.properties
    return properties.get(name) if properties else None


Node = Callable[[Message], Answer]
"""Answers one request; it never raises for what a client may send."""


@dataclass(slots=True)
class ReplyLink:
    """The link on which a client reads a node's answers; they wait here until the client gives credit."""

    link: Sender
    _waiting: list[bytes] = field(default_factory=list)

    def send(self, encoded: bytes) -> None:
        """Send the answer, now or when there is credit."""
        self._waiting.append(encoded)
        self.on_flow()

    def on_flow(self) -> None:
        """Send what waits, as far as the credit goes."""
        while self._waiting and self.link.credit > 0:
            delivery = self.link.delivery(self.link.delivery_tag())
            self.link.stream(self._waiting.pop(0))
            self.link.advance()
            delivery.settle()

    def on_delivery(self, delivery: Delivery) -> None:
        """Answers go out settled; what a client says about them changes nothing."""
        delivery.settle()


class RequestLink:
    """The link on which a client sends requests to a node."""

    def __init__(
        self, link: Receiver, node: Node, status_keys: tuple[str, str], reply: Callable[[bytes], None]
    ) -> None:
        self._link = link
        self._node = node
        self._status_keys = status_keys
        self._reply = reply
        link.flow(100)

    def on_flow(self) -> None:
        """A sender's flow frames ask nothing of a request link."""

    def on_delivery(self, delivery: Delivery) -> None:
        """Answer one request."""
        if delivery.partial or not delivery.readable:
            return
        request = Message()
        encoded = self._link.recv(delivery.pending) or b""
        self._link.advance()
        self._link.flow(1)
        try:
            request.decode(bytes(encoded))
        except ProtonException as error:
            delivery.local.condition = Condition("amqp:decode-error", str(error), {"size": len(encoded)})
            delivery.update(Delivery.REJECTED)
            delivery.settle()
            return
        delivery.update(Delivery.ACCEPTED)
        delivery.settle()
        self._reply(self._encode(request, self._node(request)))

    def _encode(self, request: Message, answer: Answer) -> bytes:
        status, description = self._status_keys
        properties: dict[str, Any] = {status: int32(answer.status), description: answer.description}
        if answer.condition:
            properties["errorCondition"] = symbol(answer.condition)
        reply = Message(body=answer.body, correlation_id=request.id, properties=properties)
        return bytes(reply.encode())
