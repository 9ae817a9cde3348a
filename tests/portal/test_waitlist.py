"""The waitlist: a freed place goes to one citizen at a time, best saved travel first, and no promise is broken on the way."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, time, timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select

from hub.bootstrap import Hub
from hub.clock import FixedClock
from hub.contact_record import append_entry, read_entries
from hub.db import portal_tables, tables
from hub.db.unit_of_work import UnitOfWork
from hub.domain.appointments import Appointment
from hub.domain.contact import LinkPurpose
from hub.domain.errors import TooManyAttemptsError
from hub.domain.events import CITIZEN, SYSTEM
from hub.domain.lifecycle import Action, AppointmentStatus
from hub.domain.waitlist import OfferStatus, WaitlistOffer, WaitlistStatus
from hub.domain.work_orders import WorkOrder
from hub.notifications.links import make_link
from infra.hosts.web import create_app
from portal.preferences import Wish, save_wish
from portal.queries import find_booking
from portal.waitlist import offering
from portal.waitlist.offering import offer_earlier_times
from portal.waitlist.records import entries, freed_places, offers
from portal.waitlist.service import (
    CHANGES,
    ask_for_earlier,
    decline_earlier,
    find_waiting,
    stop_waiting,
    take_earlier,
)
from scheduling.service import (
    cancel_appointment,
    confirm_appointment,
    current_appointment,
    drive_saved_without,
    expire_holds,
    hold_slot,
    offer_slots,
)
from tests.portal.test_ladder import messages_of, receive
from tests.samples import add_route, add_technician

TUESDAY, WEDNESDAY, THURSDAY = (date(2026, 5, day) for day in (5, 6, 7))
FAR: dict[str, Any] = {
    "latitude": 51.10,
    "longitude": 3.99,
    "street": "Markt 1",
    "postcode": "9100",
    "town": "Sint-Niklaas",
}


def employ(hub: Hub, *days: date, ends: time = time(12, 30)) -> None:
    """One technician more; a short day is soon full."""
    with hub.unit_of_work() as work:
        technician = add_technician(work)
        for day in days:
            add_route(work, technician, day, ends=ends, break_seconds=0)
        work.commit()


def book_on(hub: Hub, order: WorkOrder, day: date) -> Appointment | None:
    """The first free time of that day, agreed; None when the day is full."""
    free = sorted(
        (one for one in offer_slots(hub, order.id).offers if one.starts_at.date() == day), key=lambda one: one.starts_at
    )
    if not free:
        return None
    held = hold_slot(hub, order.id, free[0].starts_at, free[0].ends_at, by=CITIZEN)
    return confirm_appointment(hub, order.id, held.id, by=CITIZEN)


def fill(hub: Hub, day: date) -> list[WorkOrder]:
    """Book until the day has no room for a meter swap."""
    booked: list[WorkOrder] = []
    while True:
        order = receive(hub)
        if book_on(hub, order, day) is None:
            return booked
        booked.append(order)
        assert len(booked) < 30


def token_for(hub: Hub, order: WorkOrder) -> str:
    with hub.unit_of_work() as work:
        token = make_link(work, order.id, LinkPurpose.BOOKING)
        work.commit()
    return token


def waiter(hub: Hub, day: date | None = WEDNESDAY, until: date | None = None, **changes: Any) -> tuple[WorkOrder, str]:
    """A citizen with an appointment on `day` (None: without one) who waits for an earlier time."""
    order = receive(hub, **changes)
    if day is not None:
        assert book_on(hub, order, day) is not None
    token = token_for(hub, order)
    ask_for_earlier(hub, token, until)
    return order, token


def made(hub: Hub) -> list[WaitlistOffer]:
    with hub.unit_of_work() as work:
        return offers(work).list_where(
            order_by=(portal_tables.waitlist_offer.c.offered_at, portal_tables.waitlist_offer.c.id)
        )


def looked_at_just_now(hub: Hub) -> None:
    """Only freed places are left to offer."""
    with hub.unit_of_work() as work:
        work.connection.execute(portal_tables.waitlist_entry.update().values(looked_at=work.now))
        work.commit()


def tick(hub: Hub) -> int:
    return offer_earlier_times(hub, hub.clock.now())


def kinds(hub: Hub, order: WorkOrder) -> list[str]:
    with hub.unit_of_work() as work:
        return [entry.kind for entry in read_entries(work, order.id) if entry.kind.startswith("waitlist")]


def live_bookings(hub: Hub, order: WorkOrder) -> list[Appointment]:
    with hub.unit_of_work() as work:
        table = work.appointments.table.c
        return work.appointments.list_where(
            table.work_order_id == order.id, table.status.in_((AppointmentStatus.HELD, AppointmentStatus.CONFIRMED))
        )


@pytest.fixture
def full_tuesday(hub: Hub) -> list[WorkOrder]:
    employ(hub, TUESDAY, WEDNESDAY, THURSDAY)
    return fill(hub, TUESDAY)


def test_a_freed_place_is_kept_for_who_waits_and_moves_the_appointment_when_taken(
    hub: Hub, full_tuesday: list[WorkOrder]
) -> None:
    order, token = waiter(hub)
    assert tick(hub) == 0, "nothing is free yet"
    cancel_appointment(hub, full_tuesday[0].id, by=CITIZEN)
    assert tick(hub) == 1
    (offer,) = made(hub)
    assert offer.starts_at.date() == TUESDAY
    assert offer.lease_until == hub.clock.now() + timedelta(minutes=120)
    waiting = find_waiting(hub, find_booking(hub, token))
    assert waiting is not None
    assert waiting.offer == offer
    message = next(one for one in messages_of(hub, order) if one.kind == "earlier")
    assert message.parameters["appointment_id"] == str(offer.appointment_id)
    held = [one for one in live_bookings(hub, order) if one.status is AppointmentStatus.HELD]
    assert [one.id for one in held] == [offer.appointment_id]
    assert tick(hub) == 0, "it is offered once"

    taken = take_earlier(hub, token, offer.appointment_id)
    assert taken.starts_at.date() == TUESDAY
    assert [one.id for one in live_bookings(hub, order)] == [taken.id]
    assert made(hub)[0].status is OfferStatus.ACCEPTED
    assert find_waiting(hub, find_booking(hub, token)) is None
    assert kinds(hub, order) == ["waitlist_asked", "waitlist_offered", "waitlist_accepted"]
    assert take_earlier(hub, token, offer.appointment_id) == taken, "a second press gives the same answer"


def test_it_is_offered_to_one_at_a_time_and_goes_on_when_declined_or_not_answered(
    hub: Hub, clock: FixedClock, full_tuesday: list[WorkOrder]
) -> None:
    people = [waiter(hub) for _ in range(3)]
    by_order = {order.id: token for order, token in people}
    cancel_appointment(hub, full_tuesday[0].id, by=CITIZEN)
    tick(hub)
    tick(hub)
    (first,) = made(hub)
    assert decline_earlier(hub, by_order[first.work_order_id], first.appointment_id)
    assert not decline_earlier(hub, by_order[first.work_order_id], first.appointment_id), (
        "a second press changes nothing"
    )
    tick(hub)
    second = next(one for one in made(hub) if one.status is OfferStatus.OPEN)
    assert second.work_order_id != first.work_order_id
    clock.advance(timedelta(minutes=121))
    expire_holds(hub, clock.now())
    tick(hub)
    by_status = {one.status: one for one in made(hub)}
    assert by_status[OfferStatus.DECLINED].id == first.id
    assert by_status[OfferStatus.EXPIRED].id == second.id
    third = by_status[OfferStatus.OPEN]
    assert len({first.work_order_id, second.work_order_id, third.work_order_id}) == 3
    for order, _ in people:
        assert current_appointment(hub, order.id) is not None, "nobody lost what was agreed"


def test_whoever_saves_most_driving_is_first(hub: Hub) -> None:
    employ(hub, TUESDAY, WEDNESDAY, THURSDAY)
    # Two neighbours far out on Tuesday; one of them cancels, so the technician drives there anyway.
    leaving, staying = receive(hub, **FAR), receive(hub, **FAR)
    assert book_on(hub, leaving, TUESDAY)
    assert book_on(hub, staying, TUESDAY)
    fill(hub, TUESDAY)
    near, _ = waiter(hub)
    far, _ = waiter(hub, THURSDAY, **FAR)
    assert drive_saved_without(hub, far.id) > 3600, "alone on Thursday's route: there and back"
    assert drive_saved_without(hub, near.id) < 600
    looked_at_just_now(hub)
    cancel_appointment(hub, leaving.id, by=CITIZEN)
    tick(hub)
    (offer,) = made(hub)
    assert offer.work_order_id == far.id
    assert offer.saved_travel_seconds > 3600


def test_a_citizen_without_an_appointment_waits_for_any_time(hub: Hub) -> None:
    employ(hub, TUESDAY)
    booked = fill(hub, TUESDAY)
    order, token = waiter(hub, None)
    cancel_appointment(hub, booked[0].id, by=CITIZEN)
    assert tick(hub) == 1
    (offer,) = made(hub)
    taken = take_earlier(hub, token, offer.appointment_id)
    assert [one.id for one in live_bookings(hub, order)] == [taken.id]


def test_preferences_and_the_last_useful_date_are_respected(hub: Hub, full_tuesday: list[WorkOrder]) -> None:
    _, only_wednesday = waiter(hub, THURSDAY)
    save_wish(hub, only_wednesday, Wish(weekdays=("wednesday",)))
    _, too_early = waiter(hub, until=date(2026, 5, 4))
    cancel_appointment(hub, full_tuesday[0].id, by=CITIZEN)
    tick(hub)
    assert all(one.starts_at.date() == WEDNESDAY for one in made(hub))
    waiting = find_waiting(hub, find_booking(hub, too_early))
    assert waiting is not None
    assert waiting.offer is None


def test_nobody_is_offered_a_time_while_citizens_rest(hub: Hub, clock: FixedClock) -> None:
    employ(hub, TUESDAY, WEDNESDAY, THURSDAY)
    booked = fill(hub, WEDNESDAY)
    order, _ = waiter(hub, THURSDAY, until=WEDNESDAY)
    clock.set(datetime.fromisoformat("2026-05-04T22:30+02:00"))
    cancel_appointment(hub, booked[0].id, by=CITIZEN)
    for _ in range(3):
        assert tick(hub) == 0
    assert "earlier" not in [one.kind for one in messages_of(hub, order)]
    clock.set(datetime.fromisoformat("2026-05-05T08:05+02:00"))
    assert tick(hub) == 1


def test_a_citizen_who_is_choosing_is_not_interrupted(hub: Hub, full_tuesday: list[WorkOrder]) -> None:
    order, _ = waiter(hub)
    own = next(one for one in offer_slots(hub, order.id).offers if one.starts_at.date() == THURSDAY)
    held = hold_slot(hub, order.id, own.starts_at, own.ends_at, by=CITIZEN)
    cancel_appointment(hub, full_tuesday[0].id, by=CITIZEN)
    assert tick(hub) == 0
    assert [one.id for one in live_bookings(hub, order) if one.status is AppointmentStatus.HELD] == [held.id]


def test_choosing_another_time_declines_the_offer_and_ends_the_wish(hub: Hub, full_tuesday: list[WorkOrder]) -> None:
    order, token = waiter(hub)
    cancel_appointment(hub, full_tuesday[0].id, by=CITIZEN)
    tick(hub)
    other = next(one for one in offer_slots(hub, order.id).offers if one.starts_at.date() == THURSDAY)
    held = hold_slot(hub, order.id, other.starts_at, other.ends_at, by=CITIZEN)
    assert made(hub)[0].status is OfferStatus.DECLINED
    confirm_appointment(hub, order.id, held.id, by=CITIZEN)
    assert find_waiting(hub, find_booking(hub, token)) is None


def test_who_stops_waiting_gives_back_what_was_kept(hub: Hub, full_tuesday: list[WorkOrder]) -> None:
    order, token = waiter(hub)
    cancel_appointment(hub, full_tuesday[0].id, by=CITIZEN)
    tick(hub)
    for _ in range(2):
        stop_waiting(hub, token)
    assert [one.status for one in live_bookings(hub, order)] == [AppointmentStatus.CONFIRMED]
    assert tick(hub) == 0
    assert kinds(hub, order).count("waitlist_left") == 1


def test_asking_twice_is_one_wish_and_an_end_of_the_order_ends_it(hub: Hub) -> None:
    employ(hub, WEDNESDAY)
    order, token = waiter(hub)
    ask_for_earlier(hub, token)
    ask_for_earlier(hub, token, until=TUESDAY)
    with hub.unit_of_work() as work:
        (entry,) = entries(work).list_where()
        assert entry.until == TUESDAY
        work.advance_work_order(work.work_orders.get(order.id), Action.CANCEL, by=SYSTEM)
        work.commit()
    with hub.unit_of_work() as work:
        (entry,) = entries(work).list_where()
    assert entry.status is WaitlistStatus.ENDED


def test_nobody_fills_the_record_by_waiting_and_waiting_no_longer(hub: Hub, clock: FixedClock) -> None:
    employ(hub, WEDNESDAY)
    order, token = waiter(hub)
    for _ in range(CHANGES.count - 1):
        stop_waiting(hub, token)
        ask_for_earlier(hub, token)
    for refused in (TUESDAY, WEDNESDAY):
        with pytest.raises(TooManyAttemptsError):
            ask_for_earlier(hub, token, until=refused)
    ask_for_earlier(hub, token)  # The same once more is no change.
    stop_waiting(hub, token)
    with TestClient(create_app(hub), base_url="http://127.0.0.1:8080") as client:
        answer = client.post(f"/a/{token}/earlier?lang=en", data={"until": ""})
    assert "You have changed this often today already" in answer.text
    told = [kind for kind in kinds(hub, order) if kind.startswith("waitlist")]
    assert told == ["waitlist_asked", "waitlist_left"] * CHANGES.count
    clock.advance(CHANGES.span)
    ask_for_earlier(hub, token)


def test_new_shifts_are_noticed_without_any_cancellation(
    hub: Hub, clock: FixedClock, full_tuesday: list[WorkOrder]
) -> None:
    order, _ = waiter(hub)
    assert tick(hub) == 0
    employ(hub, TUESDAY)
    assert tick(hub) == 0, "looked at just now"
    clock.advance(timedelta(minutes=61))
    assert tick(hub) == 1
    assert made(hub)[0].work_order_id == order.id


def test_one_citizen_is_not_asked_more_than_three_times_a_day(
    hub: Hub, clock: FixedClock, full_tuesday: list[WorkOrder]
) -> None:
    employ(hub, WEDNESDAY, ends=time(17))
    _, token = waiter(hub, THURSDAY)
    for _ in range(6):
        clock.advance(timedelta(minutes=61))
        tick(hub)
        waiting = find_waiting(hub, find_booking(hub, token))
        if waiting is not None and waiting.offer is not None:
            decline_earlier(hub, token, waiting.offer.appointment_id)
    assert len(made(hub)) == 3


@pytest.mark.parametrize("crashes", [True, False])
def test_the_hold_the_offer_and_the_message_are_one(
    hub: Hub, full_tuesday: list[WorkOrder], monkeypatch: pytest.MonkeyPatch, crashes: bool
) -> None:
    order, _ = waiter(hub)
    cancel_appointment(hub, full_tuesday[0].id, by=CITIZEN)
    original = append_entry

    def stop_here(work: UnitOfWork, *rest: Any) -> Any:
        if crashes:
            raise RuntimeError("the power went off")
        return original(work, *rest)

    monkeypatch.setattr(offering, "append_entry", stop_here)
    if crashes:
        with pytest.raises(ExceptionGroup, match="no earlier time could be offered"):
            tick(hub)
    else:
        tick(hub)
    told = [one for one in messages_of(hub, order) if one.kind == "earlier"]
    held = [one for one in live_bookings(hub, order) if one.status is AppointmentStatus.HELD]
    assert [len(made(hub)), len(told), len(held)] == ([0, 0, 0] if crashes else [1, 1, 1])
    with hub.unit_of_work() as work:
        assert [one.settled_at is None for one in freed_places(work).list_where()] == [crashes]


def race(hub: Hub, run: Callable[[Hub], int]) -> list[int]:
    with ThreadPoolExecutor(4) as pool:
        return list(pool.map(lambda _: run(hub), range(4)))


def test_many_workers_offer_one_place_once(hub: Hub, full_tuesday: list[WorkOrder]) -> None:
    people = [waiter(hub) for _ in range(5)]
    looked_at_just_now(hub)
    cancel_appointment(hub, full_tuesday[0].id, by=CITIZEN)
    assert sum(race(hub, tick)) == 1
    assert len(made(hub)) == 1
    with hub.reading() as connection:
        sent = connection.execute(select(tables.notification.c.id).where(tables.notification.c.kind == "earlier")).all()
    assert len(sent) == 1
    for order, _ in people:
        assert current_appointment(hub, order.id) is not None


def test_without_the_check_of_the_place_the_same_race_offers_it_more_than_once(
    hub: Hub, full_tuesday: list[WorkOrder], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The guard taken away: several workers write offers for one freed place, as far as the day has room for them."""
    employ(hub, TUESDAY)
    people = [waiter(hub) for _ in range(5)]
    assert len(people) == 5
    looked_at_just_now(hub)
    cancel_appointment(hub, full_tuesday[0].id, by=CITIZEN)
    unguarded = offering._write_offer

    def without_place(match: Any, place_id: Any, work: UnitOfWork, held: Appointment) -> None:
        unguarded(match, None, work, held)

    monkeypatch.setattr(offering, "_write_offer", without_place)
    assert sum(race(hub, tick)) > 1


@pytest.mark.parametrize("until", ["0001-01-01", "2026-05-03", "2027-05-06", "9999-12-31", "nonsense"])
def test_a_date_that_cannot_help_is_refused_with_a_sentence(hub: Hub, until: str) -> None:
    employ(hub, TUESDAY, WEDNESDAY)
    order = receive(hub, language="en")
    assert book_on(hub, order, WEDNESDAY) is not None
    address = f"/a/{token_for(hub, order)}/earlier"
    with TestClient(create_app(hub), base_url="http://127.0.0.1:8080") as client:
        answer = client.post(address, data={"until": until})
        assert "That date is not right." in answer.text
        assert find_waiting(hub, find_booking(hub, address.split("/")[2])) is None
        # Today still helps, and a year is the furthest.
        for helps in ("2026-05-04", "2027-05-05"):
            assert "That date is not right." not in client.post(address, data={"until": helps}).text
    waiting = find_waiting(hub, find_booking(hub, address.split("/")[2]))
    assert waiting is not None
    assert waiting.entry.until == date(2027, 5, 5)
