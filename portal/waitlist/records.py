"""The waitlist's records in a transaction. Locks: the work order first, then its entry, then a freed place."""

from dataclasses import replace

from hub.db.portal_tables import freed_place, waitlist_entry, waitlist_offer
from hub.db.records import Records
from hub.db.unit_of_work import UnitOfWork
from hub.domain.ids import WorkOrderId
from hub.domain.waitlist import (
    FreedPlace,
    OfferStatus,
    WaitlistEntry,
    WaitlistEntryId,
    WaitlistOffer,
    WaitlistStatus,
)


def entries(work: UnitOfWork) -> Records[WaitlistEntry]:
    """Who waits."""
    return Records(work.connection, waitlist_entry, WaitlistEntry)


def offers(work: UnitOfWork) -> Records[WaitlistOffer]:
    """What was offered to whom."""
    return Records(work.connection, waitlist_offer, WaitlistOffer)


def freed_places(work: UnitOfWork) -> Records[FreedPlace]:
    """Technicians' time that became free."""
    return Records(work.connection, freed_place, FreedPlace)


def live_entry(work: UnitOfWork, work_order_id: WorkOrderId, *, lock: bool = False) -> WaitlistEntry | None:
    """The order's wish that is not over, if it has one."""
    table = waitlist_entry.c
    return entries(work).find_where(
        table.work_order_id == work_order_id, table.status != WaitlistStatus.ENDED, lock=lock
    )


def open_offer(work: UnitOfWork, entry_id: WaitlistEntryId, *, lock: bool = False) -> WaitlistOffer | None:
    """The time that is kept for this wish just now, if one is."""
    table = waitlist_offer.c
    return offers(work).find_where(table.entry_id == entry_id, table.status == OfferStatus.OPEN, lock=lock)


def end_entry(work: UnitOfWork, entry: WaitlistEntry, outcome: str) -> None:
    """The wish is over."""
    entries(work).swap(entry, replace(entry, status=WaitlistStatus.ENDED, outcome=outcome, ended_at=work.now))


def settle_offer(work: UnitOfWork, offer: WaitlistOffer, status: OfferStatus) -> None:
    """The offer has its answer."""
    offers(work).swap(offer, replace(offer, status=status, settled_at=work.now))
