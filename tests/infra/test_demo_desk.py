"""The demo's week once more: what was looked after is not looked after again, and no chance of the plan decides who was at home."""

from collections import Counter
from dataclasses import replace
from datetime import date, timedelta
from threading import Event

from sqlalchemy import select

from hub.bootstrap import Hub
from hub.db.record_tables import contact_entry
from hub.db.tables import work_order
from hub.domain.events import Actor, ActorKind
from hub.domain.ids import WorkOrderId
from hub.domain.lifecycle import Action, HoldReason, VisitStatus, WorkOrderStatus
from hub.domain.staff import Role
from hub.web.staff_accounts import create_staff
from infra.demo.desk import fill_the_desk
from infra.demo.workday import _dispatched
from portal.contact import record
from portal.contact.decisions import Decision, reinvite
from portal.contact.follow_ups import find_follow_up
from tests.portal.test_ladder import advance, an_appointment, present, receive
from tests.samples import a_visit, a_work_order, add_route, add_technician

MONDAY = date(2026, 5, 11)
DESK = "dispatcher@company.example"


def looked_after(hub: Hub) -> Counter[tuple[WorkOrderId, str]]:
    kinds = contact_entry.c.kind.in_((record.HANDED_OVER, record.REVIEW_SET))
    with hub.reading() as connection:
        found = connection.execute(select(contact_entry.c.work_order_id, contact_entry.c.kind).where(kinds))
        return Counter((row.work_order_id, row.kind) for row in found)


def test_a_desk_that_is_filled_again_has_the_same_two_orders_looked_after_once(hub: Hub) -> None:
    create_staff(hub, DESK, "Dina Dispatcher", "a long enough word", [Role.DISPATCHER])
    orders = [receive(hub, external_id=f"SU-1-{number}", citizen_phone="") for number in (3, 1, 2)]
    for order in orders:
        advance(hub, order, Action.HOLD, hold_reason=HoldReason.NO_CONTACT)
    _, first, second = orders
    over = Event()
    over.set()
    fill_the_desk(hub, MONDAY, DESK, over)
    once = looked_after(hub)
    assert once == {(first.id, record.HANDED_OVER): 1, (second.id, record.REVIEW_SET): 1}
    fill_the_desk(hub, MONDAY, DESK, over)
    assert looked_after(hub) == once
    # What the newcomer did meanwhile makes no other order the first or the second.
    taken_up = Decision(first.id, present(hub, first.id).version, Actor(ActorKind.STAFF, "newcomer"), "They called.")
    reinvite(hub, taken_up)
    fill_the_desk(hub, MONDAY, DESK, over)
    assert looked_after(hub) == once
    with hub.unit_of_work() as work:
        follow_up = find_follow_up(work, second.id)
    assert follow_up is not None
    assert follow_up.review_at is not None


def test_promised_visits_are_worked_in_the_order_of_references_whatever_way_the_plan_took(hub: Hub) -> None:
    start = hub.clock.now()
    with hub.unit_of_work() as work:
        route = add_route(work, add_technician(work), start.date())
        for number in range(6):
            order = work.work_orders.add(a_work_order(status=WorkOrderStatus.BOOKED, external_id=f"SU-1-{number}"))
            planned_at = start + timedelta(hours=6 - number)
            promise = work.appointments.add(an_appointment(order, starts_at=planned_at)) if number % 2 else None
            made = a_visit(work, route, planned_at, work_order_id=order.id, status=VisitStatus.DISPATCHED)
            work.visits.add(replace(made, appointment_id=promise.id if promise else None))
        work.commit()
    with hub.reading() as connection:
        found = connection.execute(select(work_order.c.id, work_order.c.external_id))
        references = {row.id: row.external_id for row in found}
    worked = [references[visit.work_order_id] for visit in _dispatched(hub, start.date())]
    assert worked == [f"SU-1-{number}" for number in (1, 3, 5, 0, 2, 4)]
