"""HTTP of the quarantine: look for messages that could not be used, read, correct, replay and discard them."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Form, Query
from starlette.responses import Response

from hub.bootstrap import Hub
from hub.domain.errors import DoorstepError, ErrorKind, NotFoundError
from hub.domain.staff import Role
from hub.typed import one_line
from hub.web import times
from hub.web.limits import bounded_route
from hub.web.pages import Pages
from hub.web.requests import HubDependency, PagesDependency
from hub.web.staff import Staff, StaffMember, StaffWrite, require
from infra.console.quarantine import LONG, MOST_SENT, PAGE_LENGTH, edited_body, names_of, page_address, readable
from ingest.quarantine.records import Cause, QuarantinedId, QuarantineStatus
from ingest.quarantine.service import (
    QuarantineFilter,
    Replay,
    correct_quarantined,
    discard_quarantined,
    list_quarantined,
    replay_quarantined,
    show_quarantined,
)

router = APIRouter(include_in_schema=False, route_class=bounded_route(MOST_SENT))

_ADDRESS = "/console/quarantine"
_SEES_TO_IT = Depends(require(Role.DISPATCHER, Role.OPERATIONS, Role.ADMINISTRATOR))
_ZONE = "Europe/Brussels"
_NONE_CHOSEN = "Choose at least one message first."
_Text = Annotated[str, Query(max_length=200)]
_Filter = Annotated[str, Form(max_length=200)]
_Ids = Annotated[list[UUID], Form(max_length=PAGE_LENGTH)]
_Reason = Annotated[str, Form(max_length=500)]


@dataclass(frozen=True)
class _Part:
    """Which part of the list is shown: the filter as it was typed, and the page of what fits."""

    status: str = QuarantineStatus.WAITING.value
    cause: str = ""
    text: str = ""
    page: int = 1


def _part_of_form(
    status: _Filter = QuarantineStatus.WAITING.value,
    cause: _Filter = "",
    text: _Filter = "",
    page: Annotated[int, Form(ge=1, le=1_000_000)] = 1,
) -> _Part:
    """The part of the list that the sent boxes stood in, so that whoever ticked them comes back to it."""
    return _Part(status, cause, text, page)


_PartOfForm = Annotated[_Part, Depends(_part_of_form)]


@router.get(_ADDRESS, dependencies=[_SEES_TO_IT])
def show_list(
    hub: HubDependency,
    pages: PagesDependency,
    staff: Staff,
    status: _Text = QuarantineStatus.WAITING.value,
    cause: _Text = "",
    text: _Text = "",
    page: Annotated[int, Query(ge=1, le=1_000_000)] = 1,
) -> Response:
    """The messages that fit the filter, newest first."""
    return _list(hub, pages, staff, _Part(status, cause, text, page))


@router.post(_ADDRESS + "/replay", dependencies=[_SEES_TO_IT])
def replay_many(
    hub: HubDependency,
    pages: PagesDependency,
    staff: StaffWrite,
    part: _PartOfForm,
    ids: _Ids = [],  # noqa: B006 - FastAPI copies it
    reason: _Reason = "",
) -> Response:
    """Take the chosen messages in again, and say of each what became of it."""
    if not ids:
        return _list(hub, pages, staff, part, problem=_NONE_CHOSEN, reason=reason)
    return _list(hub, pages, staff, part, replays=replay_quarantined(hub, _named(ids), by=staff.actor))


@router.post(_ADDRESS + "/discard", dependencies=[_SEES_TO_IT])
def discard_many(
    hub: HubDependency,
    pages: PagesDependency,
    staff: StaffWrite,
    part: _PartOfForm,
    ids: _Ids = [],  # noqa: B006 - FastAPI copies it
    reason: _Reason = "",
) -> Response:
    """Give the chosen messages up."""
    if not ids:
        return _list(hub, pages, staff, part, problem=_NONE_CHOSEN, reason=reason)
    try:
        count = discard_quarantined(hub, _named(ids), by=staff.actor, reason=reason)
    except NotFoundError:
        raise
    except DoorstepError as error:
        return _list(hub, pages, staff, part, problem=str(error), chosen=ids, reason=reason)
    return _list(hub, pages, staff, part, said=f"{count} {'message was' if count == 1 else 'messages were'} discarded.")


@router.get(_ADDRESS + "/{message_id}", dependencies=[_SEES_TO_IT])
def show_one(hub: HubDependency, pages: PagesDependency, staff: Staff, message_id: UUID) -> Response:
    """One message: what it holds, why it lies here, what was done."""
    return _one(hub, pages, staff, QuarantinedId(message_id))


@router.post(_ADDRESS + "/{message_id}", dependencies=[_SEES_TO_IT])
def correct_and_replay(
    hub: HubDependency,
    pages: PagesDependency,
    staff: StaffWrite,
    message_id: UUID,
    version: Annotated[int, Form(ge=0, le=2**31 - 1)],
    body: Annotated[str, Form()] = "",
    reason: _Reason = "",
    act: Annotated[str, Form(max_length=20)] = "",
) -> Response:
    """Save the corrected text, if it was corrected, and take the message in again when asked to.

    How long the text may be is for the service to say: what it refuses is given back, and much of the length is only layout.
    """
    named = QuarantinedId(message_id)
    try:
        corrected = edited_body(body, show_quarantined(hub, named).body)
        if corrected is not None:
            correct_quarantined(hub, named, corrected, by=staff.actor, reason=reason, version=version)
        if act != "replay":
            return _one(hub, pages, staff, named, said="The correction is saved; it was not taken in yet.")
        [replay] = replay_quarantined(hub, [named], by=staff.actor)
    except NotFoundError:
        raise
    except DoorstepError as error:
        was_first = error.kind is ErrorKind.CONFLICT
        return _one(
            hub, pages, staff, named, problem=str(error), typed=body, reason=reason, somebody_was_first=was_first
        )
    if replay.done:
        return _one(hub, pages, staff, named, said=replay.sentence)
    # What was saved stands in the history with its reason; without a correction the reason is still to be used.
    return _one(hub, pages, staff, named, problem=replay.sentence, reason=reason if corrected is None else "")


def _named(ids: Sequence[UUID]) -> list[QuarantinedId]:
    return [QuarantinedId(one) for one in ids]


def _list(
    hub: Hub,
    pages: Pages,
    staff: StaffMember,
    part: _Part,
    *,
    replays: Sequence[Replay] = (),
    said: str = "",
    problem: str = "",
    chosen: Collection[UUID] = (),
    reason: str = "",
) -> Response:
    wanted = QuarantineFilter(
        status=QuarantineStatus(part.status) if part.status in set(QuarantineStatus) else None,
        cause=Cause(part.cause) if part.cause in set(Cause) else None,
        text=one_line(part.text),
    )
    page = part.page
    found = list_quarantined(hub, wanted, limit=PAGE_LENGTH, offset=(page - 1) * PAGE_LENGTH)
    last = max(1, -(-found.total // PAGE_LENGTH))
    if page > last:
        # The page is empty since what stood on it was seen to.
        page = last
        found = list_quarantined(hub, wanted, limit=PAGE_LENGTH, offset=(page - 1) * PAGE_LENGTH)
    kept = (wanted.status or "", wanted.cause or "", wanted.text)
    return pages.render(
        "console/quarantine.html",
        status=422 if problem else 200,
        staff=staff,
        here=_ADDRESS,
        wanted=wanted,
        found=found,
        page=page,
        pages=last,
        statuses=list(QuarantineStatus),
        causes=list(Cause),
        done=sum(one.done for one in replays),
        failed=[one for one in replays if not one.done],
        has_replayed=bool(replays),
        said=said,
        problem=problem,
        chosen=frozenset(chosen),
        reason=one_line(reason),
        times=times,
        zone=_ZONE,
        page_address=lambda number: page_address(*kept, number),
    )


def _one(
    hub: Hub,
    pages: Pages,
    staff: StaffMember,
    message_id: QuarantinedId,
    *,
    said: str = "",
    problem: str = "",
    typed: str | None = None,
    reason: str = "",
    somebody_was_first: bool = False,
) -> Response:
    story = show_quarantined(hub, message_id)
    with hub.reading() as connection:
        names = names_of(connection, story.acts)
    waits = story.message.status is QuarantineStatus.WAITING
    body = typed if waits and typed is not None else readable(story.body)
    return pages.render(
        "console/quarantined.html",
        status=422 if problem else 200,
        staff=staff,
        here=_ADDRESS,
        story=story,
        names=names,
        message=story.message,
        waits=waits,
        body=body,
        is_long=len(body) > LONG,
        lost="" if waits or typed is None else typed,
        theirs=readable(story.body) if waits and somebody_was_first else "",
        reason=one_line(reason),
        original=readable(story.original_body) if story.original_body != story.body else "",
        is_erased=story.body is None,
        said=said,
        problem=problem,
        times=times,
        zone=_ZONE,
    )
