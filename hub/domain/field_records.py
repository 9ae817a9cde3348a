"""What technicians and citizens leave behind after a visit: photos, the work report with its confirmations, the survey."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from hub.domain.ids import VisitId, WorkOrderId


@dataclass(frozen=True)
class Photo:
    """A picture taken on site, re-encoded without its metadata; `path` is its name in the file store."""

    id: UUID
    visit_id: VisitId
    work_order_id: WorkOrderId
    path: str
    sha256: str
    size_bytes: int
    caption: str
    taken_at: datetime


@dataclass(frozen=True)
class WorkReport:
    """What the technician wrote about a visit."""

    id: UUID
    visit_id: VisitId
    work_order_id: WorkOrderId
    summary: str
    reported_at: datetime


@dataclass(frozen=True)
class Confirmation:
    """A change order: the service order adjusted to the actual job. `kind` is extra time, material or unforeseen work;
    `quantity` counts minutes for extra time and pieces otherwise."""

    id: UUID
    visit_id: VisitId
    work_order_id: WorkOrderId
    kind: str
    description: str
    quantity: int
    recorded_at: datetime


@dataclass(frozen=True)
class SurveyAnswer:
    """A citizen's answer, one per work order: `rating` 1–5, `nps` 0–10 or None when skipped."""

    work_order_id: WorkOrderId
    rating: int
    nps: int | None
    comment: str
    answered_at: datetime
