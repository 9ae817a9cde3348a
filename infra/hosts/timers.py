"""Runs a timer and keeps the ledger of what it did."""

from datetime import datetime

from sqlalchemy.dialects.postgresql import insert

from hub.bootstrap import Hub
from hub.db.tables import timer_run
from infra.hosts.rooms import Timer


def run_timer(hub: Hub, name: str, timer: Timer, now: datetime) -> int:
    """Do what is due up to `now`; returns how much that was. Raises what the timer raises."""
    done = timer(hub, now)
    if done:
        _note(hub, name, now, done)
    return done


def _note(hub: Hub, name: str, due: datetime, done: int) -> None:
    with hub.engine.begin() as connection:
        row = insert(timer_run).values(timer=name, due=due, ran_at=hub.clock.now(), done_count=done)
        connection.execute(
            row.on_conflict_do_update(
                index_elements=["timer", "due"],
                set_={"done_count": timer_run.c.done_count + row.excluded.done_count},
            )
        )
