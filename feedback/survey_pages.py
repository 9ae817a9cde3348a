"""What the survey's pages show: the words, the choices and what was filled in."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from feedback.schemas import MOST_COMMENT
from feedback.service import CHANGEABLE, Survey
from hub.domain.catalogue import Catalogue
from hub.notifications.texts import LANGUAGES, format_day
from hub.texts import load_texts
from hub.typed import some_lines

TEXTS = Path(__file__).with_name("texts")
RATINGS = ("5", "4", "3", "2", "1")


def survey_context(
    survey: Survey, catalogue: Catalogue, language: str, filled: Mapping[str, str], wrong: frozenset[str]
) -> dict[str, Any]:
    """Everything `survey.html` needs; `filled` is what the citizen chose so far, `wrong` the fields that are not right."""
    words = load_texts(TEXTS, language)
    return {
        **_frame(words, language),
        "lead": words["lead"].format(work=_work_name(survey, catalogue, language)),
        "ratings": [{"value": value, "text": words[f"rating_{value}"]} for value in RATINGS],
        "scores": [{"value": str(score), "text": str(score)} for score in range(11)],
        "most_comment": MOST_COMMENT,
        "comment_hint": words["comment_hint"].format(most=MOST_COMMENT),
        "filled": filled,
        "changing": survey.answer is not None,
        "wrong": wrong,
        "sentences": {
            "rating": words["rating_missing"],
            "nps": words["nps_wrong"],
            "comment": words["comment_wrong"].format(most=MOST_COMMENT),
        },
    }


def thanks_context(survey: Survey, language: str) -> dict[str, Any]:
    """Everything `thanks.html` needs; the survey has an answer."""
    words, answer = load_texts(TEXTS, language), survey.answer
    if answer is None:
        message = "nothing was answered yet"
        raise ValueError(message)
    last = (answer.answered_at + CHANGEABLE).astimezone(ZoneInfo(survey.order.zone))
    return {
        **_frame(words, language),
        "given": words["thanks_given"].format(rating=words[f"rating_{answer.rating}"]),
        "change_until": words["change_until"].format(day=format_day(last, language)),
        "open": survey.open,
    }


def late_context(survey: Survey, language: str, comment: str) -> dict[str, Any]:
    """Everything `late.html` needs: the answer that stays, and the comment that came after the last day."""
    return {**thanks_context(survey, language), "typed": some_lines(comment)}


def refusal_context(kind: str, language: str) -> dict[str, Any]:
    """What a page says whose link is `invalid` or `expired`."""
    words = load_texts(TEXTS, language)
    return {**_frame(words, language), "title": words[f"link_{kind}_title"], "sentence": words[f"link_{kind}"]}


def _frame(words: Mapping[str, str], language: str) -> dict[str, Any]:
    languages = [(code, load_texts(TEXTS, code)["language_name"]) for code in LANGUAGES]
    return {"lang": language, "words": words, "languages": languages}


def _work_name(survey: Survey, catalogue: Catalogue, language: str) -> str:
    work_type = catalogue.work_types.get(survey.order.work_type)
    return work_type.names.get(language, survey.order.work_type) if work_type else survey.order.work_type
