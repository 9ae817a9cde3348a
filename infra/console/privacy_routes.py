"""HTTP of people's rights over their data: find one person, hand their data out, erase it. Administrators only; every act is kept."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, Form
from sqlalchemy import Text, cast, select
from starlette.responses import Response

from hub.bootstrap import Hub
from hub.db import tables
from hub.domain.errors import DoorstepError
from hub.domain.staff import Role
from hub.typed import one_line
from hub.web import times
from hub.web.limits import MOST_FORM_BYTES, bounded_route
from hub.web.pages import Pages
from hub.web.requests import HubDependency, PagesDependency
from hub.web.staff import Staff, StaffMember, StaffWrite, require
from portal.privacy.acts import LONGEST_REASON, PrivacyAct, list_acts
from portal.privacy.retention import load_rules
from portal.privacy.service import Found, erase_person, export_person, find_person

router = APIRouter(include_in_schema=False, route_class=bounded_route(MOST_FORM_BYTES))

_ADDRESS = "/console/privacy"
_LOOKS_AFTER_DATA = Depends(require(Role.ADMINISTRATOR))
_ZONE = "Europe/Brussels"
_SHOWN_ACTS = 50
_Who = Annotated[str, Form(max_length=320)]
_Reason = Annotated[str, Form(max_length=2 * LONGEST_REASON)]


@dataclass(frozen=True)
class _Typed:
    """What stood in the form of an act that was refused, to be given back. That somebody is sure is asked anew each time."""

    act: PrivacyAct | None = None
    reason: str = ""
    force: bool = False


@router.get(_ADDRESS, dependencies=[_LOOKS_AFTER_DATA])
def show_privacy(hub: HubDependency, pages: PagesDependency, staff: Staff) -> Response:
    """Where to look for a person, for how long what is kept, and what was done."""
    return _page(hub, pages, staff)


@router.post(f"{_ADDRESS}/find", dependencies=[_LOOKS_AFTER_DATA])
def find(hub: HubDependency, pages: PagesDependency, staff: StaffWrite, who: _Who = "") -> Response:
    """What is kept about a person. A form and no address, so that nobody's number stands in a log or a history."""
    try:
        return _page(hub, pages, staff, who=who, found=find_person(hub, who))
    except DoorstepError as error:
        return _page(hub, pages, staff, who=who, problem=str(error))


@router.post(f"{_ADDRESS}/export", dependencies=[_LOOKS_AFTER_DATA])
def export(
    hub: HubDependency, pages: PagesDependency, staff: StaffWrite, who: _Who = "", reason: _Reason = ""
) -> Response:
    """Everything that is kept about a person, as an archive."""
    try:
        archive = export_person(hub, who, by=staff.actor, reason=reason)
    except DoorstepError as error:
        return _again(hub, pages, staff, who, error, _Typed(PrivacyAct.EXPORT, one_line(reason)))
    headers = {
        "Content-Disposition": 'attachment; filename="personal-data.zip"',
        "Cache-Control": "private, no-store",
    }
    return Response(archive.content, media_type="application/zip", headers=headers)


@router.post(f"{_ADDRESS}/erase", dependencies=[_LOOKS_AFTER_DATA])
def erase(
    hub: HubDependency,
    pages: PagesDependency,
    staff: StaffWrite,
    who: _Who = "",
    reason: _Reason = "",
    sure: Annotated[str, Form(max_length=10)] = "",
    force: Annotated[str, Form(max_length=10)] = "",
) -> Response:
    """Erase what is kept about a person, for good."""
    typed = _Typed(PrivacyAct.ERASE, one_line(reason), force == "yes")
    if sure != "yes":
        unsure = DoorstepError("Say that you are sure: what is erased cannot be brought back.")
        return _again(hub, pages, staff, who, unsure, typed)
    try:
        changed = erase_person(hub, who, by=staff.actor, reason=reason, force=typed.force)
    except DoorstepError as error:
        return _again(hub, pages, staff, who, error, typed)
    said = f"{sum(changed.values())} rows in {len(changed)} tables were emptied or deleted."
    return _page(hub, pages, staff, said=said)


def _again(hub: Hub, pages: Pages, staff: StaffMember, who: str, problem: DoorstepError, typed: _Typed) -> Response:
    """The person that was found, still, what was typed, and what went wrong."""
    try:
        found = find_person(hub, who)
    except DoorstepError as error:
        return _page(hub, pages, staff, who=who, problem=str(error))
    return _page(hub, pages, staff, who=who, found=found, problem=str(problem), typed=typed)


def _page(
    hub: Hub,
    pages: Pages,
    staff: StaffMember,
    *,
    who: str = "",
    found: Found | None = None,
    said: str = "",
    problem: str = "",
    typed: _Typed = _Typed(),
) -> Response:
    with hub.snapshot() as work:
        acts = list_acts(work, limit=_SHOWN_ACTS)
        account = tables.staff_account.c
        asked = [one.actor_name for one in acts]
        rows = work.connection.execute(select(account.id, account.name).where(cast(account.id, Text).in_(asked)))
        names = {str(row.id): row.name for row in rows}
    return pages.render(
        "console/privacy.html",
        status=422 if problem else 200,
        staff=staff,
        here=_ADDRESS,
        who=one_line(who),
        found=found,
        typed=typed,
        said=said,
        problem=problem,
        acts=acts,
        names=names,
        rules=load_rules(hub.settings.retention),
        longest_reason=LONGEST_REASON,
        times=times,
        zone=_ZONE,
    )
