"""The words of answers by SMS."""

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from hub.notifications.texts import known_language

FOLDER = Path(__file__).with_name("texts")


@cache
def load_words(language: str) -> Mapping[str, str]:
    """Every text of `language`, by key."""
    return tomllib.loads((FOLDER / f"{language}.toml").read_text(encoding="utf-8"))


def say(language: str, key: str, **values: str) -> str:
    """The text named `key` in `language`, or in English when there are no texts in it; raises KeyError for an unknown key."""
    return load_words(known_language(language))[key].format_map(values)
