"""The one list of rooms: who listens to which event, which jobs and timers there are, which pages and APIs are served."""

from collections.abc import Callable
from datetime import datetime

from fastapi import APIRouter

from hub.bootstrap import Hub
from hub.db.unit_of_work import Handler, Subscriptions
from ingest.handlers import SUBSCRIPTIONS as INGEST_SUBSCRIPTIONS
from technician_api.handlers import TIMERS as TECHNICIAN_TIMERS
from technician_api.routes import router as technician_router

type Timer = Callable[[Hub, datetime], int]
"""Does what is due up to an instant and returns how much that was; safe to run twice, catches up after a stop."""
type Job = Callable[..., None]
"""Runs one deferred job: `job(hub, **arguments)`."""


def _merged(*rooms: Subscriptions) -> Subscriptions:
    heard: dict[str, list[Handler]] = {}
    for room in rooms:
        for name, handlers in room.items():
            heard.setdefault(name, []).extend(handlers)
    return heard


SUBSCRIPTIONS: Subscriptions = _merged(INGEST_SUBSCRIPTIONS)
TIMERS: dict[str, Timer] = {**TECHNICIAN_TIMERS}
JOBS: dict[str, Job] = {}
ROUTERS: list[APIRouter] = [technician_router]
CONSOLE_MENU: list[tuple[str, str]] = []
"""(address, name) of the console's menu, in order."""
