"""Plans: a proposed set of routes for a territory and a span of days, kept with what could not be planned and why."""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from hub.domain.ids import PlanId, RouteId, VisitId, WorkOrderId


class PlanStatus(StrEnum):
    """DRAFT may be published; a newer draft of the same days supersedes it."""

    DRAFT = "draft"
    PUBLISHED = "published"
    SUPERSEDED = "superseded"


@dataclass(frozen=True)
class PlanRecord:
    """One run of the planner: its span of days (both ends included), how it was made and what it costs.

    `travel_seconds` is what its routes drive on all these days, the ways home included and without what was driven before.
    """

    id: PlanId
    territory: str
    first_day: date
    last_day: date
    status: PlanStatus
    seed: int
    engine: str
    created_at: datetime
    solve_seconds: float
    travel_seconds: int
    planned_count: int
    unplanned_count: int
    published_at: datetime | None = None
    version: int = 1


@dataclass(frozen=True)
class PlanAssignment:
    """One stop the plan proposes; `visit_id` is set when the order already has a visit (a booked appointment or an earlier plan)."""

    plan_id: PlanId
    work_order_id: WorkOrderId
    visit_id: VisitId | None
    route_id: RouteId
    starts_at: datetime
    ends_at: datetime
    travel_seconds: int
    travel_model: str


@dataclass(frozen=True)
class PlanUnplanned:
    """One order the plan leaves out: a stable reason code and a sentence."""

    plan_id: PlanId
    work_order_id: WorkOrderId
    reason: str
    detail: str
