"""The queues, topics and subscriptions of the namespace, found by address."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlsplit

from infra.local import filters, wire
from infra.local.config import Namespace, QueueProperties, Rule
from infra.local.journal import Journal
from infra.local.message import StoredMessage
from infra.local.message_queue import MessageQueue


@dataclass(frozen=True, slots=True)
class Route:
    """One place a sent message goes to, if the rules take it, for at most `time_to_live`."""

    queue: MessageQueue
    rules: tuple[Rule, ...]
    time_to_live: timedelta | None


def entity_path(address: str | None) -> str:
    """An address as clients write it (`amqps://host/Queue`, `Queue`) as the name of the entity, in lower case."""
    text = address or ""
    return (urlsplit(text).path if "://" in text else text).strip("/").lower()


class Entities:
    """What can be sent to and received from, with the messages the journal kept put back in place."""

    def __init__(self, namespace: Namespace, journal: Journal) -> None:
        self._journal = journal
        self._sources: dict[str, MessageQueue] = {}
        self._targets: dict[str, tuple[Route, ...]] = {}
        for queue in namespace.queues:
            self._targets[queue.name.lower()] = (self._route(queue.name, queue.properties),)
        for topic in namespace.topics:
            routes = []
            for subscription in topic.subscriptions:
                name = f"{topic.name}/subscriptions/{subscription.name}"
                limit = topic.properties.default_message_time_to_live
                routes.append(self._route(name, subscription.properties, subscription.rules, limit))
            self._targets[topic.name.lower()] = tuple(routes)
        for name, message in journal.messages():
            # A queue that left the configuration keeps its messages in the journal until it is back.
            if name in self._sources:
                self._sources[name].restore(message)

    def _route(
        self, name: str, properties: QueueProperties, rules: tuple[Rule, ...] = (), limit: timedelta | None = None
    ) -> Route:
        queue = MessageQueue(name.lower(), properties, self._journal)
        assert queue.dead_letters is not None
        self._sources[queue.name] = queue
        self._sources[queue.dead_letters.name] = queue.dead_letters
        limits = [each for each in (properties.default_message_time_to_live, limit) if each is not None]
        return Route(queue, rules, min(limits, default=None))

    def source(self, address: str | None) -> MessageQueue | None:
        """The queue, subscription or dead-letter queue to receive from; None when there is none of this name."""
        return self._sources.get(entity_path(address))

    def target(self, address: str | None) -> tuple[Route, ...] | None:
        """Where messages sent to this queue or topic go; None when there is none of this name."""
        return self._targets.get(entity_path(address))

    def queues(self) -> Iterable[MessageQueue]:
        """Every queue, subscription and dead-letter queue."""
        return self._sources.values()

    def publish(self, routes: tuple[Route, ...], encoded: bytes, now_ms: int) -> None:
        """Put one transfer's messages where they go; raises wire.MalformedMessage before anything is put."""
        puts: list[tuple[Route, bytes]] = []
        for each in wire.unpack_batch(encoded):
            wire.check(each)
            puts += [(route, each) for route in routes if filters.takes(route.rules, each)]
        for route, each in puts:
            expires_ms = _expires_ms(now_ms, wire.time_to_live_ms(each), route.time_to_live)
            route.queue.put(StoredMessage(self._journal.next_sequence(), each, now_ms, expires_ms))

    def free_expired_locks(self, now_ms: int) -> None:
        """Free every message that was held too long."""
        for queue in self._sources.values():
            queue.free_expired_locks(now_ms)

    def next_deadline_ms(self) -> int | None:
        """When the next lock of any queue may expire."""
        deadlines = (queue.next_deadline_ms() for queue in self._sources.values())
        return min((deadline for deadline in deadlines if deadline is not None), default=None)


def _expires_ms(now_ms: int, ttl_ms: int | None, limit: timedelta | None) -> int | None:
    limits = [ttl_ms] if ttl_ms is not None else []
    if limit is not None:
        limits.append(int(limit.total_seconds() * 1000))
    return now_ms + min(limits) if limits else None
