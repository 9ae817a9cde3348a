"""E-mails and letters as HTML, made of the very words of the text: no second version to keep true.

A line that is nothing but the personal link becomes a button in an e-mail and a code to scan in a letter. There is no image from
elsewhere, no script and no tracking in them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

import segno
from babel.dates import format_date
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from hub.domain.contact import LinkPurpose
from hub.notifications.kinds import message_kind
from hub.notifications.texts import SPOKEN, Rendered, known_language
from hub.texts import load_texts

_FOLDER = Path(__file__).with_name("templates")


@dataclass(frozen=True)
class _Paragraph:
    """Lines that belong together; `link` is set when the last of them was the link alone."""

    lines: tuple[str, ...]
    link: str


def mail_html(kind: str, language: str, words: Rendered, link: str) -> str:
    """The e-mail as an accessible page: its language, one heading, one button that is a real link, the address also as text."""
    known = known_language(language)
    spoken = load_texts(SPOKEN, known)
    return (
        _environment()
        .get_template("mail.html")
        .render(
            language=known,
            subject=words.subject,
            paragraphs=_paragraphs(words.body, link),
            button=spoken[_button(kind)],
            button_failed=spoken["button_failed"],
        )
    )


def letter_html(language: str, words: Rendered, link: str, lines: Sequence[str], at: datetime, zone: str) -> str:
    """A sheet of A4 with the address where a window envelope shows it (DIN 5008, form B) and the link as a code to scan."""
    known = known_language(language)
    local = at.astimezone(ZoneInfo(zone))
    return (
        _environment()
        .get_template("letter.html")
        .render(
            language=known,
            subject=words.subject,
            paragraphs=_paragraphs(words.body, link),
            lines=lines,
            date=format_date(local.date(), "long", locale=known),
            code=segno.make(link, error="m", micro=False).svg_data_uri(border=2, scale=4) if link else "",
            words=load_texts(SPOKEN, known),
        )
    )


def _button(kind: str) -> str:
    carried = message_kind(kind)
    if carried.link is LinkPurpose.SURVEY:
        return "button_survey"
    if kind == "new_link":
        return "button_open"
    return "button_change" if carried.only_while_confirmed else "button_choose"


def _paragraphs(body: str, link: str) -> list[_Paragraph]:
    found = []
    for block in body.strip().split("\n\n"):
        lines = [line.strip() for line in block.splitlines() if line.strip()]
        has_link = bool(link) and link in lines
        found.append(
            _Paragraph(tuple(line for line in lines if not has_link or line != link), link if has_link else "")
        )
    return found


@cache
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(str(_FOLDER)),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
