"""The addresses of somebody who has no link that opens: ask for a new one."""

from typing import Annotated

from fastapi import APIRouter, Form, Request
from starlette.responses import Response

from hub.domain.errors import TooManyAttemptsError
from hub.web.limits import MOST_FORM_BYTES, bounded_route
from hub.web.requests import sender_address
from portal import pages
from portal.new_links import AskNewLink, ask_new_link
from portal.opening import SHOWN, AskedDependency, go

router = APIRouter(include_in_schema=False, route_class=bounded_route(MOST_FORM_BYTES))

_ADDRESS = "/new-link"
_Typed = Annotated[str, Form(max_length=200)]


@router.api_route(_ADDRESS, methods=SHOWN)
def show_form(asked: AskedDependency) -> Response:
    """The form: reference and postal code."""
    page = asked.page(_ADDRESS)
    return pages.render(page, "new_link", problem=page.words("new_link_missing") if asked.note == "missing" else "")


@router.post(_ADDRESS)
def ask(request: Request, asked: AskedDependency, reference: _Typed = "", postcode: _Typed = "") -> Response:
    """Take the request; the answer is the same whether such an order exists or not."""
    page = asked.page(_ADDRESS)
    if not reference.strip() or not postcode.strip():
        return go(page.address(), "missing")
    try:
        ask_new_link(asked.hub, AskNewLink(reference, postcode, sender_address(request)))
    except TooManyAttemptsError:
        return pages.problem_page(page, "too_many", status=429)
    return go(page.address("/sent"))


@router.api_route(_ADDRESS + "/sent", methods=SHOWN)
def show_sent(asked: AskedDependency) -> Response:
    """What to expect now."""
    return pages.render(asked.page(_ADDRESS), "new_link_sent", step="/sent")
