"""The words of the waitlist and of requests: each used, SMS short."""

import re
from pathlib import Path

import pytest

from hub.notifications.texts import LANGUAGES, SMS_LIMIT
from hub.texts import load_texts
from portal.requests.words import MESSAGES
from portal.requests.words import TEXTS as REQUESTS
from portal.waitlist.pages import TEXTS as WAITLIST

ROOM = Path(__file__).parents[2] / "portal"


@pytest.mark.parametrize(("folder", "code"), [(WAITLIST, "waitlist"), (REQUESTS, "requests")])
def test_no_word_is_left_over(folder: Path, code: str) -> None:
    files = [*ROOM.glob("templates/portal/*.html"), *(ROOM / code).glob("*.py")]
    used = " ".join(file.read_text(encoding="utf-8") for file in files)
    for key in load_texts(folder, "en"):
        # Keys that are put together: a note, a title beside its sentence.
        stem = key.removesuffix("_title")
        assert re.search(rf'["\']({key}|{stem}|{key.removeprefix("note_")})["\']', used), key


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_sms_has_room_for_the_longest_link(language: str) -> None:
    words = load_texts(MESSAGES, language)
    values = {
        "work": "x" * 40,
        "link": "https://appointments.a-rather-long-company-name.example/request/confirm/" + "x" * 43,
        "reason": "",
    }
    for key in ("confirm_sms", "accepted_sms", "declined_sms"):
        assert len(words[key].format_map(values)) <= SMS_LIMIT
