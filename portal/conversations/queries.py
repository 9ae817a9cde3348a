"""What the inbox reads: who waits and how long, and one thread with all that was said in it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, FromClause, and_, func, select, true

from hub.bootstrap import Hub
from hub.db import tables
from hub.db.conversation_tables import conversation as conversation_table
from hub.db.conversation_tables import conversation_message as message_table
from hub.db.unit_of_work import UnitOfWork
from hub.domain.appointments import Appointment
from hub.domain.contact import Notification
from hub.domain.conversations import (
    Conversation,
    ConversationId,
    ConversationMessage,
    ConversationStatus,
    Direction,
    Meaning,
    Topic,
)
from hub.domain.ids import NotificationId, StaffId, WorkOrderId
from hub.domain.work_orders import WorkOrder
from hub.notifications.masking import mask_recipient
from portal.conversations.attaching import may_be_attached
from portal.conversations.staff import INBOX_ROLES, why_no_answer
from portal.conversations.threads import conversations, messages
from scheduling.queries import agreements_of

PAGE_LENGTH = 50
_MOST_LINES = 200
_MOST_HOPS = 5
_EXCERPT = 120


class InboxView(StrEnum):
    """Which part of the inbox is shown."""

    OPEN = "open"
    MINE = "mine"
    ANSWERED = "answered"
    CLOSED = "closed"


@dataclass(frozen=True)
class InboxLine:
    """One thread of the list. `sender` is masked; `said` is the beginning of what the citizen said last; without an order `zone` is empty."""

    id: ConversationId
    topic: Topic
    status: ConversationStatus
    sender: str
    work_order_id: WorkOrderId | None
    reference: str
    town: str
    zone: str
    waiting_since: datetime | None
    changed_at: datetime
    assigned_to: str
    said: str
    meaning: Meaning | None
    note: str


@dataclass(frozen=True)
class InboxPage:
    """A page of the list and how many there are in each view."""

    lines: tuple[InboxLine, ...]
    counts: dict[InboxView, int]


@dataclass(frozen=True)
class ThreadLine:
    """One thing said. `who` is the member of staff who wrote it; `delivery` says what became of it."""

    message: ConversationMessage
    who: str
    delivery: str


@dataclass(frozen=True)
class Colleague:
    """Somebody a thread can be given to."""

    id: StaffId
    name: str


@dataclass(frozen=True)
class ThreadPage:
    """A thread with its order beside it. `refused` says why nothing can be sent; empty when it can. `left_out` older lines are not shown.

    `may_be_attached` says whether staff may choose the order it is about.
    """

    thread: Conversation
    sender: str
    order: WorkOrder | None
    confirmed: Appointment | None
    held: Appointment | None
    lines: tuple[ThreadLine, ...]
    left_out: int
    assigned_to: str
    colleagues: tuple[Colleague, ...]
    refused: str
    may_be_attached: bool


def list_inbox(
    connection: Connection, view: InboxView, me: StaffId, *, page: int = 1, order_id: WorkOrderId | None = None
) -> InboxPage:
    """The threads of `view`: those that wait longest first, the others newest first; with `order_id` all of that order instead."""
    table = conversation_table.c
    said = _last_said()
    waits_first = view in (InboxView.OPEN, InboxView.MINE)
    order = (
        (table.waiting_since.asc().nulls_last(), table.changed_at.desc()) if waits_first else (table.changed_at.desc(),)
    )
    found = connection.execute(
        select(
            *(table[name] for name in ("id", "topic", "status", "sender", "work_order_id")),
            *(table[name] for name in ("waiting_since", "changed_at", "note")),
            func.coalesce(tables.work_order.c.external_id, "").label("reference"),
            func.coalesce(tables.work_order.c.town, "").label("town"),
            func.coalesce(tables.work_order.c.zone, "").label("zone"),
            func.coalesce(tables.staff_account.c.name, "").label("assigned_to"),
            func.coalesce(said.c.text, "").label("said"),
            said.c.meaning,
        )
        .select_from(conversation_table)
        .outerjoin(tables.work_order, tables.work_order.c.id == table.work_order_id)
        .outerjoin(tables.staff_account, tables.staff_account.c.id == table.assigned_to)
        .outerjoin(said, true())
        .where(_in_view(view, me) if order_id is None else table.work_order_id == order_id)
        .order_by(*order, table.id)
        .limit(PAGE_LENGTH)
        .offset((page - 1) * PAGE_LENGTH)
    )
    lines = tuple(InboxLine(**{**row._mapping, "sender": mask_recipient(row.sender)}) for row in found)  # noqa: SLF001 - SQLAlchemy's public name begins so
    return InboxPage(lines, _counts(connection, me))


def count_waiting(connection: Connection) -> int:
    """How many threads wait for an answer."""
    table = conversation_table.c
    waiting = select(func.count()).select_from(conversation_table).where(table.status == ConversationStatus.OPEN)
    return int(connection.execute(waiting).scalar_one())


def show_thread(hub: Hub, conversation_id: ConversationId) -> ThreadPage:
    """One thread as it stands; raises NotFoundError."""
    with hub.snapshot() as work:
        thread = conversations(work).get(conversation_id)
        order = work.work_orders.get(thread.work_order_id) if thread.work_order_id else None
        agreed = agreements_of(work, order.id) if order else None
        table = message_table.c
        mine = table.conversation_id == thread.id
        newest = messages(work).list_where(mine, order_by=(table.seq.desc(),), limit=_MOST_LINES)
        total = work.connection.execute(select(func.count()).select_from(message_table).where(mine)).scalar_one()
        names = _staff_names(work.connection, [one.staff_id for one in newest] + [thread.assigned_to])
        carried = _carried(work, [one.notification_id for one in newest if one.notification_id])
        lines = tuple(
            ThreadLine(one, names.get(one.staff_id, ""), _delivery(carried.get(one.notification_id)))
            for one in reversed(newest)
        )
        return ThreadPage(
            thread=thread,
            sender=mask_recipient(thread.sender),
            order=order,
            confirmed=agreed.confirmed if agreed else None,
            held=agreed.held_now(work.now) if agreed else None,
            lines=lines,
            left_out=total - len(lines),
            assigned_to=names.get(thread.assigned_to, ""),
            colleagues=_colleagues(work),
            refused=why_no_answer(thread, order),
            may_be_attached=may_be_attached(thread, order),
        )


def _last_said() -> FromClause:
    table = message_table.c
    return (
        select(func.left(table.text, _EXCERPT).label("text"), table.meaning.label("meaning"))
        .where(table.conversation_id == conversation_table.c.id, table.direction == Direction.IN)
        .order_by(table.seq.desc())
        .limit(1)
        .lateral("said")
    )


def _in_view(view: InboxView, me: StaffId) -> ColumnElement[bool]:
    table = conversation_table.c
    if view is InboxView.MINE:
        return and_(table.assigned_to == me, table.status != ConversationStatus.CLOSED)
    return table.status == ConversationStatus(view.value)


def _counts(connection: Connection, me: StaffId) -> dict[InboxView, int]:
    counted = [func.count().filter(_in_view(view, me)).label(view.value) for view in InboxView]
    row = connection.execute(select(*counted).select_from(conversation_table)).one()
    return {view: int(getattr(row, view.value)) for view in InboxView}


def _staff_names(connection: Connection, ids: Sequence[StaffId | None]) -> dict[UUID | None, str]:
    account = tables.staff_account.c
    asked = {one for one in ids if one is not None}
    rows = connection.execute(select(account.id, account.name).where(account.id.in_(asked)))
    return {row.id: row.name for row in rows}


def _colleagues(work: UnitOfWork) -> tuple[Colleague, ...]:
    account = tables.staff_account.c
    found = work.staff.list_where(account.active.is_(True), order_by=(account.name.asc(), account.id.asc()))
    roles = {role.value for role in INBOX_ROLES}
    return tuple(Colleague(one.id, one.name) for one in found if roles & set(one.roles))


def _carried(work: UnitOfWork, ids: Sequence[NotificationId]) -> dict[NotificationId | None, Notification]:
    """What each message has become: itself, or the last one that went in its place by another channel."""
    by_id = work.notifications.list_by_id(ids) if ids else {}
    latest: dict[NotificationId | None, Notification] = {one: by_id[one] for one in ids if one in by_id}
    table = tables.notification.c
    for _ in range(_MOST_HOPS):
        asked = [one.id for one in latest.values()]
        next_ones = {one.failover_of: one for one in work.notifications.list_where(table.failover_of.in_(asked))}
        if not next_ones:
            break
        latest = {first: next_ones.get(one.id, one) for first, one in latest.items()}
    return latest


def _delivery(carried: Notification | None) -> str:
    if carried is None:
        return ""
    by = {"email": "e-mail", "sms": "SMS"}.get(carried.channel.value, carried.channel.value)
    return f"{by}: {carried.status.value}{f'. {carried.error}' if carried.error else ''}"
