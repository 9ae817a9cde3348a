"""The jobs and timers of messages."""

from collections.abc import Callable, Mapping
from datetime import datetime

from hub.bootstrap import Hub
from hub.notifications.bounces import read_bounces
from hub.notifications.service import DELIVER_JOB, deliver_notification, retry_notifications, settle_unknown
from hub.notifications.webhook_calls import forget_webhook_calls

JOBS: Mapping[str, Callable[..., None]] = {DELIVER_JOB: deliver_notification}
TIMERS: Mapping[str, Callable[[Hub, datetime], int]] = {
    "settle_unknown": settle_unknown,
    "retry_notifications": retry_notifications,
    "read_bounces": read_bounces,
    "forget_webhook_calls": forget_webhook_calls,
}
