"""The relay: hands the outbox to the bus, at least once and in order for each work order."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, func, select, update
from sqlalchemy.exc import SQLAlchemyError

from hub.bootstrap import Hub
from hub.db import tables
from hub.messaging.envelope import new_envelope
from hub.messaging.service_bus import MessageTooLarge, OutgoingMessage
from ingest.events import shortened

_log = logging.getLogger(__name__)

type Publish = Callable[[Sequence[OutgoingMessage]], Awaitable[None]]
"""Hands messages to the bus in order; returns when the bus has them all, raises when it may not.

MessageTooLarge means that the bus has all before the one it names."""

_RELAY_LOCK = 0x646F6F72
"""The advisory lock one relay holds; any number will do, it must only stay the same."""


async def relay_outbox(hub: Hub, publish: Publish, *, batch_size: int = 200) -> int:
    """Hand every waiting event to the bus, in order; returns how many. 0 when another relay is at work.

    An event is marked sent after `publish` returned. A crash in between sends it again with the same id, so receivers can tell.
    Raises what `publish` raises, and OperationalError when the database does not answer; the events then wait for the next call.
    The database is asked in a thread, and no transaction is open while the bus is called.
    """
    connection = await _to_the_end(_connect, hub)
    sent = 0
    try:
        if not await _to_the_end(_take_turn, connection):
            return 0
        while batch := await _to_the_end(_waiting, connection, batch_size):
            await _publish(hub, batch, publish)
            await _to_the_end(_mark_sent, hub, connection, batch)
            sent += len(batch)
        return sent
    finally:
        await _to_the_end(_end_turn, connection)


async def _publish(hub: Hub, batch: Sequence[Row[Any]], publish: Publish) -> None:
    """Hand over one batch. An event too large for the bus goes in short: it must not hold up all that come after it."""
    messages = [_message(hub, row) for row in batch]
    rows = list(batch)
    while messages:
        try:
            await publish(messages)
        except MessageTooLarge as error:
            at = next(place for place, one in enumerate(messages) if one.message_id == error.message_id)
            short = _message(hub, rows[at], data=shortened(rows[at].data))
            if short.body == messages[at].body:
                raise
            _log.warning("Event %s is too large for the bus and goes out without its details.", error.message_id)
            # What came before it, the bus has.
            messages, rows = [short, *messages[at + 1 :]], rows[at:]
        else:
            return


async def _to_the_end[**P, R](ask: Callable[P, R], *args: P.args, **options: P.kwargs) -> R:
    """Ask the database in a thread, and let that finish also when this task is cancelled: a connection serves one thread at a time."""
    asking = asyncio.ensure_future(asyncio.to_thread(ask, *args, **options))
    try:
        return await asyncio.shield(asking)
    except asyncio.CancelledError:
        await asyncio.wait({asking})
        raise


def _connect(hub: Hub) -> Connection:
    """A connection on which every statement is a transaction of its own."""
    return hub.engine.connect().execution_options(isolation_level="AUTOCOMMIT")


def _take_turn(connection: Connection) -> bool:
    """Whether something waits and nobody else is sending it. The server ends the turn when the process dies."""
    outbox = tables.outbox_event.c
    anything = select(outbox.seq).where(outbox.sent_at.is_(None)).limit(1)
    return bool(connection.scalar(anything) and connection.scalar(select(func.pg_try_advisory_lock(_RELAY_LOCK))))


def _end_turn(connection: Connection) -> None:
    try:
        if not connection.invalidated:
            connection.execute(select(func.pg_advisory_unlock_all()))
    except SQLAlchemyError:
        # In the pool the connection would keep the turn for ever; with the session the turn ends too. Why it is lost is
        # no news: whatever went wrong before is what the caller must hear.
        connection.invalidate()
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


def _message(hub: Hub, row: Row[Any], *, data: Mapping[str, Any] | None = None) -> OutgoingMessage:
    envelope = new_envelope(
        event_id=str(row.id),
        source=row.source or hub.settings.event_source,
        event_type=row.type,
        time=row.at,
        data=row.data if data is None else data,
        subject=row.subject,
        # CloudEvents' own extension: a receiver without sessions may be handed a message late, and can tell by this.
        sequence=f"{row.seq:019d}",
        **({"correlationid": row.correlation_id} if row.correlation_id else {}),
    )
    return OutgoingMessage(
        body=envelope.to_json(),
        message_id=str(row.id),
        subject=row.type,
        correlation_id=row.correlation_id or None,
        properties={"type": row.type},
    )


@dataclass(frozen=True)
class OutboxLag:
    """What waits for the relay: how many events, and how many seconds the oldest has waited (0.0 when none does)."""

    backlog: int
    lag_seconds: float


def outbox_lag(hub: Hub) -> OutboxLag:
    """How far the relay is behind. Cheap: an index holds just the events that wait."""
    outbox = tables.outbox_event.c
    with hub.reading() as connection:
        backlog, oldest = connection.execute(
            select(func.count(), func.min(outbox.at)).where(outbox.sent_at.is_(None))
        ).one()
    lag = 0.0 if oldest is None else max(0.0, (hub.clock.now() - oldest).total_seconds())
    return OutboxLag(backlog, lag)
