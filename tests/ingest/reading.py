"""What a test looks up in the tables."""

from collections import Counter
from typing import Any

from sqlalchemy import select

from hub.bootstrap import Hub
from hub.db import tables
from hub.domain.work_orders import WorkOrder


def orders(hub: Hub) -> list[WorkOrder]:
    with hub.unit_of_work() as work:
        return work.work_orders.list_where(order_by=(tables.work_order.c.external_id,))


def outcomes(hub: Hub) -> dict[str, int]:
    with hub.reading() as connection:
        return dict(Counter(connection.scalars(select(tables.inbox_message.c.outcome))))


def outbox(hub: Hub, order: WorkOrder | None = None) -> list[dict[str, Any]]:
    """What waits or was sent, in order; of one order only when it is given."""
    table = tables.outbox_event
    query = select(table).order_by(table.c.seq)
    if order is not None:
        query = query.where(table.c.work_order_id == order.id)
    with hub.reading() as connection:
        return [dict(row) for row in connection.execute(query).mappings()]


def states(hub: Hub) -> list[str]:
    return [event["data"]["event"]["workOrder"]["state"] for event in outbox(hub)]
