"""Where the simulated clock stops next: at the next act, the next thing that falls due, or a full hour by which some timers look."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, text

from infra.play.calendar import GRID, on_grid
from infra.play.options import ZONE

_LOOK_HOURS = (0, 7, 8, 12, 16, 20)
"""Hours by the wall clock at which the clock stops every day: quiet hours end, reminders for tomorrow go out."""
_NEXT_DUE = text("""
    SELECT least(
        (SELECT min(next_due_at) FROM contact_case WHERE status = 'open' AND next_due_at > :now),
        (SELECT min(lease_until) FROM appointment WHERE status = 'held' AND lease_until > :now),
        (SELECT min(retry_at) FROM notification WHERE status = 'queued' AND retry_at > :now)
    )
""")


@dataclass(frozen=True)
class NextStop:
    """An instant at which the clock stops. With `falls_due` the worker has something to do at it that is bound to the hour."""

    at: datetime
    falls_due: bool


def next_stop(connection: Connection, now: datetime, next_act: datetime | None) -> NextStop:
    """The next instant after `now` (or at it, when an act is due) at which something happens."""
    due = connection.execute(_NEXT_DUE, {"now": now}).scalar_one()
    timed = _next_look(now)
    if due is not None:
        grid = on_grid(due)
        timed = min(timed, grid if grid == due else grid + GRID)
    if next_act is None or timed <= next_act:
        return NextStop(timed, falls_due=True)
    return NextStop(max(next_act, now), falls_due=False)


def _next_look(now: datetime) -> datetime:
    local = now.astimezone(ZONE)
    for days in (0, 1):
        day = local.date() + timedelta(days=days)
        for hour in _LOOK_HOURS:
            look = datetime(day.year, day.month, day.day, hour, tzinfo=ZONE)
            if look > now:
                return look
    raise AssertionError("the next day has hours too")
