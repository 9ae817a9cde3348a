"""HTTP of the inbox: what citizens wrote and who asked to be called, until somebody has answered."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Annotated
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter, Depends, Form, Query
from starlette.responses import RedirectResponse, Response

from hub.bootstrap import Hub
from hub.domain.conversations import ConversationId
from hub.domain.errors import DoorstepError, ErrorKind, NotFoundError
from hub.domain.ids import StaffId, WorkOrderId
from hub.web import times
from hub.web.limits import MOST_FORM_BYTES, bounded_route
from hub.web.pages import Pages
from hub.web.requests import HubDependency, PagesDependency
from hub.web.staff import Staff, StaffMember, StaffWrite, require
from infra.console.inbox_draft import Draft, Drafted
from infra.console.words import language_name
from portal.conversations.attaching import LONGEST_REFERENCE, FoundOrders
from portal.conversations.queries import PAGE_LENGTH, InboxView, list_inbox, show_thread
from portal.conversations.service import answer, assign, attach, close, find_orders, reveal_number, send_times
from portal.conversations.staff import INBOX_ROLES, LONGEST_ANSWER, LONGEST_NOTE, AnswerRefusedError

router = APIRouter(include_in_schema=False, route_class=bounded_route(MOST_FORM_BYTES))

_ADDRESS = "/console/inbox"
_SEES_TO_IT = Depends(require(*INBOX_ROLES))
_ZONE = "Europe/Brussels"
_NOTES = {
    "assigned": "It is given.",
    "answered": "Your answer is on its way; what becomes of it shows below.",
    "times": "The free times are on their way. The citizen can answer with a number.",
    "attached": "It is with that order now; what this number writes next comes there too.",
    "closed": "It is closed. A new message opens it again.",
}
"""What the step before has to say; it travels in the address, so a reload repeats nothing."""
_NOTHING_TYPED = Draft()
_EXPECTED = (ErrorKind.INVALID, ErrorKind.CONFLICT, ErrorKind.GONE)
_Version = Annotated[int, Form(ge=0, le=2**31 - 1)]
_Word = Annotated[str, Query(max_length=20)]


@dataclass(frozen=True)
class _Desk:
    """Who sees to which thread, and what it takes to show it."""

    hub: Hub
    pages: Pages
    staff: StaffMember
    conversation_id: ConversationId


def _desk(hub: HubDependency, pages: PagesDependency, staff: StaffWrite, conversation_id: UUID) -> _Desk:
    return _Desk(hub, pages, staff, ConversationId(conversation_id))


_AtDesk = Annotated[_Desk, Depends(_desk)]


@router.get(_ADDRESS, dependencies=[_SEES_TO_IT])
def show_inbox(
    hub: HubDependency,
    pages: PagesDependency,
    staff: Staff,
    view: _Word = InboxView.OPEN.value,
    page: Annotated[int, Query(ge=1, le=1_000_000)] = 1,
    order: UUID | None = None,
) -> Response:
    """The threads of one view, those that wait longest first; or all of one order."""
    wanted = InboxView(view) if view in set(InboxView) else InboxView.OPEN
    order_id = WorkOrderId(order) if order else None
    with hub.reading() as connection:
        found = list_inbox(connection, wanted, staff.id, page=page, order_id=order_id)
    return pages.render(
        "console/inbox.html",
        staff=staff,
        here=_ADDRESS,
        view=wanted,
        order_id=order_id,
        views=list(InboxView),
        found=found,
        page=page,
        pages=1 if order_id else max(1, -(-found.counts[wanted] // PAGE_LENGTH)),
        address=lambda shown, number=1: f"{_ADDRESS}?{urlencode({'view': shown.value, 'page': number})}",
        now=hub.clock.now(),
        zone=_ZONE,
        times=times,
    )


@router.get(_ADDRESS + "/{conversation_id}", dependencies=[_SEES_TO_IT])
def show_conversation(
    hub: HubDependency,
    pages: PagesDependency,
    staff: Staff,
    conversation_id: UUID,
    note: _Word = "",
    number: Annotated[str, Query(max_length=200)] = "",
) -> Response:
    """One thread: what was said, the order beside it, and what can be done; with a number the orders that may be meant."""
    desk = _Desk(hub, pages, staff, ConversationId(conversation_id))
    if not number:
        return _thread(desk, said=_NOTES.get(note, ""))
    return _found(desk, number, _NOTHING_TYPED)


@router.post(_ADDRESS + "/{conversation_id}/find", dependencies=[_SEES_TO_IT])
def find_order(
    desk: _AtDesk,
    draft: Drafted,
    number: Annotated[str, Form(max_length=200)] = "",
) -> Response:
    """The same list for the page's own form: what was typed beside it is nobody's business in an address."""
    return _found(desk, number, draft)


@router.post(_ADDRESS + "/{conversation_id}/assign", dependencies=[_SEES_TO_IT])
def assign_conversation(
    desk: _AtDesk,
    version: _Version,
    draft: Drafted,
    to: Annotated[str, Form(max_length=40)] = "",
    take: Annotated[str, Form(max_length=10)] = "",
) -> Response:
    """Give the thread to somebody, or to nobody; with `take` to oneself, whoever is chosen in the list."""
    whom = desk.staff.id if take else _staff_named(to)
    return _act(
        desk, "assigned", lambda: assign(desk.hub, desk.conversation_id, version, whom, desk.staff.actor), draft
    )


@router.post(_ADDRESS + "/{conversation_id}/attach", dependencies=[_SEES_TO_IT])
def attach_conversation(
    desk: _AtDesk,
    version: _Version,
    draft: Drafted,
    order: Annotated[UUID, Form()],
) -> Response:
    """Put a stranger's thread to the order it is about."""
    order_id = WorkOrderId(order)
    return _act(
        desk, "attached", lambda: attach(desk.hub, desk.conversation_id, version, order_id, desk.staff.actor), draft
    )


@router.post(_ADDRESS + "/{conversation_id}/answer", dependencies=[_SEES_TO_IT])
def answer_conversation(desk: _AtDesk, version: _Version, draft: Drafted) -> Response:
    """Send an answer to the citizen."""
    return _act(
        desk,
        "answered",
        lambda: answer(desk.hub, desk.conversation_id, version, draft.text, draft.channel, desk.staff.actor),
        draft,
        left=Draft(remark=draft.remark),
    )


@router.post(_ADDRESS + "/{conversation_id}/times", dependencies=[_SEES_TO_IT])
def send_free_times(desk: _AtDesk, version: _Version, draft: Drafted) -> Response:
    """Send free times that the citizen can choose from with a number."""
    return _act(desk, "times", lambda: send_times(desk.hub, desk.conversation_id, version, desk.staff.actor), draft)


@router.post(_ADDRESS + "/{conversation_id}/close", dependencies=[_SEES_TO_IT])
def close_conversation(desk: _AtDesk, version: _Version, draft: Drafted) -> Response:
    """Nothing more is to be done."""
    return _act(
        desk,
        "closed",
        lambda: close(desk.hub, desk.conversation_id, version, draft.remark, desk.staff.actor),
        draft,
        left=replace(draft, remark=""),
    )


@router.post(_ADDRESS + "/{conversation_id}/number", dependencies=[_SEES_TO_IT])
def show_number(desk: _AtDesk, draft: Drafted) -> Response:
    """Show the whole number, this once, and write down that it was shown."""
    number = reveal_number(desk.hub, desk.conversation_id, desk.staff.actor)
    return _thread(desk, number=number, draft=draft)


def _found(desk: _Desk, number: str, draft: Draft) -> Response:
    """The thread with the orders that may be meant by `number`."""
    try:
        orders = find_orders(desk.hub, number)
    except AnswerRefusedError as error:
        return _thread(desk, status=422, problem=str(error), looked_for=number, draft=draft)
    return _thread(desk, looked_for=number, orders=orders, draft=draft)


def _act(
    desk: _Desk,
    note: str,
    act: Callable[[], object],
    draft: Draft,
    *,
    left: Draft | None = None,
) -> Response:
    """Do it and show the thread anew; what cannot be done is said above it, and nothing that was typed is lost.

    `left` is what of the draft is still to be sent when it was done; everything, if it is not given.
    """
    try:
        act()
    except NotFoundError:
        raise
    except DoorstepError as error:
        if error.kind not in _EXPECTED:
            raise
        status = 409 if error.kind is ErrorKind.CONFLICT else 422
        return _thread(desk, status=status, problem=str(error), failed=note, draft=draft)
    left = draft if left is None else left
    if left != _NOTHING_TYPED:
        # An address is no place for half an answer, so the page comes at once. Loaded again it is refused: its version is old.
        return _thread(desk, said=_NOTES[note], draft=left)
    return RedirectResponse(
        f"{_ADDRESS}/{desk.conversation_id}?note={note}", status_code=303, headers={"Cache-Control": "no-store"}
    )


def _staff_named(to: str) -> StaffId | None:
    """The account that was chosen; None for nobody, and for what no list of ours offers."""
    try:
        return StaffId(UUID(to)) if to else None
    except ValueError:
        return None


def _thread(
    desk: _Desk,
    *,
    status: int = 200,
    said: str = "",
    problem: str = "",
    failed: str = "",
    draft: Draft = _NOTHING_TYPED,
    number: str = "",
    looked_for: str = "",
    orders: FoundOrders | None = None,
) -> Response:
    found = show_thread(desk.hub, desk.conversation_id)
    order = found.order
    work_type = desk.hub.catalogue.work_types.get(order.work_type) if order else None
    return desk.pages.render(
        "console/conversation.html",
        status=status,
        staff=desk.staff,
        here=_ADDRESS,
        found=found,
        thread=found.thread,
        order=order,
        work_type=work_type.names["en"] if work_type else "",
        zone=order.zone if order else _ZONE,
        longest=LONGEST_ANSWER,
        longest_note=LONGEST_NOTE,
        said=said,
        problem=problem,
        failed=failed,
        draft=draft,
        number=number,
        looked_for=looked_for,
        orders=orders,
        longest_reference=LONGEST_REFERENCE,
        work_types=desk.hub.catalogue.work_types,
        times=times,
        language_name=language_name,
    )
