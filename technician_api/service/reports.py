"""What the technician writes about a visit: the report, and confirmations of what the job took beyond its order."""

import hashlib
from dataclasses import dataclass
from uuid import UUID, uuid4

from hub.bootstrap import Hub
from hub.db.unit_of_work import UnitOfWork
from hub.domain.appointments import Visit
from hub.domain.events import Event
from hub.domain.field_records import Confirmation, WorkReport
from hub.domain.ids import VisitId
from technician_api.errors import ReportTooEarlyError
from technician_api.queries import REPORTABLE, visit_views
from technician_api.schemas import ReportRequest, ReportView
from technician_api.service.enrolment import SignedIn
from technician_api.service.idempotency import Answer, once
from technician_api.service.ownership import own_visit


@dataclass(frozen=True)
class FileReport:
    """A report about a visit."""

    visit_id: VisitId
    report: ReportRequest

    @property
    def request_hash(self) -> str:
        """Equal for equal requests."""
        return hashlib.sha256(f"report {self.visit_id} {self.report.model_dump_json()}".encode()).hexdigest()


def file_report(hub: Hub, signed_in: SignedIn, command: FileReport, key: str) -> Answer:
    """Keep a report and its confirmations, once per `key`; a visit may have several reports.

    Raises NotFoundError for another's visit, ReportTooEarlyError before arrival, KeyReusedError.
    """
    with hub.unit_of_work() as work:

        def effect() -> ReportView:
            _order, visit = own_visit(work, signed_in, command.visit_id)
            refuse_before_arrival(visit)
            report_id = write_report(work, visit, command.report.summary)
            confirmations = _confirm(work, visit, command.report)
            _tell(work, visit, signed_in, len(confirmations))
            return ReportView(id=report_id, visit=visit_views(work, [visit])[0], confirmations=confirmations)

        answer = once(work, signed_in, key, command.request_hash, effect, status=201)
        work.commit()
    return answer


def refuse_before_arrival(visit: Visit) -> None:
    """Raise ReportTooEarlyError unless the technician has been at the door."""
    if visit.status not in REPORTABLE:
        raise ReportTooEarlyError(visit.status.value)


def write_report(work: UnitOfWork, visit: Visit, summary: str) -> UUID:
    """Store one report and return its id."""
    return work.work_reports.add(WorkReport(uuid4(), visit.id, visit.work_order_id, summary, work.now)).id


def _confirm(work: UnitOfWork, visit: Visit, report: ReportRequest) -> list[UUID]:
    records = [
        Confirmation(uuid4(), visit.id, visit.work_order_id, one.kind, one.description, one.quantity, work.now)
        for one in report.confirmations
    ]
    work.confirmations.add_all(records)
    return [record.id for record in records]


def _tell(work: UnitOfWork, visit: Visit, signed_in: SignedIn, confirmations: int) -> None:
    work.tell(
        Event(
            name="visit.reported",
            entity="visit",
            entity_id=visit.id,
            work_order_id=visit.work_order_id,
            at=work.now,
            actor=signed_in.actor,
            action="report",
            before=visit.status.value,
            after=visit.status.value,
            data={"confirmations": confirmations},
        )
    )
