"""One place where errors become answers: problem+json (RFC 9457) for programs, a page with one sentence for people.

Citizens read it in their own language; staff and programs in English.
"""

import logging
from http import HTTPStatus
from pathlib import Path
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
from hub.texts import load_texts
from hub.web.language import accepted_language, choose_language
from hub.web.late_forms import StaleFormError, answer_late_form
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
"""What a page for staff says above the sentence; the phrases of HTTP are for machines."""
_TEXTS = Path(__file__).with_name("texts")
_PROGRAMS = ("/api/", "/oauth/", "/doorstep/")
_CONSOLE = "/console"
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


class AnsweredError(Exception):
    """Something is wrong, and whoever found it knows the page that says so: `answer` is sent in place of the one asked for."""

    def __init__(self, answer: Response) -> None:
        super().__init__(f"answered with {answer.status_code}")
        self.answer = answer


def install_error_handlers(app: FastAPI) -> None:
    """Let `app` answer every error in this product's own way."""
    app.add_exception_handler(AnsweredError, _answered)
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
    if request.url.path.startswith(_PROGRAMS):
        return problem(status, code, sentence, **extra)
    if _is_citizens(request):
        return _citizen_answer(request, status)
    pages: Pages = request.app.state.pages
    title = _HEADINGS.get(status, "Something went wrong")
    return pages.render("hub/console_error.html", status=status, code=code, sentence=sentence, title=title)


def _citizen_answer(request: Request, status: int, *, in_english: str = "", reference: str = "") -> Response:
    """A page that says what this status means for a citizen, in the language of the address or the browser.

    `in_english` is a sentence that knows more and that nobody has translated: it is said to those who read English. `reference`
    is that of what nobody expected.
    """
    accepted = accepted_language(request.headers.get("accept-language", ""))
    language = choose_language(request.query_params.get("lang"), accepted)
    words = load_texts(_TEXTS, language)
    key = "unexpected" if reference else str(status) if str(status) in words else "other"
    sentence = in_english if in_english and language == "en" else words[key].format_map({"reference": reference})
    title = words.get(f"{key}_title", words["other_title"])
    pages: Pages = request.app.state.pages
    return pages.render("hub/citizen_error.html", status=status, lang=language, title=title, sentence=sentence)


def _is_citizens(request: Request) -> bool:
    return not request.url.path.startswith((_TMF_PATH, *_PROGRAMS, _CONSOLE))


def _answered(_: Request, error: Exception) -> Response:
    if not isinstance(error, AnsweredError):
        raise error
    return error.answer


def _doorstep_error(request: Request, error: Exception) -> Response:
    if not isinstance(error, DoorstepError):
        raise error
    if isinstance(error, NotSignedInError | StaleFormError) and _is_console_form(request):
        return answer_late_form(request, str(error), signed_out=isinstance(error, NotSignedInError))
    if isinstance(error, NotSignedInError) and request.url.path.startswith(_CONSOLE):
        return RedirectResponse(f"/console/sign-in{_onward(request)}", status_code=303)
    status = STATUS_CODES[error.kind]
    if _is_citizens(request):
        return _citizen_answer(request, status, in_english=str(error))
    return _answer(request, status, error.code, str(error))


def _is_console_form(request: Request) -> bool:
    return request.method == "POST" and request.url.path.startswith(_CONSOLE)


def _onward(request: Request) -> str:
    """The page asked for, to go on to after signing in."""
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
    phrase = HTTPStatus(error.status_code).phrase
    if _is_citizens(request):
        answer = _citizen_answer(request, error.status_code, in_english=error.detail if error.detail != phrase else "")
    else:
        sentence = _HTTP_SENTENCES.get(error.status_code, str(error.detail))
        answer = _answer(request, error.status_code, phrase.lower().replace(" ", "-"), sentence)
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
    if _is_citizens(request):
        return _citizen_answer(request, 500, reference=reference)
    return _answer(
        request,
        500,
        "unexpected",
        f"Something went wrong on our side; nothing was changed. Our reference is {reference}.",
    )
