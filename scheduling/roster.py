"""The roster: technicians and their working days, brought in from outside."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import date, time, timedelta
from uuid import uuid5

from sqlalchemy import Table
from sqlalchemy.dialects.postgresql import insert

from hub.bootstrap import Hub
from hub.db import tables
from hub.db.unit_of_work import UnitOfWork
from hub.domain.errors import DoorstepError
from hub.domain.ids import RouteId
from hub.domain.technicians import Route, Technician

LONGEST_DAYS = 366
"""A roster covers so many days at most."""
_SHIFTS: tuple[tuple[time, time], ...] = (
    (time(8), time(17)),
    (time(8), time(17)),
    (time(8), time(17)),
    (time(7, 30), time(16, 30)),
    (time(8, 30), time(17, 30)),
)
"""Three of five technicians work the usual hours; the others begin and end half an hour earlier or later."""
_BREAK_FROM, _BREAK_UNTIL, _BREAK_SECONDS = time(11, 30), time(13, 30), 1800


class RosterError(DoorstepError):
    """A roster cannot be loaded; the sentence says why."""

    code = "roster"


@dataclass(frozen=True)
class RosterReport:
    """How much was new."""

    technicians_added: int
    routes_added: int


def load_roster(hub: Hub, technicians: Sequence[Technician], first_day: date, days: int) -> RosterReport:
    """Store the technicians and a route for each of their working days among `days` calendar days from `first_day`.

    They work from Monday to Friday. What is stored already stays as it is, so loading twice, or a longer span later, adds only what
    is missing. Raises RosterError when `days` is out of range or a technician has no territory of the catalogue.
    """
    if not 0 <= days <= LONGEST_DAYS:
        raise RosterError(f"A roster covers 0 to {LONGEST_DAYS} days, not {days}.")
    known = {territory for _, _, territory in hub.catalogue.postcodes}
    for technician in technicians:
        if technician.territory not in known:
            raise RosterError(f"The territory '{technician.territory}' of {technician.name} is not in the catalogue.")
    span = [first_day + timedelta(days=one) for one in range(days)]
    routes = [_route(technician, day) for technician in technicians for day in span if day.weekday() < 5]
    with hub.unit_of_work() as work:
        added = add_missing(work, tables.technician, technicians)
        report = RosterReport(added, add_missing(work, tables.route, routes))
        work.commit()
    return report


def _route(technician: Technician, day: date) -> Route:
    starts, ends = _SHIFTS[technician.id.int % len(_SHIFTS)]
    return Route(
        # Made from the technician and the day, so that two loads at once make the same row.
        id=RouteId(uuid5(technician.id, day.isoformat())),
        technician_id=technician.id,
        territory=technician.territory,
        day=day,
        zone=technician.zone,
        starts=starts,
        ends=ends,
        break_from=_BREAK_FROM,
        break_until=_BREAK_UNTIL,
        break_seconds=_BREAK_SECONDS,
    )


def add_missing(work: UnitOfWork, table: Table, records: Iterable[Technician | Route]) -> int:
    """Insert the records whose ids, or whose technician and day, are not there yet; returns how many."""
    rows = [asdict(record) for record in records]
    if not rows:
        return 0
    return len(work.connection.execute(insert(table).on_conflict_do_nothing().returning(table.c.id), rows).all())
