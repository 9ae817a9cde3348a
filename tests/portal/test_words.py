"""The words of the pages: no key that no page uses, and the language they are in."""

import re
from pathlib import Path

import pytest

from hub.texts import load_texts
from hub.web.language import accepted_language, choose_language
from portal.words import FOLDER, Words

ROOM = Path(__file__).parents[2] / "portal"


def test_every_word_is_used_and_every_used_word_exists() -> None:
    templates = " ".join(file.read_text(encoding="utf-8") for file in ROOM.glob("templates/portal/*.html"))
    code = " ".join(file.read_text(encoding="utf-8") for file in ROOM.glob("*.py"))
    known = set(load_texts(FOLDER, "en"))
    asked = set(re.findall(r"say\([\"'](\w+)[\"']", templates)) | set(re.findall(r"words\(\"(\w+)\"", code))
    assert asked <= known
    made = {key for key in known if key.startswith("note_")}
    made |= {
        f"{state}{end}"
        for state in ("progress", "completed", "closed", "waiting", "invalid", "expired", "missing")
        for end in ("", "_title")
    }
    made |= {"booked_title", "booked_title_calm", "moved_title", "language_name"}
    assert known - asked - made == set()


def test_a_missing_value_is_an_error_not_a_gap() -> None:
    with pytest.raises(KeyError):
        Words("en")("confirm_kept")


@pytest.mark.parametrize(
    ("header", "language"),
    [("fr-BE,fr;q=0.9,en;q=0.5", "fr"), ("es,de;q=0.5", "de"), ("", "en"), ("*", "en"), ("x" * 5000, "en")],
)
def test_the_browsers_language_is_taken_when_we_speak_it(header: str, language: str) -> None:
    assert accepted_language(header) == language


def test_the_address_wins_over_the_order_and_nonsense_over_neither() -> None:
    assert choose_language("de", "nl") == "de"
    assert choose_language("xx", "nl") == "nl"
    assert choose_language(None, "zz") == "en"
