"""One place where errors become answers: problem+json (RFC 9457) for programs, a page with one sentence for people."""

import logging
from http import HTTPStatus
from urllib.parse import urlencode
from uuid import uuid4

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hub.domain.errors import DoorstepError, ErrorKind, NotSignedInError
from hub.web.pages import Pages

_log = logging.getLogger(__name__)

STATUS_CODES = {
    ErrorKind.INVALID: 422,
    ErrorKind.NOT_FOUND: 404,
    ErrorKind.CONFLICT: 409,
    ErrorKind.GONE: 410,
    ErrorKind.FORBIDDEN: 403,
    ErrorKind.UNAUTHENTICATED: 401,
    ErrorKind.UNAVAILABLE: 503,
    ErrorKind.TOO_MANY: 429,
}
PROBLEM_TYPE = "urn:doorstep:problem:"
_HEADINGS = {
    401: "Please sign in",
    403: "Not allowed",
    404: "Nothing here",
    405: "Nothing to see here",
    409: "That did not work",
    410: "Too late",
    422: "That did not work",
    429: "Too many tries",
    503: "Please try again soon",
}
"""What a page says above the sentence; the phrases of HTTP are for machines."""
_TMF_PATH = "/tmf-api/"
_TMF_STATUSES = {410: 409, 422: 400}


def problem(status: int, code: str, sentence: str, **extra: object) -> JSONResponse:
    """A problem+json answer: `type` names the stable code, `detail` is the sentence."""
    content = {
        "type": PROBLEM_TYPE + code,
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": sentence,
        **extra,
    }
    headers = {"Cache-Control": "no-store"}
    if status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    return JSONResponse(content, status_code=status, media_type="application/problem+json", headers=headers)


def tmf_error(status: int, code: str, sentence: str, message: str | None = None) -> JSONResponse:
    """TM Forum's Error, which the utilities' API answers with; it knows neither 422 nor 410."""
    shown = _TMF_STATUSES.get(status, status)
    content = {"code": code, "reason": sentence, "status": str(shown), "@type": "Error"}
    if message:
        content["message"] = message
    headers = {"Cache-Control": "no-store"}
    if shown == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    return JSONResponse(content, status_code=shown, headers=headers)


def install_error_handlers(app: FastAPI) -> None:
    """Let `app` answer every error in this product's own way."""
    app.add_exception_handler(DoorstepError, _doorstep_error)
    app.add_exception_handler(RequestValidationError, _validation_error)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(OperationalError, _database_error)
    # Every connection is taken for longer than a request can wait.
    app.add_exception_handler(PoolTimeoutError, _database_error)
    # Not a handler for Exception: that one answers outside every middleware, so without the security headers.
    app.add_middleware(_UnexpectedErrors)


def _answer(request: Request, status: int, code: str, sentence: str, **extra: object) -> Response:
    if request.url.path.startswith(_TMF_PATH):
        return tmf_error(status, code, sentence)
    if request.url.path.startswith(("/api/", "/oauth/", "/doorstep/")):
        return problem(status, code, sentence, **extra)
    pages: Pages = request.app.state.pages
    template = "hub/console_error.html" if request.url.path.startswith("/console") else "hub/citizen_error.html"
    return pages.render(
        template, status=status, code=code, sentence=sentence, title=_HEADINGS.get(status, "Something went wrong")
    )


def _doorstep_error(request: Request, error: Exception) -> Response:
    if not isinstance(error, DoorstepError):
        raise error
    if isinstance(error, NotSignedInError) and request.url.path.startswith("/console"):
        return RedirectResponse(f"/console/sign-in{_onward(request)}", status_code=303)
    return _answer(request, STATUS_CODES[error.kind], error.code, str(error))


def _onward(request: Request) -> str:
    """The page asked for, to go on to after signing in; a form that was sent is not sent again."""
    if request.method != "GET" or request.url.path == "/console":
        return ""
    asked = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return "?" + urlencode({"onward": asked})


def _validation_error(request: Request, error: Exception) -> Response:
    if not isinstance(error, RequestValidationError):
        raise error
    # The values that were sent stay out of the answer: they may be personal or hostile.
    places = [
        {"where": ".".join(str(part) for part in one["loc"] if part != "body"), "what": one["msg"]}
        for one in error.errors()
    ]
    first = places[0] if places else {"where": "request", "what": "is not valid"}
    sentence = f"What was sent is not valid at '{first['where']}': {first['what']}."
    return _answer(request, 422, "not-valid", sentence, errors=places)


_HTTP_SENTENCES = {
    400: "What was sent cannot be read. Send it again in the form this address takes.",
    404: "There is nothing at this address.",
    405: "This address does not take that kind of request.",
    413: "What was sent is too large.",
}


def _http_error(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    sentence = _HTTP_SENTENCES.get(error.status_code, str(error.detail))
    code = HTTPStatus(error.status_code).phrase.lower().replace(" ", "-")
    answer = _answer(request, error.status_code, code, sentence)
    if "Allow" in (error.headers or {}):
        answer.headers["Allow"] = (error.headers or {})["Allow"]
    return answer


def _database_error(request: Request, error: Exception) -> Response:
    _log.error("the database did not answer: %s", type(error).__name__)
    return _answer(
        request,
        503,
        "database-unavailable",
        "We cannot reach our records just now. Wait a minute, look whether your change is there, and try again if it is not.",
    )


class _UnexpectedErrors:
    """Answers what nobody expected, inside the other middleware."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; when it fails before an answer began, answer with a reference."""
        begun = False

        async def send_and_note(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self._app(scope, receive, send_and_note)
        except Exception as error:
            if begun or scope["type"] != "http":
                raise
            answer = _unexpected_error(Request(scope), error)
            await answer(scope, receive, send)


def _unexpected_error(request: Request, error: Exception) -> Response:
    reference = uuid4().hex[:12]
    _log.error("unexpected error %s at %s", reference, request.scope.get("route"), exc_info=error)
    return _answer(
        request,
        500,
        "unexpected",
        f"Something went wrong on our side; nothing was changed. Our reference is {reference}.",
    )
