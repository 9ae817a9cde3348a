"""What the feedback room hears."""

from collections.abc import Callable

from feedback.service import invite_to_survey
from hub.bootstrap import Hub
from hub.db.unit_of_work import Subscriptions, UnitOfWork
from hub.domain.events import Event


def _ask(work: UnitOfWork, event: Event) -> None:
    invite_to_survey(work, event.work_order_id)


SUBSCRIPTIONS: Subscriptions = {"work_order.completed": [_ask]}
JOBS: dict[str, Callable[..., None]] = {}
TIMERS: dict[str, Callable[[Hub, object], int]] = {}
