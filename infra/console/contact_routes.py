"""HTTP of contacting: the orders on hold, how one order stands, and what staff decides about it."""

from collections.abc import Callable
from datetime import date
from http import HTTPStatus
from typing import Annotated
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter, Depends, Form, Query
from starlette.responses import RedirectResponse, Response

from hub.bootstrap import Hub
from hub.domain.errors import DoorstepError, ErrorKind, NotFoundError
from hub.domain.ids import WorkOrderId
from hub.domain.lifecycle import HoldReason
from hub.domain.staff import Role
from hub.web import times
from hub.web.limits import MOST_FORM_BYTES, bounded_route
from hub.web.pages import Pages
from hub.web.requests import HubDependency, PagesDependency
from hub.web.staff import Staff, StaffMember, StaffWrite, require
from infra.console.contact import list_held, read_standing
from infra.console.words import language_name
from portal.contact.decisions import (
    LONGEST_NOTE,
    Decision,
    cancel_held,
    hand_over,
    record_outcome,
    reinvite,
    set_review,
    strike_address,
)
from portal.contact.outcomes import TOLD_TO_STAFF
from portal.contact.wrong_address import WrongAddress

router = APIRouter(include_in_schema=False, route_class=bounded_route(MOST_FORM_BYTES))

HELD = "/console/held"
_SEES = Depends(require(Role.DISPATCHER, Role.OPERATIONS, Role.ADMINISTRATOR))
_DECIDES = Depends(require(Role.DISPATCHER, Role.ADMINISTRATOR))
_MAY_DECIDE = {Role.DISPATCHER, Role.ADMINISTRATOR}
_SAID = {
    "outcome": "The outcome is recorded.",
    "address": "The address is taken away. What follows stands below.",
    "invite": "The order is taken up again.",
    "review": "The review date is set.",
    "team": "The order is handed over.",
    "cancel": "The order is cancelled; the utility hears of it.",
}
_NOTHING = "Choose an outcome."
_NO_ADDRESS = "Choose which address is somebody else's."
_Version = Annotated[int, Form(ge=0, le=2**31 - 1)]
_Note = Annotated[str, Form(max_length=4 * LONGEST_NOTE)]
_Short = Annotated[str, Form(max_length=100)]


class _NotAnswerableError(DoorstepError):
    """A field of the form holds nothing that can be used."""

    code = "not-answerable"


@router.get(HELD, dependencies=[_SEES])
def show_held(
    hub: HubDependency,
    pages: PagesDependency,
    staff: Staff,
    team: Annotated[str, Query(max_length=100)] = "",
    due: Annotated[str, Query(max_length=10)] = "",
    page: Annotated[int, Query(ge=1, le=1_000_000)] = 1,
) -> Response:
    """The orders on hold, those to look at first on top."""
    wanted = team if team in {*hub.catalogue.teams, "-"} else ""
    only_due = due == "yes"
    now = hub.clock.now()
    with hub.reading() as connection:
        found = list_held(connection, now, team=wanted, only_due=only_due, page=page)
    kept = {"team": wanted, **({"due": "yes"} if only_due else {})}
    return pages.render(
        "console/held.html",
        staff=staff,
        here=HELD,
        found=found,
        teams=hub.catalogue.teams,
        team=wanted,
        only_due=only_due,
        now=now,
        times=times,
        page_address=lambda number: f"{HELD}?{urlencode({**kept, 'page': number})}",
    )


@router.get("/console/orders/{work_order_id}/contact", dependencies=[_SEES])
def show_contact(
    hub: HubDependency,
    pages: PagesDependency,
    staff: Staff,
    work_order_id: UUID,
    done: Annotated[str, Query(max_length=20)] = "",
) -> Response:
    """How one order's contacting stands; `done` is what was just decided."""
    return _page(hub, pages, staff, work_order_id, said=_SAID.get(done, ""))


@router.post("/console/orders/{work_order_id}/contact/{act}", dependencies=[_DECIDES])
def decide(
    hub: HubDependency,
    pages: PagesDependency,
    staff: StaffWrite,
    work_order_id: UUID,
    act: str,
    version: _Version,
    note: _Note = "",
    outcome: _Short = "",
    address: _Short = "",
    day: _Short = "",
    reinvites: _Short = "",
    team: _Short = "",
) -> Response:
    """Do one act and go back to the page, which says so; what cannot be done is said above what was typed."""
    decision = Decision(WorkOrderId(work_order_id), version, staff.actor, note)
    acts: dict[str, Callable[[], object]] = {
        "outcome": lambda: record_outcome(hub, decision, _outcome(outcome)),
        "address": lambda: strike_address(hub, decision, _address(address)),
        "invite": lambda: reinvite(hub, decision),
        "review": lambda: set_review(hub, decision, _day(day), reinvites=reinvites == "yes"),
        "team": lambda: hand_over(hub, decision, team),
        "cancel": lambda: cancel_held(hub, decision),
    }
    if act not in acts:
        raise NotFoundError("page")
    try:
        acts[act]()
    except NotFoundError:
        raise
    except DoorstepError as error:
        if error.kind not in {ErrorKind.INVALID, ErrorKind.CONFLICT}:
            raise
        typed = {
            "act": act,
            "note": note,
            "outcome": outcome,
            "address": address,
            "day": day,
            "reinvites": reinvites,
            "team": team,
        }
        return _page(hub, pages, staff, work_order_id, problem=error, typed=typed)
    return RedirectResponse(f"/console/orders/{work_order_id}/contact?done={act}", status_code=HTTPStatus.SEE_OTHER)


def _outcome(text: str) -> HoldReason:
    if text not in set(HoldReason):
        raise _NotAnswerableError(_NOTHING)
    return HoldReason(text)


def _address(text: str) -> WrongAddress:
    if text not in set(WrongAddress):
        raise _NotAnswerableError(_NO_ADDRESS)
    return WrongAddress(text)


def _day(text: str) -> date | None:
    if not text.strip():
        return None
    try:
        return date.fromisoformat(text.strip())
    except ValueError as error:
        message = "Write the review date as year, month and day, such as 2026-06-01."
        raise _NotAnswerableError(message) from error


def _page(
    hub: Hub,
    pages: Pages,
    staff: StaffMember,
    work_order_id: UUID,
    *,
    said: str = "",
    problem: DoorstepError | None = None,
    typed: dict[str, str] | None = None,
) -> Response:
    standing = read_standing(hub, WorkOrderId(work_order_id))
    status = HTTPStatus.OK
    if problem is not None:
        is_conflict = problem.kind is ErrorKind.CONFLICT
        status = HTTPStatus.CONFLICT if is_conflict else HTTPStatus.UNPROCESSABLE_ENTITY
    return pages.render(
        "console/contact.html",
        status=status,
        staff=staff,
        here="/console/orders",
        standing=standing,
        order=standing.order,
        acts=standing.acts if hub.catalogue.teams else standing.acts - {"team"},
        may_decide=bool(staff.roles & _MAY_DECIDE),
        outcomes=TOLD_TO_STAFF,
        teams=hub.catalogue.teams,
        now=hub.clock.now(),
        longest_note=LONGEST_NOTE,
        said=said,
        problem=str(problem) if problem else "",
        typed=typed or {},
        times=times,
        language_name=language_name,
    )
