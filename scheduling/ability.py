"""Whether anybody could do a piece of work at all: the question before any other about times.

It says nothing of shifts: somebody who is ill, or works next month only, can do the work, though there is no time to offer yet.
"""

from collections.abc import Iterable

from sqlalchemy import ColumnElement, Select, and_, false, func, or_, select

from hub.db.tables import technician, work_order
from hub.db.unit_of_work import UnitOfWork
from hub.domain.catalogue import WorkType


def somebody_can_do(work: UnitOfWork, kind: WorkType, territory: str) -> bool:
    """Whether an active technician of `territory` has every skill that `kind` needs, mastered as well as it needs."""
    able = _able_territories(kind).where(technician.c.territory == territory).limit(1)
    return work.connection.execute(able).first() is not None


def nobody_can_do(kinds: Iterable[WorkType]) -> ColumnElement[bool]:
    """The condition on `work_order` for orders of these kinds whose territory has no technician who can do them."""
    order = work_order.c
    lost = [and_(order.work_type == kind.code, order.territory.not_in(_able_territories(kind))) for kind in kinds]
    return or_(false(), *lost)


def _able_territories(kind: WorkType) -> Select[tuple[str]]:
    """The territories of those who can do it, some more than once. Without columns of the order, so that it is worked out only once."""
    table = technician.c
    mastered = [func.coalesce(table.levels[skill].as_integer(), 1) >= least for skill, least in kind.levels]
    return select(table.territory).where(table.active, table.skills.contains(tuple(kind.skills)), *mastered)
