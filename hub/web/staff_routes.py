"""Signing in to the console, and out."""

from typing import Annotated

from fastapi import APIRouter, Form, Request
from starlette.responses import RedirectResponse, Response

from hub.domain.errors import DoorstepError, NotSignedInError, TooManyAttemptsError
from hub.web.errors import STATUS_CODES
from hub.web.late_forms import HOME, own_address
from hub.web.limits import MOST_FORM_BYTES, bounded_route
from hub.web.requests import HubDependency, PagesDependency, sender_address
from hub.web.staff import STAFF_COOKIE, StaffWrite
from hub.web.staff_accounts import SESSION_LENGTH, SignInRefusedError, member_of_session, sign_in, sign_out

router = APIRouter(include_in_schema=False, route_class=bounded_route(MOST_FORM_BYTES))

_COOKIE_PATH = "/console"


@router.get("/console/sign-in")
def show_sign_in(request: Request, hub: HubDependency, pages: PagesDependency, onward: str = HOME) -> Response:
    """The form; who is signed in already goes straight on."""
    try:
        member_of_session(hub, request.cookies.get(STAFF_COOKIE))
    except NotSignedInError:
        return pages.render("hub/staff_sign_in.html", onward=own_address(onward), email="", refusal="")
    return RedirectResponse(own_address(onward), status_code=303)


@router.post("/console/sign-in")
def enter(
    request: Request,
    hub: HubDependency,
    pages: PagesDependency,
    email: Annotated[str, Form(max_length=320)] = "",
    password: Annotated[str, Form(max_length=1024)] = "",
    onward: Annotated[str, Form()] = HOME,
) -> Response:
    """Check e-mail and password; a right pair gets a new session cookie, a wrong one the form again with the reason."""
    try:
        replaces = request.cookies.get(STAFF_COOKIE)
        token = sign_in(hub, email, password, sender=sender_address(request), replaces=replaces)
    except (SignInRefusedError, TooManyAttemptsError) as refusal:
        return _again(pages, refusal, email, onward)
    answer = RedirectResponse(own_address(onward), status_code=303)
    answer.set_cookie(
        STAFF_COOKIE,
        token,
        max_age=int(SESSION_LENGTH.total_seconds()),
        path=_COOKIE_PATH,
        httponly=True,
        samesite="lax",
        secure=hub.settings.https_only_cookies,
    )
    return answer


@router.post("/console/sign-out")
def leave(request: Request, hub: HubDependency, staff: StaffWrite) -> Response:
    """End the session and forget its cookie."""
    sign_out(hub, request.cookies[STAFF_COOKIE])
    answer = RedirectResponse("/console/sign-in", status_code=303)
    answer.delete_cookie(
        STAFF_COOKIE, path=_COOKIE_PATH, httponly=True, samesite="lax", secure=hub.settings.https_only_cookies
    )
    return answer


def _again(pages: PagesDependency, refusal: DoorstepError, email: str, onward: str) -> Response:
    return pages.render(
        "hub/staff_sign_in.html",
        status=STATUS_CODES[refusal.kind],
        onward=own_address(onward),
        email=email,
        refusal=str(refusal),
    )
