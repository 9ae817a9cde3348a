"""Publishing: a draft becomes what technicians see, merged with what was booked since it was made (see `merging.py`)."""

from __future__ import annotations

from dataclasses import dataclass, replace

from hub.bootstrap import Hub
from hub.domain.errors import DoorstepError, ErrorKind
from hub.domain.events import Actor
from hub.domain.ids import PlanId
from hub.domain.plans import PlanStatus
from scheduling.merging import Merge, Skipped
from scheduling.retrying import until_settled
from scheduling.urgent import repair_for_waiting

__all__ = ["PlanNotPublishableError", "PublishReport", "Skipped", "publish_plan"]


class PlanNotPublishableError(DoorstepError):
    """The plan is no draft any more: it was published, or a newer one took its place."""

    kind = ErrorKind.CONFLICT
    code = "plan-not-publishable"

    def __init__(self, status: PlanStatus) -> None:
        super().__init__(f"This plan is {status.value} and cannot be published. Plan these days again.")
        self.status = status


@dataclass(frozen=True)
class PublishReport:
    """What publishing did: `applied` visits are on technicians' phones as the plan has them; the others stay as they stood."""

    applied: int
    skipped: tuple[Skipped, ...]


def publish_plan(hub: Hub, plan_id: PlanId, *, by: Actor) -> PublishReport:
    """Apply a draft under lock and dispatch its visits; raises PlanNotPublishableError, NotFoundError.

    Routes are published whole: what was booked after the draft goes to the phones too. Slots that are only held stay on
    their routes and are not dispatched.
    """
    return until_settled(lambda: _publish(hub, plan_id, by))


def _publish(hub: Hub, plan_id: PlanId, by: Actor) -> PublishReport:
    with hub.unit_of_work() as work:
        plan = work.plans.get(plan_id, lock=True)
        if plan.status is not PlanStatus.DRAFT:
            raise PlanNotPublishableError(plan.status)
        merge = Merge(work, plan)
        merge.settle()
        applied = merge.write(by)
        published = work.plans.swap(plan, replace(plan, status=PlanStatus.PUBLISHED, published_at=work.now))
        repair_for_waiting(work, published)
        work.commit()
        return PublishReport(applied, tuple(merge.skipped))
