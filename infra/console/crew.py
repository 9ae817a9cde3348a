"""The technicians with their phones and next working day."""

from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Connection, func, select

from hub.db import tables
from hub.domain.ids import TechnicianId


@dataclass(frozen=True)
class CrewLine:
    """One technician; `phones` counts devices that may sign in, `next_day` is the next working day from today on."""

    id: TechnicianId
    name: str
    territory: str
    skills: tuple[str, ...]
    active: bool
    zone: str
    phones: int
    enrolled_at: datetime | None
    next_day: date | None


def list_crew(connection: Connection, today: date) -> list[CrewLine]:
    """All technicians by territory and name."""
    technician, device, route = tables.technician, tables.device, tables.route
    phones = (
        select(
            device.c.technician_id,
            func.count().label("count"),
            func.max(device.c.enrolled_at).label("enrolled_at"),
        )
        .where(device.c.revoked_at.is_(None))
        .group_by(device.c.technician_id)
        .subquery()
    )
    days = (
        select(route.c.technician_id, func.min(route.c.day).label("day"))
        .where(route.c.day >= today)
        .group_by(route.c.technician_id)
        .subquery()
    )
    rows = connection.execute(
        select(
            technician.c.id,
            technician.c.name,
            technician.c.territory,
            technician.c.skills,
            technician.c.active,
            technician.c.zone,
            func.coalesce(phones.c.count, 0),
            phones.c.enrolled_at,
            days.c.day,
        )
        .outerjoin(phones, phones.c.technician_id == technician.c.id)
        .outerjoin(days, days.c.technician_id == technician.c.id)
        .order_by(technician.c.territory, technician.c.name, technician.c.id)
    )
    return [CrewLine(*row) for row in rows]
