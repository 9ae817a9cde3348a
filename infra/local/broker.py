"""The broker between sockets and queues: opens what clients open, attaches links, hands each event to its link."""

import time
from typing import Any, Protocol

from proton import Collector, Condition, Connection, Delivery, Event, Link, Receiver, Sender, Session, Terminus

from infra.local import cbs, management
from infra.local.config import Namespace
from infra.local.entities import Entities, entity_path
from infra.local.intake import MAX_TRANSFER_BYTES, Intake
from infra.local.journal import Journal
from infra.local.management import management_node
from infra.local.outlet import Dispatch, Outlet
from infra.local.requests import Node, ReplyLink, RequestLink

_SESSION_FILTER = "com.microsoft:session-filter"


class LinkEnd(Protocol):
    """The broker's side of one link."""

    def on_flow(self) -> None:
        """The client's credit changed."""

    def on_delivery(self, delivery: Delivery) -> None:
        """A transfer arrived, or the client settled one of ours."""


def wall_clock_ms() -> int:
    """Milliseconds since the epoch by the machine's clock: the broker stands for a cloud service, which no simulated
    clock of the application reaches.
    """
    return time.time_ns() // 1_000_000


class Broker:
    """All state of one namespace. `collector` gathers proton's events; one turn of the loop calls the verbs below."""

    def __init__(self, namespace: Namespace, journal: Journal, key: str) -> None:
        self.collector = Collector()
        self._journal = journal
        self._entities = Entities(namespace, journal)
        self._dispatch = Dispatch(wall_clock_ms)
        self._put_token = cbs.token_checker(key)
        self._links: dict[Link, LinkEnd] = {}

    def accept(self, connection: Connection) -> None:
        """A client's connection, whose events come to `collector`."""
        connection.collect(self.collector)

    def handle_events(self) -> None:
        """Act on all that arrived, then deliver what can be delivered and make the changes last."""
        while (event := self.collector.peek()) is not None:
            self._handle(event)
            self.collector.pop()
        self._entities.free_expired_locks(wall_clock_ms())
        self._dispatch.deliver()
        # Before any answer of this turn leaves: see the journal.
        self._journal.commit()

    def seconds_to_next_deadline(self) -> float | None:
        """How long the loop may sleep before a lock expires; None when none is held."""
        deadline = self._entities.next_deadline_ms()
        return None if deadline is None else max(0.0, (deadline - wall_clock_ms()) / 1000)

    def forget(self, connection: Connection) -> None:
        """The connection is gone, with all its links."""
        for link in [link for link in self._links if link.connection == connection]:
            self._drop(link)

    def _handle(self, event: Any) -> None:
        # `Any`: proton's annotations let every part of an event be None, though its type fixes which parts it has.
        if event.type in {Event.DELIVERY, Event.LINK_FLOW}:
            end = self._links.get(event.link)
            if end is not None and event.type is Event.DELIVERY:
                end.on_delivery(event.delivery)
            elif end is not None:
                end.on_flow()
        elif event.type is Event.CONNECTION_REMOTE_OPEN:
            event.connection.container = "doorstep-broker"
            event.connection.open()
        elif event.type is Event.SESSION_REMOTE_OPEN:
            event.session.open()
        elif event.type is Event.LINK_REMOTE_OPEN:
            self._attach(event.link)
        elif event.type in {Event.LINK_REMOTE_CLOSE, Event.LINK_REMOTE_DETACH}:
            self._drop(event.link)
            event.link.close()
        elif event.type in {Event.SESSION_REMOTE_CLOSE, Event.CONNECTION_REMOTE_CLOSE}:
            event.context.close()

    def _drop(self, link: Link) -> None:
        end = self._links.pop(link, None)
        if isinstance(end, Outlet):
            self._dispatch.remove(end)

    def _attach(self, link: Sender | Receiver) -> None:
        refusal = self._open_sender(link) if isinstance(link, Sender) else self._open_receiver(link)
        if refusal is not None:
            _refuse(link, refusal)

    def _open_receiver(self, link: Receiver) -> Condition | None:
        """The client sends: to a node, a queue or a topic."""
        if link.remote_target.type == Terminus.COORDINATOR:
            return Condition("amqp:not-implemented", "This broker has no transactions.")
        address = entity_path(link.remote_target.address)
        node, status_keys = self._node(address)
        if node is not None:
            _open(link)
            session = link.session
            self._links[link] = RequestLink(
                link, node, status_keys, lambda encoded: self._reply(session, address, encoded)
            )
            return None
        routes = self._entities.target(address)
        if routes is None:
            return _unknown(address)
        _open(link)
        self._links[link] = Intake(link, self._entities, routes, wall_clock_ms)
        return None

    def _open_sender(self, link: Sender) -> Condition | None:
        """The client receives: answers of a node, or messages of a queue."""
        address = entity_path(link.remote_source.address)
        node, _ = self._node(address)
        if node is not None:
            _open(link)
            self._links[link] = ReplyLink(link)
            return None
        queue = self._entities.source(address)
        if queue is None:
            return _unknown(address)
        if _asks_for_session(link):
            return Condition("amqp:not-implemented", f"The queue {address} has no sessions. Receive without a session.")
        _open(link)
        outlet = Outlet(link, queue)
        self._links[link] = outlet
        self._dispatch.add(queue, outlet)
        return None

    def _node(self, address: str) -> tuple[Node | None, tuple[str, str]]:
        if address == cbs.ADDRESS:
            return self._put_token, cbs.STATUS_KEYS
        if address.endswith(management.ADDRESS_SUFFIX):
            queue = self._entities.source(address.removesuffix(management.ADDRESS_SUFFIX))
            if queue is not None:
                return management_node(queue, wall_clock_ms), management.STATUS_KEYS
        return None, ("", "")

    def _reply(self, session: Session, address: str, encoded: bytes) -> None:
        """Answer on the link by which this session reads from the node; a client without one wants no answer."""
        for link, end in self._links.items():
            if isinstance(end, ReplyLink) and link.session == session and entity_path(link.source.address) == address:
                end.send(encoded)
                return


def _open(link: Link) -> None:
    link.source.copy(link.remote_source)
    link.target.copy(link.remote_target)
    link.snd_settle_mode = link.remote_snd_settle_mode
    link.rcv_settle_mode = link.remote_rcv_settle_mode
    link.max_message_size = MAX_TRANSFER_BYTES
    link.open()


def _refuse(link: Link, condition: Condition) -> None:
    """Attach without source and target, then detach with the error: the only form in which the SDK reads it."""
    link.source.type = Terminus.UNSPECIFIED
    link.target.type = Terminus.UNSPECIFIED
    link.open()
    link.condition = condition
    link.close()


def _unknown(address: str) -> Condition:
    return Condition("amqp:not-found", f"The broker has no queue, topic or subscription {address!r}.")


def _asks_for_session(link: Link) -> bool:
    filters = link.remote_source.filter
    filters.rewind()
    found = filters.get_object() if filters.next() else None
    return isinstance(found, dict) and any(str(key) == _SESSION_FILTER for key in found)
