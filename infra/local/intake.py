"""The link on which a client sends messages to a queue or topic."""

from collections.abc import Callable
from typing import Any

from proton import Condition, Delivery, Receiver

from infra.local import wire
from infra.local.entities import Entities, SessionMissing, Target

# What Service Bus's standard tier takes in one transfer, a batch included.
MAX_TRANSFER_BYTES = 256 * 1024
# The SDK fills a batch to the limit and then wraps it.
_WRAPPING_BYTES = 1024
_CREDIT = 1000


class Intake:
    """Puts what a client sends where it goes, and accepts it. The acceptance leaves after the commit."""

    def __init__(self, link: Receiver, entities: Entities, target: Target, now_ms: Callable[[], int]) -> None:
        self._link = link
        self._entities = entities
        self._target = target
        self._now_ms = now_ms
        link.flow(_CREDIT)

    def on_flow(self) -> None:
        """A sender's flow frames ask nothing of the intake."""

    def on_delivery(self, delivery: Delivery) -> None:
        """Take one transfer, as soon as all of it is here."""
        if delivery.partial or not delivery.readable:
            return
        encoded = bytes(self._link.recv(delivery.pending) or b"")
        self._link.advance()
        self._link.flow(1)
        refusal = self._put(encoded)
        if refusal is None:
            delivery.update(Delivery.ACCEPTED)
        else:
            delivery.local.condition = refusal
            delivery.update(Delivery.REJECTED)
        delivery.settle()

    def _put(self, encoded: bytes) -> Condition | None:
        # The SDK waits for ever on a rejection without info.
        info: Any = {"size": len(encoded)}
        if len(encoded) > MAX_TRANSFER_BYTES + _WRAPPING_BYTES:
            sentence = f"The message has {len(encoded)} bytes; {MAX_TRANSFER_BYTES} are allowed. Send it in parts."
            return Condition("amqp:link:message-size-exceeded", sentence, info)
        try:
            self._entities.publish(self._target, encoded, self._now_ms())
        except wire.MalformedMessage as error:
            return Condition("amqp:decode-error", str(error), info)
        except SessionMissing:
            sentence = f"A message has no session id, which {self._target.name} requires. Set one on every message."
            return Condition("amqp:not-allowed", sentence, info)
        return None
