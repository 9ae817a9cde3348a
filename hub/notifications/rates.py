"""How fast a provider may be handed messages, by all workers together.

Each provider has one row that says when it is free next. Whoever has a message moves that instant on by the length of one turn, under
the row's lock, and has the turn before it: the generic cell rate algorithm (ITU-T I.371), which is a token bucket that remembers
one instant instead of a count. One second's worth may go at once. A provider that asks for a pause is closed until then.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert

from hub.db.channel_tables import provider_rate
from hub.db.unit_of_work import UnitOfWork
from hub.settings import Settings

AT_ONCE = timedelta(seconds=1)
"""How many seconds' worth of messages may go without a pause between them."""


def rate_of(settings: Settings, provider: str) -> float | None:
    """Messages per second that `provider` may be handed; None when it may be handed any number."""
    rates: Mapping[str, float] = {
        "smtp": settings.mail_per_second,
        "twilio": settings.sms_per_second,
        "twilio-voice": settings.calls_per_second,
    }
    return rates.get(provider)


def take_turn(work: UnitOfWork, provider: str, per_second: float) -> datetime:
    """When the caller may hand `provider` one message: now, or later; the turn is the caller's from this commit on."""
    turn = timedelta(seconds=1 / per_second)
    table = provider_rate.c
    fresh = insert(provider_rate).values(provider=provider, next_free_at=work.now + turn)
    # GREATEST passes over what is absent.
    begins = func.greatest(table.next_free_at, table.closed_until, work.now)
    taken = fresh.on_conflict_do_update(index_elements=["provider"], set_={"next_free_at": begins + turn})
    row = work.connection.execute(taken.returning(table.next_free_at, table.closed_until)).one()
    mine: datetime = row.next_free_at - max(AT_ONCE, turn)
    return max(mine, row.closed_until or work.now, work.now)


def closed_until(work: UnitOfWork, provider: str) -> datetime | None:
    """Until when `provider` asked for no messages; None when it takes them."""
    table = provider_rate.c
    until: datetime | None = work.connection.execute(
        select(table.closed_until).where(table.provider == provider)
    ).scalar()
    return until if until is not None and until > work.now else None


def close_provider(work: UnitOfWork, provider: str, until: datetime) -> None:
    """Hand `provider` nothing before `until`; one that is closed for longer stays so."""
    table = provider_rate.c
    row = insert(provider_rate).values(provider=provider, next_free_at=until, closed_until=until)
    work.connection.execute(
        row.on_conflict_do_update(
            index_elements=["provider"], set_={"closed_until": func.greatest(table.closed_until, until)}
        )
    )
