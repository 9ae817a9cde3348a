"""What a citizen left with an order, on the order's page: how to get in, wishes, files, and the proof of presence."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from hub.bootstrap import Hub
from hub.db.citizen_tables import door_check
from hub.domain.ids import WorkOrderId
from portal.details.queries import Left, what_was_left


@dataclass(frozen=True)
class CitizenLeft:
    """What was left, and when the door code was read; `door_checks` are oldest first."""

    left: Left
    door_checks: tuple[datetime, ...]

    @property
    def is_something(self) -> bool:
        """Whether there is anything to show."""
        return bool(self.left.access or self.left.channel or self.left.files or self.door_checks)


def citizen_left(hub: Hub, work_order_id: WorkOrderId) -> CitizenLeft:
    """What the order's citizen left."""
    table = door_check.c
    read = select(table.checked_at).where(table.work_order_id == work_order_id).order_by(table.checked_at)
    with hub.snapshot() as work:
        checks = tuple(work.connection.execute(read).scalars())
        return CitizenLeft(what_was_left(work, work_order_id), checks)
