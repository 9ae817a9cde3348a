"""The citizen's survey: looking changes nothing, only sending the form does."""

from collections.abc import Callable, Mapping
from typing import Annotated

from fastapi import APIRouter, Form, Header, Query
from starlette.responses import RedirectResponse, Response

from feedback.errors import SurveyClosedError
from feedback.schemas import read_form
from feedback.service import Survey, answer_survey, open_survey
from feedback.survey_pages import late_context, refusal_context, survey_context, thanks_context
from hub.bootstrap import Hub
from hub.domain.errors import LinkExpiredError, LinkInvalidError
from hub.domain.field_records import SurveyAnswer
from hub.web.language import accepted_language, choose_language
from hub.web.limits import MOST_FORM_BYTES, bounded_route
from hub.web.pages import Pages
from hub.web.requests import HubDependency, PagesDependency

router = APIRouter(include_in_schema=False, route_class=bounded_route(MOST_FORM_BYTES))

_AskedLanguage = Annotated[str, Query(alias="lang", max_length=20)]
_BrowserLanguage = Annotated[str, Header(alias="Accept-Language")]


@router.get("/survey/{token}")
def show_survey(
    hub: HubDependency,
    pages: PagesDependency,
    token: str,
    asked: _AskedLanguage = "",
    change: Annotated[str, Query(max_length=20)] = "",
    accepted: _BrowserLanguage = "",
) -> Response:
    """The form, or the thanks when it was sent before."""

    def show(survey: Survey, language: str) -> Response:
        if survey.answer is not None and not (change and survey.open):
            return pages.render("feedback/thanks.html", **thanks_context(survey, language))
        return _form(hub, pages, survey, language, _filled(survey.answer))

    return _with_survey(hub, pages, token, asked, accepted, show)


@router.post("/survey/{token}")
def send_survey(
    hub: HubDependency,
    pages: PagesDependency,
    token: str,
    asked: _AskedLanguage = "",
    rating: Annotated[str, Form()] = "",
    nps: Annotated[str, Form()] = "none",
    comment: Annotated[str, Form()] = "",
    accepted: _BrowserLanguage = "",
) -> Response:
    """Keep the answer and go to the thanks; what cannot be kept is shown again, with the reason why."""

    def keep(survey: Survey, language: str) -> Response:
        if not survey.open:
            return _late(pages, survey, language, comment)
        form, wrong = read_form(rating, nps, comment)
        if form is None:
            filled = {"rating": rating, "nps": nps, "comment": comment}
            return _form(hub, pages, survey, language, filled, wrong)
        try:
            answer_survey(hub, token, form)
        except SurveyClosedError:
            return _late(pages, survey, language, comment)
        return RedirectResponse(f"/survey/{token}?lang={language}", status_code=303)

    return _with_survey(hub, pages, token, asked, accepted, keep)


def _with_survey(
    hub: Hub, pages: Pages, token: str, asked: str, accepted: str, show: Callable[[Survey, str], Response]
) -> Response:
    """What `show` makes of the survey in the right language, or the sentence for a link that opens none."""
    try:
        survey = open_survey(hub, token)
        return show(survey, choose_language(asked, survey.order.language))
    except (LinkInvalidError, LinkExpiredError) as error:
        expired = isinstance(error, LinkExpiredError)
        language = choose_language(asked, accepted_language(accepted))
        context = refusal_context("expired" if expired else "invalid", language)
        return pages.render("feedback/refusal.html", status=410 if expired else 404, **context)


def _late(pages: Pages, survey: Survey, language: str, comment: str) -> Response:
    return pages.render("feedback/late.html", status=410, **late_context(survey, language, comment))


def _form(
    hub: Hub,
    pages: Pages,
    survey: Survey,
    language: str,
    filled: Mapping[str, str],
    wrong: frozenset[str] = frozenset(),
) -> Response:
    context = survey_context(survey, hub.catalogue, language, filled, wrong)
    return pages.render("feedback/survey.html", status=422 if wrong else 200, **context)


def _filled(answer: SurveyAnswer | None) -> dict[str, str]:
    if answer is None:
        # None is neither a score nor "I would rather not say": nothing is chosen yet.
        return {"rating": "", "nps": "none", "comment": ""}
    score = "" if answer.nps is None else str(answer.nps)
    return {"rating": str(answer.rating), "nps": score, "comment": answer.comment}
