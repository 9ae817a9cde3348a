"""How many messages came and what became of each, counted once and never again.

Counting the inbox at each look would read all of it. So what is older than some minutes is added to a tally, once; a look
adds the few rows after that. The count never falls, also when old rows of the inbox are removed one day.
"""

from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta

from sqlalchemy import Connection, func, select, update
from sqlalchemy.dialects.postgresql import insert

from hub.bootstrap import Hub
from hub.db import tables

SETTLED_AFTER = timedelta(minutes=10)
"""No transaction takes so long: what is older is committed, and nothing older appears any more."""
_MORE_OFTEN_IS_NO_USE = timedelta(minutes=1)
_INBOX, _TALLY = tables.inbox_message, tables.inbox_tally


def tally_inbox(hub: Hub, now: datetime) -> int:
    """Add to the tally what became old enough; returns how many messages. A timer: safe to run twice and by several workers."""
    until = now - SETTLED_AFTER
    with hub.unit_of_work() as work:
        connection = work.connection
        if _is_tallied(connection.scalar(select(_TALLY.c.counted_until)), until):
            return 0
        connection.execute(insert(_TALLY).values(only=True, messages={}).on_conflict_do_nothing())
        # Whoever was faster has counted by the time the row is ours.
        before = connection.execute(select(_TALLY).with_for_update()).one()
        if _is_tallied(before.counted_until, until):
            return 0
        counts = _count(connection, before.counted_until, until)
        total = Counter(before.messages) + Counter(counts)
        connection.execute(update(_TALLY).values(counted_until=until, messages=dict(total)))
        work.commit()
    return sum(counts.values())


def count_messages(connection: Connection) -> Mapping[str, int]:
    """Messages by outcome since the installation began; each message counts once, however often it was delivered.

    Asked in a transaction that sees one instant (`hub.snapshot()`): between two instants messages may move into the tally.
    """
    tally = connection.execute(select(_TALLY)).one_or_none()
    recent = _count(connection, tally.counted_until if tally else None, None)
    return Counter(tally.messages if tally else {}) + Counter(recent)


def _is_tallied(counted_until: datetime | None, until: datetime) -> bool:
    return counted_until is not None and until - counted_until < _MORE_OFTEN_IS_NO_USE


def _count(connection: Connection, since: datetime | None, until: datetime | None) -> dict[str, int]:
    """Messages received in `[since, until)` by outcome; a side that is None is open."""
    query = select(_INBOX.c.outcome, func.count().label("messages")).group_by(_INBOX.c.outcome)
    if since is not None:
        query = query.where(_INBOX.c.received_at >= since)
    if until is not None:
        query = query.where(_INBOX.c.received_at < until)
    return {row.outcome: row.messages for row in connection.execute(query)}
