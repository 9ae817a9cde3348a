"""Slows guessing down: wrong codes and passwords are counted in the database, so that every web process knows of them."""

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import delete, func, insert, select

from hub.db.tables import failed_attempt
from hub.db.unit_of_work import UnitOfWork
from hub.domain.errors import TooManyAttemptsError

_KEPT = timedelta(hours=24)


@dataclass(frozen=True)
class AttemptLimit:
    """At most `count` failures within `span`; the next attempt is refused until the oldest is past."""

    count: int
    span: timedelta


def refuse_when_too_many(work: UnitOfWork, scope: str, limit: AttemptLimit) -> None:
    """Raise TooManyAttemptsError when `scope` (for instance `enrol:192.0.2.7`) has reached `limit`.

    Whoever asks about the same scope waits until this transaction is over: many at once get no more than one after the other,
    when each counts in the transaction that asked. Several scopes are asked about in one order always, so that nobody waits in a circle.
    """
    lock = func.pg_advisory_xact_lock(func.hashtextextended(f"attempts {scope}", 0))
    work.connection.execute(select(lock))
    recent = select(func.count()).where(failed_attempt.c.scope == scope, failed_attempt.c.at > work.now - limit.span)
    if work.connection.execute(recent).scalar_one() >= limit.count:
        raise TooManyAttemptsError


def count_failure(work: UnitOfWork, *scopes: str) -> None:
    """Remember a failure under each of `scopes`; the caller commits, although the attempt itself is refused."""
    work.connection.execute(insert(failed_attempt), [{"scope": scope, "at": work.now} for scope in scopes])


def forget_old_failures(work: UnitOfWork) -> int:
    """Delete the failures that no limit looks at any more; returns how many."""
    return work.connection.execute(delete(failed_attempt).where(failed_attempt.c.at < work.now - _KEPT)).rowcount
