"""Two citizens, one place: the race with its guards taken away, with each guard alone, and as the product runs."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, fields
from datetime import date, time, timedelta
from functools import partial
from typing import Any, Self

import pytest
from sqlalchemy import ColumnElement, text

from hub.bootstrap import Hub
from hub.clock import FixedClock
from hub.db import tables
from hub.db.records import Records
from hub.db.unit_of_work import UnitOfWork
from hub.domain.appointments import Appointment
from hub.domain.errors import DoorstepError, HoldExpiredError, SlotTakenError
from hub.domain.events import CITIZEN, SYSTEM, Actor
from hub.domain.ids import WorkOrderId
from hub.domain.lifecycle import AppointmentStatus, VisitStatus
from hub.domain.technicians import Route
from scheduling.service import (
    PublishReport,
    cancel_appointment,
    confirm_appointment,
    current_appointment,
    expire_holds,
    offer_slots,
    plan_days,
    publish_plan,
)
from tests.scheduling.citizens import TUESDAY, WEDNESDAY, book, employ, hold, invite, make_ready
from tests.scheduling.promises import Books, promise_faults, route_faults

TOGETHER_SECONDS = 3.0
"""How long the first waits for the second between its check and its write; a guard that works keeps the second away."""


class PlainReadRoutes(Records[Route]):
    """Routes whose lock is a plain read."""

    def list_where(
        self,
        *where: ColumnElement[bool],
        order_by: tuple[ColumnElement[Any], ...] = (),
        limit: int | None = None,
        lock: bool = False,
        skip_locked: bool = False,
    ) -> list[Route]:
        return super().list_where(*where, order_by=order_by, limit=limit)

    def swap(self, before: Route, after: Route) -> Route:
        """Without the lock, the version would still notice the other writer; it is no guard of this test."""
        return after


class RacingUnitOfWork(UnitOfWork):
    """Waits for its rival between the check and the write, and takes the guards away that the test says."""

    meeting: threading.Barrier
    lock: bool = True
    constraint: bool = True

    def __enter__(self) -> Self:
        super().__enter__()
        if not self.lock:
            self.routes = PlainReadRoutes(self.connection, tables.route, Route)
        return self

    def create_appointment(self, appointment: Appointment, *, by: Actor, reason: str = "") -> Appointment:
        # Broken when the rival is kept away, or when this is the second try.
        with suppress(threading.BrokenBarrierError):
            self.meeting.wait(TOGETHER_SECONDS)
        return super().create_appointment(appointment, by=by, reason=reason)

    def retime_later(self) -> None:
        if self.constraint:
            super().retime_later()


@dataclass(frozen=True)
class RacingHub(Hub):
    """A hub for one race."""

    meeting: threading.Barrier
    lock: bool
    constraint: bool

    def unit_of_work(self) -> UnitOfWork:
        work = RacingUnitOfWork(
            self.engine,
            now=self.clock.now(),
            settings=self.settings,
            catalogue=self.catalogue,
            jobs=self.jobs,
            subscriptions=self.subscriptions,
        )
        work.meeting, work.lock, work.constraint = self.meeting, self.lock, self.constraint
        return work


def racing(hub: Hub, *, lock: bool, constraint: bool) -> RacingHub:
    """The hub with the guards that remain; the constraint is dropped in this test's own database."""
    if not constraint:
        with hub.engine.begin() as connection:
            connection.execute(text(f"ALTER TABLE visit DROP CONSTRAINT {tables.VISIT_NO_OVERLAP}"))
    known = {field.name: getattr(hub, field.name) for field in fields(Hub)}
    return RacingHub(**known, meeting=threading.Barrier(2), lock=lock, constraint=constraint)


def at_once[T](*calls: Callable[[], T]) -> list[T | DoorstepError]:
    """Run the calls in threads that start together; what each returns, or the error it tells its caller."""
    start = threading.Barrier(len(calls))

    def run(call: Callable[[], T]) -> T | DoorstepError:
        start.wait(30)
        try:
            return call()
        except DoorstepError as error:
            return error

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls, timeout=120))


def one_place(hub: Hub) -> list[WorkOrderId]:
    """Two orders whose citizens want the one visit for which Tuesday has room.

    The route is empty, so that the rivals write no row in common: nothing but the guards can tell them of each other.
    """
    employ(hub, [TUESDAY], "Jan Janssens", ends=time(9), break_seconds=0)
    return invite(hub, 2)


def race(hub: Hub, rivals: Sequence[WorkOrderId]) -> tuple[list[Appointment], list[DoorstepError]]:
    answers = at_once(*((lambda order=order: hold(hub, order, TUESDAY, 8)) for order in rivals))
    won = [one for one in answers if isinstance(one, Appointment)]
    return won, [one for one in answers if isinstance(one, DoorstepError)]


def test_without_the_lock_and_the_constraint_both_win_one_place(hub: Hub) -> None:
    rivals = one_place(hub)
    won, lost = race(racing(hub, lock=False, constraint=False), rivals)
    assert (len(won), lost) == (2, [])
    assert any("overlaps" in fault for fault in promise_faults(hub)), "the checker sees the double booking"


@pytest.mark.parametrize(
    ("lock", "constraint"), [(True, True), (True, False), (False, True)], ids=["both", "lock only", "constraint only"]
)
def test_with_either_guard_exactly_one_wins_and_the_other_is_told(hub: Hub, lock: bool, constraint: bool) -> None:
    rivals = one_place(hub)
    won, lost = race(racing(hub, lock=lock, constraint=constraint), rivals)
    assert len(won) == 1
    assert [type(error) for error in lost] == [SlotTakenError]
    assert promise_faults(hub) + route_faults(hub) == []


def test_twenty_citizens_get_exactly_as_many_places_as_there_are(hub: Hub) -> None:
    employ(hub, [TUESDAY], "Jan Janssens", "Els Maes")
    orders = invite(hub, 20)
    won, lost = race(hub, orders)
    # Services of 45 minutes whose start lies in the two hours: three for each of the two technicians.
    assert len(won) == 6
    assert {type(error) for error in lost} == {SlotTakenError}
    assert promise_faults(hub) + route_faults(hub) == []
    winners = {one.work_order_id for one in won}
    loser = next(order for order in orders if order not in winners)
    assert won[0].starts_at not in {offer.starts_at for offer in offer_slots(hub, loser).offers}


def test_a_double_click_makes_one_appointment(hub: Hub) -> None:
    employ(hub, [TUESDAY], "Jan Janssens", "Els Maes")
    (order,) = invite(hub, 1)
    holds = at_once(*[lambda: hold(hub, order, TUESDAY, 10)] * 4)
    assert len({one.id for one in holds if isinstance(one, Appointment)}) == 1
    held = holds[0]
    assert isinstance(held, Appointment)
    answers = at_once(*[lambda: confirm_appointment(hub, order, held.id, by=CITIZEN)] * 4)
    assert [one.status for one in answers if isinstance(one, Appointment)] == [AppointmentStatus.CONFIRMED] * 4
    books = Books.read(hub)
    assert (len(books.appointments), len(books.visits)) == (1, 1)


def test_two_tabs_that_choose_different_times_leave_one_hold(hub: Hub) -> None:
    employ(hub, [TUESDAY], "Jan Janssens")
    (order,) = invite(hub, 1)
    for _ in range(3):
        answers = at_once(*((lambda hour=hour: hold(hub, order, TUESDAY, hour)) for hour in (8, 10, 13, 15)))
        assert not [one for one in answers if isinstance(one, DoorstepError) and not isinstance(one, SlotTakenError)]
        assert [one.status for one in Books.read(hub).appointments].count(AppointmentStatus.HELD) == 1
    assert promise_faults(hub) + route_faults(hub) == []


@pytest.mark.parametrize("turn", range(4))
def test_a_confirmation_and_the_end_of_the_lease_have_one_outcome(hub: Hub, clock: FixedClock, turn: int) -> None:
    employ(hub, [TUESDAY], "Jan Janssens")
    (order,) = invite(hub, 1)
    held = hold(hub, order, TUESDAY, 10)
    assert held.lease_until is not None
    over = held.lease_until
    # The citizen's click was in time by a second; the timer's round is the one right after.
    clock.set(over - timedelta(seconds=1))
    calls: list[Callable[[], object]] = [
        lambda: confirm_appointment(hub, order, held.id, by=CITIZEN),
        lambda: expire_holds(hub, over),
    ]
    confirmed, expired = at_once(*calls)
    (visit,) = Books.read(hub).visits
    if isinstance(confirmed, HoldExpiredError):
        assert (expired, visit.status, current_appointment(hub, order)) == (1, VisitStatus.CANCELLED, None)
    else:
        assert (expired, visit.status) == (0, VisitStatus.PLANNED)
        assert current_appointment(hub, order) == confirmed
    assert promise_faults(hub) == []


def test_two_citizens_who_change_places_wait_for_nobody_in_a_circle(hub: Hub) -> None:
    employ(hub, [TUESDAY, WEDNESDAY], "Jan Janssens")
    one, other = invite(hub, 2)
    days = [TUESDAY, WEDNESDAY]
    book(hub, one, days[0], 10)
    book(hub, other, days[1], 10)
    for _ in range(5):
        days.reverse()
        held = [hold(hub, order, day, 10) for order, day in zip((one, other), days, strict=True)]
        moved = at_once(
            *(
                (lambda o=order, h=hold_.id: confirm_appointment(hub, o, h, by=CITIZEN))
                for order, hold_ in zip((one, other), held, strict=True)
            )
        )
        assert [appointment.status for appointment in moved if isinstance(appointment, Appointment)] == [
            AppointmentStatus.CONFIRMED
        ] * 2
        assert promise_faults(hub) + route_faults(hub) == []
    for _ in range(5):
        days.reverse()
        moved = at_once(
            *((lambda o=order, d=day: book(hub, o, d, 10)) for order, day in zip((one, other), days, strict=True))
        )
        assert all(isinstance(appointment, Appointment) for appointment in moved), moved
    assert promise_faults(hub) + route_faults(hub) == []


def test_many_citizens_book_move_and_cancel_at_once_and_no_promise_breaks(hub: Hub) -> None:
    employ(hub, [TUESDAY, WEDNESDAY], "Jan Janssens", "Els Maes")
    orders = invite(hub, 8)

    def busy(index: int) -> None:
        order = orders[index]
        for turn in range(4):
            try:
                book(hub, order, (TUESDAY, WEDNESDAY)[(index + turn) % 2], (8, 10, 13, 15)[(index * 3 + turn) % 4])
            except SlotTakenError:
                continue
            if (index + turn) % 3 == 0:
                cancel_appointment(hub, order, by=CITIZEN, reason="changed my mind")

    answers = at_once(*((lambda index=index: busy(index)) for index in range(len(orders))))
    assert answers == [None] * len(orders)
    assert promise_faults(hub) + route_faults(hub) == []


def test_publishing_while_citizens_book_and_move_keeps_every_promise(hub: Hub) -> None:
    employ(hub, [TUESDAY, WEDNESDAY], "Jan Janssens", "Els Maes")
    settled, restless = invite(hub, 4), invite(hub, 4)
    for order, hour in zip(settled, (8, 10, 13, 15), strict=True):
        book(hub, order, TUESDAY, hour)
    make_ready(hub, 6)

    def move(order: WorkOrderId, day: date, hour: int) -> None:
        with suppress(SlotTakenError):
            book(hub, order, day, hour)

    for turn in range(3):
        draft = plan_days(hub, "oost-vlaanderen", TUESDAY, WEDNESDAY, seconds=0.1, seed=turn)
        hours = [(8, 10, 13, 15)[(index + turn) % 4] for index in range(4)]
        choices = zip(restless, (TUESDAY, WEDNESDAY) * 2, hours, strict=True)
        calls: list[Callable[[], object]] = [partial(publish_plan, hub, draft, by=SYSTEM)]
        calls += [partial(move, *choice) for choice in choices]
        report, *booked = at_once(*calls)
        assert isinstance(report, PublishReport), report
        assert booked == [None] * len(restless)
        assert promise_faults(hub) + route_faults(hub) == []
    books = Books.read(hub)
    on_phones = {visit.work_order_id for visit in books.live if visit.status is VisitStatus.DISPATCHED}
    agreed = {one.work_order_id for one in books.appointments if one.status is AppointmentStatus.CONFIRMED}
    assert agreed <= on_phones, "what is booked on a published route is on the phone, whoever was first"
