"""Who calls: the bearer token of a utility's program, and the route that hands such tokens out (RFC 6749, client credentials)."""

import base64
import binascii
from typing import Annotated
from urllib.parse import unquote_plus

from fastapi import APIRouter, Depends, Form, Header, Request, Security
from fastapi.openapi.models import OAuthFlowClientCredentials, OAuthFlows
from fastapi.responses import JSONResponse
from fastapi.security import OAuth2, SecurityScopes

from hub.domain.errors import NotAllowedError, NotSignedInError, TooManyAttemptsError
from hub.web.limits import bounded_route
from hub.web.requests import HubDependency, sender_address
from ingest.api.clients import (
    ClientRefusedError,
    ScopeInvalidError,
    UtilityClient,
    client_of_token,
    issue_token,
)
from ingest.api.schemas import TokenProblem, TokenView
from ingest.api.scopes import Scope

_MEANINGS = {
    Scope.READ_ORDERS: "Read work orders and hear their events",
    Scope.WRITE_ORDERS: "Create, change and cancel work orders",
    Scope.READ_APPOINTMENTS: "Read appointments and hear their events",
    Scope.WRITE_APPOINTMENTS: "Search for free times; book, move and cancel appointments",
}
_scheme = OAuth2(
    flows=OAuthFlows(
        clientCredentials=OAuthFlowClientCredentials(
            tokenUrl="/oauth/token", scopes={scope.value: meaning for scope, meaning in _MEANINGS.items()}
        )
    ),
    scheme_name="UtilityClient",
    description="A token of `POST /oauth/token`, sent as `Authorization: Bearer …`. It lasts an hour.",
    auto_error=False,
)
router = APIRouter(route_class=bounded_route(16 * 1024))
_NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}
_PROBLEM = {"model": TokenProblem, "description": "What is wrong, as RFC 6749 has it."}
_TOO_LONG = {
    "description": "The form, or a field of it, is too long (RFC 9457).",
    "content": {"application/problem+json": {"schema": {"type": "object", "required": ["type", "title", "status"]}}},
}


def calling_client(
    hub: HubDependency, needed: SecurityScopes, authorization: Annotated[str | None, Depends(_scheme)]
) -> UtilityClient:
    """The client whose token came along; raises NotSignedInError, and NotAllowedError when the token lacks a scope."""
    kind, _, token = (authorization or "").partition(" ")
    if kind.lower() != "bearer" or not token.strip():
        raise NotSignedInError("A bearer token is needed. Ask for one at /oauth/token with the client's id and secret.")
    client = client_of_token(hub, token.strip())
    missing = [scope for scope in needed.scopes if scope not in client.scopes]
    if missing:
        raise NotAllowedError(f"The token does not have the scope {' and '.join(missing)}.")
    return client


ReadsOrders = Annotated[UtilityClient, Security(calling_client, scopes=[Scope.READ_ORDERS.value])]
WritesOrders = Annotated[UtilityClient, Security(calling_client, scopes=[Scope.WRITE_ORDERS.value])]
ReadsAppointments = Annotated[UtilityClient, Security(calling_client, scopes=[Scope.READ_APPOINTMENTS.value])]
WritesAppointments = Annotated[UtilityClient, Security(calling_client, scopes=[Scope.WRITE_APPOINTMENTS.value])]
KeyHeader = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=8,
        max_length=100,
        pattern=r"^[\x21-\x7e]+$",
        description="A new random value for each new request, the same one for each retry of it.",
        examples=["5c4d1b0e-8f0a-4f0e-9d6b-0a4f6f0f6a51"],
    ),
]


@router.post(
    "/oauth/token",
    response_model=TokenView,
    tags=["Token"],
    responses={400: _PROBLEM, 401: _PROBLEM, 413: _TOO_LONG, 422: _TOO_LONG, 429: _PROBLEM},
)
def give_token(
    request: Request,
    hub: HubDependency,
    grant_type: Annotated[str, Form(max_length=100, examples=["client_credentials"])] = "",
    scope: Annotated[str, Form(max_length=500, description="Separated by spaces; absent: all of the client's.")] = "",
    client_id: Annotated[str, Form(max_length=200)] = "",
    client_secret: Annotated[str, Form(max_length=200)] = "",
) -> JSONResponse:
    """Exchange a client's id and secret, in the form or as HTTP Basic, for a token that lasts an hour."""
    if grant_type != "client_credentials":
        return _refused(400, "unsupported_grant_type", "The only grant_type here is client_credentials.")
    identity, secret = _basic(request.headers.get("authorization", "")) or (client_id, client_secret)
    try:
        token = issue_token(hub, identity, secret, scope.split(), sender=sender_address(request))
    except ClientRefusedError as error:
        return _refused(401, "invalid_client", str(error))
    except ScopeInvalidError as error:
        return _refused(400, "invalid_scope", str(error))
    except TooManyAttemptsError as error:
        return _refused(429, "too_many_attempts", str(error))
    view = TokenView(access_token=token.token, expires_in=token.seconds, scope=" ".join(sorted(token.scopes)))
    return JSONResponse(view.model_dump(), headers=_NO_STORE)


def _basic(header: str) -> tuple[str, str] | None:
    """Id and secret of an Authorization header, each form-encoded as RFC 6749 (2.3.1) wants it; None when there are none."""
    kind, _, coded = header.partition(" ")
    if kind.lower() != "basic":
        return None
    try:
        identity, colon, secret = base64.b64decode(coded.strip(), validate=True).decode("utf-8").partition(":")
    except (binascii.Error, ValueError):
        return "", ""
    return (unquote_plus(identity), unquote_plus(secret)) if colon else ("", "")


def _refused(status: int, error: str, sentence: str) -> JSONResponse:
    headers = {**_NO_STORE, "WWW-Authenticate": 'Basic realm="Doorstep"'} if status == 401 else _NO_STORE
    content = TokenProblem(error=error, error_description=sentence).model_dump()
    return JSONResponse(content, status_code=status, headers=headers)
