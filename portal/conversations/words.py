"""The words of answers by SMS."""

from pathlib import Path

from hub.notifications.texts import known_language
from portal.words import Words

FOLDER = Path(__file__).with_name("texts")


def say(language: str, key: str, **values: str) -> str:
    """The text named `key` in `language`, or in English when there are no texts in it; raises KeyError for an unknown key."""
    return Words(known_language(language), FOLDER)(key, **values)
