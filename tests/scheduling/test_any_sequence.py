"""Whatever citizens, dispatchers and absences do, in whatever order: no promise breaks unseen."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import timedelta
from uuid import uuid4

import pytest

from hub.bootstrap import Hub
from hub.clock import FixedClock
from hub.domain.errors import HoldExpiredError, SlotTakenError
from hub.domain.events import CITIZEN, SYSTEM
from hub.domain.ids import AbsenceId, PlanId, RouteId, TechnicianId, WorkOrderId
from hub.domain.lifecycle import AppointmentStatus, WorkOrderStatus
from hub.domain.plans import PlanStatus
from hub.domain.technicians import Absence
from scheduling.service import (
    PlanNotPublishableError,
    cancel_appointment,
    confirm_appointment,
    expire_holds,
    hold_slot,
    offer_slots,
    plan_days,
    publish_plan,
)
from tests.scheduling.citizens import THURSDAY, TUESDAY, WEDNESDAY, at, employ, invite, make_ready
from tests.scheduling.promises import Books, promise_faults, route_faults

DAYS = (TUESDAY, WEDNESDAY, THURSDAY)
STEPS = 45


class World:
    """Two technicians, three days, and everybody acting at random; `check` after each step."""

    def __init__(self, hub: Hub, clock: FixedClock, seed: int) -> None:
        self.hub, self.clock, self.rng = hub, clock, random.Random(seed)
        crew = employ(hub, DAYS, "Jan Janssens", "Els Maes")
        self.routes = {(technician.id, route.day): route.id for technician, routes in crew.values() for route in routes}
        self.orders = [*self._spread(invite(hub, 9)), *self._spread(invite(hub, 2, work_type="fibre_connection"))]
        self.ready = self._spread(make_ready(hub, 6))
        self.draft: PlanId | None = None
        self.named: set[WorkOrderId] = set()
        self.stirred: set[RouteId] = set()
        self.absences = 0
        self.done: list[str] = []
        self.counts: dict[str, int] = {}

    def _spread(self, orders: list[WorkOrderId]) -> list[WorkOrderId]:
        """Give the orders places of their own around Ghent."""
        with self.hub.unit_of_work() as work:
            for one in orders:
                order = work.work_orders.get(one)
                place = {
                    "latitude": 51.05 + self.rng.uniform(-0.08, 0.08),
                    "longitude": 3.72 + self.rng.uniform(-0.12, 0.12),
                }
                work.work_orders.swap(order, type(order)(**{**order.__dict__, **place}))
            work.commit()
        return orders

    def step(self) -> None:
        name, act = self.rng.choices(
            [
                ("choose", self.choose),
                ("confirm", self.confirm),
                ("cancel", self.cancel),
                ("wait", self.wait),
                ("plan", self.plan),
                ("publish", self.publish),
                ("absence", self.absence),
            ],
            [8, 8, 3, 2, 3, 3, 1],
        )[0]
        self.done.append(name)
        if self._acts(act):
            self.counts[name] = self.counts.get(name, 0) + 1

    @staticmethod
    def _acts(act: Callable[[], bool]) -> bool:
        try:
            return act()
        except (SlotTakenError, HoldExpiredError, PlanNotPublishableError):
            return False

    def choose(self) -> bool:
        order = self.rng.choice(self.orders)
        offers = offer_slots(self.hub, order).offers
        if not offers:
            return False
        offer = self.rng.choice(offers)
        hold_slot(self.hub, order, offer.starts_at, offer.ends_at, by=CITIZEN)
        return True

    def confirm(self) -> bool:
        held = [one for one in Books.read(self.hub).appointments if one.status is AppointmentStatus.HELD]
        if not held:
            return False
        one = self.rng.choice(sorted(held, key=lambda one: (one.created_at, one.starts_at)))
        confirm_appointment(self.hub, one.work_order_id, one.id, by=CITIZEN)
        return True

    def cancel(self) -> bool:
        cancel_appointment(self.hub, self.rng.choice(self.orders), by=CITIZEN, reason="changed my mind")
        return True

    def wait(self) -> bool:
        self.clock.advance(timedelta(minutes=self.rng.choice((2, 11))))
        return expire_holds(self.hub, self.clock.now()) > 0

    def plan(self) -> bool:
        self.draft = plan_days(self.hub, "oost-vlaanderen", DAYS[0], DAYS[-1], seconds=0.05, seed=1)
        with self.hub.unit_of_work() as work:
            left_out = work.plan_unplanned.list_where(work.plan_unplanned.table.c.plan_id == self.draft)
        books = Books.read(self.hub)
        held = {one.id for one in books.appointments if one.status is AppointmentStatus.HELD}
        with_visit = {visit.work_order_id for visit in books.live if visit.appointment_id not in held}
        impossible = {one.work_order_id for one in left_out} & with_visit
        assert self.absences or not impossible, "without an absence every promise can be planned"
        return True

    def publish(self) -> bool:
        if self.draft is None:
            return False
        before = Books.read(self.hub)
        report = publish_plan(self.hub, self.draft, by=SYSTEM)
        assert all(one.reason.endswith(".") for one in report.skipped)
        stuck = {one.work_order_id for one in report.skipped if "cannot keep it" in one.reason}
        assert self.absences or not stuck
        # What was promised is promised still: publishing ends no appointment.
        assert Books.read(self.hub).appointments == before.appointments
        self.named, self.stirred = stuck, set()
        with self.hub.unit_of_work() as work:
            assert work.plans.get(self.draft).status is PlanStatus.PUBLISHED
        return True

    def absence(self) -> bool:
        if self.absences == 2:
            return False
        technician, day = self.rng.choice(sorted(self.routes, key=lambda one: (str(one[1]), self.rng.random())))
        self._send_away(technician, self.rng.choice((8, 12)), day)
        self.stirred.add(self.routes[technician, day])
        self.absences += 1
        return True

    def _send_away(self, technician: TechnicianId, hour: int, day: object) -> None:
        day_ = next(one for one in DAYS if one == day)
        with self.hub.unit_of_work() as work:
            work.absences.add(Absence(AbsenceId(uuid4()), technician, at(day_, hour), at(day_, hour + 5), "ill"))
            work.commit()

    def check(self) -> None:
        faults = promise_faults(self.hub) + route_faults(self.hub, without=self.named, unless=self.stirred)
        assert faults == [], f"after {self.done}"
        books = Books.read(self.hub)
        with_visit = {visit.work_order_id for visit in books.live}
        for order in self.ready:
            planned = books.orders[order].status is WorkOrderStatus.PLANNED
            assert planned == (order in with_visit), f"after {self.done}"


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, 6))
def test_no_sequence_of_steps_breaks_a_promise(hub: Hub, clock: FixedClock, seed: int) -> None:
    world = World(hub, clock, seed)
    for _ in range(STEPS):
        world.step()
        world.check()
    world.plan()
    world.publish()
    world.check()
    assert world.counts["confirm"] >= 3
    assert world.counts["plan"] >= 1
