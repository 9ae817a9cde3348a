"""An absence becomes known: it is recorded, and what it does to published days is drafted at once."""

from __future__ import annotations

from collections import defaultdict
from datetime import date, datetime, timedelta
from uuid import uuid4

from hub.bootstrap import Hub
from hub.db.unit_of_work import UnitOfWork
from hub.domain.errors import DoorstepError
from hub.domain.ids import AbsenceId, PlanId, TechnicianId
from hub.domain.technicians import Absence, Route
from hub.typed import one_line
from scheduling.days import wall_instant
from scheduling.planning import repair_days
from scheduling.retrying import until_settled
from scheduling.urgent import plan_in_background

LONGEST = timedelta(days=366)
REPAIRED = timedelta(days=14)
"""A draft after an absence covers so many days at most, from the first that it touches."""
_MOST_REASON = 200


class AbsenceError(DoorstepError):
    """The absence cannot be; the sentence says why."""

    code = "absence"


def record_absence(
    hub: Hub, technician_id: TechnicianId, starts_at: datetime, ends_at: datetime, reason: str
) -> tuple[PlanId, ...]:
    """Record that a technician does not work in `[starts_at, ends_at)`, and draft a repair of the published days it touches.

    Bookings made from now on see it. Returns the drafts, one for each territory, for the dispatcher to publish; none when
    no published day is touched. Raises AbsenceError, and NotFoundError for an unknown technician.
    """
    if starts_at >= ends_at:
        raise AbsenceError("An absence ends after it begins. Correct its times.")
    if ends_at - starts_at > LONGEST:
        raise AbsenceError(f"An absence lasts at most {LONGEST.days} days. Correct its times.")
    touched = until_settled(lambda: _record(hub, technician_id, starts_at, ends_at, one_line(reason, _MOST_REASON)))
    published = defaultdict[str, list[date]](list)
    for route in touched:
        if route.published_at is not None:
            published[route.territory].append(route.day)
    drafts = tuple(
        repair_days(hub, territory, min(days), min(max(days), min(days) + REPAIRED))
        for territory, days in sorted(published.items())
    )
    plan_in_background(hub, drafts)
    return drafts


def _record(hub: Hub, technician_id: TechnicianId, starts_at: datetime, ends_at: datetime, reason: str) -> list[Route]:
    """Write the absence; returns the routes that it touches and that are not over, with their versions raised."""
    with hub.unit_of_work() as work:
        work.technicians.get(technician_id)
        work.absences.add(Absence(AbsenceId(uuid4()), technician_id, starts_at, ends_at, reason))
        # Whoever fits a booking into one of these routes at this moment sees that it changed, and looks again.
        touched = [work.routes.swap(one, one) for one in _touched(work, technician_id, starts_at, ends_at)]
        work.commit()
    return touched


def _touched(work: UnitOfWork, technician_id: TechnicianId, starts_at: datetime, ends_at: datetime) -> list[Route]:
    table, day = work.routes.table.c, timedelta(days=1)
    around = work.routes.list_where(
        table.technician_id == technician_id,
        table.day.between((starts_at - day).date(), (ends_at + day).date()),
        order_by=(table.id,),
        lock=True,
    )
    return [one for one in around if _shift_meets(one, max(starts_at, work.now), ends_at)]


def _shift_meets(route: Route, starts_at: datetime, ends_at: datetime) -> bool:
    begins, ends = (wall_instant(route.day, at, route.zone) for at in (route.starts, route.ends))
    return begins < ends_at and starts_at < ends
