"""The verbs of requests: a citizen asks and proves the address; a dispatcher accepts or declines."""

import re
import secrets
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

from hub.attempts import AttemptLimit, count_failure, refuse_when_too_many
from hub.bootstrap import Hub
from hub.db.portal_tables import citizen_request
from hub.db.unit_of_work import UnitOfWork
from hub.domain.citizen_requests import CitizenRequest, CitizenRequestId, RequestStatus
from hub.domain.errors import (
    DoorstepError,
    ErrorKind,
    LinkExpiredError,
    LinkInvalidError,
    NotFoundError,
    StaleVersionError,
    TooManyAttemptsError,
)
from hub.domain.events import Actor
from hub.messaging.intake import hand_in_order
from hub.notifications.addresses import keyed_hash
from hub.notifications.links import clean_token, token_hash
from hub.typed import one_line
from portal.requests.form import RequestForm, usable_email, usable_phone
from portal.requests.messages import queue_message
from portal.requests.records import requests

CONFIRM_WITHIN = timedelta(days=2)
"""How long the link that proves the address can be pressed."""
LINK_LIVES = timedelta(days=60)
"""How long that link shows where a confirmed request stands."""
PER_SENDER = AttemptLimit(10, timedelta(hours=1))
OVER_ALL = AttemptLimit(300, timedelta(hours=1))
PER_ADDRESS = AttemptLimit(3, timedelta(hours=24))
"""Messages to one address that nobody proved: without this, anybody could have us fill somebody's mailbox."""
LONGEST_REASON = 500
_ALL = "request"
_LETTERS = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"
"""Without those that people mistake for each other."""
_TOKEN = re.compile(r"[A-Za-z0-9_-]{43}")
_CREATE_TYPE = "org.tmforum.workOrder.create.v1"


class NotWaitingError(DoorstepError):
    """The request was decided already, or its address is not proven yet."""

    kind = ErrorKind.CONFLICT
    code = "request-not-waiting"

    def __init__(self, status: RequestStatus) -> None:
        super().__init__(f"This request is {status.value}; only one that waits can be accepted or declined.")


class ReasonMissingError(DoorstepError):
    """A request is declined without saying why."""

    code = "reason-missing"

    def __init__(self) -> None:
        super().__init__("Say why, in a sentence the citizen can read.")


class ReasonTooLongError(DoorstepError):
    """A reason that would have to be cut."""

    code = "reason-too-long"

    def __init__(self, length: int) -> None:
        super().__init__(f"The reason has {length} signs and may have {LONGEST_REASON}; make it shorter.")
        self.length = length


@dataclass(frozen=True)
class SubmitRequest:
    """A form without faults, in the citizen's language; `sender` is where it comes from."""

    form: RequestForm
    language: str
    sender: str


def submit_request(hub: Hub, command: SubmitRequest) -> None:
    """Keep the request and write to its address, to have it confirmed; raises TooManyAttemptsError.

    An address that was written to often today gets nothing more, and the answer does not tell.
    """
    form = command.form
    contact = usable_email(form.email) or usable_phone(form.phone)
    address = f"{_ALL}:address:{keyed_hash(hub.settings, contact.lower())}"
    with hub.unit_of_work() as work:
        refuse_when_too_many(work, _ALL, OVER_ALL)
        refuse_when_too_many(work, f"{_ALL}:sender:{command.sender}", PER_SENDER)
        may_write = _may_write_to(work, address)
        count_failure(work, _ALL, f"{_ALL}:sender:{command.sender}", address)
        if may_write:
            request = requests(work).add(_new_request(work, command))
            queue_message(work, request, "confirm")
        work.commit()


def find_request(hub: Hub, token: str) -> CitizenRequest:
    """The request a link opens; raises LinkInvalidError or LinkExpiredError. Reads only."""
    with hub.unit_of_work() as work:
        return _by_token(work, token)


def confirm_request(hub: Hub, token: str) -> CitizenRequest:
    """The address is proven: staff see the request from now on. A second press changes nothing. Raises link errors."""
    with hub.unit_of_work() as work:
        found = _by_token(work, token, lock=True)
        if found.status is not RequestStatus.UNCONFIRMED:
            return found
        confirmed = replace(
            found, status=RequestStatus.WAITING, confirmed_at=work.now, link_expires_at=work.now + LINK_LIVES
        )
        kept = requests(work).swap(found, confirmed)
        work.commit()
        return kept


def list_requests(hub: Hub, status: RequestStatus | None, *, limit: int = 100) -> list[CitizenRequest]:
    """Confirmed requests, those that wait longest first; of one status when it is given."""
    table = citizen_request.c
    shown = table.status == status if status else table.status != RequestStatus.UNCONFIRMED
    with hub.unit_of_work() as work:
        # Whatever the filter says, nobody sees one whose address is not proven.
        return requests(work).list_where(
            shown, table.confirmed_at.is_not(None), order_by=(table.confirmed_at, table.id), limit=limit
        )


def show_request(hub: Hub, request_id: CitizenRequestId) -> CitizenRequest:
    """One confirmed request; raises NotFoundError."""
    with hub.unit_of_work() as work:
        return _confirmed(work, request_id)


def accept_request(hub: Hub, request_id: CitizenRequestId, *, version: int, by: Actor) -> CitizenRequest:
    """Make the request a work order; its citizen hears so, and chooses a time by the order's own messages.

    Raises NotWaitingError, StaleVersionError when somebody else was first, NotFoundError.
    """
    with hub.unit_of_work() as work:
        found = _waiting(work, request_id, version)
        accepted = requests(work).swap(
            found, replace(found, status=RequestStatus.ACCEPTED, decided_at=work.now, decided_by=by.name)
        )
        hand_in_order(work, order_event(work, accepted))
        queue_message(work, accepted, "accepted")
        work.commit()
        return accepted


def decline_request(hub: Hub, request_id: CitizenRequestId, *, version: int, reason: str, by: Actor) -> CitizenRequest:
    """Decline the request; its citizen is sent the reason. Raises as `accept_request`, and ReasonMissingError, ReasonTooLongError."""
    said = one_line(reason)
    if not said:
        raise ReasonMissingError
    if len(said) > LONGEST_REASON:
        raise ReasonTooLongError(len(said))
    with hub.unit_of_work() as work:
        found = _waiting(work, request_id, version)
        declined = requests(work).swap(
            found,
            replace(found, status=RequestStatus.DECLINED, decided_at=work.now, decided_by=by.name, reason=said),
        )
        queue_message(work, declined, "declined")
        work.commit()
        return declined


def order_event(work: UnitOfWork, request: CitizenRequest) -> dict[str, Any]:
    """The request as a utility would send it: a CloudEvent with a TMF697 work order, under the request's own id."""
    media: list[dict[str, Any]] = []
    if request.citizen_email:
        media.append({"mediumType": "email", "characteristic": {"emailAddress": request.citizen_email}})
    if request.citizen_phone:
        media.append({"mediumType": "mobile", "characteristic": {"phoneNumber": request.citizen_phone}})
    place = {
        "role": "installation address",
        "@type": "GeographicAddress",
        "streetName": request.street,
        "postcode": request.postcode,
        "city": request.town,
    }
    item = {
        "id": "1",
        "action": "add",
        "work": {
            "workSpecification": {"id": request.work_type},
            "place": [place],
            "workCharacteristic": [{"name": "language", "value": request.language}],
            "relatedParty": [
                {
                    "id": request.reference,
                    "role": "customer",
                    "name": request.citizen_name,
                    "@referredType": "Individual",
                    "contactMedium": media,
                }
            ],
        },
    }
    return {
        "specversion": "1.0",
        "id": str(request.id),
        "source": work.settings.own_requests_source,
        "type": _CREATE_TYPE,
        "time": work.now.isoformat(),
        "datacontenttype": "application/json",
        "data": {
            "externalId": request.reference,
            "description": request.notes,
            "workOrderItem": [item],
            "@type": "WorkOrder",
        },
    }


def _new_request(work: UnitOfWork, command: SubmitRequest) -> CitizenRequest:
    form = command.form
    return CitizenRequest(
        id=CitizenRequestId(uuid4()),
        reference="R-" + "".join(secrets.choice(_LETTERS) for _ in range(9)),
        status=RequestStatus.UNCONFIRMED,
        work_type=form.work_type,
        language=command.language,
        citizen_name=form.name,
        citizen_email=usable_email(form.email),
        citizen_phone=usable_phone(form.phone),
        street=form.street,
        postcode=form.postcode,
        town=form.town,
        notes=form.notes,
        consented_at=work.now,
        created_at=work.now,
        link_expires_at=work.now + CONFIRM_WITHIN,
    )


def _may_write_to(work: UnitOfWork, address: str) -> bool:
    try:
        refuse_when_too_many(work, address, PER_ADDRESS)
    except TooManyAttemptsError:
        return False
    return True


def _by_token(work: UnitOfWork, token: str, *, lock: bool = False) -> CitizenRequest:
    cleaned = clean_token(token)
    if not _TOKEN.fullmatch(cleaned):
        raise LinkInvalidError
    found = requests(work).find_where(citizen_request.c.token_hash == token_hash(cleaned), lock=lock)
    if found is None:
        raise LinkInvalidError
    if found.link_expires_at is None or found.link_expires_at <= work.now:
        raise LinkExpiredError
    return found


def _confirmed(work: UnitOfWork, request_id: CitizenRequestId, *, lock: bool = False) -> CitizenRequest:
    found = requests(work).get(request_id, lock=lock)
    if found.confirmed_at is None:
        raise NotFoundError("request")
    return found


def _waiting(work: UnitOfWork, request_id: CitizenRequestId, version: int) -> CitizenRequest:
    found = _confirmed(work, request_id, lock=True)
    if found.status is not RequestStatus.WAITING:
        raise NotWaitingError(found.status)
    if found.version != version:
        raise StaleVersionError("request")
    return found
