"""HTTP of what citizens ask for themselves: a list, one request, accept or decline."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Form, Query
from starlette.responses import RedirectResponse, Response

from hub.bootstrap import Hub
from hub.domain.citizen_requests import CitizenRequestId, RequestStatus
from hub.domain.errors import DoorstepError, NotFoundError
from hub.domain.staff import Role
from hub.web import times
from hub.web.limits import MOST_FORM_BYTES, bounded_route
from hub.web.pages import Pages
from hub.web.requests import HubDependency, PagesDependency
from hub.web.staff import Staff, StaffMember, StaffWrite, require
from infra.console.requests import MOST_SHOWN, name_of, work_name
from infra.console.words import language_name
from portal.requests.service import (
    LONGEST_REASON,
    accept_request,
    decline_request,
    list_requests,
    show_request,
)

router = APIRouter(include_in_schema=False, route_class=bounded_route(MOST_FORM_BYTES))

_ADDRESS = "/console/requests"
_ONE = _ADDRESS + "/{request_id}"
_SEES_TO_IT = Depends(require(Role.DISPATCHER, Role.OPERATIONS, Role.ADMINISTRATOR))
_ZONE = "Europe/Brussels"
_SHOWN = (RequestStatus.WAITING, RequestStatus.ACCEPTED, RequestStatus.ORDERED, RequestStatus.DECLINED)
_Version = Annotated[int, Form(ge=0, le=2**31 - 1)]


@router.get(_ADDRESS, dependencies=[_SEES_TO_IT])
def show_list(
    hub: HubDependency,
    pages: PagesDependency,
    staff: Staff,
    status: Annotated[str, Query(max_length=20)] = RequestStatus.WAITING.value,
) -> Response:
    """Requests whose address is proven, those that wait longest first."""
    wanted = RequestStatus(status) if status in {one.value for one in _SHOWN} else None
    found = list_requests(hub, wanted, limit=MOST_SHOWN)
    return pages.render(
        "console/requests.html",
        staff=staff,
        here=_ADDRESS,
        found=found,
        wanted=wanted,
        statuses=_SHOWN,
        most=MOST_SHOWN,
        work_name=lambda code: work_name(hub.catalogue, code),
        times=times,
        zone=_ZONE,
    )


@router.get(_ONE, dependencies=[_SEES_TO_IT])
def show_one(hub: HubDependency, pages: PagesDependency, staff: Staff, request_id: UUID) -> Response:
    """One request, and what can be done with it."""
    return _one(hub, pages, staff, CitizenRequestId(request_id))


@router.post(_ONE + "/accept", dependencies=[_SEES_TO_IT])
def accept(
    hub: HubDependency, pages: PagesDependency, staff: StaffWrite, request_id: UUID, version: _Version
) -> Response:
    """Make it a work order."""
    named = CitizenRequestId(request_id)
    try:
        accept_request(hub, named, version=version, by=staff.actor)
    except NotFoundError:
        raise
    except DoorstepError as error:
        return _one(hub, pages, staff, named, problem=str(error))
    return RedirectResponse(f"{_ADDRESS}/{request_id}", status_code=303)


@router.post(_ONE + "/decline", dependencies=[_SEES_TO_IT])
def decline(
    hub: HubDependency,
    pages: PagesDependency,
    staff: StaffWrite,
    request_id: UUID,
    version: _Version,
    reason: Annotated[str, Form(max_length=4 * LONGEST_REASON)] = "",
) -> Response:
    """Say no, and why."""
    named = CitizenRequestId(request_id)
    try:
        decline_request(hub, named, version=version, reason=reason, by=staff.actor)
    except NotFoundError:
        raise
    except DoorstepError as error:
        return _one(hub, pages, staff, named, problem=str(error), typed=reason)
    return RedirectResponse(f"{_ADDRESS}/{request_id}", status_code=303)


def _one(
    hub: Hub, pages: Pages, staff: StaffMember, request_id: CitizenRequestId, *, problem: str = "", typed: str = ""
) -> Response:
    found = show_request(hub, request_id)
    with hub.reading() as connection:
        decided_by = name_of(connection, found.decided_by)
    return pages.render(
        "console/request.html",
        status=422 if problem else 200,
        staff=staff,
        here=_ADDRESS,
        request=found,
        language=language_name(found.language),
        waits=found.status is RequestStatus.WAITING,
        work=work_name(hub.catalogue, found.work_type),
        decided_by=decided_by,
        longest=LONGEST_REASON,
        problem=problem,
        typed=typed,
        times=times,
        zone=_ZONE,
    )
