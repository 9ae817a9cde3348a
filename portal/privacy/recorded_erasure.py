"""That words of messages were erased is an entry of the contact record: else nobody could tell it from somebody's hand in the database."""

from collections import defaultdict
from collections.abc import Collection

from sqlalchemy import and_, or_, select

from hub.contact_record import append_entries
from hub.db.tables import notification
from hub.db.unit_of_work import UnitOfWork
from hub.domain.contact import NotificationStatus
from hub.domain.events import Actor
from hub.domain.ids import WorkOrderId
from hub.notifications.entries import WORDS_ERASED
from portal.privacy.emptying import empty_rows
from portal.privacy.people import Selection, rows_of
from portal.privacy.registry import DataKind, personal_tables


def erase_rows(work: UnitOfWork, selection: Selection, kinds: Collection[DataKind], by: Actor) -> dict[str, int]:
    """As `empty_rows`; the record of each order then names the messages that lost their words, or will not be sent any more."""
    meant = _messages_with_words(work, selection) if DataKind.WORDS in kinds else {}
    changed = empty_rows(work, selection, kinds, by)
    append_entries(work, WORDS_ERASED, {order: {"messages": messages} for order, messages in meant.items()})
    return changed


def _messages_with_words(work: UnitOfWork, selection: Selection) -> dict[WorkOrderId, list[str]]:
    """Locked, so that none goes out between this look and the erasure."""
    table = notification.c
    has = or_(table.body != "", table.subject != "", table.status == NotificationStatus.QUEUED)
    rows = work.connection.execute(
        select(table.work_order_id, table.id)
        .where(and_(rows_of(personal_tables()["notification"], selection), has))
        .order_by(table.work_order_id, table.id)
        .with_for_update()
    )
    found = defaultdict[WorkOrderId, list[str]](list)
    for row in rows:
        found[row.work_order_id].append(str(row.id))
    return found
