"""What is forgotten when nobody can need it any more."""

from datetime import datetime, timedelta

from sqlalchemy import delete

from hub.attempts import forget_old_failures
from hub.bootstrap import Hub
from hub.db.tables import idempotency_record

KEPT = timedelta(days=30)
"""A phone that was offline for longer starts anew."""


def forget_old_answers(hub: Hub, now: datetime) -> int:
    """Delete stored answers older than 30 days and old failed attempts; returns how many rows went."""
    with hub.unit_of_work() as work:
        old = delete(idempotency_record).where(idempotency_record.c.created_at < now - KEPT)
        gone = work.connection.execute(old).rowcount + forget_old_failures(work)
        work.commit()
    return gone
