"""What publishing left as it stood, with the orders' references."""

from dataclasses import dataclass

from sqlalchemy import select

from hub.bootstrap import Hub
from hub.db.tables import work_order
from hub.domain.ids import WorkOrderId
from scheduling.service import PublishReport


@dataclass(frozen=True)
class SkippedOrder:
    """One assignment that was not applied, and why."""

    work_order_id: WorkOrderId
    external_id: str
    town: str
    reason: str


def what_was_skipped(hub: Hub, report: PublishReport) -> list[SkippedOrder]:
    """The report's skipped assignments with what people call the orders."""
    ids = [one.work_order_id for one in report.skipped]
    query = select(work_order.c.id, work_order.c.external_id, work_order.c.town).where(work_order.c.id.in_(ids))
    with hub.reading() as connection:
        known = {row.id: row for row in connection.execute(query)}
    return [
        SkippedOrder(one.work_order_id, known[one.work_order_id].external_id, known[one.work_order_id].town, one.reason)
        for one in report.skipped
    ]
