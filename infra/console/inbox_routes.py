"""HTTP of the inbox: what citizens wrote and who asked to be called, until somebody has answered."""

from collections.abc import Callable
from typing import Annotated
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter, Depends, Form, Query
from starlette.responses import RedirectResponse, Response

from hub.bootstrap import Hub
from hub.domain.contact import Channel
from hub.domain.conversations import ConversationId
from hub.domain.errors import DoorstepError, ErrorKind, NotFoundError
from hub.domain.ids import StaffId, WorkOrderId
from hub.web import times
from hub.web.limits import MOST_FORM_BYTES, bounded_route
from hub.web.pages import Pages
from hub.web.requests import HubDependency, PagesDependency
from hub.web.staff import Staff, StaffMember, StaffWrite, require
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
_EXPECTED = (ErrorKind.INVALID, ErrorKind.CONFLICT, ErrorKind.GONE)
_Version = Annotated[int, Form(ge=0, le=2**31 - 1)]
_Word = Annotated[str, Query(max_length=20)]


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
    named = ConversationId(conversation_id)
    if not number:
        return _thread(hub, pages, staff, named, said=_NOTES.get(note, ""))
    try:
        return _thread(hub, pages, staff, named, looked_for=number, orders=find_orders(hub, number))
    except AnswerRefusedError as error:
        return _thread(hub, pages, staff, named, status=422, problem=str(error), looked_for=number)


@router.post(_ADDRESS + "/{conversation_id}/assign", dependencies=[_SEES_TO_IT])
def assign_conversation(
    hub: HubDependency,
    pages: PagesDependency,
    staff: StaffWrite,
    conversation_id: UUID,
    version: _Version,
    to: Annotated[str, Form(max_length=40)] = "",
) -> Response:
    """Give the thread to somebody, or to nobody."""
    named = ConversationId(conversation_id)
    return _act(
        hub, pages, staff, named, "assigned", lambda: assign(hub, named, version, _staff_named(to), staff.actor)
    )


@router.post(_ADDRESS + "/{conversation_id}/attach", dependencies=[_SEES_TO_IT])
def attach_conversation(
    hub: HubDependency,
    pages: PagesDependency,
    staff: StaffWrite,
    conversation_id: UUID,
    version: _Version,
    order: Annotated[UUID, Form()],
) -> Response:
    """Put a stranger's thread to the order it is about."""
    named = ConversationId(conversation_id)
    return _act(
        hub, pages, staff, named, "attached", lambda: attach(hub, named, version, WorkOrderId(order), staff.actor)
    )


@router.post(_ADDRESS + "/{conversation_id}/answer", dependencies=[_SEES_TO_IT])
def answer_conversation(
    hub: HubDependency,
    pages: PagesDependency,
    staff: StaffWrite,
    conversation_id: UUID,
    version: _Version,
    text: Annotated[str, Form(max_length=5000)] = "",
    channel: Annotated[str, Form(max_length=20)] = Channel.SMS.value,
) -> Response:
    """Send an answer to the citizen."""
    named = ConversationId(conversation_id)
    by = Channel(channel) if channel in set(Channel) else Channel.SMS
    return _act(
        hub,
        pages,
        staff,
        named,
        "answered",
        lambda: answer(hub, named, version, text, by, staff.actor),
        typed=text,
    )


@router.post(_ADDRESS + "/{conversation_id}/times", dependencies=[_SEES_TO_IT])
def send_free_times(
    hub: HubDependency, pages: PagesDependency, staff: StaffWrite, conversation_id: UUID, version: _Version
) -> Response:
    """Send free times that the citizen can choose from with a number."""
    named = ConversationId(conversation_id)
    return _act(hub, pages, staff, named, "times", lambda: send_times(hub, named, version, staff.actor))


@router.post(_ADDRESS + "/{conversation_id}/close", dependencies=[_SEES_TO_IT])
def close_conversation(
    hub: HubDependency,
    pages: PagesDependency,
    staff: StaffWrite,
    conversation_id: UUID,
    version: _Version,
    remark: Annotated[str, Form(max_length=LONGEST_NOTE)] = "",
) -> Response:
    """Nothing more is to be done."""
    named = ConversationId(conversation_id)
    return _act(
        hub, pages, staff, named, "closed", lambda: close(hub, named, version, remark, staff.actor), remark=remark
    )


@router.post(_ADDRESS + "/{conversation_id}/number", dependencies=[_SEES_TO_IT])
def show_number(hub: HubDependency, pages: PagesDependency, staff: StaffWrite, conversation_id: UUID) -> Response:
    """Show the whole number, this once, and write down that it was shown."""
    named = ConversationId(conversation_id)
    number = reveal_number(hub, named, staff.actor)
    return _thread(hub, pages, staff, named, number=number)


def _act(
    hub: Hub,
    pages: Pages,
    staff: StaffMember,
    conversation_id: ConversationId,
    note: str,
    act: Callable[[], object],
    *,
    typed: str = "",
    remark: str = "",
) -> Response:
    """Do it and show the thread anew; what cannot be done is said above it, and nothing that was typed is lost."""
    try:
        act()
    except NotFoundError:
        raise
    except DoorstepError as error:
        if error.kind not in _EXPECTED:
            raise
        status = 409 if error.kind is ErrorKind.CONFLICT else 422
        return _thread(
            hub, pages, staff, conversation_id, status=status, problem=str(error), typed=typed, remark=remark
        )
    return RedirectResponse(
        f"{_ADDRESS}/{conversation_id}?note={note}", status_code=303, headers={"Cache-Control": "no-store"}
    )


def _staff_named(to: str) -> StaffId | None:
    """The account that was chosen; None for nobody, and for what no list of ours offers."""
    try:
        return StaffId(UUID(to)) if to else None
    except ValueError:
        return None


def _thread(
    hub: Hub,
    pages: Pages,
    staff: StaffMember,
    conversation_id: ConversationId,
    *,
    status: int = 200,
    said: str = "",
    problem: str = "",
    typed: str = "",
    remark: str = "",
    number: str = "",
    looked_for: str = "",
    orders: FoundOrders | None = None,
) -> Response:
    found = show_thread(hub, conversation_id)
    order = found.order
    work_type = hub.catalogue.work_types.get(order.work_type) if order else None
    return pages.render(
        "console/conversation.html",
        status=status,
        staff=staff,
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
        typed=typed,
        remark=remark,
        number=number,
        looked_for=looked_for,
        orders=orders,
        longest_reference=LONGEST_REFERENCE,
        work_types=hub.catalogue.work_types,
        times=times,
        language_name=language_name,
    )
