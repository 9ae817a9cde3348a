"""The broker between sockets and queues: opens what clients open, attaches links, hands each event to its link."""

import logging
import sqlite3
import time
from typing import Any, Protocol

from cproton import isnull, pn_collector_peek, pn_event_type
from proton import (
    Collector,
    Condition,
    Connection,
    Delivery,
    Described,
    Event,
    Link,
    Receiver,
    Sender,
    Session,
    Terminus,
    symbol,
)

from infra.local import cbs, management
from infra.local.config import Namespace
from infra.local.entities import Entities, Target, entity_path
from infra.local.intake import MAX_TRANSFER_BYTES, Intake
from infra.local.journal import Journal
from infra.local.management import ManagementNode
from infra.local.message_queue import MessageQueue
from infra.local.outlet import Dispatch, Outlet
from infra.local.requests import Node, ReplyLink, RequestLink
from infra.local.session_queue import SessionQueue, SessionTaken
from infra.local.waiting_room import Waiter, WaitingRoom
from infra.local.wakeups import Wakeups

_log = logging.getLogger(__name__)
_SESSION_FILTER = "com.microsoft:session-filter"
_PATIENCE = "com.microsoft:timeout"
_DEFAULT_PATIENCE_MS = 60_000
_LOCKED_UNTIL = "com.microsoft:locked-until-utc"
# Service Bus tells this one instant in the ticks of .NET: tenths of microseconds since the year 1.
_TICKS_PER_MS = 10_000
_TICKS_AT_EPOCH = 621_355_968_000_000_000


# Most of proton's events say that something of ours changed. They are passed over before proton's Python layer makes an
# object of each, which took a fifth of the broker's time.
_WANTED = frozenset(
    each.number
    for each in (
        Event.DELIVERY,
        Event.LINK_FLOW,
        Event.CONNECTION_REMOTE_OPEN,
        Event.SESSION_REMOTE_OPEN,
        Event.LINK_REMOTE_OPEN,
        Event.LINK_REMOTE_CLOSE,
        Event.LINK_REMOTE_DETACH,
        Event.SESSION_REMOTE_CLOSE,
        Event.CONNECTION_REMOTE_CLOSE,
    )
)


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
        self._wakeups = Wakeups()
        self._entities = Entities(namespace, journal, self._wakeups)
        self._dispatch = Dispatch(self._wakeups, wall_clock_ms)
        self._waiting_room = WaitingRoom(self._wakeups)
        self._put_token = cbs.token_checker(key)
        self._links: dict[Link, LinkEnd] = {}

    def accept(self, connection: Connection) -> None:
        """A client's connection, whose events come to `collector`."""
        connection.collect(self.collector)

    def handle_events(self) -> None:
        """Act on all that arrived, then deliver what can be delivered and make the changes last."""
        while not isnull(raw := pn_collector_peek(self.collector._impl)):  # noqa: SLF001 - see _WANTED
            if pn_event_type(raw) in _WANTED:
                self._handle_safely(Event.wrap(raw))  # type: ignore[no-untyped-call]
            self.collector.pop()
        now_ms = wall_clock_ms()
        if self._wakeups.ring(now_ms):
            self._act_on_time(now_ms)
        for queue in self._wakeups.take_queues():
            if isinstance(queue, SessionQueue):
                self._waiting_room.serve(queue, now_ms)
            self._dispatch.deliver(queue)
        # Before any answer of this turn leaves: see the journal.
        self._journal.commit()

    def seconds_to_next_deadline(self) -> float | None:
        """How long the loop may sleep before something falls due; None when nothing will."""
        if self._wakeups.queues:
            return 0.0
        deadline = self._wakeups.next_ms
        return None if deadline is None else max(0.0, (deadline - wall_clock_ms()) / 1000)

    def forget(self, connection: Connection) -> None:
        """The connection is gone, with all its links."""
        for link in [link for link in self._links if link.connection == connection]:
            self._drop(link)

    def _act_on_time(self, now_ms: int) -> None:
        for owner in self._entities.act_on_time(now_ms):
            assert isinstance(owner, Outlet)
            owner.lose_session()
        self._waiting_room.send_away(now_ms)

    def _handle_safely(self, event: Any) -> None:
        """What one client sent must end nobody else's work: a client that is not understood is sent away."""
        try:
            self._handle(event)
        except sqlite3.Error:
            # What is not kept must not be acknowledged: that ends the broker.
            raise
        except Exception:  # noqa: BLE001 - whatever it is, only the client that sent it shall feel it
            _log.exception("A client sent what the broker could not handle; its connection is closed.")
            sentence = "The broker could not handle what was sent. Its log says why."
            event.connection.condition = Condition("amqp:internal-error", sentence)
            event.connection.close()

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
            self._waiting_room.leave(end)
            if isinstance(end.queue, SessionQueue) and end.lane is not None:
                end.queue.close_session(end.lane)
                end.lane = None

    def _attach(self, link: Sender | Receiver) -> None:
        refusal = self._open_sender(link) if isinstance(link, Sender) else self._open_receiver(link)
        if refusal is not None:
            _refuse(link, refusal)

    def _open_receiver(self, link: Receiver) -> Condition | None:
        """The client sends: to a node, a queue or a topic."""
        if link.remote_target.type == Terminus.COORDINATOR:
            return Condition("amqp:not-implemented", "This broker has no transactions. Send and settle without one.")
        address = entity_path(link.remote_target.address)
        node, status_keys = self._node(address, link)
        if node is not None:
            _open(link)
            session = link.session
            self._links[link] = RequestLink(
                link, node, status_keys, lambda encoded: self._reply(session, address, encoded)
            )
            return None
        target = self._entities.target(address)
        if target is None:
            return _unknown(address)
        _open(link)
        self._links[link] = Intake(link, self._entities, target, wall_clock_ms)
        return None

    def _open_sender(self, link: Sender) -> Condition | None:
        """The client receives: answers of a node, or messages of a queue."""
        address = entity_path(link.remote_source.address)
        node, _ = self._node(address, link)
        if node is not None:
            _open(link)
            self._links[link] = ReplyLink(link)
            return None
        queue = self._entities.source(address)
        if queue is None:
            return _unknown(address)
        if queue.forwards_to:
            sentence = f"{queue.name} forwards its messages to {queue.forwards_to}. Receive them there."
            return Condition(management.NOT_ALLOWED, sentence)
        asks, session_id = _session_filter(link)
        if isinstance(queue, SessionQueue):
            if not asks:
                sentence = f"{queue.name} requires sessions. Receive from a session, or from the next available one."
                return Condition(management.NOT_ALLOWED, sentence)
            return self._open_session(link, queue, session_id)
        if asks:
            return Condition(management.NOT_ALLOWED, f"{queue.name} has no sessions. Receive without a session.")
        _open(link)
        self._take_part(link, Outlet(link, queue, self._wakeups))
        return None

    def _open_session(self, link: Sender, queue: SessionQueue, session_id: str | None) -> Condition | None:
        """Answer a receiver that asks for this session, or for any when `session_id` is None; that one may wait."""
        outlet = Outlet(link, queue, self._wakeups)
        now_ms = wall_clock_ms()
        if session_id is not None:
            try:
                outlet.lane = queue.accept_session(session_id, outlet, now_ms)
            except SessionTaken:
                sentence = f"Another receiver has the session {session_id} of {queue.name}. Ask again later."
                return Condition("com.microsoft:session-cannot-be-locked", sentence)
            self._welcome(link, outlet)
            return None
        asked = dict(link.remote_properties or {}).get(symbol(_PATIENCE))
        patience = asked if isinstance(asked, int) else _DEFAULT_PATIENCE_MS
        self._links[link] = outlet
        waiter = Waiter(
            outlet,
            now_ms + patience,
            accept=lambda: self._welcome(link, outlet),
            refuse=lambda condition: _refuse(link, condition),
        )
        self._waiting_room.enter(queue, waiter)
        return None

    def _welcome(self, link: Sender, outlet: Outlet) -> None:
        """Open the link of a receiver that has its session, and tell it which one and until when."""
        assert outlet.lane is not None
        ticks = outlet.lane.until_ms * _TICKS_PER_MS + _TICKS_AT_EPOCH
        link.properties = {symbol(_LOCKED_UNTIL): ticks}
        _open(link, outlet.lane.session_id)
        self._take_part(link, outlet)

    def _take_part(self, link: Sender, outlet: Outlet) -> None:
        self._links[link] = outlet
        self._dispatch.add(outlet)

    def _node(self, address: str, link: Link) -> tuple[Node | None, tuple[str, str]]:
        if address == cbs.ADDRESS:
            return self._put_token, cbs.STATUS_KEYS
        if address.endswith(management.ADDRESS_SUFFIX):
            name = address.removesuffix(management.ADDRESS_SUFFIX)
            queue, target = self._entities.source(name), self._entities.target(name)
            if queue is not None or target is not None:
                return self._management_node(queue, target, link), management.STATUS_KEYS
        return None, ("", "")

    def _management_node(self, queue: MessageQueue | None, target: Target | None, link: Link) -> Node:
        def is_owner(owner: object, link_name: str | None) -> bool:
            return isinstance(owner, Outlet) and owner.is_on(link.connection, link_name)

        return ManagementNode(self._entities, queue, target, is_owner, wall_clock_ms)

    def _reply(self, session: Session, address: str, encoded: bytes) -> None:
        """Answer on the link by which this session reads from the node; a client without one wants no answer."""
        for link, end in self._links.items():
            if isinstance(end, ReplyLink) and link.session == session and entity_path(link.source.address) == address:
                end.send(encoded)
                return


def _open(link: Link, session_id: str | None = None) -> None:
    link.source.copy(link.remote_source)
    if session_id is not None:
        link.source.filter.clear()
        link.source.filter.put_object({symbol(_SESSION_FILTER): session_id})
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


def _session_filter(link: Link) -> tuple[bool, str | None]:
    """Whether the receiver asks for a session, and for which; None for any."""
    filters = link.remote_source.filter
    filters.rewind()
    found = filters.get_object() if filters.next() else None
    for key, value in found.items() if isinstance(found, dict) else ():
        if str(key) == _SESSION_FILTER:
            # Other clients than the Python SDK describe the filter's value.
            wanted = value.value if isinstance(value, Described) else value
            return True, None if wanted is None else str(wanted)
    return False, None
