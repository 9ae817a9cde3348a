"""A history made by hand, step by step, with no room listening: every number the figures must show can be counted here."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from hub.bootstrap import Hub
from hub.clock import FixedClock
from hub.db import tables
from hub.db.unit_of_work import UnitOfWork
from hub.domain.appointments import Appointment, Visit
from hub.domain.contact import Channel, Notification, NotificationStatus
from hub.domain.events import CITIZEN, SYSTEM, Actor, ActorKind, Event
from hub.domain.field_records import SurveyAnswer
from hub.domain.ids import AppointmentId, NotificationId, VisitId, WorkOrderId
from hub.domain.lifecycle import AbortReason, Action, AppointmentStatus, HoldReason, VisitStatus
from hub.domain.work_orders import WorkOrder
from tests.samples import a_work_order, add_route, add_technician

STAFF = Actor(ActorKind.STAFF, "dispatcher")


class History:
    """Writes what happened at which time."""

    def __init__(self, hub: Hub, clock: FixedClock) -> None:
        self.hub, self.clock = replace(hub, subscriptions={}), clock
        with self._at(clock.now()) as work:
            self.technician = add_technician(work)
            self.routes = {
                day: add_route(work, self.technician, (clock.now() + timedelta(days=day)).date()) for day in range(15)
            }
        self.begun = clock.now()

    @contextmanager
    def _at(self, when: datetime) -> Iterator[UnitOfWork]:
        self.clock.set(when)
        with self.hub.unit_of_work() as work:
            yield work
            work.commit()

    def invite(self, when: datetime) -> WorkOrder:
        with self._at(when) as work:
            order = work.create_work_order(a_work_order(imported_at=when), by=SYSTEM)
            return work.advance_work_order(order, Action.INVITE, by=SYSTEM)

    def attempt(self, order: WorkOrder, when: datetime, step: int, channel: Channel, kind: str = "invitation") -> None:
        with self._at(when) as work:
            work.notifications.add(_sent(order, when, kind, channel, 1, step))

    def survey(self, order: WorkOrder, when: datetime, answer: tuple[int, int | None] | None) -> None:
        with self._at(when) as work:
            work.notifications.add(_sent(order, when, "survey", Channel.EMAIL, None, None))
            if answer:
                work.survey_answers.add(SurveyAnswer(order.id, *answer, comment="", answered_at=when))

    def book(self, order: WorkOrder, when: datetime, window: datetime, by: Actor = CITIZEN) -> Appointment:
        """A confirmed appointment of two hours from `window`."""
        with self._at(when) as work:
            present = work.work_orders.get(order.id)
            earlier = work.appointments.list_where(tables.appointment.c.work_order_id == order.id)
            held = Appointment(
                id=AppointmentId(uuid4()),
                work_order_id=order.id,
                sequence=len(earlier) + 1,
                status=AppointmentStatus.HELD,
                starts_at=window,
                ends_at=window + timedelta(hours=2),
                lease_until=when + timedelta(minutes=10),
                created_at=when,
            )
            work.create_appointment(held, by=by)
            work.advance_work_order(present, Action.BOOK, by=by)
            return work.advance_appointment(held, Action.CONFIRM, by=by, lease_until=None, confirmed_at=when)

    def cancel(self, order: WorkOrder, appointment: Appointment, when: datetime) -> None:
        with self._at(when) as work:
            work.advance_appointment(appointment, Action.CANCEL, by=CITIZEN)
            work.advance_work_order(work.work_orders.get(order.id), Action.UNBOOK, by=CITIZEN)

    def visit(
        self, appointment: Appointment, arrives: datetime, *, forecast: datetime | None = None, completes: bool = True
    ) -> Visit:
        """Dispatched, arrived at, and done or without access half an hour later."""
        actor = Actor(ActorKind.TECHNICIAN, str(self.technician.id))
        with self._at(arrives) as work:
            visit = self._dispatched(work, appointment)
            visit = work.advance_visit(visit, Action.ARRIVE, by=actor, arrived_at=arrives, promised_arrival=forecast)
        with self._at(arrives + timedelta(minutes=30)) as work:
            order = work.work_orders.get(appointment.work_order_id)
            if not completes:
                work.advance_appointment(appointment, Action.FAIL, by=actor)
                aborted = {"abort_reason": AbortReason.NO_ACCESS, "ended_at": work.now}
                after = work.advance_visit(visit, Action.ABORT, by=actor, reason="no access", **aborted)
                work.advance_work_order(order, Action.REINVITE, by=SYSTEM)
                return after
            visit = work.advance_visit(visit, Action.START, by=actor, started_at=work.now)
            order = work.advance_work_order(order, Action.BEGIN, by=actor)
            after = work.advance_visit(visit, Action.COMPLETE, by=actor, ended_at=work.now)
            work.advance_appointment(appointment, Action.COMPLETE, by=actor)
            work.advance_work_order(order, Action.COMPLETE, by=actor)
            return after

    def give_up(self, order: WorkOrder, when: datetime) -> None:
        with self._at(when) as work:
            present = work.work_orders.get(order.id)
            held = work.advance_work_order(present, Action.HOLD, by=SYSTEM, hold_reason=HoldReason.NO_CONTACT)
            work.tell(_escalated(held.id, when, {"reason": "no contact"}))

    def message(self, when: datetime, outcome: str) -> None:
        with self._at(when) as work:
            row: dict[str, Any] = {"message_id": str(uuid4()), "handler": "ingest.work-order", "outcome": outcome}
            work.connection.execute(tables.inbox_message.insert().values(**row, received_at=when))

    def _dispatched(self, work: UnitOfWork, appointment: Appointment) -> Visit:
        route = self.routes[(appointment.starts_at.date() - self.begun.date()).days]
        visit = Visit(
            id=VisitId(uuid4()),
            work_order_id=appointment.work_order_id,
            appointment_id=appointment.id,
            route_id=route.id,
            technician_id=self.technician.id,
            status=VisitStatus.PLANNED,
            starts_at=appointment.starts_at,
            ends_at=appointment.starts_at + timedelta(minutes=45),
            travel_seconds=600,
            travel_model="great-circle",
        )
        work.create_visit(visit, by=SYSTEM)
        work.advance_work_order(work.work_orders.get(appointment.work_order_id), Action.PLAN, by=SYSTEM)
        return work.advance_visit(visit, Action.DISPATCH, by=STAFF)


def _sent(
    order: WorkOrder, when: datetime, kind: str, channel: Channel, round_: int | None, step: int | None
) -> Notification:
    return Notification(
        id=NotificationId(uuid4()),
        work_order_id=order.id,
        kind=kind,
        channel=channel,
        recipient="an.peeters@citizen.example",
        language="nl",
        status=NotificationStatus.SENT,
        created_at=when,
        round=round_,
        step=step,
        settled_at=when,
    )


def _escalated(order_id: WorkOrderId, when: datetime, data: dict[str, object]) -> Event:
    return Event("work_order.escalated", "work_order", order_id, order_id, when, SYSTEM, "escalate", data=data)
