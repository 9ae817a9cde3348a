"""Nothing personal is kept for longer than the rules say: a timer that erases, in batches, what is over long enough.

Whatever days it missed it makes up for: it asks what is over for so many days by now, not what became so today. What was erased is
remembered by order and kind, so that a run which is repeated, or meets another one, erases nothing twice.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import ColumnElement, and_, exists, func, select
from sqlalchemy.dialects.postgresql import insert

from hub.bootstrap import Hub
from hub.db import tables
from hub.db.conversation_tables import conversation
from hub.db.message_tables import early_message, quarantined_message
from hub.db.portal_tables import citizen_request
from hub.db.privacy_tables import erased_data
from hub.db.unit_of_work import UnitOfWork
from hub.domain.events import SYSTEM
from hub.domain.lifecycle import FINAL_WORK_ORDER_STATUSES
from hub.domain.work_orders import WorkOrder
from hub.toml_files import read_toml
from portal.privacy.acts import PrivacyAct, note_act
from portal.privacy.people import Selection
from portal.privacy.recorded_erasure import erase_rows
from portal.privacy.registry import DataKind
from portal.privacy.service import remember_erased

FILE = Path(__file__).with_name("retention.toml")
TIMER = "retain_personal_data"
_REASON = "kept as long as the retention rules say"
_BATCH = 200
_MOST_BATCHES = 25
"""How many batches one run takes at most; the next run takes the rest."""
_Days = Annotated[int, Field(ge=0, le=36_500)]


@dataclass(frozen=True)
class RetentionRules:
    """How long what is kept: by kind after an order's end, by table for what has no order."""

    after_end: Mapping[DataKind, timedelta]
    without_order: Mapping[str, timedelta]


class _EndFile(BaseModel):
    model_config = ConfigDict(extra="forbid")

    words: _Days
    contact: _Days
    place: _Days
    files: _Days
    copies: _Days


class _WithoutOrderFile(BaseModel):
    model_config = ConfigDict(extra="forbid")

    conversation: _Days
    citizen_request: _Days
    early_message: _Days
    recorded_message: _Days
    idempotency_record: _Days
    inbox_message: _Days
    quarantined_message: _Days


class _RulesFile(BaseModel):
    model_config = ConfigDict(extra="forbid")

    days_after_end: _EndFile
    days_without_order: _WithoutOrderFile


@cache
def load_rules(file: Path | None = None) -> RetentionRules:
    """The rules in `file` (default: those beside this module); raises ConfigurationError naming file and place."""
    read = read_toml(file or FILE, _RulesFile, "file of retention rules")
    return RetentionRules(
        after_end={DataKind(kind): timedelta(days=days) for kind, days in read.days_after_end},
        without_order={name: timedelta(days=days) for name, days in read.days_without_order},
    )


def retain_personal_data(hub: Hub, now: datetime) -> int:
    """Once a day, erase what is over long enough; returns how many orders and rows without an order were seen to. A timer."""
    day = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    if _ran(hub, day):
        return 0
    done, is_whole = apply_rules(hub, load_rules(hub.settings.retention), now)
    if is_whole:
        _note_run(hub, day, done)
    return done


def apply_rules(hub: Hub, rules: RetentionRules, now: datetime) -> tuple[int, bool]:
    """Erase what is over long enough, in batches of one transaction each; returns how much, and whether nothing is left to do."""
    done = _erase_without_order(hub, rules, now)
    for kind, days in rules.after_end.items():
        for _ in range(_MOST_BATCHES):
            taken = _erase_batch(hub, kind, now - days)
            done += taken
            if taken < _BATCH:
                break
        else:
            return done, False
    return done, True


def _erase_batch(hub: Hub, kind: DataKind, ended_before: datetime) -> int:
    with hub.unit_of_work() as work:
        orders = work.work_orders.list_where(
            *_over(kind, ended_before), order_by=(tables.work_order.c.id,), limit=_BATCH, skip_locked=True
        )
        if orders:
            _erase(work, Selection(tuple(orders)), (kind,), orders)
            work.commit()
    return len(orders)


def _over(kind: DataKind, ended_before: datetime) -> tuple[ColumnElement[bool], ...]:
    order, event = tables.work_order.c, tables.status_event.c
    ended = (
        select(func.max(event.at))
        .where(event.work_order_id == order.id, event.entity == "work_order", event.before != event.after)
        .scalar_subquery()
    )
    erased = exists().where(erased_data.c.work_order_id == order.id, erased_data.c.kind == kind.value)
    return (
        order.status.in_(FINAL_WORK_ORDER_STATUSES),
        func.coalesce(ended, order.imported_at) <= ended_before,
        ~erased,
    )


def _erase_without_order(hub: Hub, rules: RetentionRules, now: datetime) -> int:
    without = rules.without_order
    requests, kept = citizen_request.c, tables.recorded_message.c
    seen = func.coalesce(requests.decided_at, requests.confirmed_at, requests.created_at)
    where: dict[str, ColumnElement[bool]] = {
        "conversation": and_(
            conversation.c.work_order_id.is_(None), conversation.c.changed_at <= now - without["conversation"]
        ),
        "citizen_request": and_(requests.work_order_id.is_(None), seen <= now - without["citizen_request"]),
        "early_message": early_message.c.received_at <= now - without["early_message"],
        "recorded_message": and_(kept.work_order_id.is_(None), kept.recorded_at <= now - without["recorded_message"]),
        "idempotency_record": tables.idempotency_record.c.created_at <= now - without["idempotency_record"],
        "inbox_message": tables.inbox_message.c.received_at <= now - without["inbox_message"],
        "quarantined_message": quarantined_message.c.quarantined_at <= now - without["quarantined_message"],
    }
    with hub.unit_of_work() as work:
        changed = _erase(work, Selection(where=where), tuple(DataKind), ())
        work.commit()
    return changed


def _erase(work: UnitOfWork, selection: Selection, kinds: Sequence[DataKind], orders: Sequence[WorkOrder]) -> int:
    changed = erase_rows(work, selection, kinds, SYSTEM)
    if changed or orders:
        act = note_act(work, PrivacyAct.RETAIN, SYSTEM, _REASON, {"orders": len(orders), **changed})
        remember_erased(work, [order.id for order in orders], kinds, act)
    return sum(changed.values())


def _ran(hub: Hub, day: datetime) -> bool:
    run = tables.timer_run.c
    with hub.reading() as connection:
        found = connection.execute(select(run.due).where(run.timer == TIMER, run.due == day)).first()
    return found is not None


def _note_run(hub: Hub, day: datetime, done: int) -> None:
    with hub.unit_of_work() as work:
        row = {"timer": TIMER, "due": day, "ran_at": work.now, "done_count": done}
        work.connection.execute(insert(tables.timer_run).values(row).on_conflict_do_nothing())
        work.commit()


TIMERS = {TIMER: retain_personal_data}
