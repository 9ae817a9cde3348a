"""Keeping the locks of messages that wait for their handler.

The SDK has a renewer of its own; it starts a task a message and keeps each until it is closed, which a consumer that
lives for months never does. Here one task renews for all.
"""

import asyncio
import logging
from datetime import UTC, datetime, timedelta

from azure.servicebus import ServiceBusReceivedMessage
from azure.servicebus.aio import ServiceBusReceiver, ServiceBusSession
from azure.servicebus.exceptions import MessageLockLostError, SessionLockLostError

from hub.logs import in_one_line
from hub.messaging.service_bus.connection import UNREACHABLE, within

_log = logging.getLogger(__name__)
_ROUND_SECONDS = 0.5
_RENEW_SECONDS = 15.0
# A lock held longer would hide a handler that hangs.
_LONGEST = timedelta(minutes=5)


class HeldLocks:
    """The messages one receiver holds, with when each was received. `turn` is shared with whoever uses the receiver."""

    def __init__(self, receiver: ServiceBusReceiver, turn: asyncio.Lock) -> None:
        self._receiver = receiver
        self._turn = turn
        self._since: dict[ServiceBusReceivedMessage, tuple[datetime, timedelta]] = {}
        self._session_lasts = timedelta()

    def hold(self, message: ServiceBusReceivedMessage) -> None:
        """Renew this message's lock from now on; in a session it is the session's lock that is renewed."""
        now = _now()
        session = self._session()
        if session is not None:
            if session.locked_until_utc is not None and not self._since:
                self._session_lasts = session.locked_until_utc - now
            self._since[message] = (now, timedelta())
            return
        if message.locked_until_utc is not None:
            self._since[message] = (now, message.locked_until_utc - now)

    def let_go(self, message: ServiceBusReceivedMessage) -> None:
        """The message is settled, or about to be."""
        self._since.pop(message, None)

    async def keep(self) -> None:
        """Renew each lock once half of it is over, until cancelled."""
        while True:
            await asyncio.sleep(_ROUND_SECONDS)
            if self._session() is not None:
                await self._renew_session()
                continue
            for message, (since, duration) in list(self._since.items()):
                left = (message.locked_until_utc or _now()) - _now()
                if left < duration / 2 and _now() - since < _LONGEST:
                    await self._renew(message)

    def _session(self) -> ServiceBusSession | None:
        # The SDK says that there always is one; on a queue without sessions there is none.
        session: ServiceBusSession | None = self._receiver.session
        return session

    async def _renew_session(self) -> None:
        """Renew the session's lock once half of it is over, while its messages are being handled."""
        session = self._session()
        if session is None or session.locked_until_utc is None or not self._since:
            return
        oldest = min(since for since, _ in self._since.values())
        if session.locked_until_utc - _now() < self._session_lasts / 2 and _now() - oldest < _LONGEST:
            try:
                async with self._turn:
                    await within(_RENEW_SECONDS, session.renew_lock())
            except SessionLockLostError:
                self._since.clear()
            except UNREACHABLE as error:
                _log.warning("The lock of a session could not be renewed: %s", error)

    async def _renew(self, message: ServiceBusReceivedMessage) -> None:
        try:
            async with self._turn:
                # It may have been settled while this waited for its turn.
                if message in self._since:
                    await within(_RENEW_SECONDS, self._receiver.renew_message_lock(message))
        except MessageLockLostError:
            self.let_go(message)
        except UNREACHABLE as error:
            # Whoever receives finds out whether the link is broken.
            _log.warning("The lock of message %s could not be renewed: %s", in_one_line(str(message.message_id)), error)


def _now() -> datetime:
    # Locks run by the bus's clock, whatever time the application simulates.
    return datetime.now(UTC)
