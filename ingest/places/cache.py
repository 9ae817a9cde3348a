"""What is kept of geocoders: their answers, and when each may be asked again."""

from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert

from hub.bootstrap import Hub
from hub.db import tables
from hub.domain.places import Place, PlaceQuality
from ingest.places.port import Address, Finding, Geocoder

_KEPT = timedelta(days=90)
_KEPT_WHEN_UNKNOWN = timedelta(days=1)
"""A house that is not on the map today may be tomorrow."""
_LONGEST_WAIT_SECONDS = 2.0


def remembered(hub: Hub, geocoder: Geocoder, address: Address) -> Finding | None:
    """The geocoder's earlier answer, or None when there is none that is young enough."""
    kept = tables.geocoded_address.c
    with hub.reading() as connection:
        row = connection.execute(
            select(kept.latitude, kept.longitude, kept.quality, kept.note, kept.found_at).where(
                kept.geocoder == geocoder.name, kept.address_hash == address.digest()
            )
        ).first()
    if row is None:
        return None
    age = hub.clock.now() - row.found_at
    if age > (_KEPT_WHEN_UNKNOWN if row.quality is PlaceQuality.UNKNOWN else _KEPT):
        return None
    return Finding(row.quality, None if row.latitude is None else Place(row.latitude, row.longitude), row.note)


def remember(hub: Hub, geocoder: Geocoder, address: Address, finding: Finding) -> None:
    """Keep the answer, in a transaction of its own."""
    row = {
        "geocoder": geocoder.name,
        "address_hash": address.digest(),
        "latitude": finding.place.lat if finding.place else None,
        "longitude": finding.place.lon if finding.place else None,
        "quality": finding.quality,
        "note": finding.note,
    }
    with hub.unit_of_work() as work:
        statement = insert(tables.geocoded_address).values(**row, found_at=work.now)
        kept = {name: statement.excluded[name] for name in ("latitude", "longitude", "quality", "note", "found_at")}
        work.connection.execute(statement.on_conflict_do_update(index_elements=["geocoder", "address_hash"], set_=kept))
        work.commit()


def reserve_turn(hub: Hub, geocoder: Geocoder, per_second: float) -> float | None:
    """Take the next free turn to ask: the seconds to wait for it, or None when it is too far away and none was taken.

    All workers share the turns. They are counted by the database's own clock: a rate is kept in real time, whatever the hub's clock says.
    """
    pace, now = tables.geocoder_pace, func.clock_timestamp()
    step = func.make_interval(0, 0, 0, 0, 0, 0, 1.0 / per_second)
    limit = now + func.make_interval(0, 0, 0, 0, 0, 0, _LONGEST_WAIT_SECONDS)
    free = func.greatest(pace.c.free_at, now)
    with hub.unit_of_work() as work:
        statement = insert(pace).values(geocoder=geocoder.name, free_at=now + step)
        taken: datetime | None = work.connection.scalar(
            statement.on_conflict_do_update(
                index_elements=["geocoder"], set_={"free_at": free + step}, where=pace.c.free_at <= limit
            ).returning(pace.c.free_at)
        )
        asked_at: datetime = work.connection.execute(select(now)).scalar_one()
        work.commit()
    if taken is None:
        return None
    return max(0.0, (taken - asked_at).total_seconds() - 1.0 / per_second)
