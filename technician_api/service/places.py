"""Where the technician is on the way to a visit, if the phone says so. Nothing of it is kept after the arrival."""

from datetime import datetime, timedelta

from sqlalchemy import delete
from sqlalchemy.dialects.postgresql import insert

from hub.bootstrap import Hub
from hub.db.citizen_tables import technician_place
from hub.db.unit_of_work import UnitOfWork
from hub.domain.errors import NotFoundError
from hub.domain.ids import VisitId
from hub.domain.lifecycle import VisitStatus
from technician_api.errors import NotOnTheWayError
from technician_api.service.enrolment import SignedIn

_LONGEST_DRIVE = timedelta(hours=12)


def keep_place(hub: Hub, signed_in: SignedIn, visit_id: VisitId, latitude: float, longitude: float) -> None:
    """Remember the last place on the way to the technician's own visit.

    Raises NotFoundError for another's visit, NotOnTheWayError unless the technician is on the way: nobody is followed otherwise.
    """
    with hub.unit_of_work() as work:
        visit = work.visits.find(visit_id)
        if visit is None or visit.technician_id != signed_in.technician.id or visit.status is VisitStatus.PLANNED:
            raise NotFoundError("visit")
        # The lock keeps a place from coming in after the arrival has swept it away.
        if work.visits.get(visit_id, lock=True).status is not VisitStatus.EN_ROUTE:
            raise NotOnTheWayError("You are not on the way to this visit, so your place is not kept.")
        said = {"latitude": latitude, "longitude": longitude, "reported_at": work.now}
        row = insert(technician_place).values(visit_id=visit_id, **said)
        again = {**said, "reports": technician_place.c.reports + 1}
        work.connection.execute(row.on_conflict_do_update(index_elements=["visit_id"], set_=again))
        work.commit()


def forget_place(work: UnitOfWork, visit_id: VisitId) -> None:
    """Forget where the technician was on the way to the visit."""
    work.connection.execute(delete(technician_place).where(technician_place.c.visit_id == visit_id))


def forget_old_places(work: UnitOfWork, now: datetime) -> int:
    """Forget places on ways that never ended with an arrival; returns how many."""
    old = technician_place.c.reported_at < now - _LONGEST_DRIVE
    return work.connection.execute(delete(technician_place).where(old)).rowcount
