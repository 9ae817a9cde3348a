"""Which calls of providers were heard already, for what a receipt's own state cannot tell."""

from datetime import datetime, timedelta

from sqlalchemy import delete
from sqlalchemy.dialects.postgresql import insert

from hub.bootstrap import Hub
from hub.db.channel_tables import webhook_call
from hub.db.unit_of_work import UnitOfWork

KEPT_FOR = timedelta(days=90)
"""Much longer than any provider goes on trying."""
HEEDED = ":heeded"
"""How the claim of a STOP or START ends. It is never forgotten: a signed request stays genuine, whoever plays it back, and whenever."""


def is_first_call(work: UnitOfWork, provider: str, call_id: str) -> bool:
    """Claim a provider's call in this transaction; False when it was claimed before."""
    claim = insert(webhook_call).values(provider=provider, call_id=call_id, heard_at=work.now)
    found = work.connection.execute(claim.on_conflict_do_nothing().returning(webhook_call.c.call_id))
    return found.first() is not None


def forget_webhook_calls(hub: Hub, now: datetime) -> int:
    """Forget claims that nobody can repeat any more; returns how many. A timer."""
    with hub.unit_of_work() as work:
        old = delete(webhook_call).where(
            webhook_call.c.heard_at < now - KEPT_FOR, webhook_call.c.call_id.not_like(f"%{HEEDED}")
        )
        gone = work.connection.execute(old.returning(webhook_call.c.call_id)).all()
        work.commit()
    return len(gone)
