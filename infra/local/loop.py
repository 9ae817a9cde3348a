"""The broker's loop: one thread, every socket, a bounded wait.

A turn reads what arrived, lets the broker act and commit, and only then writes: proton keeps the bytes until they are
asked for, so no answer leaves before its change is on disk.
"""

import selectors
import socket
import time
from threading import Event as Flag

from proton import Connection, Transport, TransportException

from infra.local.broker import Broker

_READ_BYTES = 256 * 1024
_LONGEST_WAIT_SECONDS = 1.0
# How often clients are checked for silence, and told that the broker is there.
_TICK_SECONDS = 1.0
# A client that says nothing for this long is gone; the SDK sends empty frames well before.
_IDLE_SECONDS = 240


class Client:
    """One client's socket with its AMQP transport and connection."""

    def __init__(self, peer: socket.socket, broker: Broker) -> None:
        self.peer = peer
        self.connection = Connection()
        broker.accept(self.connection)
        self.transport = Transport(Transport.SERVER)
        self.transport.idle_timeout = _IDLE_SECONDS
        # The SDK speaks SASL ANONYMOUS and proves itself afterwards, through `$cbs`.
        sasl = self.transport.sasl()
        sasl.allow_insecure_mechs = True
        sasl.allowed_mechs("ANONYMOUS")
        self.transport.bind(self.connection)

    def read(self) -> None:
        """Feed what arrived to the transport; an end of stream or a broken socket ends its input."""
        capacity = self.transport.capacity()
        if capacity <= 0:
            return
        try:
            received = self.peer.recv(min(capacity, _READ_BYTES))
        except BlockingIOError:
            return
        except OSError:
            received = b""
        try:
            if received:
                self.transport.push(received)
            else:
                self.transport.close_tail()
                self.transport.close_head()
        except TransportException:
            self.transport.close_head()

    def write(self) -> bool:
        """Send what waits; True when the socket takes no more and some is left."""
        try:
            while (waiting := self.transport.pending()) > 0:
                sent = self.peer.send(self.transport.peek(waiting) or b"")
                self.transport.pop(sent)
        except BlockingIOError:
            return True
        except OSError:
            self.transport.close_tail()
            self.transport.close_head()
        return False

    @property
    def is_over(self) -> bool:
        """Whether both directions are closed."""
        return bool(self.transport.closed) or self.transport.pending() < 0


class Loop:
    """Serves a listening socket until told to stop."""

    def __init__(self, broker: Broker, listener: socket.socket) -> None:
        self._broker = broker
        self._listener = listener
        self._stopping = Flag()
        self._clients: list[Client] = []
        self._next_tick = 0.0
        self._selector = selectors.DefaultSelector()
        self._bell, self._button = socket.socketpair()
        for each in (listener, self._bell, self._button):
            each.setblocking(False)
        self._selector.register(listener, selectors.EVENT_READ)
        self._selector.register(self._bell, selectors.EVENT_READ)

    def stop(self) -> None:
        """End `run` soon; may be called from any thread and from a signal handler."""
        self._stopping.set()
        try:
            self._button.send(b"!")
        except OSError:
            # The bell is already ringing, or the loop is already over.
            return

    def run(self) -> None:
        """Serve until `stop`, then close every socket."""
        try:
            while not self._stopping.is_set():
                self._turn()
        finally:
            for client in self._clients:
                client.peer.close()
            self._selector.close()
            for each in (self._listener, self._bell, self._button):
                each.close()

    def _turn(self) -> None:
        deadline = self._broker.seconds_to_next_deadline()
        wait = _LONGEST_WAIT_SECONDS if deadline is None else min(deadline, _LONGEST_WAIT_SECONDS)
        for key, events in self._selector.select(wait):
            if key.fileobj is self._listener:
                self._welcome()
            elif isinstance(key.data, Client) and events & selectors.EVENT_READ:
                key.data.read()
        self._broker.handle_events()
        now = time.monotonic()
        is_tick = now >= self._next_tick
        if is_tick:
            self._next_tick = now + _TICK_SECONDS
        for client in list(self._clients):
            if is_tick:
                client.transport.tick(now)
            self._flush(client)

    def _welcome(self) -> None:
        try:
            peer, _ = self._listener.accept()
        except OSError:
            # The client gave up before it was let in.
            return
        peer.setblocking(False)
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        client = Client(peer, self._broker)
        self._clients.append(client)
        self._selector.register(peer, selectors.EVENT_READ, client)

    def _flush(self, client: Client) -> None:
        is_full = client.write()
        if client.is_over:
            self._clients.remove(client)
            self._selector.unregister(client.peer)
            client.peer.close()
            self._broker.forget(client.connection)
            return
        wanted = selectors.EVENT_READ | (selectors.EVENT_WRITE if is_full else 0)
        if self._selector.get_key(client.peer).events != wanted:
            self._selector.modify(client.peer, wanted, client)
