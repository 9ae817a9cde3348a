"""The words of requests: those of the pages and those of the messages, each in four languages."""

from collections.abc import Mapping
from pathlib import Path

from hub.notifications.texts import known_language
from portal.words import load_words

TEXTS = Path(__file__).with_name("texts")
MESSAGES = TEXTS / "messages"
FRAME = "frame"


def message_words(language: str) -> Mapping[str, str]:
    """The texts of messages in `language`, by kind and part."""
    return load_words(known_language(language), MESSAGES)
