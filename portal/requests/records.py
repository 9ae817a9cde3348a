"""The records of requests in a transaction. Locks: the request first, then its messages."""

from hub.db.portal_tables import citizen_request, request_message
from hub.db.records import Records
from hub.db.unit_of_work import UnitOfWork
from hub.domain.citizen_requests import CitizenRequest, RequestMessage


def requests(work: UnitOfWork) -> Records[CitizenRequest]:
    """What was asked for."""
    return Records(work.connection, citizen_request, CitizenRequest)


def request_messages(work: UnitOfWork) -> Records[RequestMessage]:
    """What was written about it before there was an order."""
    return Records(work.connection, request_message, RequestMessage)
