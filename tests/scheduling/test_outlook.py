"""The days kept in memory answer as if they had been read for each question."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import time, timedelta

import pytest

from hub.bootstrap import Hub
from hub.clock import FixedClock
from hub.db import freshness
from hub.domain.errors import SlotTakenError
from hub.domain.events import CITIZEN, SYSTEM, Event
from hub.domain.ids import WorkOrderId
from scheduling import outlook
from scheduling.absences import record_absence
from scheduling.days import load_days
from scheduling.offering import ask_slots
from scheduling.service import (
    SlotOffers,
    agreements_of,
    cancel_appointment,
    hold_slot,
    offer_slots,
    plan_days,
    publish_plan,
)
from tests.samples import add_route, add_technician
from tests.scheduling.citizens import MONDAY, THURSDAY, TUESDAY, WEDNESDAY, at, book, employ, invite, make_ready

pytestmark = pytest.mark.database
GHENT = "oost-vlaanderen"
WEEK = [MONDAY, TUESDAY, WEDNESDAY, THURSDAY]


@contextmanager
def in_another_process() -> Iterator[None]:
    """What is committed in here, this process has no word of."""
    before = freshness.latest_change()
    yield
    freshness._Latest.number = before


def told(offers: SlotOffers) -> tuple[object, ...]:
    return offers.offers, offers.refused


def read_anew(hub: Hub, order: WorkOrderId, monkeypatch: pytest.MonkeyPatch) -> tuple[object, ...]:
    with monkeypatch.context() as forgotten:
        forgotten.setattr(outlook, "_KEPT", type(outlook._KEPT)())
        return told(offer_slots(hub, order))


def book_first(hub: Hub, order: WorkOrderId, others: list[WorkOrderId]) -> None:
    book(hub, others[0], TUESDAY, 10)


def book_a_day_full(hub: Hub, order: WorkOrderId, others: list[WorkOrderId]) -> None:
    for one in others:
        offer = next(offer for offer in offer_slots(hub, one).offers if offer.starts_at < at(WEDNESDAY, 0))
        hold_slot(hub, one, offer.starts_at, offer.ends_at, by=CITIZEN)


def book_and_cancel(hub: Hub, order: WorkOrderId, others: list[WorkOrderId]) -> None:
    book(hub, others[0], TUESDAY, 10)
    offer_slots(hub, order)
    cancel_appointment(hub, others[0], by=CITIZEN)


def move_another(hub: Hub, order: WorkOrderId, others: list[WorkOrderId]) -> None:
    book(hub, others[0], TUESDAY, 10)
    offer_slots(hub, order)
    book(hub, others[0], WEDNESDAY, 13)


def hold_for_itself(hub: Hub, order: WorkOrderId, others: list[WorkOrderId]) -> None:
    """What an order holds is free for it."""
    hold_slot(hub, order, at(WEDNESDAY, 8), at(WEDNESDAY, 10), by=CITIZEN)


def fall_ill(hub: Hub, order: WorkOrderId, others: list[WorkOrderId]) -> None:
    with hub.unit_of_work() as work:
        technician = work.technicians.list_where()[0]
    record_absence(hub, technician.id, at(TUESDAY, 8), at(WEDNESDAY, 12), "ill")


def lose_a_skill(hub: Hub, order: WorkOrderId, others: list[WorkOrderId]) -> None:
    with hub.unit_of_work() as work:
        technician = work.technicians.list_where()[0]
        work.technicians.swap(technician, replace(technician, skills=("fibre",)))
        work.commit()


def hire(hub: Hub, order: WorkOrderId, others: list[WorkOrderId]) -> None:
    with hub.unit_of_work() as work:
        technician = add_technician(work, name="Somebody New", start_latitude=51.2, start_longitude=3.9)
        add_route(work, technician, THURSDAY + timedelta(days=1))
        work.commit()


def publish_work_in_the_street(hub: Hub, order: WorkOrderId, others: list[WorkOrderId]) -> None:
    make_ready(hub, 4)
    publish_plan(hub, plan_days(hub, GHENT, TUESDAY, THURSDAY, seconds=0.05), by=SYSTEM)


CHANGES = [
    book_first,
    book_a_day_full,
    book_and_cancel,
    move_another,
    hold_for_itself,
    fall_ill,
    lose_a_skill,
    hire,
    publish_work_in_the_street,
]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_after_a_change_the_offers_are_those_of_days_read_anew(
    hub: Hub, monkeypatch: pytest.MonkeyPatch, change: Callable[[Hub, WorkOrderId, list[WorkOrderId]], None]
) -> None:
    employ(hub, WEEK, "Jan Janssens")
    order, *others = invite(hub, 6)
    before = told(offer_slots(hub, order))
    change(hub, order, others)
    after = told(offer_slots(hub, order))
    assert (after != before) is (change not in {book_and_cancel, hold_for_itself})
    assert after == read_anew(hub, order, monkeypatch)


def test_when_the_utility_narrows_an_order_its_days_are_read_again(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    """A visit in the street could be earlier and leave room after it; then it may not any more."""
    employ(hub, [TUESDAY], "Jan Janssens", ends=time(11, 5), break_seconds=0)
    (order,) = invite(hub, 1, work_type="repair")
    make_ready(hub, 1)
    publish_plan(hub, plan_days(hub, GHENT, TUESDAY, TUESDAY, seconds=0.05), by=SYSTEM)
    with hub.unit_of_work() as work:
        (visit,), (route,) = work.visits.list_where(), work.routes.list_where()
        begins = at(TUESDAY, 9, 30)
        work.visits.swap(visit, replace(visit, starts_at=begins, ends_at=begins + (visit.ends_at - visit.starts_at)))
        work.routes.swap(route, route)
        work.commit()
    before = told(offer_slots(hub, order))
    with hub.unit_of_work() as work:
        (street,) = work.work_orders.list_where(work.work_orders.table.c.work_type == "cabinet_repair")
        street = work.work_orders.get(street.id, lock=True)
        work.work_orders.swap(street, replace(street, not_before=at(TUESDAY, 9, 30)))
        work.tell(Event("work_order.updated", "work_order", street.id, street.id, work.now, SYSTEM, "update"))
        work.commit()
    after = told(offer_slots(hub, order))
    assert after != before
    assert after == read_anew(hub, order, monkeypatch)


def test_a_new_day_begins(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    employ(hub, WEEK, "Jan Janssens")
    order, other = invite(hub, 2)
    book(hub, other, WEDNESDAY, 10)
    before = told(offer_slots(hub, order))
    assert isinstance(hub.clock, FixedClock)
    later = replace(hub, clock=FixedClock(hub.clock.now() + timedelta(days=1, hours=3)))
    after = told(offer_slots(later, order))
    assert after != before
    assert after == read_anew(later, order, monkeypatch)


def test_only_what_changed_is_read_again(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    employ(hub, WEEK, "Jan Janssens", "An Peeters")
    order, other, third = invite(hub, 3)
    offer_slots(hub, order)
    read: list[int] = []
    load = load_days

    def counted(work, routes, **how):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN003, ANN202
        read.append(len(routes))
        return load(work, routes, **how)

    monkeypatch.setattr(outlook, "load_days", counted)
    offer_slots(hub, order)
    assert read == []
    book(hub, other, TUESDAY, 10)
    offer_slots(hub, order)
    offer_slots(hub, third)
    assert read == [1]


def test_what_another_process_changed_is_seen_half_a_second_later(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outlook, "BELIEVED_SECONDS", 600.0)
    employ(hub, WEEK, "Jan Janssens")
    order, other = invite(hub, 2)
    before = told(offer_slots(hub, order))
    with in_another_process():
        book(hub, other, TUESDAY, 10)
    assert told(offer_slots(hub, order)) == before
    monkeypatch.setattr(outlook, "BELIEVED_SECONDS", 0.0)
    after = told(offer_slots(hub, order))
    assert after != before
    assert after == read_anew(hub, order, monkeypatch)


def test_who_was_beaten_elsewhere_is_not_offered_the_same_time_again(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outlook, "BELIEVED_SECONDS", 600.0)
    employ(hub, [TUESDAY], "Jan Janssens", ends=time(11, 5), break_seconds=0)
    order, *others = invite(hub, 9, work_type="repair")
    first = offer_slots(hub, order).offers[0]
    with in_another_process(), suppress(SlotTakenError):
        for one in others:
            hold_slot(hub, one, first.starts_at, first.ends_at, by=CITIZEN)
    assert first.starts_at in {one.starts_at for one in offer_slots(hub, order).offers}
    with pytest.raises(SlotTakenError):
        hold_slot(hub, order, first.starts_at, first.ends_at, by=CITIZEN)
    assert told(offer_slots(hub, order)) == read_anew(hub, order, monkeypatch)
    assert first.starts_at not in {one.starts_at for one in offer_slots(hub, order).offers}


def test_a_snapshot_that_began_before_a_change_does_not_hide_it(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outlook, "BELIEVED_SECONDS", 600.0)
    employ(hub, WEEK, "Jan Janssens")
    order, other = invite(hub, 2)
    offer_slots(hub, order)
    book(hub, other, WEDNESDAY, 10)
    with hub.snapshot() as work:
        mine = work.work_orders.get(order)
        book(hub, other, TUESDAY, 10)
        ask_slots(work, mine, agreements_of(work, order))
    assert told(offer_slots(hub, order)) == read_anew(hub, order, monkeypatch)


def test_many_ask_while_many_book(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    employ(hub, WEEK, "Jan Janssens", "An Peeters")
    order, *others = invite(hub, 9)
    failures: list[BaseException] = []

    def ask() -> None:
        try:
            for _ in range(10):
                assert told(offer_slots(hub, order))
        except BaseException as error:  # noqa: BLE001 - the test's own thread raises it
            failures.append(error)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for one in others:
        offer = offer_slots(hub, one).offers[0]
        hold_slot(hub, one, offer.starts_at, offer.ends_at, by=CITIZEN)
    for thread in threads:
        thread.join(60)
    assert failures == []
    assert told(offer_slots(hub, order)) == read_anew(hub, order, monkeypatch)


def test_a_process_keeps_no_more_territories_than_it_may(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outlook, "MOST_TERRITORIES", 2)
    with hub.snapshot() as work:
        for name in ("one", "two", "three"):
            outlook.outlook(work, name, TUESDAY, THURSDAY)
        assert list(outlook._KEPT[work.connection.engine]) == ["two", "three"]
