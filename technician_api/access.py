"""Who speaks: the bearer token of an app, or the cookie of the phone page, which scripts cannot read."""

from typing import Annotated

from fastapi import Depends, Header, Response
from fastapi.security import APIKeyCookie, HTTPAuthorizationCredentials, HTTPBearer

from hub.domain.errors import NotSignedInError
from hub.settings import Settings
from hub.web.requests import HubDependency
from technician_api.service import SignedIn, identify

PREFIX = "/api/technician/v1"
COOKIE = "doorstep_device"
_COOKIE_SECONDS = 180 * 24 * 3600
_bearer = HTTPBearer(auto_error=False, scheme_name="DeviceToken", description="The token that `enrol` gave.")
_cookie = APIKeyCookie(
    name=COOKIE, auto_error=False, scheme_name="DeviceCookie", description="The same token, set by `session`."
)


def signed_in(
    hub: HubDependency,
    bearer: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
    cookie: Annotated[str | None, Depends(_cookie)],
) -> SignedIn:
    """The technician whose phone sent the request; raises NotSignedInError."""
    token = bearer.credentials if bearer else cookie
    if not token:
        raise NotSignedInError("This phone is not signed in. Ask your dispatcher for an enrolment code.")
    return identify(hub, token)


def perhaps_signed_in(
    hub: HubDependency,
    bearer: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
    cookie: Annotated[str | None, Depends(_cookie)],
) -> SignedIn | None:
    """The same, or None for a phone that is not signed in."""
    try:
        return signed_in(hub, bearer, cookie)
    except NotSignedInError:
        return None


PerhapsSignedInDependency = Annotated[SignedIn | None, Depends(perhaps_signed_in)]
SignedInDependency = Annotated[SignedIn, Depends(signed_in)]
KeyHeader = Annotated[
    str,
    Header(
        alias="Idempotency-Key",
        min_length=8,
        max_length=200,
        pattern=r"^[\x21-\x7e]+$",
        description="A new random value (a UUID) for each new request, the same one for each retry of it.",
        examples=["5c4d1b0e-8f0a-4f0e-9d6b-0a4f6f0f6a51"],
    ),
]


def keep_cookie(response: Response, settings: Settings, token: str) -> None:
    """Let the browser carry `token` to the API, to nothing else, and never for another site."""
    response.set_cookie(
        COOKIE,
        token,
        max_age=_COOKIE_SECONDS,
        path=PREFIX,
        httponly=True,
        samesite="strict",
        secure=settings.https_only_cookies,
    )


def drop_cookie(response: Response) -> None:
    """Let the browser forget the token."""
    response.delete_cookie(COOKIE, path=PREFIX, httponly=True, samesite="strict")
