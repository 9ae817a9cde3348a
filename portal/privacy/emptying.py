"""Empty what the registry says is personal, in the rows that are meant; the caller says who asked and writes that down.

Rows stay where figures, invoices or the law need them, without what made them somebody's. Every step leaves alone what is empty already,
so doing it twice is doing it once.
"""

from collections.abc import Collection, Iterable
from typing import Any

from sqlalchemy import (
    ARRAY,
    Column,
    ColumnElement,
    Double,
    Numeric,
    Text,
    and_,
    case,
    cast,
    delete,
    func,
    insert,
    literal,
    literal_column,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.types import TypeDecorator

from hub.db import tables
from hub.db.message_tables import quarantine_act, quarantined_message
from hub.db.portal_tables import citizen_request
from hub.db.unit_of_work import UnitOfWork
from hub.domain.contact import Channel, NotificationStatus
from hub.domain.errors import NotFoundError
from hub.domain.events import Actor
from hub.domain.lifecycle import FINAL_WORK_ORDER_STATUSES
from hub.files import FilesUnavailableError, drop_file, read_file
from hub.notifications.bounces import drop_mails
from hub.notifications.letter_folder import drop_letters
from portal.privacy.people import Selection, rows_of
from portal.privacy.registry import DataKind, PersonalTable, personal_tables

NOT_SENT = "Not sent: the citizen's data was erased."
_NOT_DELIVERED = "Not delivered: the citizen's data was erased."
_FILE_COLUMN = "path"
_ERASING = text("SELECT set_config('doorstep.erasing', :state, true)")


def empty_rows(work: UnitOfWork, selection: Selection, kinds: Collection[DataKind], by: Actor) -> dict[str, int]:
    """Empty or delete what is meant of `kinds`; returns how many rows of each table changed.

    Files, letters and mails that came back go before the transaction ends: when the store does not answer, nothing is erased and FilesUnavailableError raised, and
    when the transaction fails after all, doing it again finds the rows and no file.
    """
    _settle_what_waits(work, selection, kinds, by)
    if DataKind.CONTACT in kinds:
        _delete_mail(work, selection)
    # The database lets words be taken out of history only in a transaction that says so.
    work.connection.execute(_ERASING, {"state": "on"})
    counts: dict[str, int] = {}
    # Who belongs to another row first: afterwards nothing would say any more whose they were.
    for one in sorted(personal_tables().values(), key=lambda one: one.parent is None):
        if not one.belongs_to_people:
            continue
        changed = _delete_rows(work, one, selection) if one.deleted_as in kinds else 0
        if one.deleted_as is None:
            changed = _empty_columns(work, one, selection, kinds)
        if changed:
            counts[one.name] = changed
    work.connection.execute(_ERASING, {"state": "off"})
    return counts


def _delete_rows(work: UnitOfWork, one: PersonalTable, selection: Selection) -> int:
    meant = rows_of(one, selection)
    if _FILE_COLUMN in one.columns.get(DataKind.FILES, ()):
        paths = work.connection.execute(select(one.table.c[_FILE_COLUMN]).where(meant).with_for_update()).scalars()
        _delete_files(work, paths.all())
    return work.connection.execute(delete(one.table).where(meant)).rowcount


def _delete_files(work: UnitOfWork, paths: Iterable[str]) -> None:
    for path in paths:
        drop_file(work.settings, path)
        try:
            read_file(work.settings, path)
        except NotFoundError:
            continue
        raise FilesUnavailableError


def _delete_mail(work: UnitOfWork, selection: Selection) -> None:
    """Delete what was written for a print service, and what mail servers sent back."""
    table = tables.notification.c
    rows = rows_of(personal_tables()["notification"], selection)
    query = select(table.id, table.channel, table.recipient).where(rows)
    sent = work.connection.execute(query).all()
    by_mail = [row for row in sent if row.channel is Channel.EMAIL]
    addresses = {row.recipient for row in by_mail} | {order.citizen_email for order in selection.orders}
    if selection.person is not None:
        addresses.add(selection.person.email)
    folder = work.settings.bounces_folder
    try:
        drop_letters(work.settings, [row.id for row in sent if row.channel is Channel.LETTER])
        if folder is not None:
            drop_mails(folder, [row.id for row in by_mail], addresses)
    except OSError as error:
        raise FilesUnavailableError from error


def _empty_columns(work: UnitOfWork, one: PersonalTable, selection: Selection, kinds: Collection[DataKind]) -> int:
    emptied = {column.name: _empty(column) for kind in kinds for column in one.emptied(kind)}
    if not emptied:
        return 0
    holds_something = or_(*(one.table.c[name].is_distinct_from(value) for name, value in emptied.items()))
    # Whoever read the row before loses to this, as to every other change.
    rising = {"version": one.table.c.version + 1} if "version" in one.table.c else {}
    change = update(one.table).where(and_(rows_of(one, selection), holds_something)).values({**emptied, **rising})
    return work.connection.execute(change).rowcount


def _empty(column: Column[Any]) -> ColumnElement[Any]:
    """What stands in a column when nothing personal is left in it."""
    special = _SPECIAL.get((column.table.name, column.name))
    if special is not None:
        return special
    if column.nullable:
        return literal_column("NULL")
    kind = column.type.impl_instance if isinstance(column.type, TypeDecorator) else column.type
    if isinstance(kind, ARRAY):
        return literal_column("'{}'::text[]")
    return literal("", Text) if isinstance(kind, Text) else literal_column("'{}'::jsonb")


def _settle_what_waits(work: UnitOfWork, selection: Selection, kinds: Collection[DataKind], by: Actor) -> None:
    """End what would still use the data: messages that wait to be sent, calls to utilities, messages in quarantine."""
    registry, now = personal_tables(), work.now
    notification, delivery = tables.notification, tables.callback_delivery
    if DataKind.CONTACT in kinds:
        queued = and_(rows_of(registry["notification"], selection), notification.c.status == NotificationStatus.QUEUED)
        ended = {"status": NotificationStatus.FAILED, "error": NOT_SENT, "settled_at": now, "retry_at": None}
        work.connection.execute(update(notification).where(queued).values(**ended, version=notification.c.version + 1))
        asked = and_(rows_of(registry["citizen_request"], selection), citizen_request.c.erased_at.is_(None))
        work.connection.execute(update(citizen_request).where(asked).values(erased_at=now, token_hash=None))
    if DataKind.COPIES in kinds:
        waits = delivery.c.delivered_at.is_(None) & delivery.c.dead_at.is_(None)
        work.connection.execute(
            update(delivery)
            .where(and_(rows_of(registry["callback_delivery"], selection), waits))
            .values(dead_at=now, problem=_NOT_DELIVERED)
        )
        _discard_quarantined(work, rows_of(registry["quarantined_message"], selection), by)


def _discard_quarantined(work: UnitOfWork, meant: ColumnElement[bool], by: Actor) -> None:
    """Nobody can see to a message whose body is gone."""
    table = quarantined_message
    discarded = work.connection.execute(
        update(table)
        .where(and_(meant, table.c.status == "waiting"))
        .values(status="discarded", settled_at=work.now, version=table.c.version + 1)
        .returning(table.c.id)
    ).scalars()
    for message in discarded.all():
        row = {"quarantined_message_id": message, "at": work.now, "act": "discarded"}
        work.connection.execute(insert(quarantine_act).values(**row, actor_kind=by.kind.value, actor_name=by.name))


def _coarse(column: Column[Any]) -> ColumnElement[Any]:
    """A point of an order that is over, to a tenth of a degree: about ten kilometres, a territory and no home."""
    near = cast(func.round(cast(column, Numeric), 1), Double)
    return case((tables.work_order.c.status.in_(FINAL_WORK_ORDER_STATUSES), near), else_=column)


def _without(column: Column[Any], *paths: str) -> ColumnElement[Any]:
    """A JSON value without what lies at `paths`."""
    for path in paths:
        column = column.op("#-")(literal_column(f"'{{{path}}}'"))  # type: ignore[assignment]
    return column


def _only(column: Column[Any], names: Iterable[str]) -> ColumnElement[Any]:
    """A JSON object with nothing but the members of these names."""
    kept: ColumnElement[Any] = literal_column(f"ARRAY[{', '.join(repr(name) for name in names)}]::text[]")
    member = func.jsonb_each(column).table_valued("key", "value")
    picked = select(func.jsonb_object_agg(member.c.key, member.c.value)).where(member.c.key == func.any(kept))
    return func.coalesce(picked.scalar_subquery(), literal_column("'{}'::jsonb"))


_STATUS, _OUTBOX, _INBOX = tables.status_event.c, tables.outbox_event.c, tables.inbox_message.c
_CODES = (
    # of a message to the citizen
    *("channel", "permanent", "to"),
    # of a conversation
    *("topic", "meaning", "did"),
    # of a change that was refused
    *("change", "changeType"),
    # of a dossier: the record and the counts, and no words of messages
    *("schema", "workOrderId", "externalId", "utility", "workType", "status", "policy", "rounds", "outcome", "record"),
)
"""What stays of an event's data: codes, counts and the masked record. Whatever is not named here goes."""
_IS_OURS = and_(
    _STATUS.actor_kind == "system", _STATUS.after != "rejected", _STATUS.name != "work_order.change_refused"
)
"""A sentence of ours, which names nobody; why an order was rejected may quote what was wrong in it."""
_SPECIAL: dict[tuple[str, str], ColumnElement[Any]] = {
    ("work_order", "latitude"): _coarse(tables.work_order.c.latitude),
    ("work_order", "longitude"): _coarse(tables.work_order.c.longitude),
    ("status_event", "reason"): case((_IS_OURS, _STATUS.reason), else_=literal("", Text)),
    ("status_event", "data"): _only(_STATUS.data, _CODES),
    ("outbox_event", "data"): _without(
        _OUTBOX.data,
        "event,workOrder,note",
        "event,change,reason",
        "event,dossier,attempts",
        "event,dossier,sentence",
    ),
    # Two conversations of one order may not have the same sender.
    ("conversation", "sender"): literal("erased ", Text) + cast(personal_tables()["conversation"].table.c.id, Text),
    # Of a message that could be read it is the order's number, by which a second use of its id is found out.
    ("inbox_message", "detail"): case((_INBOX.outcome == "dead-lettered", literal("", Text)), else_=_INBOX.detail),
    ("notification", "error"): case(
        (tables.notification.c.error == NOT_SENT, tables.notification.c.error), else_=literal("", Text)
    ),
}
