"""What a play left behind, read straight from the tables: the ledger judges this, never the product's own answers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, text

_ORDERS = "SELECT id::text, external_id, status, hold_reason FROM work_order"
_STEPS = """
    SELECT work_order_id::text AS order_id, entity, entity_id::text AS entity_id, action, after, actor_kind, at
    FROM status_event WHERE after <> '' AND name <> 'work_order.escalated' ORDER BY seq
"""
_APPOINTMENTS = """
    SELECT id::text, work_order_id::text AS order_id, status, starts_at, ends_at, confirmed_at IS NOT NULL AS was_confirmed
    FROM appointment ORDER BY work_order_id, sequence
"""
_VISITS = """
    SELECT v.id::text, v.work_order_id::text AS order_id, v.appointment_id::text AS appointment_id,
           v.technician_id::text AS technician_id, r.day, v.status, v.starts_at, v.ends_at, v.arrived_at, v.ended_at
    FROM visit v JOIN route r ON r.id = v.route_id
"""
_STOPS = """
    SELECT s.work_order_id::text AS order_id, v.appointment_id::text AS appointment_id, s.starts_at, p.published_at
    FROM plan_assignment s JOIN plan p ON p.id = s.plan_id JOIN visit v ON v.id = s.visit_id
    WHERE p.published_at IS NOT NULL AND v.appointment_id IS NOT NULL
"""
_LEFT_OUT = "SELECT DISTINCT work_order_id::text AS id FROM plan_unplanned"
_OPEN_CASES = "SELECT work_order_id::text AS id FROM contact_case WHERE status = 'open'"
_OUTBOX = "SELECT id::text FROM outbox_event"
_INBOX = "SELECT outcome, count(*) AS number FROM inbox_message GROUP BY outcome"
_NOTIFICATIONS = """
    SELECT status, count(*) AS number, count(step) AS attempts
    FROM notification GROUP BY status
"""
_SENT_TWICE = """
    SELECT count(*) FROM (SELECT 1 FROM notification WHERE step IS NOT NULL
    GROUP BY work_order_id, round, step, hop HAVING count(*) > 1) AS repeated
"""
_SURVEYS = "SELECT count(*) AS number, avg(rating)::float AS rating FROM survey_answer"


@dataclass(frozen=True)
class OrderRow:
    """One work order at the end."""

    id: str
    external_id: str
    status: str
    hold_reason: str | None = None


@dataclass(frozen=True)
class StepRow:
    """One step of a lifecycle, in the order in which they were taken."""

    order_id: str
    entity: str
    entity_id: str
    action: str
    after: str
    actor_kind: str
    at: datetime


@dataclass(frozen=True)
class AppointmentRow:
    """One agreement with a citizen; the window bounds the arrival, `[starts_at, ends_at)`."""

    id: str
    order_id: str
    status: str
    starts_at: datetime
    ends_at: datetime
    was_confirmed: bool


@dataclass(frozen=True)
class VisitRow:
    """One call of one technician: planned `[starts_at, ends_at)`, and what the phone reported."""

    id: str
    order_id: str
    appointment_id: str | None
    technician_id: str
    day: date
    status: str
    starts_at: datetime
    ends_at: datetime
    arrived_at: datetime | None = None
    ended_at: datetime | None = None


@dataclass(frozen=True)
class StopRow:
    """One booked stop of a published plan, with the arrival it planned."""

    order_id: str
    appointment_id: str
    starts_at: datetime
    published_at: datetime


@dataclass(frozen=True)
class History:
    """Everything the ledger looks at."""

    ended_at: datetime
    orders: tuple[OrderRow, ...] = ()
    steps: tuple[StepRow, ...] = ()
    appointments: tuple[AppointmentRow, ...] = ()
    visits: tuple[VisitRow, ...] = ()
    published_stops: tuple[StopRow, ...] = ()
    orders_with_open_case: frozenset[str] = frozenset()
    orders_left_out_by_a_plan: frozenset[str] = frozenset()
    outbox_ids: tuple[str, ...] = ()
    inbox: Mapping[str, int] = field(default_factory=dict)
    notifications: Mapping[str, int] = field(default_factory=dict)
    contact_attempts: int = 0
    attempts_repeated: int = 0
    surveys: int = 0
    mean_rating: float | None = None


def read_history(connection: Connection, ended_at: datetime) -> History:
    """The history in the database behind `connection`, at the simulated instant `ended_at`."""

    def rows(query: str) -> list[dict[str, Any]]:
        return [dict(row) for row in connection.execute(text(query)).mappings()]

    notifications = rows(_NOTIFICATIONS)
    survey = rows(_SURVEYS)[0]
    return History(
        ended_at=ended_at,
        orders=tuple(OrderRow(**row) for row in rows(_ORDERS)),
        steps=tuple(StepRow(**row) for row in rows(_STEPS)),
        appointments=tuple(AppointmentRow(**row) for row in rows(_APPOINTMENTS)),
        visits=tuple(VisitRow(**row) for row in rows(_VISITS)),
        published_stops=tuple(StopRow(**row) for row in rows(_STOPS)),
        orders_with_open_case=frozenset(row["id"] for row in rows(_OPEN_CASES)),
        orders_left_out_by_a_plan=frozenset(row["id"] for row in rows(_LEFT_OUT)),
        outbox_ids=tuple(row["id"] for row in rows(_OUTBOX)),
        inbox={row["outcome"]: row["number"] for row in rows(_INBOX)},
        notifications={row["status"]: row["number"] for row in notifications},
        contact_attempts=sum(row["attempts"] for row in notifications),
        attempts_repeated=int(connection.execute(text(_SENT_TWICE)).scalar_one()),
        surveys=survey["number"],
        mean_rating=survey["rating"],
    )
