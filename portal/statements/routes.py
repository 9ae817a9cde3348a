"""The statements on personal data and on accessibility. They say what the installation's rules and the product's tests make true."""

from datetime import timedelta
from pathlib import Path

from fastapi import APIRouter
from starlette.responses import Response

from portal.opening import SHOWN, AskedDependency
from portal.pages import PageRequest, render
from portal.privacy.registry import DataKind
from portal.privacy.retention import load_rules
from portal.words import Words

type _Part = tuple[str, list[str], list[tuple[str, str]]]
"""A heading, its sentences, and rows of a name and a value."""

router = APIRouter(include_in_schema=False)
TEXTS = Path(__file__).with_name("texts")

_PRIVACY, _ACCESSIBILITY = "/privacy", "/accessibility"
_KEPT = (DataKind.CONTACT, DataKind.PLACE, DataKind.WORDS, DataKind.FILES, DataKind.COPIES)
_KEPT_WITHOUT_WORK = ("citizen_request", "conversation")
"""What a citizen may have left here although no work came of it; the rest that belongs to no order is the utility's."""


@router.api_route(_PRIVACY, methods=SHOWN)
def show_privacy(asked: AskedDependency) -> Response:
    """What is kept, for how long by this installation's rules, and whom to ask."""
    page = asked.page(_PRIVACY)
    own = Words(page.words.language, TEXTS)
    rules = load_rules(asked.hub.settings.retention)
    kept = [(own(f"kept_{kind}"), _days(own, rules.after_end[kind])) for kind in _KEPT]
    kept += [(own(f"kept_{name}"), _days(own, rules.without_order[name])) for name in _KEPT_WITHOUT_WORK]
    parts: list[_Part] = [
        (own("what_title"), [own("what_given"), own("what_said"), own("what_sent")], []),
        (own("long_title"), [own("long")], kept),
        (own("stays_title"), [own("stays")], []),
        (own("rights_title"), [own("rights"), own("rights_whom")], []),
        (own("cookies_title"), [own("cookies")], []),
    ]
    return _statement(page, own("privacy_title"), own("privacy_lead"), parts)


@router.api_route(_ACCESSIBILITY, methods=SHOWN)
def show_accessibility(asked: AskedDependency) -> Response:
    """What these pages were tested for, what was not, and how to report a barrier."""
    page = asked.page(_ACCESSIBILITY)
    own = Words(page.words.language, TEXTS)
    parts: list[_Part] = [
        (own("tested_title"), [own("tested_rules"), own("tested_sizes"), own("tested_keyboard")], []),
        (own("not_tested_title"), [own("not_tested")], []),
        (own("report_title"), [own("report")], []),
    ]
    return _statement(page, own("accessibility_title"), own("accessibility_lead"), parts)


def _statement(page: PageRequest, title: str, lead: str, parts: list[_Part]) -> Response:
    return render(page, "statement", title=title, lead=lead, parts=parts)


def _days(own: Words, kept: timedelta) -> str:
    return own("days", days=kept.days) if kept else own("no_longer")
