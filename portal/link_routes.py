"""The addresses of somebody who has no link that opens: ask for a new one."""

from typing import Annotated

from fastapi import APIRouter, Form, Request
from starlette.responses import Response

from hub.domain.errors import TooManyAttemptsError
from hub.web.language import accepted_language, choose_language
from hub.web.limits import MOST_FORM_BYTES, bounded_route
from hub.web.requests import HubDependency, PagesDependency, sender_address
from portal import pages
from portal.new_links import AskNewLink, ask_new_link
from portal.opening import SHOWN, Language, Note, go
from portal.pages import PageRequest
from portal.words import Words

router = APIRouter(include_in_schema=False, route_class=bounded_route(MOST_FORM_BYTES))

_ADDRESS = "/new-link"
_Typed = Annotated[str, Form(max_length=200)]


@router.api_route(_ADDRESS, methods=SHOWN)
def show_form(
    request: Request, hub: HubDependency, templates: PagesDependency, lang: Language = None, note: Note = ""
) -> Response:
    """The form: reference and postal code."""
    page = _page(request, hub, templates, lang)
    return pages.render(page, "new_link", problem=page.words("new_link_missing") if note == "missing" else "")


@router.post(_ADDRESS)
def ask(
    request: Request,
    hub: HubDependency,
    templates: PagesDependency,
    reference: _Typed = "",
    postcode: _Typed = "",
    lang: Language = None,
) -> Response:
    """Take the request; the answer is the same whether such an order exists or not."""
    page = _page(request, hub, templates, lang)
    if not reference.strip() or not postcode.strip():
        return go(page.address(), "missing")
    try:
        ask_new_link(hub, AskNewLink(reference, postcode, sender_address(request)))
    except TooManyAttemptsError:
        return pages.problem_page(page, "too_many", status=429)
    return go(page.address("/sent"))


@router.api_route(_ADDRESS + "/sent", methods=SHOWN)
def show_sent(request: Request, hub: HubDependency, templates: PagesDependency, lang: Language = None) -> Response:
    """What to expect now."""
    return pages.render(_page(request, hub, templates, lang), "new_link_sent", step="/sent")


def _page(request: Request, hub: HubDependency, templates: PagesDependency, lang: str | None) -> PageRequest:
    words = Words(choose_language(lang, accepted_language(request.headers.get("accept-language", ""))))
    return PageRequest(hub, templates, words, _ADDRESS)
