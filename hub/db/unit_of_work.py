"""One transaction of one use case: what it reads and writes, what happened in it, and who hears of that.

    with hub.unit_of_work() as work:
        order = work.work_orders.get(command.work_order_id, lock=True)
        work.advance_work_order(order, Action.HOLD, by=SYSTEM, reason="no answer", hold_reason=HoldReason.NO_CONTACT)
        work.commit()

Leaving the block without `commit()` rolls everything back. An event is written to the history and told to the listening
rooms at once, inside the same transaction: what they write commits with it or not at all.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from types import TracebackType
from typing import Any, Self, TypeVar

from sqlalchemy import Connection, Engine, text

from hub.db import tables
from hub.db.freshness import latest_change, note_change
from hub.db.inserting import insert_many
from hub.db.records import Records
from hub.domain import lifecycle
from hub.domain.appointments import Appointment, Visit
from hub.domain.catalogue import Catalogue
from hub.domain.contact import CitizenLink, ContactCase, Notification
from hub.domain.events import Actor, Event
from hub.domain.field_records import Confirmation, Photo, SurveyAnswer, WorkReport
from hub.domain.lifecycle import Action
from hub.domain.plans import PlanAssignment, PlanRecord, PlanUnplanned
from hub.domain.staff import StaffAccount, StaffSession
from hub.domain.technicians import Absence, Device, EnrolmentCode, Route, Technician
from hub.domain.work_orders import WorkOrder
from hub.jobs import JobQueue
from hub.settings import Settings

type Handler = Callable[["UnitOfWork", Event], None]
"""What a room does when it hears an event, inside the transaction in which the event became true."""


@dataclass(frozen=True)
class ForMany:
    """A handler that takes many events of one kind at once, each of another entity, and saves the database the single questions."""

    hear: Callable[["UnitOfWork", Sequence[Event]], None]

    def __call__(self, work: "UnitOfWork", event: Event) -> None:
        """Hear one."""
        self.hear(work, (event,))


type Subscriptions = Mapping[str, Sequence[Handler]]
"""Handlers by event name; `work_order.*` hears every event of work orders."""

_E = TypeVar("_E", WorkOrder, Appointment, Visit)


class UnitOfWork:
    """One open transaction; `now` is the instant at which it began, by the hub's clock.

    A `snapshot` sees the database as it was at its first read, however many reads follow, and cannot write. It sees at least all
    changes up to number `after_change` (`hub.db.freshness`), the latest when it was opened, `since` by `time.monotonic`.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        now: datetime,
        settings: Settings,
        catalogue: Catalogue,
        jobs: JobQueue,
        subscriptions: Subscriptions,
        snapshot: bool = False,
    ) -> None:
        self._engine = engine
        self.is_snapshot = snapshot
        self.settings = settings
        self.now = now
        self.catalogue = catalogue
        self._jobs = jobs
        self._subscriptions = subscriptions

    def __enter__(self) -> Self:
        self.since, self.after_change = time.monotonic(), latest_change()
        self.connection: Connection = self._engine.connect()
        if self.is_snapshot:
            self.connection = self.connection.execution_options(
                isolation_level="REPEATABLE READ", postgresql_readonly=True
            )
        connection = self.connection
        self.work_orders = Records(connection, tables.work_order, WorkOrder)
        self.appointments = Records(connection, tables.appointment, Appointment)
        self.visits = Records(connection, tables.visit, Visit)
        self.technicians = Records(connection, tables.technician, Technician)
        self.routes = Records(connection, tables.route, Route)
        self.absences = Records(connection, tables.absence, Absence)
        self.plans = Records(connection, tables.plan, PlanRecord)
        self.plan_assignments = Records(
            connection, tables.plan_assignment, PlanAssignment, ("plan_id", "work_order_id")
        )
        self.plan_unplanned = Records(connection, tables.plan_unplanned, PlanUnplanned, ("plan_id", "work_order_id"))
        self.links = Records(connection, tables.citizen_link, CitizenLink)
        self.contact_cases = Records(connection, tables.contact_case, ContactCase, ("work_order_id",))
        self.notifications = Records(connection, tables.notification, Notification)
        self.devices = Records(connection, tables.device, Device)
        self.enrolment_codes = Records(connection, tables.enrolment_code, EnrolmentCode, ("code_hash",))
        self.photos = Records(connection, tables.photo, Photo)
        self.work_reports = Records(connection, tables.work_report, WorkReport)
        self.confirmations = Records(connection, tables.confirmation, Confirmation)
        self.survey_answers = Records(connection, tables.survey_answer, SurveyAnswer, ("work_order_id",))
        self.staff = Records(connection, tables.staff_account, StaffAccount)
        self.staff_sessions = Records(connection, tables.staff_session, StaffSession, ("token_hash",))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.connection.rollback()
        self.connection.close()

    def commit(self) -> None:
        """Make everything of this transaction true at once."""
        self.connection.commit()
        note_change()
        for records in vars(self).values():
            if isinstance(records, Records):
                records.forget_own()

    def defer(self, task: str, **arguments: str) -> None:
        """Leave a job that exists if and only if this transaction commits."""
        self._jobs.defer(self.connection, task, **arguments)

    def retime_later(self) -> None:
        """Check that no two visits of a technician overlap at the commit rather than at each row, so that a whole route can move."""
        self.connection.execute(text(f"SET CONSTRAINTS {tables.VISIT_NO_OVERLAP} DEFERRED"))

    def create_work_order(self, order: WorkOrder, *, by: Actor, reason: str = "") -> WorkOrder:
        """Insert `order` and tell that it was created."""
        self.work_orders.add(order)
        self._tell("work_order", order, order.id, Action.CREATE, "", by, reason)
        return order

    def create_work_orders(self, orders: Sequence[WorkOrder], *, by: Sequence[Actor], reasons: Sequence[str]) -> None:
        """Insert many orders and tell that they were created: the same as one after the other, in a few questions."""
        self.work_orders.add_all(orders)
        self.tell_all(
            [
                self._step("work_order", order, order.id, Action.CREATE, "", actor, reason)
                for order, actor, reason in zip(orders, by, reasons, strict=True)
            ]
        )

    def create_appointment(self, appointment: Appointment, *, by: Actor, reason: str = "") -> Appointment:
        """Insert `appointment` and tell that it was created."""
        self.appointments.add(appointment)
        self._tell("appointment", appointment, appointment.work_order_id, Action.CREATE, "", by, reason)
        return appointment

    def create_visit(self, visit: Visit, *, by: Actor, reason: str = "") -> Visit:
        """Insert `visit` and tell that it was created."""
        self.visits.add(visit)
        self._tell("visit", visit, visit.work_order_id, Action.CREATE, "", by, reason)
        return visit

    def advance_work_order(
        self, before: WorkOrder, action: Action, *, by: Actor, reason: str = "", **changes: Any
    ) -> WorkOrder:
        """Take one step of the lifecycle with `changes` to other fields; raises TransitionRefusedError or StaleVersionError."""
        status = lifecycle.next_work_order_status(before.status, action)
        after = self.work_orders.swap(before, replace(before, status=status, **changes))
        self._tell("work_order", after, after.id, action, before.status.value, by, reason)
        return after

    def advance_work_orders(
        self, before: Sequence[WorkOrder], action: Action, *, by: Actor, reason: str = ""
    ) -> list[WorkOrder]:
        """Take the same step with many orders; raises TransitionRefusedError or StaleVersionError when one of them cannot."""
        steps = [{"status": lifecycle.next_work_order_status(one.status, action)} for one in before]
        after = self.work_orders.swap_all(before, steps)
        self.tell_all(
            [
                self._step("work_order", one, one.id, action, old.status.value, by, reason)
                for old, one in zip(before, after, strict=True)
            ]
        )
        return after

    def advance_appointment(
        self, before: Appointment, action: Action, *, by: Actor, reason: str = "", **changes: Any
    ) -> Appointment:
        """Take one step of the lifecycle with `changes` to other fields; raises TransitionRefusedError or StaleVersionError."""
        status = lifecycle.next_appointment_status(before.status, action)
        after = self.appointments.swap(before, replace(before, status=status, **changes))
        self._tell("appointment", after, after.work_order_id, action, before.status.value, by, reason)
        return after

    def advance_visit(self, before: Visit, action: Action, *, by: Actor, reason: str = "", **changes: Any) -> Visit:
        """Take one step of the lifecycle with `changes` to other fields; raises TransitionRefusedError or StaleVersionError."""
        status = lifecycle.next_visit_status(before.status, action)
        after = self.visits.swap(before, replace(before, status=status, **changes))
        self._tell("visit", after, after.work_order_id, action, before.status.value, by, reason)
        return after

    def tell(self, event: Event) -> None:
        """Write `event` to the history and tell it to the rooms that listen."""
        self.tell_all((event,))

    def tell_all(self, events: Sequence[Event]) -> None:
        """The same for many events, each of another entity; those of one room's handler are told together where it can take them so."""
        if not events:
            return
        insert_many(self.connection, tables.status_event, [_row(event) for event in events])
        # Who hears all of an entity hears first: a listener to this event may cause the next one, and the order must show.
        for name in dict.fromkeys(f"{event.entity}.*" for event in events):
            self._tell_listeners(name, [event for event in events if f"{event.entity}.*" == name])
        for name in dict.fromkeys(event.name for event in events):
            self._tell_listeners(name, [event for event in events if event.name == name])

    def _tell_listeners(self, name: str, events: Sequence[Event]) -> None:
        for handler in self._subscriptions.get(name, ()):
            if isinstance(handler, ForMany):
                handler.hear(self, events)
                continue
            for event in events:
                handler(self, event)

    def _tell(
        self, entity: str, after: _E, work_order_id: Any, action: Action, before: str, by: Actor, reason: str
    ) -> None:
        self.tell(self._step(entity, after, work_order_id, action, before, by, reason))

    def _step(
        self, entity: str, after: _E, work_order_id: Any, action: Action, before: str, by: Actor, reason: str
    ) -> Event:
        return Event(
            name=f"{entity}.{after.status.value.replace(' ', '_')}",
            entity=entity,
            entity_id=after.id,
            work_order_id=work_order_id,
            at=self.now,
            actor=by,
            action=action.name.lower(),
            before=before,
            after=after.status.value,
            reason=reason,
        )


def _row(event: Event) -> dict[str, Any]:
    return {
        "name": event.name,
        "entity": event.entity,
        "entity_id": event.entity_id,
        "work_order_id": event.work_order_id,
        "at": event.at,
        "actor_kind": event.actor.kind.value,
        "actor_name": event.actor.name,
        "action": event.action,
        "before": event.before,
        "after": event.after,
        "reason": event.reason,
        "data": event.data,
    }
