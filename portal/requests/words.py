"""The words of requests: those of the pages and those of the messages, each in four languages."""

from collections.abc import Mapping
from pathlib import Path

from hub.notifications.texts import known_language
from hub.texts import load_texts

TEXTS = Path(__file__).with_name("texts")
MESSAGES = TEXTS / "messages"
FRAME = "frame"
FRAME_UNPROVEN = "frame_unproven"
"""The frame without a name: a stranger typed it, and nobody proved the address it would go to."""


def message_words(language: str) -> Mapping[str, str]:
    """The texts of messages in `language`, by kind and part, joined by `_`."""
    return load_texts(MESSAGES, known_language(language))
