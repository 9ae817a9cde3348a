"""The addresses below `/a/{token}/day`: the live stream, the calendar feed and the code at the door. All of them only show."""

from functools import partial
from typing import Annotated

import segno
from fastapi import APIRouter, Header, Request
from markupsafe import Markup
from starlette.concurrency import run_in_threadpool
from starlette.responses import PlainTextResponse, Response, StreamingResponse

from hub.bootstrap import Hub
from hub.domain.errors import LinkExpiredError, LinkInvalidError
from hub.domain.lifecycle import FINAL_WORK_ORDER_STATUSES
from hub.door_codes import door_code
from hub.notifications.links import clean_token, token_hash
from hub.notifications.texts import appointment_values
from hub.web.errors import STATUS_CODES
from hub.web.language import choose_language
from hub.web.pages import Pages
from portal.day.calendar import calendar_feed, entity_tag
from portal.day.live import Watch, follow
from portal.day.queries import Looked, look
from portal.day.showing import show_standing
from portal.day.words import day_words
from portal.opening import SHOWN, LinkDependency, go
from portal.pages import render

router = APIRouter(include_in_schema=False)
_MARGIN = 2
"""Modules of white around the code; it stands on white anyway."""


@router.api_route("/a/{token}/day/events", methods=SHOWN)
async def stream_events(request: Request, link: LinkDependency) -> Response:
    """Where the visit stands, as server-sent events; any other answer than 200 tells the page to listen no more."""
    hub, token = link.hub, link.token
    try:
        first = await run_in_threadpool(look, hub, token)
    except (LinkInvalidError, LinkExpiredError) as error:
        return PlainTextResponse(str(error), STATUS_CODES[error.kind], {"Cache-Control": "no-store"})
    watch, watched = _watch(request, hub), token_hash(clean_token(token))
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    if not watch.has_room(watched):
        sentence = "Too many pages listen just now. Look again in a minute."
        return PlainTextResponse(sentence, 503, {**headers, "Retry-After": "60"})
    if request.method == "HEAD":
        return Response(media_type="text/event-stream", headers=headers)
    language = choose_language(link.asked.lang, first.order.language)
    show = partial(_fragment, hub, link.asked.pages, language)
    told = follow(hub, watch, watched, partial(look, hub, token), show)
    return StreamingResponse(told, media_type="text/event-stream", headers=headers)


@router.api_route("/a/{token}/day/calendar.ics", methods=SHOWN)
def show_feed(link: LinkDependency, if_none_match: Annotated[str, Header(max_length=200)] = "") -> Response:
    """The calendar a citizen's program subscribes to."""
    page, _ = link.open()
    content = calendar_feed(link.hub, link.token, page.words.language)
    tag = entity_tag(content)
    headers = {"Cache-Control": "private, no-cache", "ETag": tag}
    if tag in if_none_match:
        return Response(status_code=304, headers=headers)
    return Response(content, media_type="text/calendar; charset=utf-8", headers=headers)


@router.api_route("/a/{token}/day/door-code", methods=SHOWN)
def show_door_code(link: LinkDependency) -> Response:
    """The code the technician scans, to show or to print."""
    page, booking = link.open()
    if booking.confirmed is None or booking.order.status in FINAL_WORK_ORDER_STATUSES:
        return go(page.address())
    code = door_code(token_hash(clean_token(link.token)), booking.confirmed)
    # What comes after the # never leaves the phone that scans it.
    drawn = segno.make(f"{link.hub.settings.public_url}/technician#door={code}", error="m", micro=False)
    return render(
        page,
        "day/door_code",
        step="/day/door-code",
        own=day_words(page.words.language),
        code=code,
        drawn=Markup(drawn.svg_inline(scale=6, border=_MARGIN, omitsize=True)),  # noqa: S704 - paths of our own making
        appointment=appointment_values(booking.confirmed, booking.order.zone, page.words.language),
    )


def _fragment(hub: Hub, templates: Pages, language: str, looked: Looked) -> str:
    words = day_words(language)
    standing = show_standing(looked.standing, looked.order, words) if looked.standing else None
    page = templates.render("day/fragment.html", standing=standing, day_words=words, tiles=hub.settings.map_tiles_url)
    return bytes(page.body).decode()


def _watch(request: Request, hub: Hub) -> Watch:
    """The one of this web host's event loop."""
    state = request.app.state
    if not hasattr(state, "day_watch"):
        state.day_watch = Watch(hub)
    watch: Watch = state.day_watch
    return watch
