"""The `$management` node of a queue: renew a lock, settle by lock token, look without taking."""

from collections.abc import Callable, Iterable
from typing import Any
from uuid import UUID

from proton import UNDESCRIBED, Array, Data, Message, timestamp

from infra.local.message_queue import LockLost, MessageQueue
from infra.local.requests import Answer, application_property

ADDRESS_SUFFIX = "/$management"
STATUS_KEYS = ("statusCode", "statusDescription")
LOCK_LOST = "com.microsoft:message-lock-lost"
LOCK_LOST_SENTENCE = "The lock is lost: it expired, or the message is settled already. Receive the message again."
_VENDOR = "com.microsoft:"


def management_node(queue: MessageQueue, now_ms: Callable[[], int]) -> Callable[[Message], Answer]:
    """The node that answers requests about one queue."""

    def answer(request: Message) -> Answer:
        operation = str(application_property(request, "operation") or "")
        body = request.body if isinstance(request.body, dict) else {}
        try:
            if operation == _VENDOR + "renew-lock":
                return _renew(queue, _tokens(body), now_ms())
            if operation == _VENDOR + "update-disposition":
                return _settle(queue, _tokens(body), body)
            if operation == _VENDOR + "peek-message":
                return _peek(queue, int(body["from-sequence-number"]), int(body["message-count"]))
        except LockLost:
            return Answer(410, LOCK_LOST_SENTENCE, LOCK_LOST)
        except (KeyError, TypeError, ValueError) as error:
            return Answer(400, f"The request lacks or misspells a field: {error}.", _VENDOR + "argument-error")
        name = operation.removeprefix(_VENDOR)
        return Answer(501, f"This broker does not know the operation {name!r}.", "amqp:not-implemented")

    return answer


def _tokens(body: dict[Any, Any]) -> list[UUID]:
    tokens: Iterable[Any] = body["lock-tokens"]
    return [token if isinstance(token, UUID) else UUID(str(token)) for token in tokens]


def _renew(queue: MessageQueue, tokens: list[UUID], now_ms: int) -> Answer:
    undescribed: Any = UNDESCRIBED
    until = [timestamp(queue.renew(token, now_ms)) for token in tokens]
    return Answer(200, "OK", body={"expirations": Array(undescribed, Data.TIMESTAMP, *until)})


def _settle(queue: MessageQueue, tokens: list[UUID], body: dict[Any, Any]) -> Answer:
    status = str(body["disposition-status"])
    for token in tokens:
        if status == "completed":
            queue.complete(token)
        elif status == "abandoned":
            queue.abandon(token)
        elif status == "suspended":
            queue.dead_letter(token, str(body.get("deadletter-reason")), str(body.get("deadletter-description")))
        else:
            return Answer(501, f"This broker cannot settle a message as {status!r}.", "amqp:not-implemented")
    return Answer(200, "OK")


def _peek(queue: MessageQueue, from_sequence: int, count: int) -> Answer:
    found = [{"message": message.for_receiver(None)} for message in queue.peek(from_sequence, count)]
    if not found:
        return Answer(204, "No content")
    return Answer(200, "OK", body={"messages": found})
