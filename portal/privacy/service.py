"""A person's data: find it, hand it out, erase it. Staff ask for it; every act is written down without saying about whom."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import and_, func, select
from sqlalchemy.dialects.postgresql import insert

from hub.bootstrap import Hub
from hub.db import tables
from hub.db.privacy_tables import erased_data
from hub.db.unit_of_work import UnitOfWork
from hub.domain.errors import DoorstepError, ErrorKind
from hub.domain.events import Actor
from hub.domain.lifecycle import FINAL_WORK_ORDER_STATUSES
from hub.domain.work_orders import WorkOrder
from portal.privacy.acts import PrivacyAct, check_reason, note_act
from portal.privacy.exporting import Archive, write_archive
from portal.privacy.people import Person, Selection, count_rows, orders_of, read_person, rows_of
from portal.privacy.recorded_erasure import erase_rows
from portal.privacy.registry import DataKind, personal_tables


class NobodyKnownError(DoorstepError):
    """No row of any table is that person's."""

    kind = ErrorKind.NOT_FOUND
    code = "nobody-known"

    def __init__(self) -> None:
        super().__init__("Nothing is kept about anybody with this address.")


class StillOpenError(DoorstepError):
    """Work for the person goes on, or somebody has not been told yet."""

    kind = ErrorKind.CONFLICT
    code = "still-open"

    def __init__(self, orders: Sequence[WorkOrder], calls: int) -> None:
        named = ", ".join(f"{order.external_id} ({order.status.value})" for order in orders[:5])
        more = f" and {len(orders) - 5} more" if len(orders) > 5 else ""
        said = [f"These orders are open: {named}{more}." if orders else ""]
        said += [f"{calls} calls to the utility still wait." if calls else ""]
        super().__init__(
            " ".join(part for part in said if part) + " End them first, or force the erasure with a reason."
        )
        self.orders = tuple(orders)


@dataclass(frozen=True)
class Found:
    """What is kept about a person: their orders, and how many rows in each table."""

    person: Person
    orders: tuple[WorkOrder, ...]
    counts: dict[str, int]

    @property
    def rows(self) -> int:
        """How many rows in all."""
        return sum(self.counts.values())

    @property
    def open_orders(self) -> tuple[WorkOrder, ...]:
        """Those that are not over."""
        return tuple(order for order in self.orders if order.status not in FINAL_WORK_ORDER_STATUSES)


def find_person(hub: Hub, text: str) -> Found:
    """What is kept about who has that one e-mail address or number; raises PersonUnreadableError or NobodyKnownError."""
    person = read_person(text)
    with hub.snapshot() as work:
        return _found(work, person, orders_of(work, person))


def export_person(hub: Hub, text: str, *, by: Actor, reason: str) -> Archive:
    """Everything that is kept about a person, as a ZIP archive; raises PersonUnreadableError, NobodyKnownError or ReasonRefusedError.

    The act is written down before the archive is handed out.
    """
    person = read_person(text)
    with hub.snapshot() as work:
        found = _found(work, person, orders_of(work, person))
        said = check_reason(reason, _names(found.orders))
        archive = write_archive(work, Selection(found.orders, person))
    with hub.unit_of_work() as work:
        note_act(work, PrivacyAct.EXPORT, by, said, {"orders": len(found.orders), **archive.counts})
        work.commit()
    return archive


def erase_person(hub: Hub, text: str, *, by: Actor, reason: str, force: bool = False) -> dict[str, int]:
    """Erase what is kept about a person; returns how many rows of each table changed.

    What figures, invoices and the law need stays, without what made it somebody's; the contact record stays as it is, for it
    holds masked values only, and gets an entry that words were erased. Raises PersonUnreadableError, NobodyKnownError, ReasonRefusedError, StillOpenError unless `force`, and
    FilesUnavailableError when pictures cannot be deleted now; then nothing is erased.
    """
    person = read_person(text)
    with hub.unit_of_work() as work:
        orders = orders_of(work, person, lock=True)
        found = _found(work, person, orders)
        said = check_reason(reason, _names(orders))
        calls = _waiting_calls(work, Selection(orders, person))
        if not force and (found.open_orders or calls):
            raise StillOpenError(found.open_orders, calls)
        changed = erase_rows(work, Selection(orders, person), tuple(DataKind), by)
        act = note_act(work, PrivacyAct.ERASE, by, said, {"orders": len(orders), "forced": int(force), **changed})
        over = [order.id for order in orders if order not in found.open_orders]
        # An order that goes on may be told new data; it is looked at again when it is over.
        remember_erased(work, over, tuple(DataKind), act)
        work.commit()
    return changed


def remember_erased(work: UnitOfWork, orders: Sequence[UUID], kinds: Collection[DataKind], act: int) -> None:
    """Write down that data of `kinds` of these orders is erased."""
    rows = [
        {"work_order_id": order, "kind": kind.value, "at": work.now, "act_seq": act}
        for order in orders
        for kind in kinds
    ]
    if rows:
        work.connection.execute(insert(erased_data).on_conflict_do_nothing(), rows)


def _found(work: UnitOfWork, person: Person, orders: tuple[WorkOrder, ...]) -> Found:
    counts = count_rows(work, Selection(orders, person))
    if not counts:
        raise NobodyKnownError
    return Found(person, orders, counts)


def _names(orders: Sequence[WorkOrder]) -> list[str]:
    return [order.citizen_name for order in orders]


def _waiting_calls(work: UnitOfWork, selection: Selection) -> int:
    table = tables.callback_delivery
    waits = and_(
        rows_of(personal_tables()[table.name], selection), table.c.delivered_at.is_(None), table.c.dead_at.is_(None)
    )
    return work.connection.execute(select(func.count()).select_from(table).where(waits)).scalar_one()
