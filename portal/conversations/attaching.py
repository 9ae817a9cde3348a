"""A stranger's thread is put to the order it is about, by somebody who read it: no machine does that, whatever the text names."""

from dataclasses import dataclass, replace

from hub.bootstrap import Hub
from hub.db.conversation_tables import conversation as conversation_table
from hub.db.tables import joined_reference, work_order
from hub.domain.conversations import Conversation, ConversationId, Topic
from hub.domain.events import Actor
from hub.domain.ids import WorkOrderId
from hub.domain.references import joined
from hub.domain.work_orders import WorkOrder
from hub.notifications.masking import mask_recipient
from portal.conversations import entries
from portal.conversations.staff import AnswerRefusedError, locked
from portal.conversations.threads import conversations

MOST_FOUND = 10
SHORTEST_REFERENCE = 3
LONGEST_REFERENCE = 100


@dataclass(frozen=True)
class FoundOrders:
    """The orders whose number begins with what was typed, newest first; `more` says that there are others besides."""

    orders: tuple[WorkOrder, ...]
    more: bool


def find_orders(hub: Hub, typed: str) -> FoundOrders:
    """Orders by the beginning of their number, however it is written. Raises AnswerRefusedError when too little was typed."""
    signs = "".join(sign for sign in typed if sign.isprintable() and not sign.isspace())
    wanted = joined(signs)
    if not SHORTEST_REFERENCE <= len(signs) <= LONGEST_REFERENCE or not wanted:
        message = f"Type at least {SHORTEST_REFERENCE} signs of the order's number, as the utility writes it."
        raise AnswerRefusedError(message)
    with hub.unit_of_work() as work:
        found = work.work_orders.list_where(
            joined_reference.startswith(wanted, autoescape=True),
            order_by=(work_order.c.imported_at.desc(), work_order.c.id),
            limit=MOST_FOUND + 1,
        )
    return FoundOrders(tuple(found[:MOST_FOUND]), len(found) > MOST_FOUND)


def attach(
    hub: Hub, conversation_id: ConversationId, version: int, work_order_id: WorkOrderId, by: Actor
) -> Conversation:
    """Put the thread to an order; what the number writes from now on comes there too, and is always read by a person.

    A thread put to the wrong order can be put to another. Raises ConversationChangedError, AnswerRefusedError, NotFoundError.
    """
    with hub.unit_of_work() as work:
        thread = locked(work, conversation_id, version)
        order = work.work_orders.get(work_order_id)
        before = work.work_orders.get(thread.work_order_id) if thread.work_order_id else None
        if not may_be_attached(thread, before):
            message = "This is the number of the order's own citizen, so the conversation stays with that order."
            raise AnswerRefusedError(message)
        table = conversation_table.c
        same = (table.topic == Topic.MESSAGES, table.sender == thread.sender, table.work_order_id == order.id)
        if before == order or (thread.topic is Topic.MESSAGES and conversations(work).find_where(*same) is not None):
            message = f"There is a conversation with this number about order {order.external_id} already; go on there."
            raise AnswerRefusedError(message)
        after = conversations(work).swap(thread, replace(thread, work_order_id=order.id, changed_at=work.now))
        told = {"staff": by.name, "from": mask_recipient(thread.sender)}
        if before is not None:
            entries.note(work, thread, entries.DETACHED, by=by, action="detach", **told)
        entries.note(work, after, entries.ATTACHED, by=by, action="attach", **told)
        work.commit()
    return after


def may_be_attached(thread: Conversation, order: WorkOrder | None) -> bool:
    """Whether staff may say which order the thread is about: not where the number on file says so."""
    return order is None or order.citizen_phone != thread.sender
