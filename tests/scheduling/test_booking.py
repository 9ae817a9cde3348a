"""A slot's way from offer to hold, confirmation, move, cancellation and expiry, on the real database."""

from datetime import date, datetime, time, timedelta

import pytest

from hub.bootstrap import Hub
from hub.clock import FixedClock
from hub.domain.appointments import Visit
from hub.domain.errors import HoldExpiredError, SlotPastError, SlotTakenError, TransitionRefusedError
from hub.domain.events import CITIZEN
from hub.domain.ids import WorkOrderId
from hub.domain.lifecycle import AppointmentStatus, VisitStatus, WorkOrderStatus
from hub.domain.work_orders import WorkOrder
from scheduling import holding, offering
from scheduling.engine.slots import OfferReason
from scheduling.service import (
    NotASlotError,
    SlotOffer,
    cancel_appointment,
    confirm_appointment,
    current_appointment,
    expire_holds,
    hold_slot,
    offer_slots,
)
from tests.samples import a_work_order, add_route, add_technician
from tests.scheduling.citizens import BRUSSELS, TUESDAY, WEDNESDAY, at, book, employ, hold, invite, make_ready
from tests.scheduling.promises import promise_faults, route_faults


def add_orders(hub: Hub, count: int = 1) -> list[WorkOrder]:
    """Orders whose citizens were invited; one technician works on Tuesday and Wednesday."""
    with hub.unit_of_work() as work:
        technician = add_technician(work)
        for day in (TUESDAY, TUESDAY + timedelta(days=1)):
            add_route(work, technician, day)
        orders = [work.work_orders.add(a_work_order(status=WorkOrderStatus.CONTACTING)) for _ in range(count)]
        work.commit()
    return orders


def visits_of(hub: Hub, order: WorkOrderId) -> list[Visit]:
    with hub.unit_of_work() as work:
        table = work.visits.table
        return work.visits.list_where(table.c.work_order_id == order, order_by=(table.c.starts_at,))


def first_on(offers: tuple[SlotOffer, ...], day: date) -> SlotOffer:
    return min((o for o in offers if o.starts_at.astimezone(BRUSSELS).date() == day), key=lambda o: o.starts_at)


def test_an_offer_can_be_held_confirmed_and_is_then_planned_on_a_route(hub: Hub) -> None:
    (order,) = add_orders(hub)
    offer = offer_slots(hub, order.id).offers[0]
    held = hold_slot(hub, order.id, offer.starts_at, offer.ends_at, by=CITIZEN)
    assert (held.status, held.lease_until) == (AppointmentStatus.HELD, hub.clock.now() + timedelta(minutes=10))
    confirmed = confirm_appointment(hub, order.id, held.id, by=CITIZEN)
    assert confirmed.status is AppointmentStatus.CONFIRMED
    (visit,) = visits_of(hub, order.id)
    assert visit.status is VisitStatus.PLANNED
    assert offer.starts_at <= visit.starts_at < offer.ends_at
    with hub.unit_of_work() as work:
        assert work.work_orders.get(order.id).status is WorkOrderStatus.BOOKED


def test_a_double_click_changes_nothing(hub: Hub) -> None:
    (order,) = add_orders(hub)
    offer = offer_slots(hub, order.id).offers[0]
    holds = {hold_slot(hub, order.id, offer.starts_at, offer.ends_at, by=CITIZEN).id for _ in range(2)}
    assert len(holds) == 1
    confirmed = [confirm_appointment(hub, order.id, holds.copy().pop(), by=CITIZEN) for _ in range(2)]
    assert confirmed[0] == confirmed[1]
    assert len(visits_of(hub, order.id)) == 1


def test_another_choice_replaces_the_hold(hub: Hub) -> None:
    (order,) = add_orders(hub)
    one, other = offer_slots(hub, order.id).offers[:2]
    hold_slot(hub, order.id, one.starts_at, one.ends_at, by=CITIZEN)
    second = hold_slot(hub, order.id, other.starts_at, other.ends_at, by=CITIZEN)
    assert current_appointment(hub, order.id) == second
    assert sorted(v.status for v in visits_of(hub, order.id)) == [VisitStatus.CANCELLED, VisitStatus.PLANNED]


def test_a_hold_expires_once_and_its_confirmation_is_refused(hub: Hub, clock: FixedClock) -> None:
    (order,) = add_orders(hub)
    offer = offer_slots(hub, order.id).offers[0]
    held = hold_slot(hub, order.id, offer.starts_at, offer.ends_at, by=CITIZEN)
    assert expire_holds(hub, clock.now()) == 0
    clock.advance(timedelta(minutes=10))
    with pytest.raises(HoldExpiredError):
        confirm_appointment(hub, order.id, held.id, by=CITIZEN)
    assert [expire_holds(hub, clock.now()) for _ in range(2)] == [1, 0]
    assert current_appointment(hub, order.id) is None
    assert [v.status for v in visits_of(hub, order.id)] == [VisitStatus.CANCELLED]


def test_a_move_keeps_the_old_time_until_the_new_one_is_confirmed_even_on_the_same_route(hub: Hub) -> None:
    (order,) = add_orders(hub)
    offers = offer_slots(hub, order.id).offers
    tuesday = [o for o in offers if o.starts_at.astimezone(BRUSSELS).date() == TUESDAY]
    old, new = tuesday[0], tuesday[-1]
    first = confirm_appointment(
        hub, order.id, hold_slot(hub, order.id, old.starts_at, old.ends_at, by=CITIZEN).id, by=CITIZEN
    )
    held = hold_slot(hub, order.id, new.starts_at, new.ends_at, by=CITIZEN)
    assert len([v for v in visits_of(hub, order.id) if v.status is VisitStatus.PLANNED]) == 2
    second = confirm_appointment(hub, order.id, held.id, by=CITIZEN)
    assert (second.sequence, second.replaces) == (2, first.id)
    live = [v for v in visits_of(hub, order.id) if v.status is VisitStatus.PLANNED]
    assert [v.appointment_id for v in live] == [second.id]


def test_a_cancelled_time_is_free_again_and_the_order_goes_back_to_the_ladder(hub: Hub) -> None:
    (order,) = add_orders(hub)
    offer = offer_slots(hub, order.id).offers[0]
    held = hold_slot(hub, order.id, offer.starts_at, offer.ends_at, by=CITIZEN)
    confirm_appointment(hub, order.id, held.id, by=CITIZEN)
    for _ in range(2):
        cancel_appointment(hub, order.id, by=CITIZEN, reason="not at home")
    with hub.unit_of_work() as work:
        assert work.work_orders.get(order.id).status is WorkOrderStatus.CONTACTING
    assert (offer.starts_at, offer.ends_at) in [(o.starts_at, o.ends_at) for o in offer_slots(hub, order.id).offers]


def test_a_window_is_taken_when_no_route_has_room_and_says_so(hub: Hub) -> None:
    orders = add_orders(hub, 4)
    wanted = first_on(offer_slots(hub, orders[0].id).offers, TUESDAY)
    taken = 0
    for order in orders:
        try:
            hold_slot(hub, order.id, wanted.starts_at, wanted.ends_at, by=CITIZEN)
        except SlotTakenError:
            taken += 1
    # Services of 45 minutes whose start lies in two hours: 08:00, 08:45, 09:30; a fourth would start too late.
    assert taken == 1
    refused = offer_slots(hub, orders[3].id).refused
    assert any((r.starts_at, r.ends_at) == (wanted.starts_at, wanted.ends_at) and r.sentence for r in refused)


def test_a_past_slot_and_times_of_ones_own_making_are_refused(hub: Hub, clock: FixedClock) -> None:
    (order,) = add_orders(hub)
    offer = first_on(offer_slots(hub, order.id).offers, TUESDAY)
    with pytest.raises(NotASlotError):
        hold_slot(hub, order.id, offer.starts_at + timedelta(minutes=7), offer.ends_at, by=CITIZEN)
    clock.set(offer.starts_at - timedelta(hours=1))
    with pytest.raises(SlotPastError):
        hold_slot(hub, order.id, offer.starts_at, offer.ends_at, by=CITIZEN)


def test_an_order_that_is_over_offers_nothing_and_cannot_be_held(hub: Hub) -> None:
    (order,) = add_orders(hub)
    offer = offer_slots(hub, order.id).offers[0]
    with hub.unit_of_work() as work:
        before = work.work_orders.get(order.id)
        work.work_orders.swap(before, a_work_order(**{**before.__dict__, "status": WorkOrderStatus.COMPLETED}))
        work.commit()
    assert offer_slots(hub, order.id).offers == ()
    with pytest.raises(TransitionRefusedError):
        hold_slot(hub, order.id, offer.starts_at, offer.ends_at, by=CITIZEN)


def test_ones_own_visit_is_no_reason_for_a_time_beside_it(hub: Hub) -> None:
    with hub.unit_of_work() as work:
        add_route(work, add_technician(work), TUESDAY)
        order, neighbour = (work.work_orders.add(a_work_order(status=WorkOrderStatus.CONTACTING)) for _ in range(2))
        work.commit()
    offer = first_on(offer_slots(hub, order.id).offers, TUESDAY)
    held = hold_slot(hub, order.id, offer.starts_at, offer.ends_at, by=CITIZEN)
    confirm_appointment(hub, order.id, held.id, by=CITIZEN)
    assert {one.reason for one in offer_slots(hub, order.id).offers} == {OfferReason.AVAILABLE}
    assert OfferReason.STREET in {one.reason for one in offer_slots(hub, neighbour.id).offers}


@pytest.mark.parametrize(("day", "utc_hour"), [(date(2026, 10, 25), 7), (date(2026, 3, 29), 6)])
def test_on_the_days_the_clocks_change_a_slot_is_still_at_eight_by_the_clock(
    hub: Hub, clock: FixedClock, day: date, utc_hour: int
) -> None:
    clock.set(datetime(day.year, day.month, day.day, 9, tzinfo=BRUSSELS) - timedelta(days=3))
    with hub.unit_of_work() as work:
        add_route(work, add_technician(work), day)
        order = work.work_orders.add(a_work_order(status=WorkOrderStatus.CONTACTING))
        work.commit()
    offer = first_on(offer_slots(hub, order.id).offers, day)
    assert offer.starts_at.hour == utc_hour
    assert offer.starts_at.astimezone(BRUSSELS).hour == 8
    held = hold_slot(hub, order.id, offer.starts_at, offer.ends_at, by=CITIZEN)
    assert confirm_appointment(hub, order.id, held.id, by=CITIZEN).starts_at == offer.starts_at


def test_times_after_the_due_date_come_last_and_times_before_the_first_date_not_at_all(hub: Hub) -> None:
    employ(hub, [TUESDAY, WEDNESDAY], "Jan Janssens")
    (order,) = invite(hub, 1, not_before=at(TUESDAY, 9), due_at=at(WEDNESDAY, 0))
    starts = [offer.starts_at for offer in offer_slots(hub, order).offers]
    assert len(starts) == 3 + 4
    assert max(starts[:3]) < at(WEDNESDAY, 0) <= min(starts[3:])
    with pytest.raises(NotASlotError):
        hold(hub, order, TUESDAY, 8)


def test_who_chooses_the_present_time_keeps_it_and_gives_the_held_one_back(hub: Hub) -> None:
    employ(hub, [TUESDAY], "Jan Janssens")
    (order,) = invite(hub, 1)
    booked = book(hub, order, TUESDAY, 8)
    hold(hub, order, TUESDAY, 13)
    assert hold(hub, order, TUESDAY, 8) == booked
    assert current_appointment(hub, order) == booked
    assert sorted(v.status for v in visits_of(hub, order)) == [VisitStatus.CANCELLED, VisitStatus.PLANNED]


def test_a_half_day_whose_break_lies_outside_it_is_offered_without_the_break(hub: Hub) -> None:
    employ(hub, [TUESDAY], "Jan Janssens", starts=time(13), ends=time(17))
    (order,) = invite(hub, 1)
    assert {offer.starts_at for offer in offer_slots(hub, order).offers} == {at(TUESDAY, 13), at(TUESDAY, 15)}


def test_work_without_a_citizen_has_no_times_to_choose_from(hub: Hub) -> None:
    employ(hub, [TUESDAY], "Jan Janssens")
    (order,) = make_ready(hub, 1)
    assert offer_slots(hub, order).offers == ()
    with pytest.raises(TransitionRefusedError):
        hold(hub, order, TUESDAY, 8)


def test_a_day_that_is_full_as_it_stands_can_be_offered_and_held_in_another_order(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Visits change places inside their own windows; without the repair nobody could come that day."""
    employ(hub, [TUESDAY], "Jan", starts=time(8), ends=time(13), break_seconds=0)
    for lat, lon, hour in ((51.1, 3.44, 10), (51.02, 3.68, 10), (51.01, 3.69, 8)):
        (order,) = invite(hub, 1, latitude=lat, longitude=lon)
        book(hub, order, TUESDAY, hour)
    (last,) = invite(hub, 1, latitude=51.03, longitude=3.38)
    before = planned_order(hub)
    with monkeypatch.context() as without:
        without.setattr(offering, "REPAIR_SECONDS", 0.0)
        without.setattr(holding, "REPAIR_SECONDS", 0.0)
        assert offer_slots(hub, last).offers == ()
        with pytest.raises(SlotTakenError):
            hold(hub, last, TUESDAY, 8)
    monkeypatch.setattr(offering, "REPAIR_SECONDS", 30.0)
    monkeypatch.setattr(holding, "REPAIR_SECONDS", 30.0)
    (offer,) = offer_slots(hub, last).offers
    assert (offer.starts_at, offer.ends_at) == (at(TUESDAY, 8), at(TUESDAY, 10))
    book(hub, last, TUESDAY, 8)
    after = planned_order(hub)
    assert sorted([*before, last]) == sorted(after)
    assert [order for order in after if order != last] != before
    assert promise_faults(hub) + route_faults(hub) == []


def planned_order(hub: Hub) -> list[WorkOrderId]:
    """The orders of all planned visits as they come."""
    with hub.unit_of_work() as work:
        table = work.visits.table
        found = work.visits.list_where(table.c.status == VisitStatus.PLANNED, order_by=(table.c.starts_at,))
        return [visit.work_order_id for visit in found]
