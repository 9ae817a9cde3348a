"""How often a program may ask for free times: each search costs a look at every route of a territory.

The generic cell rate algorithm (ITU-T I.371), with one row per program, so all web processes count together. A program that was
quiet for a minute may ask a minute's worth at once; who asks faster in the long run is told how long to wait. A refused search
costs nothing and delays nothing.
"""

import math
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert

from hub.bootstrap import Hub
from hub.db.channel_tables import provider_rate
from ingest.api.clients import UtilityClient

_MINUTE = timedelta(minutes=1)


def seconds_to_wait(hub: Hub, client: UtilityClient) -> int:
    """Count one search of `client`: 0 when it may be made now, else after how many whole seconds one may."""
    turn = _MINUTE / hub.settings.searches_per_minute
    table, name = provider_rate.c, f"searches of {client.id}"
    with hub.unit_of_work() as work:
        begins = func.greatest(table.next_free_at, work.now)
        latest = work.now + _MINUTE - turn
        taken = (
            insert(provider_rate)
            .values(provider=name, next_free_at=work.now + turn)
            .on_conflict_do_update(
                index_elements=["provider"], set_={"next_free_at": begins + turn}, where=table.next_free_at <= latest
            )
            .returning(table.provider)
        )
        if work.connection.execute(taken).first() is not None:
            work.commit()
            return 0
        next_free_at: datetime = work.connection.execute(
            select(table.next_free_at).where(table.provider == name)
        ).scalar_one()
    return max(1, math.ceil((next_free_at - latest) / timedelta(seconds=1)))
