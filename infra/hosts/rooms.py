"""The one list of rooms: who listens to which event, which jobs and timers there are, which pages and APIs are served."""

from collections.abc import Callable
from datetime import datetime

from fastapi import APIRouter

from feedback.handlers import SUBSCRIPTIONS as FEEDBACK_SUBSCRIPTIONS
from feedback.routes import router as feedback_router
from hub.bootstrap import Hub
from hub.db.unit_of_work import Handler, Subscriptions
from hub.domain.staff import Role
from hub.notifications.handlers import JOBS as NOTIFICATION_JOBS
from hub.notifications.handlers import TIMERS as NOTIFICATION_TIMERS
from hub.web import staff_routes
from infra.console.citizen_left_routes import router as citizen_left_router
from infra.console.contact_routes import router as contact_router
from infra.console.dossier_routes import router as dossier_router
from infra.console.inbox_routes import router as inbox_router
from infra.console.locations_routes import router as locations_router
from infra.console.outbox_routes import router as outbox_router
from infra.console.privacy_routes import router as privacy_router
from infra.console.quarantine_routes import router as quarantine_router
from infra.console.requests_routes import router as requests_router
from infra.console.routes import router as console_router
from ingest.api.handlers import JOBS as UTILITY_API_JOBS
from ingest.api.handlers import SUBSCRIPTIONS as UTILITY_API_SUBSCRIPTIONS
from ingest.api.handlers import TIMERS as UTILITY_API_TIMERS
from ingest.api.routes import router as utility_api_router
from ingest.counting import tally_inbox
from ingest.handlers import JOBS as INGEST_JOBS
from ingest.handlers import SUBSCRIPTIONS as INGEST_SUBSCRIPTIONS
from ingest.handlers import TIMERS as INGEST_TIMERS
from ingest.quarantine.service import erase_old_bodies
from portal.conversations.handlers import SUBSCRIPTIONS as CONVERSATION_SUBSCRIPTIONS
from portal.day.routes import router as day_router
from portal.details.handlers import TIMERS as DETAILS_TIMERS
from portal.details.routes import router as details_router
from portal.handlers import JOBS as PORTAL_JOBS
from portal.handlers import SUBSCRIPTIONS as PORTAL_SUBSCRIPTIONS
from portal.handlers import TIMERS as PORTAL_TIMERS
from portal.link_routes import router as link_router
from portal.new_links import JOBS as NEW_LINK_JOBS
from portal.privacy.retention import TIMERS as PRIVACY_TIMERS
from portal.requests.handlers import SUBSCRIPTIONS as REQUEST_SUBSCRIPTIONS
from portal.requests.handlers import TIMERS as REQUEST_TIMERS
from portal.requests.messages import JOBS as REQUEST_JOBS
from portal.requests.routes import router as request_router
from portal.routes import router as portal_router
from portal.statements.routes import router as statements_router
from portal.waitlist.handlers import SUBSCRIPTIONS as WAITLIST_SUBSCRIPTIONS
from portal.waitlist.handlers import TIMERS as WAITLIST_TIMERS
from portal.waitlist.routes import router as waitlist_router
from portal.webhooks.routes import router as webhooks_router
from scheduling.board.routes import router as board_router
from scheduling.handlers import JOBS as SCHEDULING_JOBS
from scheduling.handlers import SUBSCRIPTIONS as SCHEDULING_SUBSCRIPTIONS
from scheduling.handlers import TIMERS as SCHEDULING_TIMERS
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


SUBSCRIPTIONS: Subscriptions = _merged(
    PORTAL_SUBSCRIPTIONS,
    CONVERSATION_SUBSCRIPTIONS,
    WAITLIST_SUBSCRIPTIONS,
    REQUEST_SUBSCRIPTIONS,
    INGEST_SUBSCRIPTIONS,
    UTILITY_API_SUBSCRIPTIONS,
    FEEDBACK_SUBSCRIPTIONS,
    SCHEDULING_SUBSCRIPTIONS,
)
TIMERS: dict[str, Timer] = {
    **SCHEDULING_TIMERS,
    **PORTAL_TIMERS,
    **DETAILS_TIMERS,
    **WAITLIST_TIMERS,
    **REQUEST_TIMERS,
    **NOTIFICATION_TIMERS,
    **TECHNICIAN_TIMERS,
    **UTILITY_API_TIMERS,
    **INGEST_TIMERS,
    **PRIVACY_TIMERS,
    "tally_inbox": tally_inbox,
    "erase_old_bodies": erase_old_bodies,
}
JOBS: dict[str, Job] = {
    **SCHEDULING_JOBS,
    **PORTAL_JOBS,
    **NEW_LINK_JOBS,
    **REQUEST_JOBS,
    **NOTIFICATION_JOBS,
    **UTILITY_API_JOBS,
    **INGEST_JOBS,
}
ROUTERS: list[APIRouter] = [
    link_router,
    statements_router,
    waitlist_router,
    request_router,
    requests_router,
    day_router,
    details_router,
    webhooks_router,
    portal_router,
    staff_routes.router,
    console_router,
    citizen_left_router,
    contact_router,
    dossier_router,
    inbox_router,
    locations_router,
    quarantine_router,
    privacy_router,
    board_router,
    outbox_router,
    technician_router,
    feedback_router,
    utility_api_router,
]
CONSOLE_MENU: list[tuple[str, str, Role | None]] = [
    ("/console", "Today", None),
    ("/console/board", "Board", None),
    ("/console/orders", "Orders", None),
    ("/console/inbox", "Inbox", None),
    ("/console/held", "On hold", None),
    ("/console/requests", "Requests", None),
    ("/console/locations", "Needs location", None),
    ("/console/quarantine", "Quarantine", None),
    ("/console/technicians", "Technicians", None),
    ("/console/figures", "Figures", None),
    ("/console/privacy", "Personal data", Role.ADMINISTRATOR),
]
"""(address, name, the role that alone sees it or None) of the console's menu, in order."""
