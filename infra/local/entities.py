"""The queues, topics and subscriptions of the namespace, found by address, and the way of a message into them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

from proton import Message

from infra.local import filters, wire
from infra.local.config import Namespace, QueueProperties, Rule, TopicProperties
from infra.local.duplicates import DuplicateHistory
from infra.local.journal import Journal
from infra.local.message import MessageState, StoredMessage
from infra.local.message_queue import DEAD_LETTER_SUFFIX, MessageQueue
from infra.local.schedule import Schedule
from infra.local.session_queue import SessionQueue
from infra.local.wakeups import Wakeups
from infra.local.wire import Envelope


class SessionMissing(Exception):
    """A message without session id was sent to a queue that requires sessions."""


@dataclass(frozen=True, slots=True)
class Route:
    """One place a sent message goes to, if the rules take it, for at most `time_to_live`."""

    queue: MessageQueue
    rules: tuple[Rule, ...]
    time_to_live: timedelta | None


@dataclass(slots=True)
class Target:
    """A queue or topic that messages are sent to.

    `history` finds duplicates, where that is asked for. `is_filtered` says whether a message sent here, or forwarded
    on from here, meets a filter.
    """

    name: str
    schedule: Schedule
    history: DuplicateHistory | None = None
    routes: list[Route] = field(default_factory=list)
    requires_session: bool = False
    is_filtered: bool = False


@dataclass(frozen=True, slots=True)
class Parcel:
    """A message on its way: its bytes, what it asks of the bus and, where filters will look at it, its content."""

    encoded: bytes
    envelope: Envelope
    content: Message | None
    dead_letter_source: str | None = None


def entity_path(address: str | None) -> str:
    """An address as clients write it (`amqps://host/Queue`, `Queue`) as the name of the entity, in lower case."""
    text = address or ""
    if "://" in text:
        # The host is not looked at, so it may be anything.
        text = text.split("://", 1)[1].partition("/")[2].partition("?")[0].partition("#")[0]
    return text.strip("/").lower()


class Entities:
    """What can be sent to and received from, with the messages the journal kept put back in place."""

    def __init__(self, namespace: Namespace, journal: Journal, wakeups: Wakeups) -> None:
        self._journal = journal
        self._wakeups = wakeups
        self._sources: dict[str, MessageQueue] = {}
        self._targets: dict[str, Target] = {}
        for queue in namespace.queues:
            target = self._target(queue.name, queue.properties)
            self._route(target, queue.name, queue.properties)
            target.requires_session = queue.properties.requires_session
            target.routes[0].queue.scheduled = target.schedule.messages
        for topic in namespace.topics:
            target = self._target(topic.name, topic.properties)
            limit = topic.properties.default_message_time_to_live
            for subscription in topic.subscriptions:
                name = f"{topic.name}/subscriptions/{subscription.name}"
                self._route(target, name, subscription.properties, subscription.rules, limit)
        for target in self._targets.values():
            target.is_filtered = any(route.rules for route in self._ways_on(target))
        self._restore()

    def _target(self, name: str, properties: QueueProperties | TopicProperties) -> Target:
        target = Target(name.lower(), Schedule(name.lower(), self._journal, self._wakeups))
        if properties.requires_duplicate_detection:
            window = properties.duplicate_detection_history_time_window
            target.history = DuplicateHistory(target.name, window, self._journal)
            target.history.restore(self._journal.taken_ids(target.name))
        self._targets[target.name] = target
        return target

    def _route(
        self,
        target: Target,
        name: str,
        properties: QueueProperties,
        rules: tuple[Rule, ...] = (),
        limit: timedelta | None = None,
    ) -> None:
        dead_letters = MessageQueue(name.lower() + DEAD_LETTER_SUFFIX, properties, self._journal, self._wakeups)
        dead_letters.forwards_to = properties.forward_dead_lettered_messages_to
        kind = SessionQueue if properties.requires_session else MessageQueue
        queue = kind(name.lower(), properties, self._journal, self._wakeups, dead_letters)
        queue.on_dead_letter = lambda message: self._forward_dead_letter(queue, message)
        self._sources[queue.name] = queue
        self._sources[dead_letters.name] = dead_letters
        limits = [each for each in (properties.default_message_time_to_live, limit) if each is not None]
        target.routes.append(Route(queue, rules, min(limits, default=None)))

    def _ways_on(self, target: Target) -> Iterator[Route]:
        """The routes of a target, and those of what it forwards to; the configuration has no circles."""
        for route in target.routes:
            yield route
            if route.queue.forwards_to:
                yield from self._ways_on(self._targets[route.queue.forwards_to.lower()])

    def _restore(self) -> None:
        for name, message in self._journal.messages():
            # A queue that left the configuration keeps its messages in the journal until it is back.
            if message.state is MessageState.SCHEDULED:
                if name in self._targets:
                    self._targets[name].schedule.restore(message)
            elif name in self._sources:
                self._sources[name].restore(message)
        for name, session_id, state, changed_ms in self._journal.session_states():
            queue = self._sources.get(name)
            if isinstance(queue, SessionQueue):
                queue.restore_state(session_id, state, changed_ms)

    def source(self, address: str | None) -> MessageQueue | None:
        """The queue, subscription or dead-letter queue to receive from; None when there is none of this name."""
        return self._sources.get(entity_path(address))

    def target(self, address: str | None) -> Target | None:
        """The queue or topic to send to; None when there is none of this name."""
        return self._targets.get(entity_path(address))

    def publish(self, target: Target, encoded: bytes, now_ms: int) -> None:
        """Put one transfer's messages where they go, or into the schedule.

        Raises wire.MalformedMessage or SessionMissing before anything is put.
        """
        for parcel in [self._parcel(target, each) for each in wire.unpack_batch(encoded)]:
            self._accept(target, parcel, now_ms)

    def schedule(self, target: Target, messages: Sequence[bytes], now_ms: int) -> list[int]:
        """Hold these messages back until the instant each of them names; their sequence numbers, to cancel them by.

        One whose instant is past, or that names none, arrives at once. Raises as `publish` does.
        """
        parcels = [self._parcel(target, each) for each in messages]
        return [self._accept(target, parcel, now_ms) for parcel in parcels]

    def act_on_time(self, now_ms: int) -> list[object]:
        """Free what was held too long and deliver what was scheduled; returns the receivers that lost a session."""
        lost: list[object] = []
        for queue in self._sources.values():
            lost += queue.free_expired_locks(now_ms)
        for target in self._targets.values():
            for message in target.schedule.take_due(now_ms):
                content = filters.decode(message.encoded) if target.is_filtered else None
                parcel = Parcel(message.encoded, wire.read_envelope(message.encoded), content)
                self._deliver(target, parcel, now_ms)
        return lost

    def _parcel(self, target: Target, encoded: bytes) -> Parcel:
        envelope = wire.read_envelope(encoded)
        if target.requires_session and not envelope.session_id:
            raise SessionMissing
        return Parcel(encoded, envelope, filters.decode(encoded) if target.is_filtered else None)

    def _accept(self, target: Target, parcel: Parcel, now_ms: int) -> int:
        """Take a message from a sender; its sequence number when it is scheduled, else one that names no message."""
        envelope = parcel.envelope
        if target.history is not None and not target.history.is_new(envelope.message_id, now_ms):
            return self._journal.next_sequence()
        if envelope.due_ms is None or envelope.due_ms <= now_ms:
            self._deliver(target, parcel, now_ms)
            return self._journal.next_sequence()
        message = StoredMessage(
            self._journal.next_sequence(),
            parcel.encoded,
            now_ms,
            state=MessageState.SCHEDULED,
            due_ms=envelope.due_ms,
            session_id=envelope.session_id,
        )
        target.schedule.put(message)
        return message.sequence

    def _deliver(self, target: Target, parcel: Parcel, now_ms: int) -> None:
        for route in target.routes:
            if parcel.content is not None and not filters.takes(route.rules, parcel.content):
                continue
            queue = route.queue
            if queue.forwards_to:
                self._forward(queue.forwards_to, parcel, now_ms)
                continue
            message = StoredMessage(
                self._journal.next_sequence(),
                parcel.encoded,
                now_ms,
                _expires_ms(now_ms, parcel.envelope.time_to_live_ms, route.time_to_live),
                dead_letter_source=parcel.dead_letter_source,
                session_id=parcel.envelope.session_id,
            )
            if queue.requires_session and not message.session_id:
                queue.drop(message, "Session ID is null.", "A queue that requires sessions got a message without one.")
            else:
                queue.put(message)

    def _forward(self, name: str, parcel: Parcel, now_ms: int) -> None:
        target = self._targets[name.lower()]
        if target.history is None or target.history.is_new(parcel.envelope.message_id, now_ms):
            self._deliver(target, parcel, now_ms)

    def _forward_dead_letter(self, queue: MessageQueue, message: StoredMessage) -> bool:
        """Send a dead letter where its queue forwards them; False when that is nowhere."""
        assert queue.dead_letters is not None
        name = queue.dead_letters.forwards_to
        if not name:
            return False
        content = filters.decode(message.encoded) if self._targets[name.lower()].is_filtered else None
        envelope = replace(wire.read_envelope(message.encoded), time_to_live_ms=None)
        parcel = Parcel(message.encoded, envelope, content, dead_letter_source=queue.name)
        self._forward(name, parcel, message.enqueued_ms)
        return True


def _expires_ms(now_ms: int, ttl_ms: int | None, limit: timedelta | None) -> int | None:
    limits = [ttl_ms] if ttl_ms is not None else []
    if limit is not None:
        limits.append(int(limit.total_seconds() * 1000))
    return now_ms + min(limits) if limits else None
