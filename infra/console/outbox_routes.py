"""The demo's outbox as a page and as JSON; outside the demo there is nothing at these addresses."""

from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, HTTPException, Query
from starlette.responses import JSONResponse, Response

from hub.web import times
from hub.web.requests import HubDependency, PagesDependency
from infra.console.demo_outbox import NEWEST_SHOWN, messages_after, newest_messages


def only_in_the_demo(hub: HubDependency) -> None:
    """Raise 404 unless this is the demo: messages hold the citizens' personal links."""
    if not hub.settings.demo:
        raise HTTPException(404)


router = APIRouter(include_in_schema=False, dependencies=[Depends(only_in_the_demo)])


@router.get("/demo/outbox")
def show_outbox(
    hub: HubDependency, pages: PagesDependency, order: Annotated[str, Query(max_length=200)] = ""
) -> Response:
    """The newest messages, of one order when `order` is its reference."""
    reference = "".join(sign for sign in order if sign.isprintable()).strip()
    with hub.reading() as connection:
        messages = newest_messages(connection, reference)
    here = f"/demo/outbox?{urlencode({'order': reference})}"
    return pages.render(
        "console/outbox.html",
        messages=messages,
        order=reference,
        address=here,
        most=NEWEST_SHOWN,
        times=times,
        staff=None,
    )


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
