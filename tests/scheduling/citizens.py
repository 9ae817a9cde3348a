"""Orders whose citizens choose, and the choices they make."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from hub.bootstrap import Hub
from hub.domain.appointments import Appointment
from hub.domain.events import CITIZEN
from hub.domain.ids import WorkOrderId
from hub.domain.lifecycle import WorkOrderStatus
from hub.domain.technicians import Route, Technician
from hub.domain.work_orders import WorkOrder
from scheduling.service import confirm_appointment, hold_slot
from tests.samples import a_work_order, add_route, add_technician

BRUSSELS = ZoneInfo("Europe/Brussels")
MONDAY = date(2026, 5, 4)
TUESDAY, WEDNESDAY, THURSDAY = date(2026, 5, 5), date(2026, 5, 6), date(2026, 5, 7)


def at(day: date, hour: int, minute: int = 0) -> datetime:
    """An instant by the clocks of Brussels."""
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=BRUSSELS)


def employ(hub: Hub, days: Iterable[date], *names: str, **changes: Any) -> dict[str, tuple[Technician, list[Route]]]:
    """Technicians of Ghent by name, each with a route on each of the days."""
    crew = {}
    with hub.unit_of_work() as work:
        for name in names:
            technician = add_technician(work, name=name)
            crew[name] = (technician, [add_route(work, technician, day, **changes) for day in days])
        work.commit()
    return crew


def invite(hub: Hub, count: int, **changes: Any) -> list[WorkOrderId]:
    """Orders whose citizens were asked to choose a time."""
    return [one.id for one in _add(hub, count, status=WorkOrderStatus.CONTACTING, **changes)]


def make_ready(hub: Hub, count: int, **changes: Any) -> list[WorkOrderId]:
    """Orders in the street, for which nobody has to be at home."""
    return [one.id for one in _add(hub, count, status=WorkOrderStatus.READY, work_type="cabinet_repair", **changes)]


def _add(hub: Hub, count: int, **changes: Any) -> list[WorkOrder]:
    with hub.unit_of_work() as work:
        orders = [work.work_orders.add(a_work_order(**changes)) for _ in range(count)]
        work.commit()
    return orders


def hold(hub: Hub, order: WorkOrderId, day: date, hour: int) -> Appointment:
    """Hold the window of two hours from `hour` on."""
    return hold_slot(hub, order, at(day, hour), at(day, hour + 2), by=CITIZEN)


def book(hub: Hub, order: WorkOrderId, day: date, hour: int) -> Appointment:
    """Hold and confirm the window of two hours from `hour` on; a move when the order has an appointment already."""
    return confirm_appointment(hub, order, hold(hub, order, day, hour).id, by=CITIZEN)


def order_status(hub: Hub, order: WorkOrderId) -> WorkOrderStatus:
    with hub.unit_of_work() as work:
        return work.work_orders.get(order).status
