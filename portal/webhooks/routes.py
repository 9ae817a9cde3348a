"""The addresses providers call. What counts is their signature over our public address; a request without it is refused.

No cookie is read here, so another site's page can misuse nobody's; that is why these addresses take posts from elsewhere.
"""

import pathlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, HTTPException, Path, Request
from starlette.datastructures import UploadFile
from starlette.responses import Response

from hub.domain.ids import NotificationId
from hub.notifications import unsubscribe as addresses
from hub.notifications.settling import settle_receipt
from hub.notifications.stopping import unsubscribe
from hub.notifications.twilio_webhooks import Marks, is_genuine, read_receipt, values_of
from hub.web.limits import MOST_FORM_BYTES, bounded_route
from hub.web.requests import HubDependency, the_hub
from portal.conversations.schemas import InboundSms
from portal.opening import SHOWN, AskedDependency
from portal.pages import render
from portal.webhooks.service import KeyPressed, Lifted, hear_text, press_key, speak
from portal.words import Words

router = APIRouter(include_in_schema=False, route_class=bounded_route(MOST_FORM_BYTES))
Proof = Annotated[str, Path(max_length=64)]
TEXTS = pathlib.Path(__file__).with_name("texts")
_MOST_FIELDS = 200
_NOT_SIGNED = "This was not signed by our provider for this address, so it was not carried out."
_KEY_PATH = "/webhooks/twilio/key"


@dataclass(frozen=True)
class Posted:
    """A request that Twilio signed: its form's values, and those of its address."""

    form: Mapping[str, str]
    query: Mapping[str, str]


async def signed_by_twilio(request: Request) -> Posted:
    """The request, if Twilio signed it; raises 403 otherwise, whatever else is wrong with it."""
    posted = await request.form(max_files=0, max_fields=_MOST_FIELDS)
    form: dict[str, list[str]] = {}
    for name, value in posted.multi_items():
        if isinstance(value, UploadFile):
            raise HTTPException(403, _NOT_SIGNED)
        form.setdefault(name, []).append(value)
    path = request.scope.get("raw_path") or request.url.path.encode()
    query = request.scope["query_string"]
    address = path.decode("ascii", "replace") + ("?" + query.decode("ascii", "replace") if query else "")
    if not is_genuine((await the_hub(request)).settings, address, form, request.headers):
        raise HTTPException(403, _NOT_SIGNED)
    return Posted(values_of(form), dict(request.query_params))


SignedDependency = Annotated[Posted, Depends(signed_by_twilio)]


@router.post("/webhooks/twilio/status")
def take_receipt(hub: HubDependency, posted: SignedDependency) -> Response:
    """What became of a message or a call."""
    receipt = read_receipt(_marks(posted), posted.form)
    if receipt is not None:
        settle_receipt(hub, receipt)
    return Response(status_code=204)


@router.post("/webhooks/twilio/sms")
def take_text(hub: HubDependency, posted: SignedDependency) -> Response:
    """A text message that somebody sent us."""
    form = posted.form
    sms = InboundSms(
        provider_id=form.get("MessageSid") or form.get("SmsMessageSid", ""),
        sender=form.get("From", ""),
        recipient=form.get("To", ""),
        text=form.get("Body", ""),
    )
    if not (sms.provider_id and sms.sender):
        raise HTTPException(400)
    return _twiml(hear_text(hub, sms, provider_says=form.get("OptOutType", "")))


@router.post("/webhooks/twilio/call")
def take_call(hub: HubDependency, posted: SignedDependency) -> Response:
    """Our call was answered: what to say."""
    marks = _marks(posted)
    lifted = Lifted(marks.notification_id, posted.form.get("AnsweredBy", ""), _key_address(marks))
    return _twiml(speak(hub, lifted))


@router.post(_KEY_PATH)
def take_key(hub: HubDependency, posted: SignedDependency) -> Response:
    """A key was pressed in our call."""
    marks, form = _marks(posted), posted.form
    if not form.get("CallSid"):
        raise HTTPException(400)
    pressed = KeyPressed(marks.notification_id, form["CallSid"], form.get("Digits", ""), _key_address(marks))
    return _twiml(press_key(hub, pressed))


@router.api_route(addresses.PATH + "/{message}/{proof}", methods=SHOWN)
def ask_unsubscribe(asked: AskedDependency, message: UUID, proof: Proof) -> Response:
    """A person followed the address: nothing happens before the button is pressed, for mail scanners follow it too."""
    page = asked.page(f"{addresses.PATH}/{message}/{proof}")
    return render(page, "unsubscribe", words=Words(page.words.language, TEXTS), done=False)


@router.post(addresses.PATH + "/{message}/{proof}")
def take_unsubscribe(asked: AskedDependency, message: UUID, proof: Proof) -> Response:
    """A mail program's button (RFC 8058) or the page's own: no more e-mails to that message's recipient.

    The answer is the same whether we know the message or not, so nobody learns that from it.
    """
    unsubscribe(asked.hub, NotificationId(message), proof)
    # The choice of language leads to the landing page: to show this one again would be to act again.
    page = asked.page("/")
    return render(page, "unsubscribe", words=Words(page.words.language, TEXTS), done=True)


def _marks(posted: Posted) -> Marks:
    try:
        return Marks(posted.query.get("message", ""), posted.query.get("try", ""))
    except ValueError as error:
        raise HTTPException(400) from error


def _key_address(marks: Marks) -> str:
    return f"{_KEY_PATH}?message={marks.notification_id}&try={marks.tries}"


def _twiml(content: str) -> Response:
    return Response(content, media_type="application/xml", headers={"Cache-Control": "no-store"})
