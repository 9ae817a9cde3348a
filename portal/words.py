"""The words of the citizen's pages, and which language a page is in."""

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from hub.notifications.texts import LANGUAGES, known_language

FOLDER = Path(__file__).with_name("texts")


class Words:
    """The texts of one language: `words("confirm_kept", time="10:12")`; raises KeyError for an unknown key or a missing value."""

    def __init__(self, language: str) -> None:
        self.language = language
        self._texts = load_words(language)

    def __call__(self, key: str, **values: object) -> str:
        """The text named `key`, filled with `values`."""
        return self._texts[key].format_map(values)


@cache
def load_words(language: str) -> Mapping[str, str]:
    """Every text of `language`."""
    return tomllib.loads((FOLDER / f"{language}.toml").read_text(encoding="utf-8"))


def choose_language(asked: str | None, otherwise: str) -> str:
    """The language asked for in the address when there is one we speak, else the order's, else English."""
    return asked if asked in LANGUAGES else known_language(otherwise)


def accepted_language(header: str) -> str:
    """The first language of an Accept-Language header that we speak, for pages that belong to no order."""
    for part in header.split(",")[:10]:
        code = part.split(";")[0].strip().lower().split("-")[0]
        if code in LANGUAGES:
            return code
    return "en"
