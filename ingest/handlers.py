"""What this room listens to."""

from hub.db.unit_of_work import Subscriptions
from ingest.service import record_for_utility

SUBSCRIPTIONS: Subscriptions = {"work_order.*": (record_for_utility,)}
