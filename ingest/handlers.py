"""What this room listens to, and what its worker does."""

from collections.abc import Callable, Mapping
from datetime import datetime

from hub.bootstrap import Hub
from hub.db.unit_of_work import ForMany, Subscriptions
from hub.messaging.intake import TAKE_ORDER_JOB
from ingest.handed_in import take_order
from ingest.places.service import SEARCH_JOB, begin_search, end_search, search_again, search_place
from ingest.service import record_for_utility

SUBSCRIPTIONS: Subscriptions = {
    "work_order.*": (ForMany(record_for_utility),),
    "work_order.needs_location": (begin_search,),
    "work_order.received": (end_search,),
    "work_order.cancelled": (end_search,),
    "work_order.rejected": (end_search,),
}
JOBS: Mapping[str, Callable[..., None]] = {SEARCH_JOB: search_place, TAKE_ORDER_JOB: take_order}
TIMERS: Mapping[str, Callable[[Hub, datetime], int]] = {"search_places_again": search_again}
