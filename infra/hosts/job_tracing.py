"""Runs a job under the correlation id of the order it is about, and counts it."""

import logging
from collections.abc import Mapping
from uuid import UUID

from sqlalchemy import ColumnElement, select

from hub.bootstrap import Hub
from hub.db import tables
from hub.logs import correlated
from hub.metrics import note_job
from infra.hosts.database_watch import says_database_is_away
from infra.hosts.rooms import Job

_log = logging.getLogger(__name__)


def run_job(hub: Hub, name: str, job: Job, /, **arguments: str) -> None:
    """Run `job`; raises what it raises, for the queue then tries again."""
    with correlated(_correlation_id(hub, arguments)):
        try:
            job(hub, **arguments)
        except Exception as error:
            note_job(name, "failed")
            # That the database is away is told once, for all.
            if not says_database_is_away(error):
                _log.warning("The job %s failed for now: %s.", name, type(error).__name__)
            raise
        note_job(name, "done")


def _correlation_id(hub: Hub, arguments: Mapping[str, str]) -> str:
    """The correlation id of the order that the job's arguments name, directly or by one of its messages; else an empty text."""
    order = tables.work_order
    which: ColumnElement[bool]
    if "work_order_id" in arguments:
        which = order.c.id == UUID(arguments["work_order_id"])
    elif "notification_id" in arguments:
        told = tables.notification.c
        which = (
            order.c.id
            == select(told.work_order_id).where(told.id == UUID(arguments["notification_id"])).scalar_subquery()
        )
    else:
        return ""
    with hub.reading() as connection:
        return connection.scalar(select(order.c.correlation_id).where(which)) or ""
