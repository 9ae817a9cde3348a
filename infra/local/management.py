"""The `$management` node of a queue or topic: what the SDK asks for beside sending and receiving.

Locks and settlements by token, peeking, messages by sequence number, the schedule, sessions and their state.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any
from uuid import UUID

from proton import UNDESCRIBED, Array, Data, Message, timestamp

from infra.local.entities import Entities, SessionMissing, Target
from infra.local.message_queue import Lane, LockLost, MessageQueue
from infra.local.requests import Answer, application_property
from infra.local.schedule import MessageNotFound
from infra.local.session_queue import SessionQueue
from infra.local.wire import MalformedMessage

ADDRESS_SUFFIX = "/$management"
STATUS_KEYS = ("statusCode", "statusDescription")
LOCK_LOST = "com.microsoft:message-lock-lost"
LOCK_LOST_SENTENCE = "The lock is lost: it expired, or the message is settled already. Receive the message again."
SESSION_LOST = "com.microsoft:session-lock-lost"
SESSION_LOST_SENTENCE = "The session's lock is lost: it expired, or another receiver has it. Accept the session again."
NOT_ALLOWED = "amqp:not-allowed"
MOST_STATE_BYTES = 256 * 1024
_VENDOR = "com.microsoft:"
# From this instant on (the year 10000) a client asks for all sessions, whenever their state was set.
_ANY_TIME_MS = 253_402_300_800_000

Body = dict[Any, Any]
IsOwner = Callable[[object, str | None], bool]
"""Whether the owner of a session is on the asking client's connection, and on the link it names, if it names one."""


class ManagementNode:
    """Answers one client's requests about a queue, a topic, or a queue that is both received from and sent to."""

    def __init__(
        self,
        entities: Entities,
        queue: MessageQueue | None,
        target: Target | None,
        is_owner: IsOwner,
        now_ms: Callable[[], int],
    ) -> None:
        self._entities = entities
        self._queue = queue
        self._target = target
        self._is_owner = is_owner
        self._now_ms = now_ms

    def __call__(self, request: Message) -> Answer:
        """Do what the request asks; what cannot be done is an answer, never an error."""
        operation = str(application_property(request, "operation") or "").removeprefix(_VENDOR)
        body = request.body if isinstance(request.body, dict) else {}
        try:
            return self._answer(operation, body, application_property(request, "associated-link-name"))
        except LockLost:
            if isinstance(self._queue, SessionQueue):
                return Answer(410, SESSION_LOST_SENTENCE, SESSION_LOST)
            return Answer(410, LOCK_LOST_SENTENCE, LOCK_LOST)
        except MessageNotFound:
            sentence = "There is no such message: it was cancelled, delivered or settled. Ask for another number."
            return Answer(404, sentence, _VENDOR + "message-not-found")
        except SessionMissing:
            return Answer(400, "The message has no session id, which this queue requires. Set one.", NOT_ALLOWED)
        except (KeyError, TypeError, ValueError, OverflowError, MalformedMessage) as error:
            return Answer(400, f"The request lacks or misspells a field: {error}.", _VENDOR + "argument-error")

    def _answer(self, operation: str, body: Body, link_name: str | None) -> Answer:
        queue, target = self._queue, self._target
        if target is not None and operation == "schedule-message":
            messages = [_bytes(each["message"]) for each in body["messages"]]
            return _sequences(self._entities.schedule(target, messages, self._now_ms()))
        if target is not None and operation == "cancel-scheduled-message":
            target.schedule.cancel([int(each) for each in body["sequence-numbers"]])
            return Answer(200, "OK")
        if queue is not None and operation == "peek-message":
            return self._peek(queue, body)
        if queue is not None and operation == "renew-lock":
            return self._renew(queue, body)
        if queue is not None and operation == "update-disposition":
            return _settle(queue, body)
        if queue is not None and operation == "receive-by-sequence-number":
            return self._receive_deferred(queue, body, link_name)
        if isinstance(queue, SessionQueue):
            return self._answer_of_session(queue, operation, body, link_name)
        sentence = f"The operation {operation!r} is unknown here, or this queue or topic cannot do it."
        return Answer(501, sentence, "amqp:not-implemented")

    def _answer_of_session(self, queue: SessionQueue, operation: str, body: Body, link_name: str | None) -> Answer:
        if operation == "get-message-sessions":
            return _list_sessions(queue, body)
        if operation not in {"renew-session-lock", "get-session-state", "set-session-state"}:
            return Answer(501, f"The operation {operation!r} is unknown here.", "amqp:not-implemented")
        lane = self._own_session(queue, str(body["session-id"]), link_name)
        if operation == "renew-session-lock":
            return Answer(200, "OK", body={"expiration": timestamp(queue.renew_session(lane, self._now_ms()))})
        if operation == "get-session-state":
            return Answer(200, "OK", body={"session-state": lane.state})
        state = None if body["session-state"] is None else _bytes(body["session-state"])
        if state is not None and len(state) > MOST_STATE_BYTES:
            raise ValueError(f"a session's state has at most {MOST_STATE_BYTES} bytes, not {len(state)}")
        queue.set_state(lane, state, self._now_ms())
        return Answer(200, "OK", body={})

    def _own_session(self, queue: SessionQueue, session_id: str, link_name: str | None) -> Lane:
        lane = queue.find_session(session_id)
        if not self._is_owner(lane.owner, link_name):
            raise LockLost
        return lane

    def _peek(self, queue: MessageQueue, body: Body) -> Answer:
        session_id = body.get("session-id")
        found = queue.peek(int(body["from-sequence-number"]), int(body["message-count"]), session_id)
        if not found:
            return Answer(204, "No content")
        return Answer(200, "OK", body={"messages": [{"message": each.for_receiver(None)} for each in found]})

    def _renew(self, queue: MessageQueue, body: Body) -> Answer:
        if queue.requires_session:
            return Answer(400, "A message of a session has no lock of its own. Renew the session's lock.", NOT_ALLOWED)
        until = [timestamp(queue.renew(token, self._now_ms())) for token in _tokens(body)]
        return Answer(200, "OK", body={"expirations": _array(Data.TIMESTAMP, until)})

    def _receive_deferred(self, queue: MessageQueue, body: Body, link_name: str | None) -> Answer:
        sequences = [int(each) for each in body["sequence-numbers"]]
        lane = None
        if isinstance(queue, SessionQueue):
            lane = self._own_session(queue, str(body["session-id"]), link_name)
        now_ms = self._now_ms()
        if int(body["receiver-settle-mode"]) == 0:
            taken = queue.take_deferred(sequences, now_ms, lane)
            return Answer(200, "OK", body={"messages": [{"message": each.for_receiver(None)} for each in taken]})
        locks = queue.lock_deferred(sequences, now_ms, lane)
        given = [
            {"lock-token": UUID(bytes_le=lock.token), "message": lock.message.for_receiver(lock.until_ms)}
            for lock in locks
        ]
        return Answer(200, "OK", body={"messages": given})


def _tokens(body: Body) -> list[bytes]:
    tokens: Iterable[Any] = body["lock-tokens"]
    return [(token if isinstance(token, UUID) else UUID(str(token))).bytes_le for token in tokens]


def _bytes(value: object) -> bytes:
    # Of a number, `bytes` makes as many zeros.
    if not isinstance(value, bytes | memoryview):
        raise TypeError("a message or a state must be bytes")
    return bytes(value)


def _settle(queue: MessageQueue, body: Body) -> Answer:
    status = str(body["disposition-status"])
    changes = {str(key): value for key, value in dict(body.get("properties-to-modify") or {}).items()}
    for token in _tokens(body):
        if status == "completed":
            queue.complete(token)
        elif status == "abandoned":
            queue.abandon(token, changes)
        elif status == "defered":
            queue.defer(token, changes)
        elif status == "suspended":
            reason, description = (str(body.get(f"deadletter-{name}") or "") for name in ("reason", "description"))
            queue.dead_letter(token, reason, description, changes)
        else:
            return Answer(501, f"This broker cannot settle a message as {status!r}.", "amqp:not-implemented")
    return Answer(200, "OK")


def _list_sessions(queue: SessionQueue, body: Body) -> Answer:
    changed_after_ms = int(body["last-updated-time"])
    skip, top = int(body["skip"]), int(body["top"])
    found = list(queue.session_ids(None if changed_after_ms >= _ANY_TIME_MS else changed_after_ms))
    page = sorted(found)[skip : skip + top]
    if not page:
        return Answer(204, "No content", _VENDOR + "session-not-found")
    return Answer(200, "OK", body={"skip": skip + len(page), "sessions-ids": page})


def _sequences(numbers: Sequence[int]) -> Answer:
    return Answer(200, "OK", body={"sequence-numbers": _array(Data.LONG, numbers)})


def _array(kind: int, values: Iterable[Any]) -> Array:
    undescribed: Any = UNDESCRIBED
    return Array(undescribed, kind, *values)
