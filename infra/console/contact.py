"""What the pages of contacting show: how an order's case stands, and the orders that are on hold."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, func, select

from hub.bootstrap import Hub
from hub.contact_record import Entry, read_entries
from hub.db import tables
from hub.db.ladder_tables import follow_up
from hub.db.unit_of_work import UnitOfWork
from hub.domain.contact import CaseStatus, ContactCase
from hub.domain.ids import WorkOrderId
from hub.domain.lifecycle import LIVE_VISIT_STATUSES, MOVABLE_VISIT_STATUSES, HoldReason, WorkOrderStatus
from hub.domain.work_orders import WorkOrder
from infra.console.words import channel_name, fact_in_words
from portal.contact.cases import count_attempts, count_closed_doors, policy_of
from portal.contact.follow_ups import FollowUp, find_follow_up
from portal.contact.policies import ContactPolicy

PAGE_LENGTH = 50
_NEWEST_ENTRIES = 100
_SIGN = re.compile(r"(?<=[a-z])(?=[A-Z])")
_FOR_PROGRAMS = frozenset(
    {"message", "sha256", "textHmac", "providerId", "visit", "appointment", "conversation", "hop", "try"}
)
"""What ties an entry to other things; the dossier has it in full."""
_MAY_BE_CONCLUDED = frozenset(
    {WorkOrderStatus.CONTACTING, WorkOrderStatus.BOOKED, WorkOrderStatus.PLANNED, WorkOrderStatus.ON_HOLD}
)


@dataclass(frozen=True)
class RecordLine:
    """One entry of the contact record, newest first on the page; `facts` are its content, in words."""

    number: int
    at: datetime
    what: str
    facts: str


@dataclass(frozen=True)
class ContactStanding:
    """How contacting one order stands. `next_step` is what comes at `case.next_due_at`, in words."""

    order: WorkOrder
    case: ContactCase | None
    policy: ContactPolicy | None
    follow_up: FollowUp | None
    next_step: str
    attempts: int
    closed_doors: int
    under_way: bool
    record: tuple[RecordLine, ...]

    @property
    def can_be_concluded(self) -> bool:
        """Whether staff may record an outcome now."""
        return self.order.status in _MAY_BE_CONCLUDED and not self.under_way

    @property
    def is_held(self) -> bool:
        """Whether the order is on hold."""
        return self.order.status is WorkOrderStatus.ON_HOLD

    @property
    def acts(self) -> frozenset[str]:
        """What staff may decide now, by the names of the page's forms."""
        may: set[str] = set()
        if self.can_be_concluded:
            may |= {"outcome", "address"} if self.order.citizen_phone or self.order.citizen_email else {"outcome"}
        if self.is_held:
            may |= {"review", "team", "cancel"}
            if self.has_messages_left or self.policy is None:
                may.add("invite")
        return frozenset(may)

    @property
    def has_messages_left(self) -> bool:
        """Whether the policy allows one more message."""
        return self.policy is not None and self.attempts < self.policy.most_attempts


@dataclass(frozen=True)
class HeldOrder:
    """One line of the list of orders on hold."""

    id: WorkOrderId
    external_id: str
    utility: str
    hold_reason: HoldReason | None
    street: str
    town: str
    zone: str
    review_at: datetime | None
    reinvites: bool
    team: str


@dataclass(frozen=True)
class HeldPage:
    """One page of held orders, those to look at first on top; `due` counts those whose review date has come."""

    lines: tuple[HeldOrder, ...]
    total: int
    due: int
    page: int
    pages: int


def read_standing(hub: Hub, work_order_id: WorkOrderId) -> ContactStanding:
    """Everything of one order's contacting; raises NotFoundError."""
    with hub.snapshot() as work:
        order = work.work_orders.get(work_order_id)
        case = work.contact_cases.find(order.id)
        policy = policy_of(work, order, case)
        visit = tables.visit.c
        begun = visit.status.in_(LIVE_VISIT_STATUSES - MOVABLE_VISIT_STATUSES)
        return ContactStanding(
            order=order,
            case=case,
            policy=policy,
            follow_up=find_follow_up(work, order.id) if order.status is WorkOrderStatus.ON_HOLD else None,
            next_step=_next_step(case, policy),
            attempts=count_attempts(work, order.id),
            closed_doors=count_closed_doors(work, order.id),
            under_way=work.visits.find_where(visit.work_order_id == order.id, begun) is not None,
            record=_record(work, order),
        )


def list_held(connection: Connection, now: datetime, *, team: str, only_due: bool, page: int) -> HeldPage:
    """Page `page` (from 1) of the orders on hold; a page past the end shows the last. `team` is "-" for those of nobody."""
    order, follows = tables.work_order.c, follow_up.c
    joined = tables.work_order.outerjoin(follow_up, follows.work_order_id == order.id)
    where: list[ColumnElement[bool]] = [order.status == WorkOrderStatus.ON_HOLD]
    if team:
        where.append(func.coalesce(follows.team, "") == ("" if team == "-" else team))
    is_due = and_(*where, _is_due(now))
    if only_due:
        where.append(_is_due(now))
    total = connection.execute(select(func.count()).select_from(joined).where(*where)).scalar_one()
    due = connection.execute(select(func.count()).select_from(joined).where(is_due)).scalar_one()
    pages = max(1, -(-total // PAGE_LENGTH))
    page = min(max(1, page), pages)
    rows = connection.execute(
        select(
            order.id,
            order.external_id,
            order.utility,
            order.hold_reason,
            order.street,
            order.town,
            order.zone,
            follows.review_at,
            func.coalesce(follows.reinvites, False),
            func.coalesce(follows.team, ""),
        )
        .select_from(joined)
        .where(*where)
        .order_by(follows.review_at.asc().nulls_last(), order.imported_at, order.external_id)
        .limit(PAGE_LENGTH)
        .offset((page - 1) * PAGE_LENGTH)
    )
    return HeldPage(tuple(HeldOrder(*tuple(row)) for row in rows), total, due, page, pages)


def count_due_reviews(connection: Connection, now: datetime) -> int:
    """How many orders on hold have a review date that has come, and nobody has looked at them yet."""
    joined = tables.work_order.join(follow_up, follow_up.c.work_order_id == tables.work_order.c.id)
    held = tables.work_order.c.status == WorkOrderStatus.ON_HOLD
    return connection.execute(select(func.count()).select_from(joined).where(held, _is_due(now))).scalar_one()


def _is_due(now: datetime) -> ColumnElement[bool]:
    return follow_up.c.review_at <= now


def _next_step(case: ContactCase | None, policy: ContactPolicy | None) -> str:
    if case is None or policy is None or case.status is not CaseStatus.OPEN:
        return ""
    if policy.is_last(case.next_step):
        return "the ladder ends: no contact"
    step = policy.steps[case.next_step]
    channels = ", else ".join(channel_name(channel) for channel in step.channels)
    return f"{step.kind.replace('_', ' ')} by {channels}"


def _record(work: UnitOfWork, order: WorkOrder) -> tuple[RecordLine, ...]:
    newest = read_entries(work, order.id)[-_NEWEST_ENTRIES:]
    contents: list[dict[str, Any]] = [json.loads(entry.content) for entry in newest]
    account = tables.staff_account.c
    names = {str(row.id): row.name for row in work.connection.execute(select(account.id, account.name))}
    for content in contents:
        by = content.get("by")
        if isinstance(by, dict):
            # The record keeps the account, people read the name.
            content["by"] = names.get(str(by.get("name", "")), by.get("kind", ""))
    return tuple(
        _line(entry, content, order.zone) for entry, content in reversed(list(zip(newest, contents, strict=True)))
    )


def _line(entry: Entry, content: Mapping[str, Any], zone: str) -> RecordLine:
    told = [
        f"{_spaced(name)}: {words}"
        for name, value in content.items()
        if name not in _FOR_PROGRAMS and (words := _words(name, value, zone))
    ]
    what = entry.kind.rpartition(".")[2].replace("_", " ")
    return RecordLine(entry.number, entry.at, what, "; ".join(told))


def _spaced(name: str) -> str:
    return _SIGN.sub(" ", name).lower()


def _words(name: str, value: object, zone: str) -> str:
    """The JSON value of `name` for reading; what says nothing (empty, false) is left out."""
    if isinstance(value, bool):
        return "yes" if value else ""
    if isinstance(value, dict):
        return ", ".join(f"{_spaced(key)} {words}" for key, one in value.items() if (words := _words(key, one, zone)))
    if isinstance(value, list):
        return ", ".join(_words(name, one, zone) for one in value)
    return "" if value is None else fact_in_words(name, str(value), zone)
