"""The citizen's addresses for asking: the form, the link that proves the address, and where the request stands."""

from typing import Annotated

from fastapi import APIRouter, Form, Request
from starlette.responses import Response

from hub.domain.citizen_requests import CitizenRequest, RequestStatus
from hub.domain.errors import LinkExpiredError, LinkInvalidError, TooManyAttemptsError
from hub.notifications.links import clean_token
from hub.web.limits import MOST_FORM_BYTES, bounded_route
from hub.web.requests import sender_address
from portal.opening import SHOWN, Asked, AskedDependency, Token, go
from portal.pages import PageRequest, render
from portal.requests.form import RequestForm, clean_form, example_postcode, faults_of
from portal.requests.messages import CONFIRM_PATH
from portal.requests.service import SubmitRequest, confirm_request, find_request, submit_request
from portal.requests.words import TEXTS
from portal.words import Words

router = APIRouter(include_in_schema=False, route_class=bounded_route(MOST_FORM_BYTES))

_ADDRESS = "/request"
_CONFIRM = CONFIRM_PATH + "/{token}"
_Line = Annotated[str, Form(max_length=500)]


@router.api_route(_ADDRESS, methods=SHOWN)
def show_form(asked: AskedDependency) -> Response:
    """The form, empty."""
    return _form(asked.page(_ADDRESS), RequestForm(), {})


@router.post(_ADDRESS)
def submit(
    request: Request,
    asked: AskedDependency,
    work_type: _Line = "",
    name: _Line = "",
    email: _Line = "",
    phone: _Line = "",
    street: _Line = "",
    postcode: _Line = "",
    town: _Line = "",
    notes: Annotated[str, Form(max_length=5000)] = "",
    consent: Annotated[str, Form(max_length=10)] = "",
) -> Response:
    """Take the request; what is wrong is said beside the fields, and whatever is refused is still there to be sent again."""
    hub, page = asked.hub, asked.page(_ADDRESS)
    typed = {"work_type": work_type, "name": name, "email": email, "phone": phone, "street": street}
    form = clean_form({**typed, "postcode": postcode, "town": town, "notes": notes, "consent": consent})
    faults = faults_of(form, hub.catalogue)
    if faults:
        return _form(page, form, faults)
    try:
        submit_request(hub, SubmitRequest(form, page.words.language, sender_address(request)))
    except TooManyAttemptsError:
        return _form(page, form, {}, "too_many")
    return go(page.address("/sent"))


@router.api_route(_ADDRESS + "/sent", methods=SHOWN)
def show_sent(asked: AskedDependency) -> Response:
    """What to do now."""
    page = asked.page(_ADDRESS)
    own = Words(page.words.language, TEXTS)
    return render(page, "request_said", step="/sent", title=own("sent_title"), sentence=own("sent"), rows=[], button="")


@router.api_route(_CONFIRM, methods=SHOWN)
def show_request(asked: AskedDependency, token: Token) -> Response:
    """What was asked for: to be confirmed, or where it stands. Opening it changes nothing."""
    try:
        found = find_request(asked.hub, token)
    except (LinkInvalidError, LinkExpiredError) as error:
        return _no_link(asked.page(_ADDRESS), error)
    return _standing(_page_of(asked, token, found), found)


@router.post(_CONFIRM)
def confirm(asked: AskedDependency, token: Token) -> Response:
    """The address is proven."""
    try:
        found = confirm_request(asked.hub, token)
    except (LinkInvalidError, LinkExpiredError) as error:
        return _no_link(asked.page(_ADDRESS), error)
    return go(_page_of(asked, token, found).address())


def _page_of(asked: Asked, token: str, found: CitizenRequest) -> PageRequest:
    return asked.page(f"{CONFIRM_PATH}/{clean_token(token)}", found.language)


def _form(page: PageRequest, form: RequestForm, faults: dict[str, str], refused: str = "") -> Response:
    """The form with what was typed. `refused` names the sentence why a form without faults cannot be taken now."""
    own = Words(page.words.language, TEXTS)
    language = page.words.language
    kinds = [
        (code, kind.names.get(language) or kind.names.get("en") or code)
        for code, kind in page.hub.catalogue.work_types.items()
        if kind.requestable
    ]
    example = example_postcode(page.hub.catalogue)
    said = {field: own(fault, example=example) for field, fault in faults.items()}
    problem = own(refused) if refused else ""
    status = 422 if faults else 429 if refused else 200
    return render(page, "request", status=status, own=own, form=form, faults=said, problem=problem, kinds=kinds)


def _no_link(page: PageRequest, error: LinkInvalidError | LinkExpiredError) -> Response:
    own = Words(page.words.language, TEXTS)
    expired = isinstance(error, LinkExpiredError)
    key = "link_expired" if expired else "link_invalid"
    title, sentence = own(f"{key}_title"), own(key)
    again = (page.address(), own("ask_again"))
    return render(
        page,
        "request_said",
        status=410 if expired else 404,
        title=title,
        sentence=sentence,
        rows=[],
        button="",
        again=again,
    )


def _standing(page: PageRequest, found: CitizenRequest) -> Response:
    own = Words(page.words.language, TEXTS)
    key = {
        RequestStatus.UNCONFIRMED: "unconfirmed",
        RequestStatus.WAITING: "waiting",
        RequestStatus.DECLINED: "declined",
    }.get(found.status, "accepted")
    kind = page.hub.catalogue.work_types.get(found.work_type)
    names = kind.names if kind else {}
    what = names.get(page.words.language) or names.get("en") or found.work_type
    rows = [(page.words("what"), what), (page.words("reference"), found.reference)]
    return render(
        page,
        "request_said",
        title=own(f"{key}_title"),
        sentence=own(key, reason=found.reason),
        rows=rows,
        button=own("confirm_button") if found.status is RequestStatus.UNCONFIRMED else "",
    )
