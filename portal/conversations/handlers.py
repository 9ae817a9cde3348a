"""What conversations hear of: an answer that did not arrive opens its thread again."""

from dataclasses import replace

from hub.db.conversation_tables import conversation_message as message_table
from hub.db.unit_of_work import Subscriptions, UnitOfWork
from hub.domain.contact import Notification
from hub.domain.conversations import ConversationMessage, ConversationStatus
from hub.domain.events import SYSTEM, Event
from hub.domain.ids import NotificationId
from hub.notifications.outcomes import FAILED, UNDELIVERED
from portal.conversations import entries
from portal.conversations.threads import conversations, messages

_MOST_HOPS = 5


def reopen_unanswered(work: UnitOfWork, event: Event) -> None:
    """Staff wrote an answer and nothing arrived: the thread waits for us again, first in the line of its old place."""
    sent = _sent_by_staff(work, NotificationId(event.entity_id))
    if sent is None:
        return
    thread = conversations(work).get(sent.conversation_id, lock=True)
    if thread.status is ConversationStatus.OPEN:
        return
    opened = replace(thread, status=ConversationStatus.OPEN, waiting_since=sent.at, closed_at=None, changed_at=work.now)
    opened = conversations(work).swap(thread, opened)
    entries.note(
        work,
        opened,
        entries.ANSWER_FAILED,
        by=SYSTEM,
        action="fail_answer",
        message=str(event.entity_id),
        reason=event.reason,
    )


def _sent_by_staff(work: UnitOfWork, notification_id: NotificationId) -> ConversationMessage | None:
    """What staff wrote and this message carries, itself or in the place of one that failed before it."""
    named: NotificationId | None = notification_id
    for _ in range(_MOST_HOPS):
        if named is None:
            return None
        found = messages(work).find_where(message_table.c.notification_id == named)
        if found is not None:
            return found
        carried: Notification | None = work.notifications.find(named)
        named = carried.failover_of if carried else None
    return None


SUBSCRIPTIONS: Subscriptions = {FAILED: [reopen_unanswered], UNDELIVERED: [reopen_unanswered]}
