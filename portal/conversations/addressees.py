"""Whose message it is: the order that is meant by a number that writes.

A number is looked up among those that were written to lately, never among all orders: whoever was not contacted has nothing
to answer. Where staff put its thread to an order, what it writes next comes there too, for a person to read. No reference in a text is ever looked at, so nobody reaches another citizen's order by naming it.
"""

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import func, select

from hub.db.conversation_tables import conversation as conversation_table
from hub.db.tables import notification as notification_table
from hub.db.unit_of_work import UnitOfWork
from hub.domain.contact import Channel, NotificationStatus
from hub.domain.lifecycle import FINAL_WORK_ORDER_STATUSES
from hub.domain.work_orders import WorkOrder
from portal.conversations.offers import newest_offer

LATELY = timedelta(days=60)
"""How long after a message its answer is still taken for one."""
_BY_NUMBER = (Channel.SMS, Channel.VOICE)
_NOT_GONE = (NotificationStatus.QUEUED, NotificationStatus.FAILED)
_MOST_ORDERS = 50


@dataclass(frozen=True)
class Addressee:
    """The order a number writes about. The machine acts on it only while it lives and the number is still its citizen's."""

    order: WorkOrder
    may_act: bool


def find_addressee(work: UnitOfWork, sender: str) -> Addressee | None:
    """The order meant by `sender`, None when nobody wrote to that number lately.

    One live order is meant; of several the one written to last; when all have ended, the last of them, for a person to read. So is what
    comes where times of several live orders were listed: nobody but a person knows which list a number, or a yes, answers.
    """
    table = notification_table.c
    written_at = func.max(func.coalesce(table.sending_at, table.created_at))
    lately = (
        select(table.work_order_id)
        .where(
            table.recipient == sender,
            table.channel.in_(_BY_NUMBER),
            table.status.not_in(_NOT_GONE),
            table.created_at > work.now - LATELY,
        )
        .group_by(table.work_order_id)
        .order_by(written_at.desc(), table.work_order_id)
        .limit(_MOST_ORDERS)
    )
    ids = list(work.connection.execute(lately).scalars())
    found = work.work_orders.list_by_id(ids)
    orders = [found[one] for one in ids]
    live = [order for order in orders if order.status not in FINAL_WORK_ORDER_STATUSES]
    # A number may have belonged to another citizen before: orders that have it still come first.
    live.sort(key=lambda order: order.citizen_phone != sender)
    if live:
        own = [order for order in live if order.citizen_phone == sender]
        lists = sum(newest_offer(work, order) is not None for order in own) if len(own) > 1 else 0
        return Addressee(live[0], may_act=bool(own) and lists <= 1)
    if orders:
        return Addressee(orders[0], may_act=False)
    return _put_there_by_staff(work, sender)


def _put_there_by_staff(work: UnitOfWork, sender: str) -> Addressee | None:
    """The order this number's newest thread belongs to, though nobody writes to that number."""
    table = conversation_table.c
    newest = (
        select(table.work_order_id)
        .where(table.sender == sender, table.work_order_id.is_not(None), table.changed_at > work.now - LATELY)
        .order_by(table.changed_at.desc(), table.id)
        .limit(1)
    )
    found = work.connection.execute(newest).scalar_one_or_none()
    return Addressee(work.work_orders.get(found), may_act=False) if found else None


def asked_by_a_person(work: UnitOfWork, order: WorkOrder, sender: str) -> bool:
    """Whether the last message to this number about the order was written by staff: then no machine knows what a yes means."""
    table = notification_table.c
    newest = (
        select(table.kind)
        .where(
            table.work_order_id == order.id,
            table.recipient == sender,
            table.channel.in_(_BY_NUMBER),
            table.status.not_in(_NOT_GONE),
        )
        .order_by(func.coalesce(table.sending_at, table.created_at).desc(), table.id)
        .limit(1)
    )
    return work.connection.execute(newest).scalar_one_or_none() == ANSWER_KIND


ANSWER_KIND = "answer"
"""The kind of message that carries what a member of staff wrote."""
