"""The relay: hands the outbox to the bus, at least once and in order for each work order."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from sqlalchemy import Connection, Row, func, select, update

from hub.bootstrap import Hub
from hub.db import tables
from hub.messaging.envelope import new_envelope
from hub.messaging.service_bus import OutgoingMessage

type Publish = Callable[[Sequence[OutgoingMessage]], Awaitable[None]]
"""Hands messages to the bus in order; returns when the bus has them all, raises when it may not."""

_RELAY_LOCK = 0x646F6F72
"""The advisory lock one relay holds; any number will do, it must only stay the same."""


async def relay_outbox(hub: Hub, publish: Publish, *, batch_size: int = 200) -> int:
    """Hand every waiting event to the bus, in order; returns how many. 0 when another relay is at work.

    An event is marked sent after `publish` returned. A crash in between sends it again with the same id, so receivers can tell.
    Raises what `publish` raises, and OperationalError when the database does not answer; the events then wait for the next call.
    The database is asked in a thread, and no transaction is open while the bus is called.
    """
    connection = await asyncio.to_thread(_open, hub)
    if connection is None:
        return 0
    sent = 0
    try:
        while batch := await asyncio.to_thread(_waiting, connection, batch_size):
            await publish([_message(hub, row) for row in batch])
            await asyncio.to_thread(_mark_sent, hub, connection, batch)
            sent += len(batch)
        return sent
    finally:
        # Shielded: a lock that stays with a connection in the pool would keep every other relay out.
        await asyncio.shield(asyncio.to_thread(_close, connection))


def _open(hub: Hub) -> Connection | None:
    """A connection that holds the relay's lock; None when nothing waits or another relay has the lock.

    Every statement is a transaction of its own. The server frees the lock when the process dies.
    """
    connection = hub.engine.connect().execution_options(isolation_level="AUTOCOMMIT")
    outbox = tables.outbox_event.c
    anything = select(outbox.seq).where(outbox.sent_at.is_(None)).limit(1)
    try:
        if connection.scalar(anything) and connection.scalar(select(func.pg_try_advisory_lock(_RELAY_LOCK))):
            return connection
    except BaseException:
        connection.invalidate()
        connection.close()
        raise
    connection.close()
    return None


def _close(connection: Connection) -> None:
    try:
        connection.execute(select(func.pg_advisory_unlock(_RELAY_LOCK)))
    except BaseException:
        # The session ends, and its lock with it.
        connection.invalidate()
        raise
    finally:
        connection.close()


def _waiting(connection: Connection, limit: int) -> Sequence[Row[Any]]:
    # Two changes of one order never commit in the other order than their numbers: the second waits for the first one's row.
    outbox = tables.outbox_event
    return connection.execute(
        select(outbox).where(outbox.c.sent_at.is_(None)).order_by(outbox.c.seq).limit(limit)
    ).all()


def _mark_sent(hub: Hub, connection: Connection, batch: Sequence[Row[Any]]) -> None:
    outbox = tables.outbox_event
    numbers = [row.seq for row in batch]
    connection.execute(update(outbox).where(outbox.c.seq.in_(numbers)).values(sent_at=hub.clock.now()))


def _message(hub: Hub, row: Row[Any]) -> OutgoingMessage:
    envelope = new_envelope(
        event_id=str(row.id),
        source=row.source or hub.settings.event_source,
        event_type=row.type,
        time=row.at,
        data=row.data,
        subject=row.subject,
        **({"correlationid": row.correlation_id} if row.correlation_id else {}),
    )
    return OutgoingMessage(
        body=envelope.to_json(),
        message_id=str(row.id),
        subject=row.type,
        correlation_id=row.correlation_id or None,
        properties={"type": row.type},
    )
