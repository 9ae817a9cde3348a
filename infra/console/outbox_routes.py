"""The demo's outbox as a page and as JSON; outside the demo there is nothing at these addresses."""

import hmac
import secrets
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Form, HTTPException, Query
from starlette.responses import JSONResponse, RedirectResponse, Response

from hub.bootstrap import Hub
from hub.domain.errors import NotAllowedError
from hub.notifications.addresses import keyed_hash
from hub.typed import one_line
from hub.web import times
from hub.web.limits import MOST_FORM_BYTES, bounded_route
from hub.web.requests import HubDependency, PagesDependency
from infra.console.demo_outbox import NEWEST_SHOWN, message_numbered, messages_after, newest_messages, written_back
from portal.conversations.schemas import InboundSms
from portal.conversations.threads import LONGEST_TEXT
from portal.webhooks.service import hear_text


def only_in_the_demo(hub: HubDependency) -> None:
    """Raise 404 unless this is the demo: messages hold the citizens' personal links."""
    if not hub.settings.demo:
        raise HTTPException(404)


router = APIRouter(
    include_in_schema=False, dependencies=[Depends(only_in_the_demo)], route_class=bounded_route(MOST_FORM_BYTES)
)

_OUR_NUMBER = "+3225550000"
"""Where a text comes to when the settings name no number of ours; nobody is asked by it."""


@router.get("/demo/outbox")
def show_outbox(
    hub: HubDependency,
    pages: PagesDependency,
    order: Annotated[str, Query(max_length=200)] = "",
    wrote: Annotated[str, Query(max_length=100)] = "",
    note: Annotated[str, Query(max_length=20)] = "",
    seen: Annotated[int | None, Query(ge=0, le=2**62)] = None,
) -> Response:
    """The newest messages, of one order when `order` is its reference; `wrote` names a text that was just written back.

    To a page that has `seen` the newest number already, nothing is answered (204): whoever stands in its list stays there.
    """
    reference = one_line(order)
    with hub.reading() as connection:
        messages = newest_messages(connection, reference)
        if seen == (messages[0].seq if messages else 0):
            return Response(status_code=204, headers={"Cache-Control": "no-store"})
        said = written_back(connection, one_line(wrote)) if wrote else None
    here = f"/demo/outbox?{urlencode({'order': reference})}"
    return pages.render(
        "console/outbox.html",
        messages=messages,
        order=reference,
        address=here,
        most=NEWEST_SHOWN,
        times=times,
        staff=None,
        said=said,
        note=note,
        longest=LONGEST_TEXT,
        public_url=hub.settings.public_url,
        form_token=_form_token(hub),
    )


@router.post("/demo/outbox/{seq}/answer")
def answer_text(
    hub: HubDependency,
    seq: int,
    text: Annotated[str, Form(max_length=2 * LONGEST_TEXT)] = "",
    csrf_token: Annotated[str, Form(max_length=200)] = "",
) -> Response:
    """Be the citizen who writes back to text message `seq`: what was written goes where the provider's webhook takes it.

    Raises 404 for what is no text message, and NotAllowedError for a form that this page did not make.
    """
    if not hmac.compare_digest(csrf_token.encode(), _form_token(hub).encode()):
        raise NotAllowedError("This form is not of this start of the demo. Reload the page and write it again.")
    with hub.reading() as connection:
        message = message_numbered(connection, seq) if 0 <= seq < 2**62 else None
    if message is None or not message.can_be_answered:
        raise HTTPException(404)
    back = {"order": message.external_id} if message.external_id else {}
    if not one_line(text):
        return _back({**back, "note": "empty"})
    name = f"demo-{seq}-{secrets.token_hex(8)}"
    hear_text(hub, InboundSms(name, message.recipient, hub.settings.twilio_from or _OUR_NUMBER, text))
    return _back({**back, "wrote": name, "note": "heard"})


def _back(values: dict[str, str]) -> Response:
    address = f"/demo/outbox?{urlencode(values)}"
    return RedirectResponse(address, status_code=303, headers={"Cache-Control": "no-store"})


def _form_token(hub: Hub) -> str:
    """What shows that a form is of this page: only who can read the page has it. There is no session here to take one from."""
    return keyed_hash(hub.settings, "form of the demo's outbox")


@router.get("/demo/outbox.json")
def list_outbox(hub: HubDependency, after: Annotated[int, Query(ge=0, le=2**62)] = 0) -> Response:
    """The messages recorded after number `after`, oldest first; ask again from the last `seq` until none comes."""
    with hub.reading() as connection:
        messages = messages_after(connection, after)
    content = [
        {
            "seq": one.seq,
            "channel": one.channel.value,
            "recipient": one.recipient,
            "subject": one.subject,
            "body": one.body,
            "work_order_id": str(one.work_order_id) if one.work_order_id else None,
            "recorded_at": one.recorded_at.isoformat(),
        }
        for one in messages
    ]
    return JSONResponse(content, headers={"Cache-Control": "no-store"})
