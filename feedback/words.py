"""The words of the survey, in the citizen's language."""

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from hub.notifications.texts import LANGUAGES, known_language

_FOLDER = Path(__file__).with_name("texts")


@cache
def load_words(language: str) -> Mapping[str, str]:
    """Every text of `language` by its key."""
    return tomllib.loads((_FOLDER / f"{language}.toml").read_text(encoding="utf-8"))


def choose_language(asked: str, otherwise: str) -> str:
    """The language asked for when it is one of ours, else the citizen's."""
    return asked if asked in LANGUAGES else known_language(otherwise)


def accepted_language(header: str) -> str:
    """The first language of an Accept-Language header that we speak; for a page that belongs to no order."""
    wished = (part.split(";")[0].strip()[:2].lower() for part in header.split(",")[:10])
    return next((code for code in wished if code in LANGUAGES), "en")
