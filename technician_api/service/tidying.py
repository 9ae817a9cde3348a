"""What is forgotten when nobody can need it any more."""

from datetime import datetime, timedelta

from sqlalchemy import delete

from hub.attempts import forget_old_failures
from hub.bootstrap import Hub
from hub.db.tables import idempotency_record
from technician_api.service.places import forget_old_places

KEPT = timedelta(days=30)
"""A phone that was offline for longer starts anew."""


def forget_old_answers(hub: Hub, now: datetime) -> int:
    """Delete stored answers older than 30 days, old failed attempts and places of yesterday; returns how many rows went."""
    with hub.unit_of_work() as work:
        old = delete(idempotency_record).where(idempotency_record.c.created_at < now - KEPT)
        gone = work.connection.execute(old).rowcount + forget_old_failures(work) + forget_old_places(work, now)
        work.commit()
    return gone
