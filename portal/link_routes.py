"""The addresses of somebody who has no link that opens: ask for a new one."""

from typing import Annotated

from fastapi import APIRouter, Form, Request
from starlette.responses import Response

from hub.domain.errors import TooManyAttemptsError
from hub.typed import one_line
from hub.web.limits import MOST_FORM_BYTES, bounded_route
from hub.web.requests import sender_address
from portal import pages
from portal.new_links import LONGEST, AskNewLink, ask_new_link
from portal.opening import SHOWN, AskedDependency, go

router = APIRouter(include_in_schema=False, route_class=bounded_route(MOST_FORM_BYTES))

_ADDRESS = "/new-link"
_Typed = Annotated[str, Form(max_length=200)]


@router.api_route(_ADDRESS, methods=SHOWN)
def show_form(asked: AskedDependency) -> Response:
    """The form: reference and postal code."""
    return _form(asked.page(_ADDRESS))


@router.post(_ADDRESS)
def ask(request: Request, asked: AskedDependency, reference: _Typed = "", postcode: _Typed = "") -> Response:
    """Take the request; the answer is the same whether such an order exists or not, and gives back only what was sent."""
    page = asked.page(_ADDRESS)
    reference, postcode = one_line(reference, LONGEST), one_line(postcode, LONGEST)
    if not (reference and postcode):
        return _form(page, reference, postcode, status=422, problem=page.words("new_link_missing"))
    try:
        ask_new_link(asked.hub, AskNewLink(reference, postcode, sender_address(request)))
    except TooManyAttemptsError:
        return _form(page, reference, postcode, status=429, problem=page.words("too_many"))
    return go(page.address("/sent"))


@router.api_route(_ADDRESS + "/sent", methods=SHOWN)
def show_sent(asked: AskedDependency) -> Response:
    """What to expect now."""
    return pages.render(asked.page(_ADDRESS), "new_link_sent", step="/sent")


def _form(
    page: pages.PageRequest, reference: str = "", postcode: str = "", *, status: int = 200, problem: str = ""
) -> Response:
    """The form, with what was typed and why it could not be taken."""
    typed = {"reference": reference, "postcode": postcode}
    missing = [name for name, value in typed.items() if not value] if problem else []
    return pages.render(page, "new_link", status=status, problem=problem, typed=typed, missing=missing)
