"""Every status that lasts has somebody who moves it on; when nobody does, the console's first page says so."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from hub.bootstrap import Hub
from hub.clock import FixedClock
from hub.db.unit_of_work import UnitOfWork
from hub.domain.events import CITIZEN, SYSTEM
from hub.domain.lifecycle import Action, VisitStatus, WorkOrderStatus
from infra.console.attention import what_needs_attention
from infra.console.stuck import WORDS, Stuck
from portal.contact.service import run_due_contacts
from tests.portal.test_ladder import an_appointment
from tests.samples import a_visit, a_work_order, add_route, add_technician, staff_territory
from tests.web.staff_browser import signed_in_browser

HOUR = timedelta(hours=1)


def visited(status: VisitStatus, starts_in: timedelta) -> Callable[[UnitOfWork], str]:
    """Makes an order with one visit of 45 minutes; gives the order's reference."""

    def make(work: UnitOfWork) -> str:
        at = work.now + starts_in
        route = add_route(work, add_technician(work), at.date())
        visit = work.visits.add(a_visit(work, route, at, status=status))
        return work.work_orders.get(visit.work_order_id).external_id

    return make


def unasked(work: UnitOfWork) -> str:
    staff_territory(work)
    return work.work_orders.add(a_work_order(status=WorkOrderStatus.CONTACTING)).external_id


def beyond_everybody(work: UnitOfWork) -> str:
    """No technician of Ghent has learnt this kind of work, and the one who has is elsewhere or left."""
    add_technician(work, skills=("fibre",))
    add_technician(work, active=False)
    add_technician(work, territory="antwerpen")
    return work.create_work_order(a_work_order(), by=SYSTEM).external_id


def without_visit(work: UnitOfWork) -> str:
    return work.work_orders.add(a_work_order(status=WorkOrderStatus.PLANNED)).external_id


def told(hub: Hub) -> dict[str, int]:
    now = hub.clock.now()
    with hub.reading() as connection:
        attention = what_needs_attention(connection, hub.catalogue, now, (now, now + timedelta(days=1)))
    return {matter.what: matter.count for matter in attention.matters}


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (unasked, Stuck.NOT_ASKED),
        (beyond_everybody, Stuck.NO_TECHNICIAN),
        (without_visit, Stuck.NO_VISIT),
        (visited(VisitStatus.PLANNED, 3 * HOUR), Stuck.NOT_PUBLISHED),
        (visited(VisitStatus.PLANNED, -3 * HOUR), Stuck.NOT_VISITED),
        (visited(VisitStatus.DISPATCHED, -3 * HOUR), Stuck.NOT_VISITED),
        (visited(VisitStatus.WORKING, -6 * HOUR), Stuck.NOT_ENDED),
        (visited(VisitStatus.EN_ROUTE, -6 * HOUR), Stuck.NOT_ENDED),
        (visited(VisitStatus.PLANNED, 30 * HOUR), None),
        (visited(VisitStatus.DISPATCHED, 3 * HOUR), None),
        (visited(VisitStatus.WORKING, -HOUR), None),
    ],
)
def test_an_order_that_nothing_moves_on_is_named_and_listed(
    hub: Hub, make: Callable[[UnitOfWork], str], why: Stuck | None
) -> None:
    with hub.unit_of_work() as work:
        reference = make(work)
        work.commit()
    named = {words.singular for words in WORDS.values()} & told(hub).keys()
    assert named == ({WORDS[why].singular} if why else set())
    browser = signed_in_browser(hub)
    for each in Stuck:
        assert (reference in browser.get(f"/console/orders?stuck={each.value}").text) is (each is why)


def test_a_ladder_that_runs_is_not_stuck_and_one_that_cannot_go_on_is(hub: Hub, clock: FixedClock) -> None:
    with hub.unit_of_work() as work:
        work.create_work_order(a_work_order(), by=SYSTEM)
        staff_territory(work)
        work.commit()
    run_due_contacts(hub, clock.now())
    words = WORDS[Stuck.NOT_ASKED].singular
    assert words not in told(hub)
    clock.advance(timedelta(days=5))
    assert told(hub)[words] == 1
    run_due_contacts(hub, clock.now())
    assert words not in told(hub)


def test_a_slot_that_is_only_kept_for_a_citizen_needs_nobody(hub: Hub) -> None:
    with hub.unit_of_work() as work:
        visited(VisitStatus.PLANNED, 3 * HOUR)(work)
        visit = work.visits.list_where()[0]
        order = work.work_orders.get(visit.work_order_id)
        held = work.create_appointment(an_appointment(order, visit.starts_at, lease_until=work.now + HOUR), by=CITIZEN)
        work.connection.execute(work.visits.table.update().values(appointment_id=held.id))
        work.commit()
    assert WORDS[Stuck.NOT_PUBLISHED].singular not in told(hub)
    with hub.unit_of_work() as work:
        work.advance_appointment(held, Action.CONFIRM, by=CITIZEN, lease_until=None, confirmed_at=work.now)
        work.commit()
    assert told(hub)[WORDS[Stuck.NOT_PUBLISHED].singular] == 1
