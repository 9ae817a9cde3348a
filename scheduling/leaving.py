"""What it would save if a visit were not made."""

from __future__ import annotations

from hub.bootstrap import Hub
from hub.domain.ids import WorkOrderId
from hub.domain.lifecycle import VisitStatus
from hub.domain.places import Place
from scheduling.driving import travel_of
from scheduling.queries import agreements_of
from scheduling.travel.model import legs


def drive_saved_without(hub: Hub, work_order_id: WorkOrderId) -> int:
    """The seconds of driving that the order's agreed visit costs: with it on its route as it stands, less without it.

    0 without an appointment. Reads without locking, to compare orders; where roads go one way only it may be below 0.
    """
    with hub.snapshot() as work:
        agreed = agreements_of(work, work_order_id).confirmed
        visits = work.visits.table.c
        mine = (
            work.visits.find_where(visits.appointment_id == agreed.id, visits.status != VisitStatus.CANCELLED)
            if agreed
            else None
        )
        if mine is None:
            return 0
        on_route = work.visits.list_where(
            visits.route_id == mine.route_id,
            visits.status != VisitStatus.CANCELLED,
            order_by=(visits.starts_at, visits.id),
        )
        orders = work.work_orders.list_by_id([visit.work_order_id for visit in on_route])
        technician = work.technicians.get(mine.technician_id)
    at = [visit.id for visit in on_route].index(mine.id)
    stops: list[Place] = [orders[visit.work_order_id].place for visit in on_route]
    before = technician.start_place if at == 0 else stops[at - 1]
    after = technician.end_place if at + 1 == len(stops) else stops[at + 1]
    travel = travel_of(hub.settings)
    return sum(legs(travel, [before, stops[at], after])) - sum(legs(travel, [before, after]))
