"""What the API listens to, and what falls due in it."""

from collections.abc import Callable, Mapping
from datetime import datetime

from hub.bootstrap import Hub
from hub.db.unit_of_work import Subscriptions
from ingest.api.appointments import forget_old_searches
from ingest.api.callbacks import (
    DELIVER_TASK,
    call_subscribers,
    deliver_callbacks,
    forget_old_deliveries,
    share_events,
    tell_appointment,
)
from ingest.api.clients import forget_old_tokens

SUBSCRIPTIONS: Subscriptions = {"appointment.*": [tell_appointment]}
JOBS: Mapping[str, Callable[..., None]] = {DELIVER_TASK: deliver_callbacks}
TIMERS: Mapping[str, Callable[[Hub, datetime], int]] = {
    "share_events": share_events,
    "call_subscribers": call_subscribers,
    "forget_old_tokens": forget_old_tokens,
    "forget_old_slot_searches": forget_old_searches,
    "forget_old_deliveries": forget_old_deliveries,
}
